//! Log events of sessions. They have the subject and the session, and never a token.

use crate::store::RefreshTokenFamily;

macro_rules! tell {
    ($level:ident, $text:literal, $($field:ident = $value:expr),+) => {{
        #[cfg(feature = "tracing")]
        tracing::$level!(target: "tower_auth", $($field = $value,)+ $text);
        #[cfg(not(feature = "tracing"))]
        let _ = ($($value,)+);
    }};
}

pub(super) fn began(family: &RefreshTokenFamily) {
    tell!(
        info,
        "a session began",
        issuer = family.issuer.as_str(),
        subject = family.subject.as_str(),
        session = family.id.as_str()
    );
}

pub(super) fn renewed(family: &RefreshTokenFamily) {
    tell!(
        debug,
        "a session was renewed",
        issuer = family.issuer.as_str(),
        subject = family.subject.as_str(),
        session = family.id.as_str()
    );
}

pub(super) fn ended(issuer: &str, session: &str) {
    tell!(
        info,
        "a session was ended",
        issuer = issuer,
        session = session
    );
}

pub(super) fn ended_all(issuer: &str, subject: &str) {
    tell!(
        info,
        "all sessions of a subject were ended",
        issuer = issuer,
        subject = subject
    );
}

pub(super) fn ended_others(issuer: &str, subject: &str, kept: &str) {
    tell!(
        info,
        "all sessions of a subject but one were ended",
        issuer = issuer,
        subject = subject,
        kept = kept
    );
}

/// Logs that a browser's session was due for renewal and was not renewed.
pub(super) fn not_renewed(rejection: &crate::Rejection) {
    let error = std::error::Error::source(rejection).map(ToString::to_string);
    let error = error.as_deref().unwrap_or_default();
    match rejection.kind() {
        crate::RejectionKind::Invalid => {
            tell!(info, "a session was not renewed: it is over", error = error);
        }
        _ => tell!(warn, "a session cannot be renewed now", error = error),
    }
}

/// Logs that a renewed access token is so long that browsers would drop its cookie.
pub(super) fn not_set(rejection: &crate::Rejection) {
    let error = std::error::Error::source(rejection).map(ToString::to_string);
    tell!(
        error,
        "an access token is too long for its cookie",
        error = error.as_deref().unwrap_or_default()
    );
}

/// Somebody has to know: a refresh token is in two hands.
pub(super) fn reused(family: &RefreshTokenFamily) {
    tell!(
        warn,
        "a spent refresh token was used again; its session is ended",
        issuer = family.issuer.as_str(),
        subject = family.subject.as_str(),
        session = family.id.as_str()
    );
}
