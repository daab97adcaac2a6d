//! The log events of verifiers. There are none without the feature `tracing`.
#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nothing is logged")
)]

use super::{Algorithm, Key, SkippedKey};
#[cfg(feature = "tracing")]
use crate::claims::shown;

/// Logs a token of an issuer without a verifier. The token has not been verified.
#[cold]
pub(super) fn unknown_issuer(found: &str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tower_auth",
        found = shown(found),
        "the token is of an issuer that has no verifier"
    );
}

/// Logs a token of another issuer.
#[cold]
pub(super) fn issuer(expected: &str, found: &str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tower_auth",
        expected,
        found = shown(found),
        "the token is of another issuer"
    );
}

/// Logs a token whose key cannot be chosen. The token has not been verified.
#[cold]
pub(super) fn unknown_key(algorithm: Algorithm, found: Option<&str>, known: &[Key]) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tower_auth",
        algorithm = algorithm.as_str(),
        found = found.map(shown),
        known = ?known.iter().map(|key| (key.key_id(), key.algorithm())).collect::<Vec<_>>(),
        "the token's key is not among the issuer's"
    );
}

/// Logs a token for another audience, with a valid signature. `found` is JSON.
#[cold]
pub(super) fn audience(expected: &[Box<str>], found: &str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: "tower_auth",
        ?expected,
        found = shown(found),
        "the token is for another audience"
    );
}

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
