//! [`Source`]: where a verifier's keys are, now.
//!
//! Who verifies reads in this order, so that no race lets a withdrawn key live on:
//!
//! 1. [`Source::current`]: the generation, if the set may be used. If a fetch is due, this call
//!    starts it.
//! 2. [`Source::snapshot`]: the set with its own generation. What was verified with it is tagged
//!    with that one, and counts for as long as it is the current one.
//! 3. The token is verified with the snapshot. No lock is held.
#![cfg_attr(
    not(feature = "jwks"),
    allow(dead_code, reason = "only that has remote keys")
)]

use super::{Backend, Health, KeySet, KeysUnavailable};
use crate::{ConfigError, clock::Clock};
use std::{
    fmt,
    future::{Future, ready},
    ops::Deref,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A set of keys as it was at one moment.
pub(crate) struct Snapshot {
    pub(crate) keys: KeySet,
    /// Changes with every change of the set, and only then.
    pub(crate) generation: u64,
}

impl Snapshot {
    pub(crate) fn new(keys: KeySet, generation: u64) -> Self {
        Self { keys, generation }
    }
}

/// A verifier's keys: fixed, or kept up to date by somebody.
pub(crate) enum Source {
    Fixed(Box<Snapshot>),
    Remote(Box<dyn Remote>),
}

/// Keys that change while the server runs.
///
/// Whoever publishes a set stores the snapshot first, then the generation, then the end of the
/// stale limit; whoever reads goes the other way round.
pub(crate) trait Remote: Send + Sync {
    /// Returns the generation of the current set, if the set may be used at `now`, which is in
    /// seconds since 1970. Every request calls this method, so the method must be cheap.
    fn current(&self, now: u64) -> Option<u64>;

    /// Returns whether the current set may be used at this time, and no fetch has to be started.
    fn is_settled(&self, now: u64) -> bool;

    /// The current set.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// What becomes of a token for want of keys. Starts nothing.
    fn ask(&self, want: Want) -> Answer;

    /// Fetches the set, or waits for the fetch that is under way. Nothing happens before it is
    /// polled; dropped, it ends no fetch.
    fn fetch(&self, want: Want) -> Waiting;

    /// Fetches the set for the first time, and tells what is wrong.
    fn connect(&self) -> Connecting;

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

/// What becomes of a token for want of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is no such key.
    Unknown,
    /// Nobody can tell, for about so long.
    Unavailable(Duration),
    /// The set may be older than the key. It is fetched once per cooldown, and the cooldown ends
    /// after this time.
    Limited(Duration),
    /// It has to wait for a fetch.
    Wait,
}

/// What a [`Plan`] gets to know of the verifier.
pub(crate) struct Context {
    pub(crate) issuer: Option<Arc<str>>,
    pub(crate) backend: Option<Backend>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Remote keys before the verifier is built.
pub(crate) trait Plan: fmt::Debug + Send + Sync {
    /// Without I/O.
    fn source(self: Box<Self>, context: Context) -> Result<Box<dyn Remote>, ConfigError>;
}

impl Source {
    /// The generation, if the set may be used at this time.
    pub(crate) fn current(&self, now: u64) -> Option<u64> {
        match self {
            Self::Fixed(snapshot) => Some(snapshot.generation),
            Self::Remote(remote) => remote.current(now),
        }
    }

    /// Returns whether the set may be used at this time, and no fetch has to be started.
    pub(super) fn is_settled(&self, now: u64) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Remote(remote) => remote.is_settled(now),
        }
    }

    pub(crate) fn snapshot(&self) -> impl Deref<Target = Snapshot> {
        match self {
            Self::Fixed(snapshot) => Held::Borrowed(snapshot),
            Self::Remote(remote) => Held::Shared(remote.snapshot()),
        }
    }

    pub(super) async fn connect(&self) -> Result<(), ConfigError> {
        let connecting = match self {
            Self::Fixed(_) => Box::pin(ready(Ok(()))),
            Self::Remote(remote) => remote.connect(),
        };
        connecting.await
    }

    pub(super) fn health(&self, issuer: Option<&Arc<str>>) -> Health {
        match self {
            Self::Fixed(snapshot) => Health::fixed(issuer, &snapshot.keys),
            Self::Remote(remote) => remote.health(),
        }
    }
}

enum Held<'a> {
    Borrowed(&'a Snapshot),
    Shared(Arc<Snapshot>),
}

impl Deref for Held<'_> {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        match self {
            Self::Borrowed(snapshot) => snapshot,
            Self::Shared(snapshot) => snapshot,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().keys.fmt(f)
    }
}
