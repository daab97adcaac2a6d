//! [`RefreshError`]: why a refresh token is refused.

use crate::Rejection;
use std::{error::Error, fmt};

/// Why a refresh token is refused: the source of its [`Rejection`], for logs and alarms. The
/// client is told no more than that it is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshError {
    /// It is none that this issuer has made, or its family is forgotten.
    Unknown,
    /// It has expired, or its family has come to its end.
    Expired,
    /// Its family was ended before, by log-out or because a spent token was used.
    Ended,
    /// It was spent before: somebody else has it, too. Its family is ended now.
    Reused,
    /// The subject may not log in any more. Its family is ended now.
    SubjectGone,
}

impl From<RefreshError> for Rejection {
    /// 401; the client is told no more than that the credentials are not valid.
    fn from(error: RefreshError) -> Self {
        Self::invalid().with_source(error)
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the refresh token was not issued here, or is long over",
            Self::Expired => "the refresh token has expired",
            Self::Ended => "the session was ended",
            Self::Reused => "a spent refresh token was used again; the session was ended",
            Self::SubjectGone => "the subject may not log in any more; the session was ended",
        })
    }
}

impl Error for RefreshError {}
