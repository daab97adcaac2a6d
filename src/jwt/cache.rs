//! [`Cache`]: tokens that have been verified.
//!
//! A signature costs more than everything else together, and clients send one token many times.
//!
//! 1. Only what has passed gets in, so that nobody fills it but the issuer's own clients.
//! 2. A token is found by a hash of its end under a random key, and compared as a whole, in
//!    constant time. The end is its signature, or at least 256 bits of it, which tells it from
//!    others that pass as well as a hash of everything would. Whoever chose the key may give two
//!    tokens the same one: then the second takes the place of the first.
//! 3. An entry says with which generation of the key set it was verified, read before it was. It
//!    counts for as long as that one is current: no race lets a withdrawn key live on.
//! 4. The dates of the token are checked anew on every hit, against the clock of that moment.
//! 5. An entry lives for a bounded time, five minutes at most. All entries are bounded by their
//!    number and, together with the copies in 7, by their bytes. Entries that were not used
//!    recently are dropped first. The bytes of a token are wiped as soon as no request holds its
//!    identity any more.
//! 6. Locks are many, are held for a look-up or a change only, and never while a token is verified.
//! 7. Tokens that are used often are copied into a small cache of the thread's lane
//!    ([`NearCache`]). A copy has the generation and the window of the entry that it was made of,
//!    and is checked in the same way. So nothing has to be done to the copies when a key is
//!    withdrawn or a token expires.

use crate::{
    Identity,
    util::{
        bounded_cache::{self, BoundedCache},
        lanes,
        near_cache::NearCache,
    },
};
use constant_time_eq::constant_time_eq;
use foldhash::{SharedSeed, quality::SeedableRandomState};
use std::{
    hash::{BuildHasher, Hasher},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

/// Upper bound for the time to live: a configuration change that the verifier is not notified of
/// takes effect after at most this long.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// The largest number of shards, each with a lock of its own.
const SHARDS: usize = 16;

/// The least number of entries of a shard. Smaller shards would drop entries while others have
/// room.
const MIN_ENTRIES: usize = 64;

/// How many bytes at the end of a token are hashed: six bits each.
const END: usize = 64;
const _: () = assert!(END * 6 >= 256, "of the signature");

/// The approximate memory of an entry in addition to its token and claims, in bytes.
const OVERHEAD: usize = 640;

/// The bounds of a cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    pub(super) time_to_live: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 16_384,
            bytes: 64 * 1024 * 1024,
            time_to_live: LONGEST,
        }
    }
}

/// When a token is good: from the first second to before the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: u64,
    pub(super) until: u64,
}

/// Tokens that have been verified, each with its identity.
pub(super) struct Cache {
    hasher: SeedableRandomState,
    /// Copies of entries of the shards, for each lane.
    near: NearCache<u64, Entry>,
    shards: Box<[Mutex<BoundedCache<u64, Entry>>]>,
    /// In seconds.
    time_to_live: u64,
}

/// The hash of a token under this cache's key.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

struct Entry {
    /// Its claims have the token behind them.
    identity: Identity,
    generation: u64,
    window: Window,
}

impl Cache {
    /// Returns `None` for limits that leave no room for an entry.
    pub(super) fn new(limits: Limits) -> Option<Self> {
        let shards = (limits.entries / MIN_ENTRIES).clamp(1, SHARDS);
        let time_to_live = limits.time_to_live.min(LONGEST).as_secs();
        if limits.entries == 0 || limits.bytes == 0 || time_to_live == 0 {
            return None;
        }
        // A quarter of the memory is for copies.
        let near_bytes = limits.bytes / 4;
        let shard = bounded_cache::Limits {
            entries: limits.entries.div_ceil(shards),
            bytes: limits.bytes.saturating_sub(near_bytes) / shards,
        };
        Some(Self {
            hasher: SeedableRandomState::with_seed(random(), seed()),
            near: NearCache::new(bounded_cache::Limits {
                entries: limits.entries / SHARDS,
                bytes: near_bytes / lanes::count(),
            }),
            shards: (0..shards)
                .map(|_| Mutex::new(BoundedCache::new(shard)))
                .collect(),
            time_to_live,
        })
    }

    pub(super) fn hash(&self, token: &[u8]) -> Hash {
        let mut hasher = self.hasher.build_hasher();
        let end = token.last_chunk::<END>();
        hasher.write(end.map_or(token, |end| end.as_slice()));
        Hash(hasher.finish())
    }

    /// Returns the identity of a token that was verified with the keys of this generation.
    pub(super) fn get(
        &self,
        hash: Hash,
        token: &[u8],
        generation: u64,
        now: u64,
    ) -> Option<Identity> {
        let is_valid = |entry: &Entry| {
            entry.is_live(generation, now) && constant_time_eq(entry.identity.token(), token)
        };
        let near = self.near.get(&hash.0, |entry| {
            is_valid(entry).then(|| entry.identity.clone())
        });
        let miss = match near {
            Ok(identity) => return Some(identity),
            Err(miss) => miss,
        };
        let (identity, window) = {
            let mut shard = self.shard(hash)?;
            let entry = shard.get(&hash.0).filter(|entry| is_valid(entry))?;
            (entry.identity.clone(), entry.window)
        };
        if miss.is_sampled {
            let copy = Entry {
                identity: identity.unshared(),
                generation,
                window,
            };
            let bytes = copy.bytes();
            let is_live = |entry: &Entry| entry.is_live(generation, now);
            drop(self.near.insert(hash.0, copy, bytes, is_live));
        }
        Some(identity)
    }

    /// Inserts a token that has been verified. Its identity has the token behind its claims.
    pub(super) fn insert(
        &self,
        hash: Hash,
        identity: Identity,
        generation: u64,
        window: Window,
        now: u64,
    ) {
        let entry = Entry {
            identity,
            generation,
            // The window begins at the insertion, so a clock that is set back does not extend it.
            window: Window {
                from: window.from.max(now),
                until: window.until.min(now.saturating_add(self.time_to_live)),
            },
        };
        let bytes = entry.bytes();
        let is_live = |entry: &Entry| entry.is_live(generation, now);
        let dropped = self
            .shard(hash)
            .map(|mut shard| shard.insert(hash.0, entry, bytes, is_live));
        // The lock is free again: typed claims are the application's.
        drop(dropped);
    }

    fn shard(&self, hash: Hash) -> Option<MutexGuard<'_, BoundedCache<u64, Entry>>> {
        // By other bits than those that the map goes by, which are the lowest and the highest;
        // as a fraction, since a division takes longer.
        let part = usize::from((hash.0 >> 32) as u16);
        let shard = self
            .shards
            .get(part.saturating_mul(self.shards.len()) >> 16)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.identity.bytes().saturating_add(OVERHEAD)
    }

    fn is_live(&self, generation: u64, now: u64) -> bool {
        self.generation == generation && (self.window.from..self.window.until).contains(&now)
    }
}

/// The key that all caches of the process share; each has one of its own besides.
fn seed() -> &'static SharedSeed {
    static SEED: OnceLock<SharedSeed> = OnceLock::new();
    SEED.get_or_init(|| SharedSeed::from_u64(random()))
}

/// Where the operating system has none to give, what the addresses of the process have.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| foldhash::quality::RandomState::default().hash_one(0))
}

#[cfg(test)]
mod tests;
