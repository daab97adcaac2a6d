//! The log events of verifiers. There are none without the feature `tracing`.
#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nothing is logged")
)]

use super::SkippedKey;

/// Keys of a JWK Set were left out. Nothing of it is secret.
pub(crate) fn keys_left_out(keys: &[SkippedKey]) {
    #[cfg(feature = "tracing")]
    for key in keys {
        tracing::warn!(
            kid = key.key_id(),
            reason = key.reason(),
            "a key of a JWK Set cannot be used and is left out"
        );
    }
}
