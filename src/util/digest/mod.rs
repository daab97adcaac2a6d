//! Digests, which stand for secrets where these must not be kept.
//!
//! A look-up by digest neither scans a list nor compares the secret itself. A plain SHA-256 is for
//! secrets that cannot be guessed. Digests of secrets that people choose, and digests that need not
//! outlive the process, are computed under a random key.

mod bits;
mod first_word;
#[cfg(any(feature = "basic", feature = "introspection"))]
mod keyed;
mod map;
#[cfg(feature = "store")]
mod named;

pub(crate) use bits::Digest;
pub(crate) use first_word::ByFirstWord;
#[cfg(any(feature = "basic", feature = "introspection"))]
pub(crate) use keyed::Keyed;
pub(crate) use map::{DigestMap, Ends, MIN_SECRET};
#[cfg(feature = "store")]
pub(crate) use named::named;
