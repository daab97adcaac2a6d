//! Log events. Without the feature `tracing`, nothing is logged. No argument is secret.
#![cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nothing is logged")
)]

use super::LoginError;
use crate::{Identity, Rejection};
#[cfg(feature = "tracing")]
use crate::{error::Chain, util::shown::shown};

macro_rules! event {
    ($level:ident, $($fields:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::$level!(target: "tower_auth", $($fields)*)
    };
}

/// Logs that a user has signed in. The session is the provider's (`sid`), if the ID token names it.
pub(super) fn began(identity: &Identity) {
    event!(
        info,
        issuer = identity.issuer(),
        subject = identity.subject(),
        session = identity.session_id(),
        "a session began"
    );
}

/// Logs that the tokens of a session were refreshed.
pub(super) fn renewed(identity: &Identity) {
    event!(
        debug,
        issuer = identity.issuer(),
        subject = identity.subject(),
        session = identity.session_id(),
        "a session was renewed"
    );
}

/// Logs that a user has logged out.
pub(super) fn ended(identity: &Identity) {
    event!(
        info,
        issuer = identity.issuer(),
        subject = identity.subject(),
        session = identity.session_id(),
        "a session was ended"
    );
}

/// Logs that the provider has ended one session, or all sessions of a subject.
pub(super) fn ended_by_provider(issuer: &str, subject: Option<&str>, session: Option<&str>) {
    #[cfg(feature = "tracing")]
    let (subject, session) = (subject.map(shown), session.map(shown));
    event!(
        info,
        issuer,
        subject,
        session,
        "the provider has ended sessions"
    );
}

/// A token lives on at the provider after a log-out.
pub(super) fn not_revoked(issuer: &str, error: &LoginError) {
    event!(warn, issuer, %error, "a token could not be revoked at log-out");
}

/// Logs that other servers do not receive the result of a refresh.
pub(super) fn not_shared(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection)
            .map(Chain)
            .map(tracing::field::display),
        "a refresh could not be told to other servers"
    );
}

/// Logs that the result of a refresh could not be stored with the session.
pub(super) fn not_kept(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection)
            .map(Chain)
            .map(tracing::field::display),
        "a refreshed session could not be kept"
    );
}

/// Logs that other servers do not receive the end of a session.
pub(super) fn not_ended(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection)
            .map(Chain)
            .map(tracing::field::display),
        "the end of a session could not be stored"
    );
}

/// Logs that a session keeps the claims of the previous ID token.
pub(super) fn not_verified(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection)
            .map(Chain)
            .map(tracing::field::display),
        "the ID token of a refresh could not be verified now"
    );
}

/// Logs that a session is without the claims of the user-info endpoint, or keeps the previous ones.
pub(super) fn no_user_info(issuer: &str, rejection: &Rejection) {
    event!(
        warn,
        issuer,
        error = std::error::Error::source(rejection)
            .map(Chain)
            .map(tracing::field::display),
        "the user-info endpoint has not returned claims"
    );
}

/// Logs that a session cannot be refreshed at the moment: at `WARN` for the first one, then at `DEBUG`.
pub(super) fn not_refreshed(issuer: &str, error: &LoginError, is_first: bool) {
    #[cfg(feature = "tracing")]
    let error = Chain(error);
    if is_first {
        event!(warn, issuer, %error, "a session could not be refreshed");
    } else {
        event!(debug, issuer, %error, "a session could not be refreshed");
    }
}

/// Logs that a session ends because its refresh token was rejected.
pub(super) fn refresh_refused(issuer: &str, code: &str) {
    event!(info, issuer, code, "a refresh token was refused");
}

/// Logs that the provider does not accept the configured request of this application.
pub(super) fn misconfigured(issuer: &str, error: &LoginError) {
    event!(warn, issuer, %error, "the provider refuses this application's request");
}

/// Logs that the metadata could not be read again. The known endpoints are used.
pub(super) fn not_read_again(issuer: &str, error: &LoginError) {
    event!(warn, issuer, %error, "the provider's metadata could not be read again");
}
