//! [`Document`] and [`Object`]: texts that have been read.

use super::{JsonError, at, read, value::Members};
use serde::Deserialize;
use std::{fmt, ops::Deref, str};
use zeroize::Zeroize;

/// A JSON object that has been read, with its text.
pub(crate) struct Document<'a> {
    text: &'a str,
    members: Members<'a>,
}

impl<'a> Document<'a> {
    /// Reads an object.
    #[cfg(feature = "jwt")]
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, JsonError> {
        Self::read_at_most(u32::MAX, text)
    }

    /// Reads an object that has at most this number of members. The members of the objects within
    /// it are included in the number.
    #[cfg(feature = "jwt")]
    pub(crate) fn read_at_most(most: u32, text: &'a [u8]) -> Result<Self, JsonError> {
        Self::of(str::from_utf8(text).map_err(|_| JsonError::Syntax)?, most)
    }

    fn of(text: &'a str, most: u32) -> Result<Self, JsonError> {
        let members = read::object(text, most)?;
        Ok(Self { text, members })
    }

    /// Reads a document that a server publishes. Unlike other texts, it may begin with a byte order
    /// mark (RFC 8259 section 8.1).
    #[cfg(feature = "jwt")]
    pub(crate) fn published(text: &'a [u8]) -> Result<Self, JsonError> {
        Self::read(text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text))
    }

    /// Returns the text of the object.
    #[cfg(feature = "jwt")]
    pub(crate) fn as_str(&self) -> &'a str {
        self.text
    }

    /// Returns the value at a path, exactly as it is written.
    pub(crate) fn raw<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&'a str> {
        at::at(self.text, path)
    }
}

impl<'a> Deref for Document<'a> {
    type Target = Members<'a>;

    fn deref(&self) -> &Members<'a> {
        &self.members
    }
}

/// The text of an object that has been read.
#[derive(Clone)]
pub(crate) struct Object {
    /// The object, and a secret behind it.
    text: String,
    /// The length of the object in bytes.
    end: usize,
}

impl Object {
    /// Reads an object.
    #[cfg(any(feature = "issue", all(test, feature = "jwt")))]
    pub(crate) fn parse(text: Vec<u8>) -> Result<Self, JsonError> {
        Ok(Self::parse_with(text, |_| ())?.0)
    }

    /// Reads an object, and passes it to a function on the way.
    pub(crate) fn parse_with<T>(
        text: Vec<u8>,
        then: impl FnOnce(&Document<'_>) -> T,
    ) -> Result<(Self, T), JsonError> {
        let text = String::from_utf8(text).map_err(|_| JsonError::Syntax)?;
        let then = then(&Document::of(&text, u32::MAX)?);
        let end = text.len();
        Ok((Self { text, end }, then))
    }

    /// Parses the value at a path as a type of the application; `None` if there is no such value,
    /// or if it does not have this type.
    pub(crate) fn get<'a, 'p, T: Deserialize<'a>>(
        &'a self,
        path: impl IntoIterator<Item = &'p str>,
    ) -> Option<T> {
        serde_json::from_str(at::at(self.as_str(), path)?).ok()
    }

    /// Keeps a secret in the same memory, behind the object. The secret is wiped on drop.
    #[cfg(feature = "jwt")]
    pub(crate) fn keep_behind(&mut self, secret: &str) {
        self.text.truncate(self.end);
        // If the memory has to grow, the old memory is not wiped, but it has no secret in it yet.
        self.text.push_str(secret);
    }

    /// Returns the secret behind the object.
    #[cfg(feature = "jwt")]
    pub(crate) fn behind(&self) -> &[u8] {
        self.text.as_bytes().get(self.end..).unwrap_or_default()
    }

    /// Returns the memory of the text in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.text.capacity()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.text.get(..self.end).unwrap_or_default()
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if self.text.len() > self.end {
            self.text.zeroize();
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The claims may be private.
        write!(f, "Object({} bytes)", self.end)
    }
}
