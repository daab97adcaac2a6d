//! The errors of [`StoredKeys`](super::StoredKeys).

use crate::{ConfigError, Rejection, clock, store::ApiKeyRecord};
use std::{error::Error, fmt};

/// The reason for the rejection of a stored key: the source of its [`Rejection`], for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is not a generated key, or its checksum is wrong. It is not looked up.
    Form,
    /// There is no such key.
    Unknown,
    /// The key has expired.
    Expired,
    /// The key is revoked.
    Revoked,
    /// The owner does not exist any more, or may not use the key.
    OwnerGone,
}

impl KeyError {
    /// Checks whether a key can be used in this second.
    pub(super) fn check(key: &ApiKeyRecord, now: u64) -> Result<(), Self> {
        if key.revoked_at.is_some() {
            return Err(Self::Revoked);
        }
        match key.expires_at.map(clock::seconds) {
            Some(end) if now >= end => Err(Self::Expired),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "invalid API key: not a generated key, or mistyped",
            Self::Unknown => "there is no such API key",
            Self::Expired => "the API key has expired",
            Self::Revoked => "the API key is revoked",
            Self::OwnerGone => "the owner of the API key is gone, or may not use it",
        })
    }
}

impl Error for KeyError {}

impl From<KeyError> for Rejection {
    /// 401. The client learns only that the credentials are not valid.
    fn from(error: KeyError) -> Self {
        Self::invalid().with_source(error)
    }
}

/// The reason why no key was created.
#[derive(Debug)]
#[non_exhaustive]
pub enum CreateError {
    /// The prefix or the label is invalid, or the operating system has no random bytes.
    Config(ConfigError),
    /// The store cannot be reached.
    Store(Rejection),
}

impl From<ConfigError> for CreateError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<Rejection> for CreateError {
    fn from(rejection: Rejection) -> Self {
        Self::Store(rejection)
    }
}

impl From<CreateError> for Rejection {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Config(error) => Self::unavailable(error),
            CreateError::Store(rejection) => rejection,
        }
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Store(rejection) => rejection.fmt(f),
        }
    }
}

impl Error for CreateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::Store(rejection) => rejection.source(),
        }
    }
}
