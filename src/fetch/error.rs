//! [`FetchError`]: why no answer came.

use std::{error::Error, fmt};

/// Why a document could not be fetched. Holds nothing of the request.
#[derive(Debug)]
pub struct FetchError {
    kind: FetchErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of a [`FetchError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The URL is not `https`, and nobody has named the danger.
    Insecure,
    /// The URL has no host, or names a user.
    Url,
    /// There was no answer in time.
    TimedOut,
    /// The body is too long.
    TooLong,
    /// No Tokio runtime is running here.
    NoRuntime,
    /// The connection failed, or what came was no HTTP.
    Connection,
}

impl FetchErrorKind {
    /// A fixed text, for logs and health checks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insecure => {
                "the URL must be https; for development, `dangerous_allow_http` allows http"
            }
            Self::Url => "the URL must have a host, and no credentials",
            Self::TimedOut => "no answer came in time",
            Self::TooLong => "the answer is too long",
            Self::NoRuntime => "fetching needs a Tokio runtime",
            Self::Connection => "the connection failed",
        }
    }
}

impl FetchError {
    /// The connection failed, for this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match source.into().downcast::<Self>() {
            Ok(error) => *error,
            Err(source) => Self {
                kind: FetchErrorKind::Connection,
                source: Some(source),
            },
        }
    }

    /// Another kind of failure, found by a client itself.
    #[must_use]
    pub fn of(kind: FetchErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Returns the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}
