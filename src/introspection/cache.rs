//! Answers that are still fresh.

use super::IntrospectionError;
use crate::{
    ConfigError, Identity,
    util::{
        bounded_cache::{self, BoundedCache},
        digest::{Digest, Keyed},
        lanes,
        near_cache::NearCache,
    },
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// The approximate memory of an entry in addition to that of its value, in bytes.
const OVERHEAD: usize = 512;

/// A lane has copies of at most one in so many of the answers that may be cached.
const NEAR_PART: usize = 16;

/// The answer of one call.
pub(super) type Answer = Result<Identity, IntrospectionError>;

/// Answers by a digest of the token, under a key that this process alone knows.
///
/// Answers that accept the token and answers that reject it are bounded separately: invented tokens
/// fill the second map only.
pub(super) struct Cache {
    keyed: Keyed,
    /// Copies of answers for tokens that are used often, for each lane.
    near: NearCache<Digest, Fresh<Identity>>,
    active: Mutex<BoundedCache<Digest, Fresh<Identity>>>,
    refused: Mutex<BoundedCache<Digest, Fresh<IntrospectionError>>>,
    limits: Limits,
}

/// An answer that is used from a time on, and up to another.
struct Fresh<T> {
    answer: T,
    since: SystemTime,
    until: SystemTime,
}

impl<T> Fresh<T> {
    /// If the clock is set back, an answer does not live longer.
    fn is_live(&self, now: SystemTime) -> bool {
        self.since <= now && now < self.until
    }
}

#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The time for which answers about active tokens are cached.
    pub(super) max_age: Duration,
    /// The time for which other answers are cached.
    pub(super) refused_age: Duration,
    /// The largest number of answers of either kind.
    pub(super) capacity: usize,
    /// The bytes that the entries of either kind may take.
    pub(super) bytes: usize,
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Result<Self, ConfigError> {
        let bounds = |entries, bytes| bounded_cache::Limits { entries, bytes };
        // A quarter of the memory is for copies.
        let near_bytes = limits.bytes / 4;
        let active_bytes = limits.bytes.saturating_sub(near_bytes);
        Ok(Self {
            keyed: Keyed::new()?,
            near: NearCache::new(bounds(
                limits.capacity / NEAR_PART,
                near_bytes / lanes::count(),
            )),
            active: Mutex::new(BoundedCache::new(bounds(limits.capacity, active_bytes))),
            refused: Mutex::new(BoundedCache::new(bounds(limits.capacity, limits.bytes))),
            limits,
        })
    }

    pub(super) fn digest(&self, token: &str) -> Digest {
        self.keyed.digest([token.as_bytes()])
    }

    pub(super) fn get(
        &self,
        digest: &Digest,
        now: SystemTime,
    ) -> Option<Result<Identity, IntrospectionError>> {
        let read = |fresh: &Fresh<Identity>| fresh.is_live(now).then(|| fresh.answer.clone());
        let copy = |fresh: &Fresh<Identity>| {
            let answer = fresh.answer.unshared();
            let bytes = answer.bytes().saturating_add(OVERHEAD);
            (Fresh { answer, ..*fresh }, bytes)
        };
        let active = || lock(&self.active);
        let found = self
            .near
            .get_or_copy(digest, read, active, |active| active.get(digest), copy);
        if let Some(identity) = found {
            return Some(Ok(identity));
        }
        let mut refused = lock(&self.refused);
        let fresh = refused.get(digest).filter(|fresh| fresh.is_live(now))?;
        Some(Err(fresh.answer.clone()))
    }

    /// Caches an answer to what was asked at that time, unless the server could not be asked.
    pub(super) fn keep(&self, digest: Digest, answer: &Answer, asked: SystemTime) {
        // The builder bounds the age. If the time overflows, the answer is not cached.
        let until = |age| asked.checked_add(age).unwrap_or(asked);
        match answer {
            Ok(prepared) => {
                let end = until(self.limits.max_age);
                let expiry = prepared.expires_at();
                let end = expiry.map_or(end, |expiry| expiry.min(end));
                let bytes = prepared.bytes();
                let dropped = insert(&self.active, digest, prepared, bytes, asked, end);
                drop((dropped, self.near.remove(&digest)));
            }
            Err(error) if error.is_unavailable() => {}
            Err(error) => {
                let end = until(self.limits.refused_age);
                drop(insert(&self.refused, digest, error, 0, asked, end));
            }
        }
    }
}

/// Returns the values that make room.
fn insert<T: Clone>(
    map: &Mutex<BoundedCache<Digest, Fresh<T>>>,
    digest: Digest,
    answer: &T,
    bytes: usize,
    since: SystemTime,
    until: SystemTime,
) -> Vec<Fresh<T>> {
    if until <= since {
        return Vec::new();
    }
    let fresh = Fresh {
        answer: answer.clone(),
        since,
        until,
    };
    let bytes = bytes.saturating_add(OVERHEAD);
    lock(map).insert(digest, fresh, bytes, |fresh| fresh.is_live(since))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
