//! The grammar of RFC 8259.

use super::{
    JsonError, Spans, Value,
    names::Seen,
    span::{Kind, Member, Span, Text},
};

/// How many arrays and objects may lie within one another (RFC 8259 section 9 lets a parser
/// set a limit). It bounds the recursion below.
pub(crate) const MAX_DEPTH: u8 = 32;

/// Scans a text that is one object, and leaves behind where its members lie.
pub(super) fn object(text: Text<'_>, found: &mut Spans) -> Result<(), JsonError> {
    object_of_at_most(u32::MAX, text, found)
}

/// Reads an object, with a limit of the number of members in all objects together.
pub(super) fn object_of_at_most(
    members: u32,
    text: Text<'_>,
    found: &mut Spans,
) -> Result<(), JsonError> {
    found.clear();
    check_length(text)?;
    let mut scanner = Scanner::new(text);
    scanner.members = members;
    scanner.blanks();
    scanner.object(MAX_DEPTH, found)?;
    scanner.blanks();
    match scanner.peek() {
        None => Ok(()),
        Some(_) => Err(JsonError::Syntax),
    }
}

/// Places are counted in 32 bits.
#[inline]
pub(super) fn check_length(text: Text<'_>) -> Result<(), JsonError> {
    match u32::try_from(text.text.len()) {
        Ok(_) => Ok(()),
        Err(_) => Err(JsonError::Syntax),
    }
}

/// A position in a text.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    text: Text<'a>,
    /// What is yet to be scanned: the end of the text.
    rest: &'a [u8],
    /// The number of members that may still follow.
    members: u32,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: Text<'a>) -> Self {
        Self {
            text,
            rest: text.text.as_bytes(),
            members: u32::MAX,
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Steps over this byte, if it is the next one.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&next, rest)) if next == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Steps to what this says is behind the next bytes, if it says so.
    #[inline]
    pub(super) fn eat_if(&mut self, behind: impl FnOnce(&'a [u8]) -> Option<&'a [u8]>) -> bool {
        match behind(self.rest) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The same behind blanks, of which there mostly are none.
    #[inline]
    fn eat_behind_blanks(&mut self, byte: u8) -> bool {
        self.eat(byte) || self.over_blanks_and(byte)
    }

    #[inline(never)]
    fn over_blanks_and(&mut self, byte: u8) -> bool {
        self.over_blanks();
        self.eat(byte)
    }

    /// Steps over blanks, of which there mostly are none.
    #[inline]
    pub(super) fn blanks(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.over_blanks();
        }
    }

    #[inline(never)]
    fn over_blanks(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    /// How many bytes have been scanned.
    fn at(&self) -> usize {
        self.text.text.len().wrapping_sub(self.rest.len())
    }

    /// The same, of a text that is no longer than `u32` counts.
    fn here(&self) -> u32 {
        self.at() as u32
    }

    /// Scans a value and gives its text.
    pub(super) fn spanned(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at();
        let kind = match self.eat(b'"') {
            true => self.string()?,
            false => self.other_value(MAX_DEPTH, &mut Spans::new())?,
        };
        let text = Text {
            text: self.text.text.get(start..self.at()).unwrap_or_default(),
            ..self.text
        };
        Ok(Value::scanned(text, kind))
    }

    /// Scans the value of a member of the outermost object.
    #[inline]
    pub(super) fn member_value(&mut self) -> Result<(Span, Kind), JsonError> {
        self.value_at(MAX_DEPTH - 1, &mut Spans::new())
    }

    #[inline]
    fn value_at(&mut self, depth: u8, found: &mut Spans) -> Result<(Span, Kind), JsonError> {
        let start = self.here();
        let kind = self.value(depth, found)?;
        let end = self.here();
        Ok((Span::new(start, end), kind))
    }

    #[inline]
    fn value(&mut self, depth: u8, found: &mut Spans) -> Result<Kind, JsonError> {
        match self.eat(b'"') {
            // Most are.
            true => self.string(),
            false => self.other_value(depth, found),
        }
    }

    fn other_value(&mut self, depth: u8, found: &mut Spans) -> Result<Kind, JsonError> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'[') => return self.array(depth, found),
            Some(b'{') => {
                let outer = found.len();
                self.object(depth, found)?;
                found.truncate(outer);
            }
            _ => return Err(JsonError::Syntax),
        }
        Ok(Kind::Other)
    }

    fn array(&mut self, depth: u8, found: &mut Spans) -> Result<Kind, JsonError> {
        let deeper = depth.checked_sub(1).ok_or(JsonError::Depth)?;
        expect(self.eat(b'['))?;
        self.blanks();
        if self.eat(b']') {
            return Ok(Kind::Strings);
        }
        let mut kind = Kind::Strings;
        loop {
            self.blanks();
            if self.value(deeper, found)? != Kind::String {
                kind = Kind::Other;
            }
            if self.eat(b']') {
                return Ok(kind);
            }
            if !self.eat_behind_blanks(b',') {
                expect(self.eat(b']'))?;
                return Ok(kind);
            }
        }
    }

    /// Scans an object and leaves its members behind those that are there.
    fn object(&mut self, depth: u8, found: &mut Spans) -> Result<(), JsonError> {
        let deeper = depth.checked_sub(1).ok_or(JsonError::Depth)?;
        expect(self.eat(b'{'))?;
        self.blanks();
        if self.eat(b'}') {
            return Ok(());
        }
        let first = found.len();
        let mut names = Seen::default();
        loop {
            self.members = self.members.checked_sub(1).ok_or(JsonError::Members)?;
            let name = self.name(&mut names)?;
            expect(self.eat_behind_blanks(b':'))?;
            self.blanks();
            let (value, kind) = self.value_at(deeper, found)?;
            found.push(Member { name, value, kind });
            if !self.eat_behind_blanks(b',') {
                break;
            }
        }
        expect(self.eat(b'}'))?;
        names.refuse_twice(self.text, found.get(first..).unwrap_or_default())
    }

    #[inline]
    fn name(&mut self, names: &mut Seen) -> Result<Span, JsonError> {
        expect(self.eat_behind_blanks(b'"'))?;
        let (start, begin) = (self.here(), self.rest);
        self.string()?;
        let end = self.here().wrapping_sub(1);
        names.note(begin, end.wrapping_sub(start));
        Ok(Span::new(start, end))
    }

    /// What is behind the first quote of a string.
    #[inline(always)]
    fn string(&mut self) -> Result<Kind, JsonError> {
        match self.text.plain {
            true => self.over_quote(),
            false => self.over_escapes_and_quote(),
        }
    }

    /// Steps over the next quote, eight bytes at a time.
    #[inline]
    fn over_quote(&mut self) -> Result<Kind, JsonError> {
        let mut rest = self.rest;
        while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
            let quotes = zeros(u64::from_le_bytes(*eight) ^ QUOTES) & HIGH;
            if quotes != 0 {
                let plain = quotes.trailing_zeros() as usize / 8;
                self.rest = rest.get(plain + 1..).unwrap_or_default();
                return Ok(Kind::String);
            }
            rest = behind;
        }
        let plain = rest.iter().position(|&byte| byte == b'"');
        let plain = plain.ok_or(JsonError::Syntax)?;
        self.rest = rest.get(plain + 1..).unwrap_or_default();
        Ok(Kind::String)
    }

    fn over_escapes_and_quote(&mut self) -> Result<Kind, JsonError> {
        let mut kind = Kind::String;
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    self.skip(1);
                    return Ok(kind);
                }
                Some(b'\\') => {
                    kind = Kind::Other;
                    self.escape()?;
                }
                // The end, or a control character.
                _ => return Err(JsonError::Syntax),
            }
        }
    }

    /// Steps to the next quote, backslash or control character, eight bytes at a time.
    fn plain(&mut self) {
        while let Some((eight, behind)) = self.rest.split_first_chunk::<8>() {
            let special = special_bytes(u64::from_le_bytes(*eight));
            if special != 0 {
                return self.skip(special.trailing_zeros() as usize / 8);
            }
            self.rest = behind;
        }
        let plain = self
            .rest
            .iter()
            .take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        self.skip(plain.count());
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        expect(self.eat(b'\\'))?;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.skip(1);
                Ok(())
            }
            Some(b'u') => match self.code_unit()? {
                0xD800..=0xDBFF => {
                    expect(self.eat(b'\\'))?;
                    match self.code_unit()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => Err(JsonError::Syntax),
                    }
                }
                0xDC00..=0xDFFF => Err(JsonError::Syntax),
                _ => Ok(()),
            },
            _ => Err(JsonError::Syntax),
        }
    }

    /// The `uXXXX` of an escape.
    fn code_unit(&mut self) -> Result<u32, JsonError> {
        expect(self.eat(b'u'))?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or(JsonError::Syntax)?;
            self.skip(1);
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
            // Most are whole.
            if matches!(self.peek(), Some(b',' | b'}' | b']')) {
                return Ok(());
            }
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    /// At least one; eight bytes at a time.
    fn digits(&mut self) -> Result<(), JsonError> {
        let before = self.rest.len();
        while let Some((eight, behind)) = self.rest.split_first_chunk::<8>() {
            let others = no_digits(u64::from_le_bytes(*eight));
            if others != 0 {
                self.skip(others.trailing_zeros() as usize / 8);
                return expect(self.rest.len() < before);
            }
            self.rest = behind;
        }
        while let Some((b'0'..=b'9', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        expect(self.rest.len() < before)
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        let rest = self.rest.strip_prefix(word.as_bytes());
        self.rest = rest.ok_or(JsonError::Syntax)?;
        Ok(())
    }
}

fn expect(is_so: bool) -> Result<(), JsonError> {
    is_so.then_some(()).ok_or(JsonError::Syntax)
}

const LOW: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
const ABOVE_NINE: u64 = u64::from_le_bytes([0x7f - 9; 8]);

/// Sets the high bit of each byte that is a quote, a backslash or a control character.
///
/// A borrow may set bits above the lowest one that is right, so only that one counts.
fn special_bytes(word: u64) -> u64 {
    let controls = word.wrapping_sub(SPACES) & !word;
    (zeros(word ^ QUOTES) | zeros(word ^ BACKSLASHES) | controls) & HIGH
}

/// Sets the high bit of each byte that is zero, with the same borrow.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word
}

/// Sets the high bit of each byte that is no digit.
///
/// A carry may set bits above the lowest one that is right, so only that one counts.
fn no_digits(word: u64) -> u64 {
    let digits = word ^ ZEROS;
    (digits.wrapping_add(ABOVE_NINE) | digits) & HIGH
}
