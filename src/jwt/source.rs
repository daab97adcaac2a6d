//! [`Source`]: where a verifier's keys are, now.
//!
//! Who verifies reads in this order, so that no race lets a withdrawn key live on:
//!
//! 1. [`Source::current`]: the generation, if the set may be used. If a fetch is due, this call
//!    starts it.
//! 2. [`Source::snapshot`]: the set with its own generation. What was verified with it is tagged
//!    with that one, and counts for as long as it is the current one.
//! 3. The token is verified with the snapshot. No lock is held.

use super::{Backend, Health, KeySet, KeysUnavailable};
use crate::{ConfigError, Rejection, clock::Clock};
use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
};

/// A set of keys as it was at one moment.
pub(crate) struct Snapshot {
    pub(crate) keys: KeySet,
    /// Changes with every change of the set, and only then.
    pub(crate) generation: u64,
}

/// The keys of a verifier, which may change while the server runs.
///
/// A source that changes stores the snapshot first, then the generation, then the end of the stale
/// limit. Readers go the other way round. The methods that have a default are for keys that are
/// fetched.
pub(crate) trait Source: Send + Sync {
    /// Returns the generation of the current set, if the set may be used at `now`, which is in
    /// seconds since 1970. Every request calls this method, so the method must be cheap.
    fn current(&self, now: u64) -> Option<u64>;

    /// Returns whether the current set may be used at this time, and no fetch has to be started.
    fn is_settled(&self, _now: u64) -> bool {
        true
    }

    /// Returns the current set.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Returns whether the set may ever be replaced by another one.
    fn may_change(&self) -> bool {
        true
    }

    /// Checks that a fetch may help a token for want of keys. Starts nothing.
    ///
    /// # Errors
    ///
    /// `None` if no key fits the token, and a rejection with status 503 if that is not known now.
    fn ask(&self, _want: Want) -> Result<(), Option<Rejection>> {
        Err(None)
    }

    /// Fetches the set, or waits for the fetch that is under way. Nothing happens before the future
    /// is polled. If the future is dropped, the fetch continues.
    fn fetch(&self, _want: Want) -> Waiting {
        Box::pin(ready(Ok(())))
    }

    /// Fetches the set for the first time.
    fn connect(&self) -> Connecting {
        Box::pin(ready(Ok(())))
    }

    fn health(&self) -> Health;
}

/// The end of a fetch. An error means that the fetch has not ended in time.
pub(crate) type Waiting = Pin<Box<dyn Future<Output = Result<(), KeysUnavailable>> + Send>>;
pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<(), ConfigError>> + Send>>;

/// What a token lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Any set. There is none yet, or the current one may not be used any more.
    Set,
    /// A key that the set does not contain. `issued_at` is the unverified `iat` of the token.
    Key { issued_at: Option<u64> },
    /// Another key in place of the one that does not fit.
    Replaced,
}

/// The keys of a verifier that is not built yet.
pub(crate) trait Plan: fmt::Debug + Send + Sync {
    /// Creates the source for a verifier with this issuer, backend and clock. Does no I/O.
    fn source(
        self: Box<Self>,
        issuer: Option<Arc<str>>,
        backend: Option<Backend>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Box<dyn Source>, ConfigError>;
}
