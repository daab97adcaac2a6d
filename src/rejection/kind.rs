//! The nine kinds of rejections, each with its HTTP status, its gRPC code and its text.

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
/// | [`Internal`](Self::Internal) | 500 | 13 `INTERNAL` |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    /// A bug in the application, such as claims that do not fit the type of a handler.
    Internal,
}

impl RejectionKind {
    /// The HTTP status of this kind (RFC 9110 section 15.5).
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().0
    }

    /// The gRPC status code of this kind.
    #[must_use]
    pub fn grpc_code(self) -> u8 {
        self.row().1
    }

    /// One word for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().2
    }

    /// Returns the text for clients.
    pub(super) fn detail(self) -> &'static str {
        self.row().3
    }

    /// Returns the HTTP status, the gRPC status code, the word for logs and the text for clients.
    fn row(self) -> (StatusCode, u8, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Missing => (S::UNAUTHORIZED, 16, "missing", "credentials are required"),
            Self::Malformed => (
                S::BAD_REQUEST,
                3,
                "malformed",
                "the credentials are malformed or ambiguous",
            ),
            Self::Invalid => (
                S::UNAUTHORIZED,
                16,
                "invalid",
                "the credentials are not valid",
            ),
            Self::InsufficientAuthentication => (
                S::UNAUTHORIZED,
                16,
                "insufficient_authentication",
                "a stronger or more recent login is required",
            ),
            Self::Forbidden => (S::FORBIDDEN, 7, "forbidden", "not allowed"),
            Self::TooMany => (S::TOO_MANY_REQUESTS, 8, "too_many", "too many attempts"),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                14,
                "unavailable",
                "the credentials cannot be checked now",
            ),
            Self::NoAuthLayer => (
                S::INTERNAL_SERVER_ERROR,
                13,
                "no_auth_layer",
                "the server is misconfigured",
            ),
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                13,
                "internal",
                "the server has an internal error",
            ),
        }
    }
}
