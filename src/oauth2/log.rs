//! What is told to the log; silent without the feature `tracing`. No argument is secret.

use super::LoginError;
use crate::Rejection;

/// A token lives on at the provider after a log-out.
pub(super) fn not_revoked(issuer: &str, error: &LoginError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        issuer,
        %error,
        "a token could not be revoked at log-out"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (issuer, error);
}

/// What came of a refresh is not known to other servers.
pub(super) fn not_shared(issuer: &str, rejection: &Rejection) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        issuer,
        error = std::error::Error::source(rejection).map(tracing::field::display),
        "a refresh could not be told to other servers"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (issuer, rejection);
}
