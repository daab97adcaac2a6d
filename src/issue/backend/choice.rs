//! The choice of a backend among those that are compiled in.

#[cfg(feature = "aws-lc-rs")]
use super::aws_lc_rs;
#[cfg(not(feature = "aws-lc-rs"))]
use super::disabled as aws_lc_rs;
#[cfg(not(feature = "rust-crypto"))]
use super::disabled as rust_crypto;
use super::prepared::{Pair, Signing, Unprepared};
#[cfg(feature = "rust-crypto")]
use super::rust_crypto;
use crate::{
    ConfigError,
    jwt::{Algorithm, Backend},
};
use zeroize::Zeroizing;

/// A key from PKCS #8 (RFC 5958).
pub(in crate::issue) fn pair(
    backend: Backend,
    algorithm: Algorithm,
    pkcs8: &[u8],
) -> Result<Pair, ConfigError> {
    named(
        backend,
        algorithm,
        match backend {
            Backend::AwsLcRs => aws_lc_rs::pair(algorithm, pkcs8),
            Backend::RustCrypto => rust_crypto::pair(algorithm, pkcs8),
        },
    )
}

/// HMAC under a secret.
pub(in crate::issue) fn secret(
    backend: Backend,
    algorithm: Algorithm,
    secret: &[u8],
) -> Result<Box<dyn Signing>, ConfigError> {
    named(
        backend,
        algorithm,
        match backend {
            Backend::AwsLcRs => aws_lc_rs::secret(algorithm, secret),
            Backend::RustCrypto => rust_crypto::secret(algorithm, secret),
        },
    )
}

/// A new private key, as PKCS #8.
pub(in crate::issue) fn generate(
    backend: Backend,
    algorithm: Algorithm,
) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    named(
        backend,
        algorithm,
        match backend {
            Backend::AwsLcRs => aws_lc_rs::generate(algorithm),
            Backend::RustCrypto => rust_crypto::generate(algorithm),
        },
    )
}

fn named<T>(
    backend: Backend,
    algorithm: Algorithm,
    result: Result<T, Unprepared>,
) -> Result<T, ConfigError> {
    result.map_err(|error| match (error, backend.feature(), algorithm) {
        #[cfg(not(all(feature = "aws-lc-rs", feature = "rust-crypto")))]
        (Unprepared::NoBackend, feature, _) => ConfigError::new(format!(
            "signing with this backend needs the feature {feature:?} of tower-auth"
        )),
        #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
        (Unprepared::BadKey, _, algorithm) => ConfigError::new(format!(
            "this is not a private key for {algorithm} in PKCS #8"
        )),
        #[cfg(feature = "rust-crypto")]
        (Unprepared::NotHere, _, algorithm) => ConfigError::new(format!(
            "this backend does not sign with {algorithm}: private operations of the crate `rsa` can be timed (RUSTSEC-2023-0071); use the feature \"aws-lc-rs\""
        )),
    })
}
