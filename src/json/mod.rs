//! A strict reader of JSON objects: claims, headers, keys, answers of servers.
//!
//! 1. The text is UTF-8 without a byte order mark, and exactly one object by the grammar of
//!    RFC 8259. Trailing bytes, raw control characters and lone surrogates are rejected, and so is
//!    a number that an `f64` cannot hold.
//! 2. A member name must not occur twice in one object, at any depth. Names are compared after
//!    unescaping. RFC 7515 section 4 and RFC 7519 section 4 allow a reader to reject a duplicate or
//!    to take the last one. Two readers that differ in this read two different tokens.
//! 3. Objects and arrays nest at most 32 levels deep.
//! 4. The caller can limit the number of members.
//! 5. Names that begin with `$serde_json::private` are rejected, because `serde_json` gives them a
//!    meaning of its own.
//!
//! One recursive visitor, over `serde_json`, reads every value ([`read`]). Values are never skipped
//! by `IgnoredAny` or `RawValue`, which accept lone surrogates and any depth. A text that has been
//! accepted can be kept as an [`Object`]. Its claims are read again on demand, and then by plain
//! `serde_json` ([`Object::get`]).

mod at;
mod error;
mod object;
mod read;
mod value;

#[cfg(all(test, feature = "jwt"))]
mod tests;

pub(crate) use error::JsonError;
pub(crate) use object::{Document, Object};
#[cfg(feature = "jwt")]
pub(crate) use value::Members;
pub(crate) use value::{Number, Value};
