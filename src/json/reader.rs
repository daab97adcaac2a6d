//! [`Reader`]: objects of one origin, which mostly are laid out alike.
//!
//! Tokens of one issuer have the same members in the same order: what lies between their values,
//! the names with their quotes, colons and commas, is the same bytes every time. It is scanned
//! strictly once, and compared from then on; values are scanned as ever.
//!
//! 1. Only what was scanned as part of a whole object is remembered, from its beginning on. So
//!    the same bytes lead from the same place to the same place, and no name is there twice.
//! 2. Only plain texts are: no name in them is escaped.
//! 3. What is remembered is bounded, and never changes. A text that goes another way is scanned.

use super::{
    JsonError, Object, Spans, Value,
    scan::{self, Scanner},
    span::{Kind, Member, Span, Text},
};
use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

#[cfg(test)]
mod tests;

/// How many names can be asked for.
const MOST_NAMES: usize = 20;

/// How many steps are remembered, those of all layouts together; an object has one per member.
const MOST_STEPS: usize = 256;

/// How many are remembered that may come next.
const MOST_FORKS: usize = 8;

/// The longest step, in bytes.
const LONGEST: usize = 256;

/// The place of members that nobody asks for.
const NOBODY: u8 = MOST_NAMES as u8;

/// Reads objects, and says where the values of some names lie.
#[derive(Default)]
pub(crate) struct Reader {
    /// A name's number is its place here.
    names: Vec<Box<str>>,
    first: Next,
    steps: AtomicUsize,
}

/// The number of a name that a [`Reader`] is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(u8);

/// Where the values lie, by the numbers of their names. No value ends where the text begins.
#[derive(Default)]
pub(crate) struct Found([(Span, Kind); MOST_NAMES + 1]);

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

    /// Reads an object.
    pub(crate) fn read(&self, text: Vec<u8>, found: &mut Found) -> Result<Object, JsonError> {
        let text = String::from_utf8(text).map_err(|_| JsonError::Syntax)?;
        let whole = Text::new(&text);
        self.find(whole, found)?;
        let plain = whole.plain;
        Ok(Object {
            end: text.len(),
            text,
            plain,
        })
    }

    /// Reads an object once more.
    #[allow(dead_code, reason = "only a login asks")]
    pub(crate) fn read_again(&self, object: &Object, found: &mut Found) -> Result<(), JsonError> {
        self.find(object.whole(), found)
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
            while !scanner.eat_if(|rest| step.bytes.before(rest)) {
                step = step.or.get()?;
            }
            match step.value {
                Some(number) => found.put(number, scanner.member_value().ok()?),
                None => return scanner.peek().is_none().then_some(()),
            }
            next = &step.next;
        }
    }

    #[inline(never)]
    fn scan(&self, text: Text<'_>, found: &mut Found) -> Result<(), JsonError> {
        let mut members = Spans::new();
        scan::object(text, &mut members)?;
        // Of a layout that was followed up to somewhere.
        *found = Found::default();
        for member in &members {
            found.put(self.number(text, member), (member.value, member.kind));
        }
        if text.plain {
            self.remember(text, &members);
        }
        Ok(())
    }

    fn number(&self, text: Text<'_>, member: &Member) -> Number {
        let mut names = self.names.iter();
        let place = names.position(|name| member.is_named(text, name));
        Number(place.map_or(NOBODY, |place| place as u8))
    }

    /// Remembers how an object is laid out.
    fn remember(&self, text: Text<'_>, members: &[Member]) -> Option<()> {
        let bytes = text.text.as_bytes();
        let (mut next, mut at) = (&self.first, 0);
        for member in members {
            let before = bytes.get(at..member.value.start())?;
            let number = self.number(text, member);
            next = &self.step(next, before, Some(number))?.next;
            at = member.value.end();
        }
        self.step(next, bytes.get(at..)?, None).map(drop)
    }

    /// The step of these bytes among those that may come next: a new one, if there is room.
    fn step<'a>(
        &'a self,
        mut next: &'a Next,
        bytes: &[u8],
        value: Option<Number>,
    ) -> Option<&'a Step> {
        for _ in 0..MOST_FORKS {
            let is_free = next.get().is_none();
            if is_free && (bytes.len() > LONGEST || !self.takes_one_more()) {
                return None;
            }
            // Another thread may be faster; then it is its step.
            let step = next.get_or_init(|| Box::new(Step::new(bytes, value)));
            if *step.bytes.whole == *bytes {
                return Some(step);
            }
            next = &step.or;
        }
        None
    }

    fn takes_one_more(&self) -> bool {
        let more = |steps| (steps < MOST_STEPS).then_some(steps + 1);
        self.steps.fetch_update(Relaxed, Relaxed, more).is_ok()
    }
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
    fn put(&mut self, number: Number, value: (Span, Kind)) {
        if let Some(place) = self.0.get_mut(usize::from(number.0)) {
            *place = value;
        }
    }

    /// Where the text of a string lies that reads as it stands.
    #[inline(always)]
    pub(crate) fn plain_string(&self, number: Number) -> Option<Span> {
        match self.0.get(usize::from(number.0))? {
            (span, Kind::String) => Some(span.inside()),
            _ => None,
        }
    }

    /// Where an array of nothing but such strings lies.
    #[inline(always)]
    pub(crate) fn plain_strings(&self, number: Number) -> Option<Span> {
        match self.0.get(usize::from(number.0))? {
            (span, Kind::Strings) => Some(*span),
            _ => None,
        }
    }

    /// The value of a name in the text that was read.
    #[inline(always)]
    fn get<'a>(&self, number: Number, text: Text<'a>) -> Option<Value<'a>> {
        let &(span, kind) = self.0.get(usize::from(number.0))?;
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
