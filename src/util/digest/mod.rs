//! Digests, which stand for secrets where these must not be kept.
//!
//! Whoever looks a secret up by its digest neither scans a list nor compares the secret itself.
//! A plain SHA-256 is for secrets that cannot be guessed; what people choose, and what need not
//! outlive the process, goes under a random key.

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
