//! What is told to the log; silent without the feature `tracing`.

use crate::jwt::KeySet;
use std::error::Error;

/// A set could not be fetched. Nothing of it is secret.
pub(super) fn failed(issuer: &str, reason: &'static str, cause: Option<&(dyn Error + 'static)>) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        issuer,
        reason,
        cause = cause.map(tracing::field::display),
        "the keys of an issuer cannot be fetched"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (issuer, reason, cause);
}

/// A set is another than before.
pub(super) fn changed(issuer: &str, keys: &KeySet) {
    #[cfg(feature = "tracing")]
    tracing::info!(
        issuer,
        keys = keys.keys().count(),
        "the keys of an issuer have changed"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = issuer;
    crate::jwt::log::keys_left_out(keys.skipped_keys());
}
