//! The cryptography of TLS, which the application chooses.

use crate::ConfigError;
use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// Returns the provider that the application has installed for the process.
///
/// # Errors
///
/// If there is none.
pub(crate) fn provider() -> Result<Arc<CryptoProvider>, ConfigError> {
    CryptoProvider::get_default().cloned().ok_or_else(|| {
        ConfigError::new(
            "TLS needs a provider of rustls: call \
             `rustls::crypto::aws_lc_rs::default_provider().install_default()`, or that of another \
             provider, at the beginning of `main`",
        )
    })
}
