//! Values that have been read.

use std::borrow::Cow;
use zeroize::Zeroizing;

/// A JSON value.
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number),
    /// A string without escapes.
    Plain(&'a str),
    /// A string that was copied to remove its escapes. It may be a secret.
    Escaped(Zeroizing<String>),
    Array(Vec<Value<'a>>),
    Object(Members<'a>),
}

/// A number. Its text, which may have more digits, is returned by
/// [`Document::raw`](super::Document::raw).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A number that is written as digits only.
    Whole(u64),
    /// A number that is negative, has a fraction or an exponent, or does not fit into 64 bits.
    Other(f64),
}

/// The members of an object, in the order of the text.
#[derive(Default)]
pub(crate) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Members<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Returns the value of the member with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Value<'a>> {
        let member = self.0.iter().find(|(other, _)| *other == name);
        member.map(|(_, value)| value)
    }

    /// Returns the value at a path: the names of members that nest, outermost first.
    pub(crate) fn at<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<&Value<'a>> {
        let mut path = path.into_iter();
        let first = self.named(path.next()?)?;
        path.try_fold(first, |value, name| value.named(name))
    }
}

impl<'a> Value<'a> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Escaped(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether this is this string.
    #[cfg(feature = "jwt")]
    pub(crate) fn is_str(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(is_true) => Some(*is_true),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the elements of an array.
    pub(crate) fn elements(&self) -> Option<&[Value<'a>]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the members of an object.
    pub(crate) fn members(&self) -> Option<&Members<'a>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the member of an object with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Value<'a>> {
        self.members()?.named(name)
    }
}
