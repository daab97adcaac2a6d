//! What is told to the log; silent without the feature `tracing`. No argument is secret.
#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nothing is logged")
)]

use super::LoginError;
use crate::Rejection;

macro_rules! event {
    ($level:ident, $($fields:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::$level!(target: "tower_auth", $($fields)*)
    };
}

/// A token lives on at the provider after a log-out.
pub(super) fn not_revoked(issuer: &str, error: &LoginError) {
    event!(warn, issuer, %error, "a token could not be revoked at log-out");
}

/// The result of a refresh is not known to other servers.
pub(super) fn not_shared(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection).map(tracing::field::display),
        "a refresh could not be told to other servers"
    );
}

/// The result of a refresh could not be kept where the session is.
pub(super) fn not_kept(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection).map(tracing::field::display),
        "a refreshed session could not be kept"
    );
}

/// The end of a session is not known to other servers.
pub(super) fn not_ended(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection).map(tracing::field::display),
        "the end of a session could not be stored"
    );
}

/// A session keeps the claims of the ID token before.
pub(super) fn not_verified(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection).map(tracing::field::display),
        "the ID token of a refresh could not be verified now"
    );
}

/// A session cannot be refreshed now.
pub(super) fn not_refreshed(issuer: &str, error: &LoginError) {
    event!(warn, issuer, %error, "a session could not be refreshed");
}

/// A session ends, since its refresh token is refused.
pub(super) fn refresh_refused(issuer: &str, code: &str) {
    event!(info, issuer, code, "a refresh token was refused");
}

/// The provider does not take what this application is configured to ask for.
pub(super) fn misconfigured(issuer: &str, error: &LoginError) {
    event!(warn, issuer, %error, "the provider refuses this application's request");
}

/// The metadata could not be read again; the endpoints that are known are used.
pub(super) fn not_read_again(issuer: &str, error: &LoginError) {
    event!(warn, issuer, %error, "the provider's metadata could not be read again");
}
