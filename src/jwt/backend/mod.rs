//! The cryptography below, by value: what is compiled in is here, and nowhere else.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
#[cfg(not(all(feature = "aws-lc-rs", feature = "rust-crypto")))]
mod disabled;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod mac;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

#[cfg(not(feature = "aws-lc-rs"))]
use disabled as aws_lc_rs;
#[cfg(not(feature = "rust-crypto"))]
use disabled as rust_crypto;

use super::{Algorithm, key::Material};
use crate::ConfigError;

/// Who does the cryptography, chosen by [`JwtVerifierBuilder::backend`](super::JwtVerifierBuilder::backend).
///
/// Each comes with the feature of its name; there is nothing to install for the process. Where none
/// is chosen it is `AwsLcRs`, or `RustCrypto` if that is the only one; but HS256 is done by
/// RustCrypto's `hmac` in any case where the processor has instructions for SHA-256 (x86-64),
/// which saves a fifth of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// AWS-LC by `aws-lc-rs`: C and assembly, fast. Feature `aws-lc-rs`.
    AwsLcRs,
    /// The crates of the RustCrypto project: nothing but Rust. Feature `rust-crypto`.
    RustCrypto,
}

/// A key made ready once, to verify many signatures.
pub(super) trait Prepared: Send + Sync {
    /// Whether the signature is this key's for this message.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// The backend refuses the key.
pub(super) struct BadKey;

impl Backend {
    /// The default among those that are compiled in.
    pub(crate) fn compiled() -> Option<Self> {
        [Self::AwsLcRs, Self::RustCrypto]
            .into_iter()
            .find(|backend| backend.is_compiled())
    }

    pub(super) fn is_compiled(self) -> bool {
        match self {
            Self::AwsLcRs => aws_lc_rs::COMPILED,
            Self::RustCrypto => rust_crypto::COMPILED,
        }
    }

    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::AwsLcRs => "aws-lc-rs",
            Self::RustCrypto => "rust-crypto",
        }
    }
}

/// Whether there is anybody to verify signatures.
///
/// # Errors
///
/// If the chosen backend is not compiled in, or none is.
pub(super) fn check(chosen: Option<Backend>) -> Result<(), ConfigError> {
    match chosen {
        Some(backend) if !backend.is_compiled() => Err(ConfigError::new(format!(
            "this backend needs the feature {:?} of tower-auth",
            backend.feature()
        ))),
        None if Backend::compiled().is_none() => Err(ConfigError::new(
            "verifying signatures needs the feature \"aws-lc-rs\" or \"rust-crypto\" of tower-auth",
        )),
        _ => Ok(()),
    }
}

/// Makes a key ready: by the chosen backend, or by the fastest.
pub(super) fn prepare(
    chosen: Option<Backend>,
    algorithm: Algorithm,
    material: &Material,
) -> Result<Box<dyn Prepared>, ConfigError> {
    check(chosen)?;
    let prepared = match chosen.or_else(Backend::compiled) {
        #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
        _ if chosen.is_none() && mac::is_fastest(algorithm) => mac::prepare(algorithm, material),
        Some(Backend::AwsLcRs) => aws_lc_rs::prepare(algorithm, material),
        Some(Backend::RustCrypto) => rust_crypto::prepare(algorithm, material),
        None => Err(BadKey),
    };
    prepared.map_err(|BadKey| {
        ConfigError::new(format!(
            "this is not {} that can be used for {algorithm}",
            algorithm.family().as_str()
        ))
    })
}
