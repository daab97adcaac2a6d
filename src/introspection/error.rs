//! [`IntrospectionError`]: the reason for which a token is rejected, or cannot be verified now.

use crate::{Rejection, fetch::FetchError, rejection::Mismatch};
use http::StatusCode;
use std::{error::Error, fmt, sync::Arc, time::Duration};

/// The reason for which a token is rejected, or cannot be verified now: the source of the
/// [`Rejection`], for logs and metrics.
///
/// Clients receive no more than that the token is invalid, expired or not valid yet, or that it
/// cannot be verified now. `Display` names the member of the answer concerned, and both sides of the
/// comparison. The fields have the same [in the form for logs](Mismatch). Neither has any part of the
/// token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum IntrospectionError {
    /// The token does not look like one of this server; the endpoint was not asked.
    Form,
    /// The endpoint says that the token is not active: unknown, expired or revoked.
    Inactive,
    /// `exp` has passed.
    Expired(Box<Mismatch>),
    /// `nbf` or `iat` lies in the future.
    NotYetValid(Box<Mismatch>),
    /// `iss` is missing or another.
    Issuer(Box<Mismatch>),
    /// `aud` is missing or does not hold the configured audience.
    Audience(Box<Mismatch>),
    /// The answer names no subject.
    Subject(Box<Mismatch>),
    /// `token_type` names another kind of token.
    TokenType(Box<Mismatch>),
    /// The token is bound to a key (`cnf`), so that bearing it is not enough.
    Bound,
    /// A member of the answer has the wrong type. This is a mistake of the server, and does not say
    /// anything about the token.
    ClaimType(Box<Mismatch>),
    /// The endpoint does not accept this service's own credentials: 401 or 403.
    Credentials(StatusCode),
    /// The endpoint answered with another status than 200.
    Status(StatusCode),
    /// The response of the endpoint is not a JSON object, or its `active` is not a boolean.
    Malformed,
    /// No answer came.
    Fetch(Arc<FetchError>),
    /// No answer came in the configured time.
    TimedOut,
    /// The endpoint answered with 429 or 503 and a time after which it may be asked again
    /// (`Retry-After`, RFC 9110 section 10.2.3).
    RetryAfter(StatusCode, Duration),
    /// Too many calls are going on.
    Busy,
    /// The call ended without an answer: the runtime shut down, or the client panicked.
    Lost,
    /// No Tokio runtime is running here, or its timer is not enabled.
    NoRuntime,
}

impl IntrospectionError {
    /// Whether nobody can tell (503), rather than the token being refused (401).
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Form
            | Self::Inactive
            | Self::Expired(_)
            | Self::NotYetValid(_)
            | Self::Issuer(_)
            | Self::Audience(_)
            | Self::Subject(_)
            | Self::TokenType(_)
            | Self::Bound => false,
            Self::ClaimType(_)
            | Self::Credentials(_)
            | Self::Status(_)
            | Self::Malformed
            | Self::Fetch(_)
            | Self::TimedOut
            | Self::RetryAfter(..)
            | Self::Busy
            | Self::Lost
            | Self::NoRuntime => true,
        }
    }

    /// Returns the name of the variant in lower case, such as `claim_type`, for metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Inactive => "inactive",
            Self::Expired(_) => "expired",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::Issuer(_) => "issuer",
            Self::Audience(_) => "audience",
            Self::Subject(_) => "subject",
            Self::TokenType(_) => "token_type",
            Self::Bound => "bound",
            Self::ClaimType(_) => "claim_type",
            Self::Credentials(_) => "credentials",
            Self::Status(_) => "status",
            Self::Malformed => "malformed",
            Self::Fetch(_) => "fetch",
            Self::TimedOut => "timed_out",
            Self::RetryAfter(..) => "retry_after",
            Self::Busy => "busy",
            Self::Lost => "lost",
            Self::NoRuntime => "no_runtime",
        }
    }

    pub(super) fn into_rejection(self) -> Rejection {
        if self.is_unavailable() {
            let wait = match self {
                Self::RetryAfter(_, wait) => Some(wait),
                _ => None,
            };
            let rejection = match self {
                Self::Busy => Rejection::busy(self),
                _ => Rejection::unavailable(self),
            };
            return match wait {
                Some(wait) => rejection.with_retry_after(wait),
                None => rejection,
            };
        }
        let detail = match self {
            Self::Expired(_) => Some("the token has expired"),
            Self::NotYetValid(_) => Some("the token is not valid yet"),
            _ => None,
        };
        let rejection = Rejection::invalid().with_source(self);
        match detail {
            Some(detail) => rejection.with_detail(detail),
            None => rejection,
        }
    }
}

impl fmt::Display for IntrospectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Form => "the token does not look like one of this server",
            Self::Inactive => "the token is not active",
            Self::Expired(of) => {
                return write!(f, "the token has expired: \"{}\" {of}", of.name);
            }
            Self::NotYetValid(of) => {
                return write!(f, "the token is not valid yet: \"{}\" {of}", of.name);
            }
            Self::Issuer(of) => return write!(f, "the issuer {of}"),
            Self::Audience(of) => return write!(f, "the audience {of}"),
            Self::Subject(of) | Self::TokenType(of) => {
                return write!(f, "the member \"{}\" {of}", of.name);
            }
            Self::Bound => "the token is bound to a key by the member \"cnf\"",
            Self::ClaimType(of) => {
                return write!(
                    f,
                    "the member \"{}\" of the answer must be {}, found {}",
                    of.name, of.expected, of.found
                );
            }
            Self::Credentials(status) => {
                return write!(
                    f,
                    "the introspection endpoint does not accept this service's own credentials ({})",
                    status.as_u16()
                );
            }
            Self::Status(status) | Self::RetryAfter(status, _) => {
                let status = status.as_u16();
                return write!(f, "the introspection endpoint answered with {status}");
            }
            Self::Malformed => "the introspection endpoint sent no answer as of RFC 7662",
            Self::Fetch(error) => return write!(f, "the introspection endpoint: {error}"),
            Self::TimedOut => "the introspection endpoint did not answer in time",
            Self::Busy => "too many tokens are being introspected",
            Self::Lost => "the call of the introspection endpoint was lost",
            Self::NoRuntime => "introspection needs a Tokio runtime with its timer enabled",
        };
        f.write_str(text)
    }
}

impl Error for IntrospectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Fetch(error) => Some(&**error),
            _ => None,
        }
    }
}
