//! What is told to the log; silent without the feature `tracing`.

use super::LeftOut;

/// Keys of a JWK Set were left out. Nothing of it is secret.
pub(crate) fn keys_left_out(keys: &[LeftOut]) {
    #[cfg(feature = "tracing")]
    for key in keys {
        tracing::warn!(
            kid = key.kid(),
            reason = key.reason(),
            "a key of a JWK Set cannot be used and is left out"
        );
    }
    #[cfg(not(feature = "tracing"))]
    let _ = keys;
}
