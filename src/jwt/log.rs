//! What is told to the log; silent without the feature `tracing`.

/// A key of a JWK Set was left out. Neither argument is secret.
pub(super) fn key_left_out(key_id: Option<&str>, reason: &str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        kid = key_id,
        reason,
        "a key of a JWK Set cannot be used and is left out"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (key_id, reason);
}
