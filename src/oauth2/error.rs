//! [`LoginError`]: why a login failed, for logs.

use crate::{Rejection, RejectionKind};
use std::{error::Error, fmt, sync::Arc};

/// Why a login, refresh or log-out failed: the source of the [`Rejection`], for logs and metrics.
///
/// Nothing in it was said by the provider or by the browser: all texts are this crate's own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LoginError {
    /// The request to one of the login's own paths is malformed.
    Request,
    /// It is not allowed to return to that address.
    ReturnTo,
    /// No login with this `state` was begun in this browser, or it was too long ago.
    State,
    /// The `state` has come back before.
    Replayed,
    /// The answer is of another issuer than the one that was asked (RFC 9207).
    Issuer,
    /// The provider, or the user there, refused: its error code, if it is a known one.
    Refused(&'static str),
    /// The provider did not take the code (`invalid_grant`).
    Code,
    /// The provider does not take this application's request: its error code, if it is a known
    /// one. Somebody has to repair the configuration.
    Client(&'static str),
    /// The provider's ID token is missing or is not good.
    IdToken(&'static str),
    /// The user-info answer has no subject, or that of somebody else.
    UserInfo,
    /// The provider's metadata is not that of this issuer, or lacks an endpoint.
    Metadata(&'static str),
    /// The provider did not answer, or with what is no answer.
    Provider(Arc<dyn Error + Send + Sync>),
    /// The tokens are too long for cookies: keep sessions in a store.
    TooLong,
    /// The session was ended, by log-out or by the provider.
    Ended,
    /// The logout token is not good.
    LogoutToken(&'static str),
}

impl LoginError {
    pub(super) fn provider(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Provider(Arc::from(source.into()))
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::Request
            | Self::ReturnTo
            | Self::State
            | Self::Replayed
            | Self::Issuer
            | Self::LogoutToken(_) => RejectionKind::Malformed,
            Self::Refused("access_denied") => RejectionKind::Forbidden,
            Self::Refused("temporarily_unavailable" | "server_error") => RejectionKind::Unavailable,
            Self::Refused(_) | Self::Code | Self::IdToken(_) | Self::UserInfo | Self::Ended => {
                RejectionKind::Invalid
            }
            Self::Client(_) | Self::Metadata(_) | Self::Provider(_) | Self::TooLong => {
                RejectionKind::Unavailable
            }
        }
    }

    /// What the user is told.
    fn detail(&self) -> &'static str {
        match self {
            Self::Request => "the request is malformed",
            Self::ReturnTo => "it is not allowed to return to that address",
            Self::State | Self::Replayed | Self::Issuer => {
                "this sign-in was not begun in this browser, or it is over"
            }
            Self::Refused("access_denied") => "the sign-in was refused",
            Self::Refused("temporarily_unavailable" | "server_error")
            | Self::Client(_)
            | Self::Metadata(_)
            | Self::Provider(_)
            | Self::TooLong => "signing in is not possible now",
            Self::Refused(_) => "the provider asks for a sign-in",
            Self::Code | Self::IdToken(_) | Self::UserInfo => "the sign-in failed",
            Self::Ended => "the session has ended",
            Self::LogoutToken(_) => "the logout token is not valid",
        }
    }
}

impl From<LoginError> for Rejection {
    fn from(error: LoginError) -> Self {
        let detail = error.detail();
        let rejection = match error.kind() {
            RejectionKind::Malformed => Self::malformed(),
            RejectionKind::Forbidden => Self::forbidden(),
            RejectionKind::Unavailable => return Self::unavailable(error).with_detail(detail),
            _ => Self::invalid(),
        };
        rejection.with_detail(detail).with_source(error)
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("the request is malformed"),
            Self::ReturnTo => f.write_str("the address to return to is not allowed"),
            Self::State => f.write_str("no pending login has this state"),
            Self::Replayed => f.write_str("the state was used before"),
            Self::Issuer => f.write_str("the answer is of another issuer"),
            Self::Refused(code) => write!(f, "the provider refused: {code}"),
            Self::Code => f.write_str("the provider did not take the code"),
            Self::Client(code) => write!(f, "the provider does not take the request: {code}"),
            Self::IdToken(why) => write!(f, "the ID token is not good: {why}"),
            Self::UserInfo => f.write_str("the user-info answer is not good"),
            Self::Metadata(why) => write!(f, "the metadata is not good: {why}"),
            Self::Provider(source) => write!(f, "no answer of the provider: {source}"),
            Self::TooLong => f.write_str("the session is too long for cookies: keep it in a store"),
            Self::Ended => f.write_str("the session was ended"),
            Self::LogoutToken(why) => write!(f, "the logout token is not good: {why}"),
        }
    }
}

impl Error for LoginError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Provider(source) => Some(&**source),
            _ => None,
        }
    }
}

/// The code as a text of this crate's own; what the provider says is never passed on.
pub(super) fn known(code: &str) -> &'static str {
    const KNOWN: [&str; 18] = [
        // RFC 6749 sections 4.1.2.1 and 5.2
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        // OpenID Connect Core section 3.1.2.6
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "login_required",
        "registration_not_supported",
        "request_not_supported",
        "request_uri_not_supported",
        // RFC 8707 section 2
        "invalid_target",
    ];
    let known = KNOWN.iter().find(|known| **known == code);
    known.copied().unwrap_or("another error")
}
