//! The log events of verifiers. There are none without the feature `tracing`.
#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nothing is logged")
)]

use super::SkippedKey;
use crate::identity::ClaimsError;
#[cfg(feature = "tracing")]
use crate::{
    clock::{self, SystemClock},
    util::{seldom::SeldomByKey, shown::shown},
};

/// Logs claims that do not fit the type of the application, once a minute per issuer and path.
#[cold]
pub(super) fn typed_claims(issuer: Option<&str>, error: &ClaimsError) {
    #[cfg(feature = "tracing")]
    {
        static LOGGED: SeldomByKey = SeldomByKey::new();
        if LOGGED.is_due((issuer, error.path()), clock::now(&SystemClock)) {
            tracing::warn!(
                target: "tower_auth",
                issuer = issuer.map(shown),
                path = error.path(),
                expected = error.expected(),
                found = error.found(),
                "the claims of a token do not fit the type of the application"
            );
        }
    }
}

/// Keys of a JWK Set were left out. Nothing of it is secret.
pub(crate) fn keys_left_out(keys: &[SkippedKey]) {
    #[cfg(feature = "tracing")]
    for key in keys {
        tracing::warn!(
            target: "tower_auth",
            kid = key.key_id(),
            reason = key.reason(),
            "a key of a JWK Set cannot be used and is left out"
        );
    }
}
