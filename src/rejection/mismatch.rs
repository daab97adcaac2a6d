//! [`Mismatch`]: the two sides of a check that failed.

use crate::util::shown::shown;
use std::fmt;

/// The two sides of a check that failed: the value that was found, and the one that was expected.
///
/// All texts are in the form for logs. A text from outside is between quotes or JSON, its control
/// characters are escaped, and it has at most 128 bytes. No text is secret, and none is sent to
/// clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Mismatch {
    /// The name of the claim, header parameter or other part that was checked.
    pub name: Box<str>,
    /// The value or type that was found; `missing` if there is none.
    pub found: Box<str>,
    /// The value or type that was expected; empty if any value was.
    pub expected: Box<str>,
}

impl Mismatch {
    /// Creates a mismatch. `found` and `expected` are in the form for logs already.
    pub(crate) fn new(
        name: impl fmt::Display,
        found: impl Into<Box<str>>,
        expected: impl Into<Box<str>>,
    ) -> Box<Self> {
        Box::new(Self {
            name: shown(&name.to_string()).into(),
            found: found.into(),
            expected: expected.into(),
        })
    }

    /// Creates a mismatch of a value that is missing.
    pub(crate) fn missing(name: impl fmt::Display, expected: impl Into<Box<str>>) -> Box<Self> {
        Self::new(name, "missing", expected)
    }
}

/// Writes `is FOUND, expected EXPECTED`, to stand behind the name.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is {}", self.found)?;
        match &*self.expected {
            "" => Ok(()),
            expected => write!(f, ", expected {expected}"),
        }
    }
}
