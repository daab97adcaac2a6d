//! [`Backend`]: the choice of a backend among those that are compiled in.

#[cfg(feature = "aws-lc-rs")]
use super::aws_lc_rs;
#[cfg(not(feature = "aws-lc-rs"))]
use super::disabled as aws_lc_rs;
#[cfg(not(feature = "rust-crypto"))]
use super::disabled as rust_crypto;
use super::prepared::{BadKey, Material, Prepared};
#[cfg(feature = "rust-crypto")]
use super::rust_crypto;
use crate::{ConfigError, jwt::Algorithm};

/// A library for cryptography, chosen by
/// [`JwtVerifierBuilder::backend`](crate::jwt::JwtVerifierBuilder::backend).
///
/// Each library comes with the feature of its name. Nothing has to be installed for the process. If
/// no backend is chosen, it is `AwsLcRs`, or `RustCrypto` if only that is compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// AWS-LC by `aws-lc-rs`: C and assembly, fast. Feature `aws-lc-rs`.
    AwsLcRs,
    /// The crates of the RustCrypto project: nothing but Rust. Feature `rust-crypto`.
    RustCrypto,
}

impl Backend {
    /// The default among those that are compiled in.
    pub(crate) fn compiled() -> Option<Self> {
        [Self::AwsLcRs, Self::RustCrypto]
            .into_iter()
            .find(|backend| backend.is_compiled())
    }

    pub(in crate::jwt) fn is_compiled(self) -> bool {
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
pub(in crate::jwt) fn check(chosen: Option<Backend>) -> Result<(), ConfigError> {
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

/// Prepares a key by the chosen backend, or by the default one.
pub(in crate::jwt) fn prepare(
    chosen: Option<Backend>,
    algorithm: Algorithm,
    material: &Material,
) -> Result<Box<dyn Prepared>, ConfigError> {
    check(chosen)?;
    let prepared = match chosen.or_else(Backend::compiled) {
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
