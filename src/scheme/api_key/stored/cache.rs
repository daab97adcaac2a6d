//! [`KeyCache`]: the keys of a store that were verified a short time ago.

use crate::{
    Identity,
    util::{
        bounded_cache::{BoundedCache, Limits},
        digest::Digest,
        near_cache::NearCache,
    },
};
use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The largest number of keys that are cached.
const CAPACITY: usize = 16_384;

/// The largest number of keys of which a lane has copies.
const COPIES: usize = 1024;

pub(super) struct KeyCache {
    /// Copies of keys that are used often, for each lane.
    near: NearCache<Digest, CachedKey>,
    keys: Mutex<Keys>,
}

struct Keys {
    cached: BoundedCache<Digest, CachedKey>,
    changes: u64,
}

#[derive(Clone)]
pub(super) struct CachedKey {
    pub(super) id: Box<str>,
    pub(super) identity: Identity,
    /// The seconds from the lookup in the store to the next one. The entry does not live longer if
    /// the clock is set back.
    pub(super) lifetime: Range<u64>,
}

impl KeyCache {
    pub(super) fn new() -> Self {
        Self {
            near: NearCache::new(Limits::entries(COPIES)),
            keys: Mutex::new(Keys {
                cached: BoundedCache::new(Limits::entries(CAPACITY)),
                changes: 0,
            }),
        }
    }

    pub(super) fn get(&self, digest: &Digest, now: u64) -> Option<Identity> {
        let read = |key: &CachedKey| key.is_live(now).then(|| key.identity.clone());
        let copy = |key: &CachedKey| {
            let mut copy = key.clone();
            copy.identity = key.identity.unshared();
            (copy, 0)
        };
        let lock = || self.lock();
        self.near
            .get_or_copy(digest, read, lock, |keys| keys.cached.get(digest), copy)
    }

    /// Returns the number of changes of keys, for [`insert`](Self::insert).
    pub(super) fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Inserts a key, unless a key was changed since the store was asked for it.
    pub(super) fn insert(&self, digest: Digest, key: CachedKey, now: u64, changes: u64) {
        let mut keys = self.lock();
        if key.is_live(now) && keys.changes == changes {
            drop(keys.cached.insert(digest, key, 0, |key| key.is_live(now)));
        }
    }

    /// Removes a key that was changed.
    pub(super) fn remove(&self, id: &str) {
        let mut keys = self.lock();
        let keep = |key: &CachedKey| *key.id != *id;
        drop((keys.cached.retain(keep), self.near.retain(keep)));
        keys.changes = keys.changes.wrapping_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedKey {
    fn is_live(&self, now: u64) -> bool {
        self.lifetime.contains(&now)
    }
}
