//! [`Reader`]: objects of one origin, which mostly are laid out alike.
//!
//! Tokens of one issuer have the same members in the same order: what lies between their values,
//! the names with their quotes, colons and commas, is the same bytes every time. It is scanned
//! strictly once, and compared from then on; values are scanned as ever.
//!
//! 1. Only whole objects are learnt, and only when whoever reads them says so: of tokens, those
//!    that passed. So the same bytes lead from the same place to the same place, no name is there
//!    twice, and nobody else's token has a say in what is remembered.
//! 2. Only plain texts are: no name in them is escaped.
//! 3. What is remembered is bounded, and never changes. A text that goes another way is scanned.

use super::{
    JsonError, Object, Spans, Value,
    scan::{self, Scanner},
    span::{Kind, Member, Span, Text},
};
use std::{
    iter,
    sync::{Mutex, OnceLock},
};

#[cfg(test)]
mod tests;

/// How many names can be asked for.
const MOST_NAMES: usize = 20;

/// How many layouts are learnt.
const MOST_LAYOUTS: u8 = 32;

/// The most members of an object whose layout is.
const MOST_MEMBERS: usize = 32;

/// The longest step, in bytes.
const LONGEST: usize = 128;

/// The place of members that nobody asks for.
const NOBODY: u8 = MOST_NAMES as u8;

/// Reads objects, and says where the values of some names lie.
#[derive(Default)]
pub(crate) struct Reader {
    /// A name's number is its place here.
    names: Vec<Box<str>>,
    first: Next,
    /// How many layouts were learnt; held by who learns one.
    learnt: Mutex<u8>,
}

/// The number of a name that a [`Reader`] is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(u8);

/// Where the values lie that a [`Reader`] has found.
pub(crate) struct Found {
    /// By the numbers of their names. No value ends where the text begins.
    places: [(Span, Kind); MOST_NAMES + 1],
    is_new: bool,
}

/// What may come next, if anything is known.
type Next = OnceLock<Box<Step>>;

/// What lies before a value, or at the end.
struct Step {
    bytes: Bytes,
    /// Where the value goes; `None` at the end.
    value: Option<Number>,
    /// Behind the value.
    next: Next,
    /// Instead of this step.
    or: Next,
}

/// Bytes that are compared, mostly 16 at once.
struct Bytes {
    whole: Box<[u8]>,
    first: u128,
    mask: u128,
}

impl Number {
    /// Of the names that a [`Reader::new`] was made with.
    pub(crate) const fn new(place: u8) -> Self {
        assert!(place < NOBODY, "a number is less than that");
        Self(place)
    }
}

impl Reader {
    pub(crate) fn new(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|&name| name.into()).collect(),
            ..Self::default()
        }
    }

    /// Asks for one more name; `None` if there are too many.
    pub(crate) fn ask(&mut self, name: &str) -> Option<Number> {
        let asked = self.names.iter().position(|asked| **asked == *name);
        let place = asked.unwrap_or(self.names.len());
        if place >= MOST_NAMES {
            return None;
        }
        if asked.is_none() {
            self.names.push(name.into());
        }
        Some(Number(place as u8))
    }

    /// Reads an object, and hands it over with what was found in it.
    #[inline]
    pub(crate) fn read<T>(
        &self,
        text: Vec<u8>,
        then: impl FnOnce(Object, &Found) -> T,
    ) -> Result<T, JsonError> {
        let text = String::from_utf8(text).map_err(|_| JsonError::Syntax)?;
        let mut found = Found::nothing();
        let whole = Text::new(&text);
        self.find(whole, &mut found)?;
        let plain = whole.plain;
        let object = Object {
            end: text.len(),
            text,
            plain,
        };
        Ok(then(object, &found))
    }

    /// Reads an object once more.
    #[allow(dead_code, reason = "only a login asks")]
    pub(crate) fn read_again<T>(
        &self,
        object: Object,
        then: impl FnOnce(Object, &Found) -> T,
    ) -> Result<T, JsonError> {
        let mut found = Found::nothing();
        self.find(object.whole(), &mut found)?;
        Ok(then(object, &found))
    }

    #[inline]
    fn find(&self, text: Text<'_>, found: &mut Found) -> Result<(), JsonError> {
        match text.plain && self.follow(text, found).is_some() {
            true => Ok(()),
            false => self.scan(text, found),
        }
    }

    /// Reads an object step by step; `None` if it is not laid out like one before it.
    #[inline]
    fn follow(&self, text: Text<'_>, found: &mut Found) -> Option<()> {
        scan::check_length(text).ok()?;
        let mut scanner = Scanner::new(text);
        let mut next = &self.first;
        loop {
            let mut step = next.get()?;
            let before = scanner.clone();
            next = loop {
                if scanner.eat_if(|rest| step.bytes.before(rest)) {
                    match step.value {
                        Some(number) => {
                            if let Ok(value) = scanner.member_value() {
                                found.put(number, value);
                                break &step.next;
                            }
                        }
                        None if scanner.peek().is_none() => return Some(()),
                        None => {}
                    }
                    // One step may begin as another one does: with fewer blanks.
                    scanner = before.clone();
                }
                step = step.or.get()?;
            };
        }
    }

    #[inline(never)]
    fn scan(&self, text: Text<'_>, found: &mut Found) -> Result<(), JsonError> {
        let mut members = Spans::new();
        scan::object(text, &mut members)?;
        // Of a layout that was followed up to somewhere.
        *found = Found::nothing();
        for member in &members {
            found.put(self.number(text, member), (member.value, member.kind));
        }
        found.is_new = text.plain && is_short(text, &members);
        Ok(())
    }

    fn number(&self, text: Text<'_>, member: &Member) -> Number {
        let mut names = self.names.iter();
        let place = names.position(|name| member.is_named(text, name));
        Number(place.map_or(NOBODY, |place| place as u8))
    }

    /// Remembers how the object is laid out that this was found in.
    #[inline]
    pub(crate) fn learn(&self, object: &Object, found: &Found) {
        if found.is_new {
            self.learn_anew(object.whole());
        }
    }

    #[cold]
    fn learn_anew(&self, text: Text<'_>) -> Option<()> {
        // Nobody waits: the next token is laid out so, too.
        let mut learnt = self.learnt.try_lock().ok()?;
        if *learnt >= MOST_LAYOUTS {
            return None;
        }
        let mut members = Spans::new();
        scan::object(text, &mut members).ok()?;
        let layout = self.layout(text, &members);
        let (mut layout, mut next) = (layout.as_slice(), &self.first);
        while let Some((&(bytes, _), rest)) = layout.split_first() {
            match known(next, bytes) {
                Ok(step) => (layout, next) = (rest, &step.next),
                Err(free) => {
                    *learnt += 1;
                    return free.set(chain(layout)?).ok();
                }
            }
        }
        // Meanwhile somebody else has learnt it.
        None
    }

    fn layout<'a>(&self, text: Text<'a>, members: &[Member]) -> Layout<'a> {
        let numbers = members.iter().map(|member| self.number(text, member));
        let values = numbers.map(Some).chain([None]);
        between(text, members).zip(values).collect()
    }
}

/// What lies before each value of an object, and at its end.
fn between<'a>(text: Text<'a>, members: &[Member]) -> impl Iterator<Item = &'a [u8]> {
    let bytes = text.text.as_bytes();
    let starts = members.iter().map(|member| member.value.start());
    let ends = members.iter().map(|member| member.value.end());
    let parts = iter::once(0).chain(ends).zip(starts.chain([bytes.len()]));
    parts.map(|(start, end)| bytes.get(start..end).unwrap_or_default())
}

/// Whether that is little enough to be remembered.
fn is_short(text: Text<'_>, members: &[Member]) -> bool {
    members.len() <= MOST_MEMBERS && between(text, members).all(|bytes| bytes.len() <= LONGEST)
}

/// The steps of one object.
type Layout<'a> = Vec<(&'a [u8], Option<Number>)>;

/// The step of these bytes among those that may come next, or the place for it.
fn known<'a>(mut next: &'a Next, bytes: &[u8]) -> Result<&'a Step, &'a Next> {
    while let Some(step) = next.get() {
        if *step.bytes.whole == *bytes {
            return Ok(step);
        }
        next = &step.or;
    }
    Err(next)
}

/// Steps one behind the other.
fn chain(layout: &[(&[u8], Option<Number>)]) -> Option<Box<Step>> {
    let before = |next: Option<Box<Step>>, &(bytes, value): &(&[u8], _)| {
        let mut step = Step::new(bytes, value);
        step.next = next.map_or_else(Next::new, Next::from);
        Some(Box::new(step))
    };
    layout.iter().rev().fold(None, before)
}

impl Step {
    fn new(bytes: &[u8], value: Option<Number>) -> Self {
        Self {
            bytes: Bytes::new(bytes),
            value,
            next: Next::new(),
            or: Next::new(),
        }
    }
}

impl Bytes {
    fn new(whole: &[u8]) -> Self {
        let (mut first, mut mask) = ([0; 16], [0; 16]);
        for ((first, mask), byte) in first.iter_mut().zip(&mut mask).zip(whole) {
            (*first, *mask) = (*byte, 0xff);
        }
        Self {
            whole: whole.into(),
            first: u128::from_le_bytes(first),
            mask: u128::from_le_bytes(mask),
        }
    }

    /// What is behind these bytes in a text that begins with them.
    #[inline]
    fn before<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        match text.first_chunk() {
            Some(first) if self.whole.len() <= 16 => {
                let other = (u128::from_le_bytes(*first) ^ self.first) & self.mask;
                (other == 0).then(|| text.get(self.whole.len()..))?
            }
            _ => text.strip_prefix(&*self.whole),
        }
    }
}

impl Found {
    #[inline]
    fn nothing() -> Self {
        Self {
            places: Default::default(),
            is_new: false,
        }
    }

    #[inline]
    fn put(&mut self, number: Number, value: (Span, Kind)) {
        if let Some(place) = self.places.get_mut(usize::from(number.0)) {
            *place = value;
        }
    }

    /// Where the text of a string lies that reads as it stands.
    #[inline(always)]
    pub(crate) fn plain_string(&self, number: Number) -> Option<Span> {
        match self.places.get(usize::from(number.0))? {
            (span, Kind::String) => Some(span.inside()),
            _ => None,
        }
    }

    /// Where an array of nothing but such strings lies.
    #[inline(always)]
    pub(crate) fn plain_strings(&self, number: Number) -> Option<Span> {
        match self.places.get(usize::from(number.0))? {
            (span, Kind::Strings) => Some(*span),
            _ => None,
        }
    }

    /// The value of a name in the text that was read.
    #[inline(always)]
    fn get<'a>(&self, number: Number, text: Text<'a>) -> Option<Value<'a>> {
        let &(span, kind) = self.places.get(usize::from(number.0))?;
        let value = || Value::scanned(text.part(span), kind);
        (span.end() != 0).then(value)
    }
}

impl Object {
    /// The value of a name that was asked for when it was read.
    #[inline(always)]
    pub(crate) fn found(&self, found: &Found, number: Number) -> Option<Value<'_>> {
        found.get(number, self.whole())
    }
}
