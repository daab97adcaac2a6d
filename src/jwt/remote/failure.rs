//! [`Failure`]: why a set could not be fetched.

use super::document::Unfit;
use crate::{fetch::FetchErrorKind, fetch::on_demand::NO_RUNTIME};

/// In fixed texts: they are shown by health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Fetch(FetchErrorKind),
    /// Of the metadata, or of the set.
    Status,
    Metadata(Unfit),
    NoSet,
    /// The whole took too long.
    TimedOut,
    /// The client panicked.
    Panicked,
    /// The runtime has ended before the fetch.
    Abandoned,
    NoRuntime,
    /// The first set holds no key that can be used.
    Empty,
}

impl Failure {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fetch(kind) => kind.as_str(),
            Self::Status => "the issuer answers with an error or a redirect",
            Self::Metadata(Unfit::Junk) => "no metadata is where the issuer's should be",
            Self::Metadata(Unfit::Issuer) => "the metadata names another issuer",
            Self::Metadata(Unfit::JwksUri) => "the metadata names no key set",
            Self::NoSet => "the answer is no JWK Set",
            Self::TimedOut => FetchErrorKind::TimedOut.as_str(),
            Self::Panicked => "the fetch panicked",
            Self::Abandoned => "the fetch was abandoned",
            Self::NoRuntime => NO_RUNTIME,
            Self::Empty => "the set holds no key that can be used",
        }
    }
}
