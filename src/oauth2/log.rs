//! What is told to the log; silent without the feature `tracing`. No argument is secret.

use super::LoginError;

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
