//! Which cryptography `jsonwebtoken` 10 and 11 use in this process.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Backend {
    AwsLcRs,
    RustCrypto,
}

impl Backend {
    /// Once per process: they refuse a second.
    pub(crate) fn install(self) {
        let (ten, eleven) = match self {
            Self::AwsLcRs => (
                &jsonwebtoken10::crypto::aws_lc::DEFAULT_PROVIDER,
                &jsonwebtoken11::crypto::aws_lc::DEFAULT_PROVIDER,
            ),
            Self::RustCrypto => (
                &jsonwebtoken10::crypto::rust_crypto::DEFAULT_PROVIDER,
                &jsonwebtoken11::crypto::rust_crypto::DEFAULT_PROVIDER,
            ),
        };
        assert!(ten.install_default().is_ok() && eleven.install_default().is_ok());
    }
}
