//! What is told to the log; silent without the feature `tracing`.

use super::LeftOut;
#[cfg(feature = "tracing")]
use crate::claims::shown;

/// A token of an issuer that no verifier is for. Nobody has verified the token.
#[cold]
pub(super) fn unknown_issuer(found: &str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tower_auth",
        found = shown(found),
        "the token is of an issuer that has no verifier"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = found;
}

/// A token of another issuer; its signature is right.
#[cold]
pub(super) fn issuer(expected: &str, found: &str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tower_auth",
        expected,
        found = shown(found),
        "the token is of another issuer"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (expected, found);
}

/// A token for another audience, which is JSON; its signature is right.
#[cold]
pub(super) fn audience(expected: &[Box<str>], found: &str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tower_auth",
        ?expected,
        found = shown(found),
        "the token is for another audience"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (expected, found);
}

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
