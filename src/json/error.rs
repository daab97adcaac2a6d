//! [`JsonError`]: the reason for which a text is rejected.

use std::fmt;

/// The number of levels that objects and arrays may nest (RFC 8259 section 9 lets a parser set a
/// limit). It bounds the recursion of the reader.
pub(super) const MAX_DEPTH: u8 = 32;

/// The reason for which a text is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// The text is not UTF-8, or not an object by the grammar of RFC 8259.
    Syntax,
    /// A member name occurs twice in one object.
    Duplicate,
    /// The text nests deeper than [`MAX_DEPTH`].
    Depth,
    /// The text has more members than the caller allows.
    Members,
    /// A member name is reserved by `serde_json`.
    Reserved,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("not a JSON object"),
            Self::Duplicate => f.write_str("a member name occurs twice"),
            Self::Depth => write!(f, "nested more than {MAX_DEPTH} levels deep"),
            Self::Members => f.write_str("too many members"),
            Self::Reserved => f.write_str("a member name is reserved"),
        }
    }
}

impl std::error::Error for JsonError {}
