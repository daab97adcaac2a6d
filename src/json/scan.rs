//! The grammar of RFC 8259.

use super::{
    JsonError, Value, duplicates,
    span::{Member, Span, Text},
};

/// How many arrays and objects may lie within one another (RFC 8259 section 9 lets a parser
/// set a limit). It bounds the recursion below.
pub(crate) const MAX_DEPTH: u8 = 32;

/// Scans a text that is one object; `members` are then those of that object.
pub(super) fn object(text: Text<'_>, members: &mut Vec<Member>) -> Result<(), JsonError> {
    members.clear();
    if u32::try_from(text.text.len()).is_err() {
        return Err(JsonError::Syntax);
    }
    let mut scanner = Scanner::new(text);
    scanner.blanks();
    scanner.object(MAX_DEPTH, members)?;
    scanner.blanks();
    match scanner.peek() {
        None => Ok(()),
        Some(_) => Err(JsonError::Syntax),
    }
}

/// A position in a text.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    text: Text<'a>,
    /// What is yet to be scanned: the end of the text.
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: Text<'a>) -> Self {
        Self {
            text,
            rest: text.text.as_bytes(),
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Steps over this byte, if it is the next one.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&next, rest)) if next == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        self.eat(byte).then_some(()).ok_or(JsonError::Syntax)
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
        match self.peek() {
            Some(b'"') => self.string()?,
            _ => self.other_value(MAX_DEPTH, &mut Vec::new())?,
        }
        Ok(Value::scanned(Text {
            text: self.text.text.get(start..self.at()).unwrap_or_default(),
            ..self.text
        }))
    }

    #[inline]
    fn value(&mut self, depth: u8, members: &mut Vec<Member>) -> Result<(), JsonError> {
        match self.peek() {
            // Most are.
            Some(b'"') => self.string(),
            _ => self.other_value(depth, members),
        }
    }

    fn other_value(&mut self, depth: u8, members: &mut Vec<Member>) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'[') => self.array(depth, members),
            Some(b'{') => {
                let outer = members.len();
                self.object(depth, members)?;
                members.truncate(outer);
                Ok(())
            }
            _ => Err(JsonError::Syntax),
        }
    }

    fn array(&mut self, depth: u8, members: &mut Vec<Member>) -> Result<(), JsonError> {
        let deeper = depth.checked_sub(1).ok_or(JsonError::Depth)?;
        self.expect(b'[')?;
        self.blanks();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.blanks();
            self.value(deeper, members)?;
            self.blanks();
            if !self.eat(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Scans an object and leaves its members behind those that are there.
    fn object(&mut self, depth: u8, members: &mut Vec<Member>) -> Result<(), JsonError> {
        let deeper = depth.checked_sub(1).ok_or(JsonError::Depth)?;
        self.expect(b'{')?;
        self.blanks();
        if self.eat(b'}') {
            return Ok(());
        }
        let first = members.len();
        loop {
            self.blanks();
            let name = self.name()?;
            self.blanks();
            self.expect(b':')?;
            self.blanks();
            let start = self.here();
            self.value(deeper, members)?;
            let value = Span {
                start,
                end: self.here(),
            };
            members.push(Member { name, value });
            self.blanks();
            if !self.eat(b',') {
                break;
            }
        }
        self.expect(b'}')?;
        duplicates::refuse(self.text, members.get(first..).unwrap_or_default())
    }

    fn name(&mut self) -> Result<Span, JsonError> {
        let quote = self.here();
        self.string()?;
        Ok(Span {
            start: quote.wrapping_add(1),
            end: self.here().wrapping_sub(1),
        })
    }

    #[inline(always)]
    fn string(&mut self) -> Result<(), JsonError> {
        self.expect(b'"')?;
        match self.text.plain {
            true => self.over_quote(),
            false => self.over_escapes_and_quote(),
        }
    }

    /// Steps over the next quote, eight bytes at a time.
    #[inline]
    fn over_quote(&mut self) -> Result<(), JsonError> {
        let mut rest = self.rest;
        while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
            let quotes = zeros(u64::from_le_bytes(*eight) ^ QUOTES) & HIGH;
            if quotes != 0 {
                let plain = quotes.trailing_zeros() as usize / 8;
                self.rest = rest.get(plain + 1..).unwrap_or_default();
                return Ok(());
            }
            rest = behind;
        }
        let plain = rest.iter().position(|&byte| byte == b'"');
        let plain = plain.ok_or(JsonError::Syntax)?;
        self.rest = rest.get(plain + 1..).unwrap_or_default();
        Ok(())
    }

    fn over_escapes_and_quote(&mut self) -> Result<(), JsonError> {
        loop {
            self.plain();
            match self.peek() {
                Some(b'"') => {
                    self.skip(1);
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
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
        self.expect(b'\\')?;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.skip(1);
                Ok(())
            }
            Some(b'u') => match self.code_unit()? {
                0xD800..=0xDBFF => {
                    self.expect(b'\\')?;
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
        self.expect(b'u')?;
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

    /// At least one.
    fn digits(&mut self) -> Result<(), JsonError> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit());
        let digits = digits.count();
        self.skip(digits);
        (digits > 0).then_some(()).ok_or(JsonError::Syntax)
    }

    fn word(&mut self, word: &str) -> Result<(), JsonError> {
        let rest = self.rest.strip_prefix(word.as_bytes());
        self.rest = rest.ok_or(JsonError::Syntax)?;
        Ok(())
    }
}

const LOW: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
const SPACES: u64 = u64::from_le_bytes([b' '; 8]);

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
