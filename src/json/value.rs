//! One value, as it stands in a text that has been scanned.

use super::{
    JsonError,
    scan::{self, Scanner},
    text,
};
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// The text of one value.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a>(&'a str);

impl<'a> Value<'a> {
    /// A text that is one object.
    pub(crate) fn object(text: &'a str) -> Result<Self, JsonError> {
        scan::object(text, &mut Vec::new())?;
        Ok(Self(text.trim_matches([' ', '\t', '\n', '\r'])))
    }

    /// Of a value that the scanner has seen.
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// As a type of the application's; `None` if it is not one.
    pub(crate) fn to<T: DeserializeOwned>(self) -> Option<T> {
        serde_json::from_str(self.0).ok()
    }

    /// What a string reads as; without a copy, unless it is escaped.
    pub(crate) fn as_str(self) -> Option<Cow<'a, str>> {
        Some(text::unescape(self.raw_str()?))
    }

    /// Whether this is this string.
    pub(crate) fn is_str(self, other: &str) -> bool {
        self.raw_str().is_some_and(|raw| text::is(raw, other))
    }

    fn raw_str(self) -> Option<&'a str> {
        self.0.strip_prefix('"')?.strip_suffix('"')
    }

    pub(crate) fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    #[allow(dead_code, reason = "only introspection asks")]
    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    #[allow(dead_code, reason = "only introspection asks")]
    pub(crate) fn is_false(self) -> bool {
        self.0 == "false"
    }

    pub(crate) fn is_true(self) -> bool {
        self.0 == "true"
    }

    /// The exact text of a number.
    pub(crate) fn as_number(self) -> Option<&'a str> {
        self.0
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
            .then_some(self.0)
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

impl Scanner<'_> {
    /// Steps to the next item between brackets, if there is one.
    fn next_item(&mut self) -> Option<()> {
        self.blanks();
        self.eat(b',');
        self.blanks();
        (!matches!(self.peek()?, b']' | b'}')).then_some(())
    }
}
