//! [`Key`]: verifies signatures of one algorithm. Its forms: raw, PEM, DER and JWK.

mod checks;
mod der;
mod jwk;
#[cfg(any(feature = "issue", feature = "jsonwebtoken-12"))]
mod public;
mod verifying_key;

pub(super) use jwk::Jwk;
pub use jwk::SkippedKey;
pub use verifying_key::Key;
