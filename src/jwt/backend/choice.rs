//! [`Backend`]: the choice of a backend among those that are compiled in.

use super::Prepared;
#[cfg(feature = "aws-lc-rs")]
use super::aws_lc_rs;
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
            Self::AwsLcRs => cfg!(feature = "aws-lc-rs"),
            Self::RustCrypto => cfg!(feature = "rust-crypto"),
        }
    }

    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::AwsLcRs => "aws-lc-rs",
            Self::RustCrypto => "rust-crypto",
        }
    }

    /// Returns the chosen backend, or the default one.
    ///
    /// # Errors
    ///
    /// If the chosen backend is not compiled in, or none is.
    pub(in crate::jwt) fn chosen(chosen: Option<Self>) -> Result<Self, ConfigError> {
        match chosen.or_else(Self::compiled) {
            Some(backend) if backend.is_compiled() => Ok(backend),
            Some(backend) => Err(ConfigError::new(format!(
                "this backend needs the feature {:?} of tower-auth",
                backend.feature()
            ))),
            None => Err(ConfigError::new(
                "verifying signatures needs the feature \"aws-lc-rs\" or \"rust-crypto\" of tower-auth",
            )),
        }
    }

    /// Prepares a key, given in the form that `Key` stores it in.
    pub(in crate::jwt) fn prepare(
        self,
        algorithm: Algorithm,
        key: &[u8],
    ) -> Result<Prepared, ConfigError> {
        let prepared = match self {
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLcRs => aws_lc_rs::prepare(algorithm, key),
            #[cfg(feature = "rust-crypto")]
            Self::RustCrypto => rust_crypto::prepare(algorithm, key),
            #[cfg(not(all(feature = "aws-lc-rs", feature = "rust-crypto")))]
            _ => {
                let _ = key;
                None
            }
        };
        prepared.ok_or_else(|| {
            ConfigError::new(format!(
                "this is not {} that can be used for {algorithm}",
                algorithm.family().as_str()
            ))
        })
    }
}
