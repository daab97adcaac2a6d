//! Who makes signatures: what is compiled in is here, and nowhere else.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
#[cfg(not(all(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod disabled;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

#[cfg(not(feature = "aws-lc-rs"))]
use disabled as aws_lc_rs;
#[cfg(not(feature = "rust-crypto"))]
use disabled as rust_crypto;

use crate::{
    ConfigError,
    jwt::{Algorithm, Backend},
};
use zeroize::Zeroizing;

/// A private key made ready once.
pub(super) trait Signing: Send + Sync {
    /// The signature of this message; `None` if the operating system has no randomness to give.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// A private key, and what verifies its signatures.
pub(super) struct Pair {
    pub(super) signing: Box<dyn Signing>,
    /// `RSAPublicKey` in DER, a point, or the key of Ed25519.
    pub(super) public: Vec<u8>,
}

/// Why a key cannot sign.
#[allow(dead_code, reason = "which of them can happen depends on the features")]
pub(super) enum Unprepared {
    NoBackend,
    BadKey,
    /// The backend does not sign with keys of this kind.
    NotHere,
}

/// A key from PKCS #8 (RFC 5958).
pub(super) fn pair(
    backend: Backend,
    algorithm: Algorithm,
    pkcs8: &[u8],
) -> Result<Pair, ConfigError> {
    told(
        backend,
        algorithm,
        match backend {
            Backend::AwsLcRs => aws_lc_rs::pair(algorithm, pkcs8),
            Backend::RustCrypto => rust_crypto::pair(algorithm, pkcs8),
        },
    )
}

/// HMAC under a secret.
pub(super) fn secret(
    backend: Backend,
    algorithm: Algorithm,
    secret: &[u8],
) -> Result<Box<dyn Signing>, ConfigError> {
    told(
        backend,
        algorithm,
        match backend {
            Backend::AwsLcRs => aws_lc_rs::secret(algorithm, secret),
            Backend::RustCrypto => rust_crypto::secret(algorithm, secret),
        },
    )
}

/// A new private key, as PKCS #8.
pub(super) fn generate(
    backend: Backend,
    algorithm: Algorithm,
) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    told(
        backend,
        algorithm,
        match backend {
            Backend::AwsLcRs => aws_lc_rs::generate(algorithm),
            Backend::RustCrypto => rust_crypto::generate(algorithm),
        },
    )
}

fn told<T>(
    backend: Backend,
    algorithm: Algorithm,
    result: Result<T, Unprepared>,
) -> Result<T, ConfigError> {
    result.map_err(|error| match error {
        Unprepared::NoBackend => ConfigError::new(format!(
            "signing with this backend needs the feature {:?} of tower-auth",
            backend.feature()
        )),
        Unprepared::BadKey => ConfigError::new(format!(
            "this is not a private key for {algorithm} in PKCS #8"
        )),
        Unprepared::NotHere => ConfigError::new(format!(
            "this backend does not sign with {algorithm}: private operations of the crate `rsa` can be timed (RUSTSEC-2023-0071); use the feature \"aws-lc-rs\""
        )),
    })
}
