//! The eight answers, each with its HTTP status, its gRPC code and its text.

use http::StatusCode;

/// Why a request was refused.
///
/// | kind | HTTP | gRPC |
/// |---|---|---|
/// | [`Missing`](Self::Missing) | 401 | 16 `UNAUTHENTICATED` |
/// | [`Malformed`](Self::Malformed) | 400 | 3 `INVALID_ARGUMENT` |
/// | [`Invalid`](Self::Invalid) | 401 | 16 `UNAUTHENTICATED` |
/// | [`InsufficientAuthentication`](Self::InsufficientAuthentication) | 401 | 16 `UNAUTHENTICATED` |
/// | [`Forbidden`](Self::Forbidden) | 403 | 7 `PERMISSION_DENIED` |
/// | [`TooMany`](Self::TooMany) | 429 | 8 `RESOURCE_EXHAUSTED` |
/// | [`Unavailable`](Self::Unavailable) | 503 | 14 `UNAVAILABLE` |
/// | [`NoAuthLayer`](Self::NoAuthLayer) | 500 | 13 `INTERNAL` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(usize)]
pub enum RejectionKind {
    /// No credentials were sent.
    Missing,
    /// The credentials are not of the scheme's form, or there are several.
    Malformed,
    /// Wrong, unknown, expired or revoked credentials.
    Invalid,
    /// Authenticated too weakly or too long ago (RFC 9470).
    InsufficientAuthentication,
    /// Known, and not allowed.
    Forbidden,
    /// Too many attempts.
    TooMany,
    /// Nobody can tell now.
    Unavailable,
    /// A bug in the application: no `AuthLayer` is in front.
    NoAuthLayer,
}

impl RejectionKind {
    /// The HTTP status of this kind (RFC 9110 section 15.5).
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid | Self::InsufficientAuthentication => {
                StatusCode::UNAUTHORIZED
            }
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAuthLayer => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC status code of this kind.
    #[must_use]
    pub fn grpc_code(self) -> u8 {
        match self {
            Self::Missing | Self::Invalid | Self::InsufficientAuthentication => 16,
            Self::Malformed => 3,
            Self::Forbidden => 7,
            Self::TooMany => 8,
            Self::Unavailable => 14,
            Self::NoAuthLayer => 13,
        }
    }

    /// One word for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::InsufficientAuthentication => "insufficient_authentication",
            Self::Forbidden => "forbidden",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
            Self::NoAuthLayer => "no_auth_layer",
        }
    }

    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Missing => "credentials are required",
            Self::Malformed => "the credentials are malformed or ambiguous",
            Self::Invalid => "the credentials are not valid",
            Self::InsufficientAuthentication => "a stronger or more recent login is required",
            Self::Forbidden => "not allowed",
            Self::TooMany => "too many attempts",
            Self::Unavailable => "the credentials cannot be checked now",
            Self::NoAuthLayer => "the server is misconfigured",
        }
    }
}
