//! The cryptography backends. `choice` knows which of them are compiled in, and nothing else does.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
mod choice;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

pub use choice::Backend;

use std::sync::Arc;

/// A key that is prepared once, to verify many signatures. The function takes a message and a
/// signature, and returns whether the signature is valid.
pub(super) type Prepared = Arc<dyn Fn(&[u8], &[u8]) -> bool + Send + Sync>;
