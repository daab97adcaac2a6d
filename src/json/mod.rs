//! A strict, one-pass reader of JSON objects: claims, headers, keys.
//!
//! 1. The text is UTF-8 without a byte order mark, and exactly one object by the grammar of
//!    RFC 8259: no trailing bytes, no raw control characters, no lone surrogates.
//! 2. No member name occurs twice in any object, compared after unescaping. RFC 7515 section 4
//!    and RFC 7519 section 4 leave "refuse" or "the last counts"; two readers that differ on it
//!    read two different tokens, so it is refused.
//! 3. Nothing nests deeper than [`MAX_DEPTH`].
//! 4. It says where the members of the outermost object lie; what is kept is the text, in which
//!    they are found again. Numbers stay text, so that one that nobody reads may be of any size.
//! 5. A [`Reader`] skips what it has learnt, byte for byte, and answers as if it had not.
#![cfg_attr(
    not(feature = "jwt"),
    allow(dead_code, reason = "only token verifiers read JSON")
)]

mod names;
mod reader;
mod scan;
mod span;
mod text;
mod value;

#[cfg(test)]
mod tests;

#[allow(unused_imports, reason = "only token verifiers read claims")]
pub(crate) use reader::{Found, Number, Reader};
pub(crate) use scan::MAX_DEPTH;
use span::Member;
pub(crate) use span::Span;
pub(crate) use value::{Strings, Value};

use crate::ClaimPath;
use smallvec::SmallVec;
use span::Text;
use std::{borrow::Cow, fmt, str};
use zeroize::Zeroize;

/// Where the members of an object lie, for who reads them next: of most, without an allocation.
pub(crate) type Spans = SmallVec<[Member; 16]>;

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Not UTF-8, or not the grammar of RFC 8259, or no object.
    Syntax,
    /// A member name occurs twice in one object.
    Duplicate,
    /// Deeper than [`MAX_DEPTH`].
    Depth,
    /// The document has more members than the caller reads.
    Members,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("not a JSON object"),
            Self::Duplicate => f.write_str("a member name occurs twice"),
            Self::Depth => write!(f, "nested more than {MAX_DEPTH} levels deep"),
            Self::Members => f.write_str("too many members"),
        }
    }
}

impl std::error::Error for JsonError {}

/// A JSON object that owns its text.
#[derive(Clone)]
pub(crate) struct Object {
    /// The object, and what is kept behind it.
    text: String,
    /// Where the object ends, in bytes.
    end: usize,
    plain: bool,
}

impl Object {
    /// Reads an object.
    #[allow(dead_code, reason = "only introspection and logins keep whole objects")]
    pub(crate) fn parse(text: Vec<u8>) -> Result<Self, JsonError> {
        let text = String::from_utf8(text).map_err(|_| JsonError::Syntax)?;
        let whole = Text::new(&text);
        scan::object(whole, &mut Spans::new())?;
        let plain = whole.plain;
        Ok(Self {
            end: text.len(),
            text,
            plain,
        })
    }

    /// Keeps a secret in the same piece of memory, behind the object. It is wiped with it.
    pub(crate) fn keep_behind(&mut self, secret: &str) {
        self.text.truncate(self.end);
        // Memory that has to grow is not wiped; nothing secret is in it yet.
        self.text.push_str(secret);
    }

    /// What is kept behind the object.
    pub(crate) fn behind(&self) -> &[u8] {
        self.text.as_bytes().get(self.end..).unwrap_or_default()
    }

    /// The memory it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.text.capacity()
    }

    fn whole(&self) -> Text<'_> {
        Text {
            text: self.as_str(),
            plain: self.plain,
        }
    }

    /// The object as a value, which finds its members by reading on from its beginning.
    pub(crate) fn value(&self) -> Value<'_> {
        Value::of_object(self.whole())
    }

    /// What lies at the path.
    pub(crate) fn at(&self, path: &ClaimPath) -> Option<Value<'_>> {
        let mut names = path.names();
        let first = self.value().named(names.next()?)?;
        names.try_fold(first, Value::named)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.text.get(..self.end).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.as_str().as_bytes()
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
        // What it holds may be private.
        write!(f, "Object({} bytes)", self.end)
    }
}

/// The members of an object, where they were found in its text.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    text: Text<'a>,
    found: &'a [Member],
}

impl<'a> Members<'a> {
    /// Reads an object.
    pub(crate) fn read(text: &'a [u8], found: &'a mut Spans) -> Result<Self, JsonError> {
        Self::read_at_most(u32::MAX, text, found)
    }

    /// Reads an object that has at most this number of members. The members of the objects within
    /// it are included in the number.
    pub(crate) fn read_at_most(
        most: u32,
        text: &'a [u8],
        found: &'a mut Spans,
    ) -> Result<Self, JsonError> {
        let text = Text::new(str::from_utf8(text).map_err(|_| JsonError::Syntax)?);
        scan::object_of_at_most(most, text, found)?;
        Ok(Self { text, found })
    }

    /// Names, as bytes, and values in the order of the text.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Cow<'a, [u8]>, Value<'a>)> + use<'a> {
        let text = self.text;
        self.found.iter().map(move |member| {
            let name = match text.plain {
                true => Cow::Borrowed(member.name.bytes_of(text.text)),
                false => unescaped(member.name(text)),
            };
            (name, member.value(text))
        })
    }

    /// The value of the member with this name.
    #[allow(dead_code, reason = "only a login asks")]
    pub(crate) fn named(&self, name: &str) -> Option<Value<'a>> {
        let mut found = self.found.iter();
        let member = found.find(|member| member.is_named(self.text, name))?;
        Some(member.value(self.text))
    }
}

#[cold]
fn unescaped(name: &str) -> Cow<'_, [u8]> {
    match text::unescape(name) {
        Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
        Cow::Owned(name) => Cow::Owned(name.into_bytes()),
    }
}
