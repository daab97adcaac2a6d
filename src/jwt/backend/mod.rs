//! The cryptography backends. `choice` knows which of them are compiled in, and nothing else does.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
mod choice;
#[cfg(not(all(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod disabled;
mod prepared;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

pub use choice::Backend;
pub(super) use choice::{check, prepare};
pub(super) use prepared::{Material, Prepared};
