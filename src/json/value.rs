//! One value, as it stands in a text that has been scanned.

use super::{
    JsonError, Spans,
    scan::{self, Scanner},
    span::{Kind, Text},
    text,
};
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// The text of one value, and what its scanner has seen of it.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a>(Text<'a>, Kind);

impl<'a> Value<'a> {
    /// A text that is one object.
    pub(crate) fn object(text: &'a str) -> Result<Self, JsonError> {
        let text = Text::new(text);
        scan::object(text, &mut Spans::new())?;
        Ok(Self::of_object(text))
    }

    /// Reads a document that a server publishes. Unlike other texts, it may begin with a byte order
    /// mark (RFC 8259 section 8.1).
    pub(crate) fn document(text: &'a str) -> Result<Self, JsonError> {
        Self::object(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// Of a text that the scanner has seen to be one object.
    pub(super) fn of_object(text: Text<'a>) -> Self {
        let trimmed = text.text.trim_matches([' ', '\t', '\n', '\r']);
        let text = Text {
            text: trimmed,
            ..text
        };
        Self(text, Kind::Other)
    }

    /// Of a value that the scanner has seen.
    pub(super) fn scanned(text: Text<'a>, kind: Kind) -> Self {
        Self(text, kind)
    }

    /// Of a value that the scanner has seen, kept as text.
    pub(crate) fn kept(text: &'a str) -> Self {
        Self(Text { text, plain: false }, Kind::Other)
    }

    /// As it stands in the text.
    pub(crate) fn text(self) -> &'a str {
        self.0.text
    }

    /// Whether it is an array of strings that read as they stand.
    ///
    /// `false` also where nobody has looked: of what is [kept](Self::kept).
    pub(crate) fn is_plain_strings(self) -> bool {
        self.1 == Kind::Strings
    }

    /// What an array of strings holds; an escaped one ends it.
    pub(crate) fn strings(self) -> Strings<'a> {
        Strings(self.inside(b'['))
    }

    /// As a type of the application's; `None` if it is not one.
    pub(crate) fn to<T: DeserializeOwned>(self) -> Option<T> {
        serde_json::from_str(self.0.text).ok()
    }

    /// What a string reads as; without a copy, unless it is escaped.
    #[inline(always)]
    pub(crate) fn as_str(self) -> Option<Cow<'a, str>> {
        let raw = self.raw_str()?;
        Some(match self.1 {
            Kind::String => Cow::Borrowed(raw),
            _ => text::unescape(raw),
        })
    }

    /// Whether this is this string.
    #[inline]
    pub(crate) fn is_str(self, other: &str) -> bool {
        let is = |raw| match self.1 {
            Kind::String => raw == other,
            _ => text::is(raw, other),
        };
        self.raw_str().is_some_and(is)
    }

    #[inline]
    fn raw_str(self) -> Option<&'a str> {
        self.0.text.strip_prefix('"')?.strip_suffix('"')
    }

    pub(crate) fn is_string(self) -> bool {
        self.0.text.starts_with('"')
    }

    pub(crate) fn is_null(self) -> bool {
        self.0.text == "null"
    }

    #[allow(dead_code, reason = "only introspection asks")]
    pub(crate) fn is_false(self) -> bool {
        self.0.text == "false"
    }

    pub(crate) fn is_true(self) -> bool {
        self.0.text == "true"
    }

    /// The exact text of a number.
    pub(crate) fn as_number(self) -> Option<&'a str> {
        let text = self.0.text;
        matches!(text.as_bytes().first(), Some(b'-' | b'0'..=b'9')).then_some(text)
    }

    /// What an array holds.
    pub(crate) fn elements(self) -> Option<impl Iterator<Item = Value<'a>> + use<'a>> {
        let mut scanner = self.inside(b'[')?;
        Some(std::iter::from_fn(move || {
            scanner.next_item()?;
            scanner.spanned().ok()
        }))
    }

    /// What an object holds.
    pub(crate) fn members(
        self,
    ) -> Option<impl Iterator<Item = (Cow<'a, str>, Value<'a>)> + use<'a>> {
        let mut scanner = self.inside(b'{')?;
        Some(std::iter::from_fn(move || {
            scanner.next_item()?;
            let name = scanner.spanned().ok()?.as_str()?;
            scanner.blanks();
            scanner.eat(b':');
            scanner.blanks();
            Some((name, scanner.spanned().ok()?))
        }))
    }

    /// The member of an object with this name.
    pub(crate) fn named(self, name: &str) -> Option<Value<'a>> {
        let (_, value) = self.members()?.find(|(other, _)| other == name)?;
        Some(value)
    }

    /// Behind the bracket of an array or object.
    fn inside(self, bracket: u8) -> Option<Scanner<'a>> {
        let mut scanner = Scanner::new(self.0);
        scanner.eat(bracket).then_some(scanner)
    }
}

/// The strings of an array, see [`Value::strings`].
pub(crate) struct Strings<'a>(Option<Scanner<'a>>);

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let scanner = self.0.as_mut()?;
        scanner.next_item()?;
        match scanner.spanned().ok()?.as_str()? {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }
}

impl Scanner<'_> {
    /// Steps to the next item between brackets, if there is one.
    fn next_item(&mut self) -> Option<()> {
        self.blanks();
        self.eat(b',');
        self.blanks();
        (!matches!(self.peek()?, b']' | b'}')).then_some(())
    }
}
