//! [`LoginError`]: why a login failed, for logs.

use crate::{Rejection, RejectionKind, rejection::Mismatch};
use std::{error::Error, fmt, sync::Arc};

/// Why a login, refresh or log-out failed: the source of the [`Rejection`], for logs and metrics.
///
/// All texts are this crate's own, with two exceptions. An error code of the provider is kept if it
/// matches `[a-z_]{1,40}`. An issuer that the metadata names is kept with at most 128 characters,
/// and escaped.
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
    /// The provider or its user denied the login. The field is the error code.
    Refused(Arc<str>),
    /// The token endpoint rejected the code or the refresh token. The field is the error code.
    Code(Arc<str>),
    /// The provider does not accept this application's request. The field is the error code. An
    /// operator has to repair the configuration.
    Client(Arc<str>),
    /// The provider's ID token is missing or is not good.
    IdToken(&'static str),
    /// A claim of the ID token or of the user information is of the wrong type. Both sides are types.
    ClaimType(Box<Mismatch>),
    /// The response of the user-info endpoint cannot be used, for this reason.
    UserInfo(&'static str),
    /// The provider's metadata is not that of this issuer, or lacks an endpoint.
    Metadata(Arc<str>),
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

    /// Converts an error code of the authorization endpoint.
    pub(super) fn of_authorization(code: &str) -> Self {
        let shown = shown(code);
        match is_configuration(code) || AUTHORIZATION.contains(&code) {
            true => Self::Client(shown),
            false => Self::Refused(shown),
        }
    }

    /// Converts an error code of the token endpoint.
    pub(super) fn of_token(code: &str, phase: Phase) -> Self {
        let shown = shown(code);
        // Some providers answer `invalid_request` to a refresh token of an unexpected form.
        let is_configuration =
            is_configuration(code) || (code == "invalid_request" && phase == Phase::Code);
        match code {
            _ if is_configuration => Self::Client(shown),
            "temporarily_unavailable" | "server_error" => {
                Self::provider(format!("the token endpoint answered {code}"))
            }
            _ => Self::Code(shown),
        }
    }

    /// Returns whether the user could sign in if asked, after a sign-in that must not ask.
    pub(super) fn takes_a_user(&self) -> bool {
        let Self::Refused(code) = self else {
            return false;
        };
        matches!(
            &**code,
            "login_required"
                | "interaction_required"
                | "consent_required"
                | "account_selection_required"
        )
    }

    /// Returns whether the provider or its user denied the login, and the provider works.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_)) && self.kind() != RejectionKind::Unavailable
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::Request
            | Self::ReturnTo
            | Self::State
            | Self::Replayed
            | Self::Issuer
            | Self::LogoutToken(_) => RejectionKind::Malformed,
            Self::Refused(code) => match &**code {
                "access_denied" => RejectionKind::Forbidden,
                "temporarily_unavailable" | "server_error" => RejectionKind::Unavailable,
                _ => RejectionKind::Invalid,
            },
            Self::Code(_)
            | Self::IdToken(_)
            | Self::ClaimType(_)
            | Self::UserInfo(_)
            | Self::Ended => RejectionKind::Invalid,
            Self::Client(_) | Self::Metadata(_) | Self::Provider(_) | Self::TooLong => {
                RejectionKind::Unavailable
            }
        }
    }

    /// Returns the text for the user.
    fn detail(&self) -> &'static str {
        match self {
            Self::Request => "the request is malformed",
            Self::ReturnTo => "it is not allowed to return to that address",
            Self::State | Self::Replayed | Self::Issuer => {
                "this sign-in was not begun in this browser, or it is over"
            }
            Self::Refused(code) => match &**code {
                "access_denied" => "the sign-in was refused",
                "temporarily_unavailable" | "server_error" => "signing in is not possible now",
                _ => "the provider asks for a sign-in",
            },
            Self::Client(_) | Self::Metadata(_) | Self::Provider(_) | Self::TooLong => {
                "signing in is not possible now"
            }
            Self::Code(_) | Self::IdToken(_) | Self::ClaimType(_) | Self::UserInfo(_) => {
                "the sign-in failed"
            }
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
            Self::Code(code) => write!(f, "the token endpoint refused the grant: {code}"),
            Self::Client(code) => write!(f, "the provider does not take the request: {code}"),
            Self::ClaimType(of) => write!(
                f,
                "the claim \"{}\" must be {}, found {}",
                of.name, of.expected, of.found
            ),
            Self::IdToken(why) => write!(f, "the ID token is not good: {why}"),
            Self::UserInfo(why) => write!(f, "invalid response of the user-info endpoint: {why}"),
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

/// The grant of a request to the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// An authorization code (RFC 6749 section 4.1.3).
    Code,
    /// A refresh token (RFC 6749 section 6).
    Refresh,
}

/// Returns whether an error cannot be fixed by the user or by another grant, at any endpoint (RFC
/// 6749 section 5.2, RFC 8707 section 2).
fn is_configuration(code: &str) -> bool {
    matches!(
        code,
        "invalid_client"
            | "invalid_scope"
            | "invalid_target"
            | "unauthorized_client"
            | "unsupported_grant_type"
    )
}

/// Further errors of this kind at the authorization endpoint (RFC 6749 section 4.1.2.1, OpenID
/// Connect Core section 3.1.2.6).
const AUTHORIZATION: [&str; 5] = [
    "invalid_request",
    "registration_not_supported",
    "request_not_supported",
    "request_uri_not_supported",
    "unsupported_response_type",
];

/// The longest code that is logged, in bytes.
const MAX_CODE: usize = 40;

/// Returns a code in the form for logs. A text that does not look like a code is not shown.
fn shown(code: &str) -> Arc<str> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    match (1..=MAX_CODE).contains(&code.len()) && code.bytes().all(is_plain) {
        true => code.into(),
        false => "another error".into(),
    }
}

/// Returns an untrusted text in the form for logs: its first 128 characters, escaped.
pub(super) fn escaped(text: &str) -> String {
    text.chars()
        .take(128)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_provider_is_logged_only_if_it_looks_like_one() {
        for code in ["invalid_grant", "bad_refresh_token", &"a".repeat(40)] {
            assert_eq!(&*shown(code), code);
        }
        for code in [
            "",
            "Invalid",
            "a-b",
            "a b",
            "a\nb",
            "<b>",
            "é",
            &"a".repeat(41),
        ] {
            assert_eq!(&*shown(code), "another error", "{code:?}");
        }
    }

    #[test]
    fn an_error_of_the_token_endpoint_is_classified_by_phase() {
        use RejectionKind::{Invalid, Unavailable};
        for (code, exchange, refresh) in [
            ("invalid_grant", Invalid, Invalid),
            ("bad_verification_code", Invalid, Invalid),
            ("interaction_required", Invalid, Invalid),
            ("invalid_request", Unavailable, Invalid),
            ("invalid_client", Unavailable, Unavailable),
            ("unauthorized_client", Unavailable, Unavailable),
            ("unsupported_grant_type", Unavailable, Unavailable),
            ("invalid_scope", Unavailable, Unavailable),
            ("invalid_target", Unavailable, Unavailable),
            ("temporarily_unavailable", Unavailable, Unavailable),
            ("server_error", Unavailable, Unavailable),
        ] {
            let kind = |phase| LoginError::of_token(code, phase).kind();
            assert_eq!(
                (kind(Phase::Code), kind(Phase::Refresh)),
                (exchange, refresh),
                "{code}"
            );
        }
    }
}
