//! The cryptography below, by value: what is compiled in is here, and nowhere else.

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

use super::{Algorithm, key::Material};
use crate::ConfigError;

/// Who does the cryptography, chosen by [`JwtBuilder::backend`](super::JwtBuilder::backend).
///
/// Each comes with the feature of its name. The default is `AwsLcRs`, or `RustCrypto` where that
/// is the only one; there is nothing to install for the process.
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

/// Why a key could not be made ready.
#[allow(dead_code, reason = "which of them can happen depends on the features")]
pub(super) enum Unprepared {
    /// The backend is not compiled in.
    NoBackend,
    /// The backend refuses the key.
    BadKey,
}

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

    /// Makes a key ready.
    pub(super) fn prepare(
        self,
        algorithm: Algorithm,
        material: &Material,
    ) -> Result<Box<dyn Prepared>, ConfigError> {
        let prepared = match self {
            Self::AwsLcRs => aws_lc_rs::prepare(algorithm, material),
            Self::RustCrypto => rust_crypto::prepare(algorithm, material),
        };
        prepared.map_err(|error| match error {
            Unprepared::NoBackend => ConfigError::new(format!(
                "this backend needs the feature {:?} of tower-auth",
                self.feature()
            )),
            Unprepared::BadKey => ConfigError::new(format!(
                "this is not {} that can be used for {algorithm}",
                algorithm.family().as_str()
            )),
        })
    }
}
