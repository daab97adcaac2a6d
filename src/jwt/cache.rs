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

/// What an entry takes beside its token and claims, in bytes: about.
const OVERHEAD: usize = 640;

/// What a cache may hold.
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
mod tests {
    use super::*;
    use crate::{Identity, identity::Names, json::Object};
    use proptest::prelude::*;
    use std::collections::HashMap;

    const ALWAYS: Window = Window {
        from: 0,
        until: u64::MAX,
    };

    fn identity(token: &str) -> Identity {
        let text = format!("{{\"sub\":\"{token}\"}}");
        let mut claims = Object::parse(text.into_bytes()).unwrap();
        claims.keep_behind(token);
        Identity::new(token).with_claims(claims, Names::default(), Names::default())
    }

    fn cache(entries: usize, bytes: usize) -> Cache {
        Cache::new(Limits {
            entries,
            bytes,
            time_to_live: LONGEST,
        })
        .unwrap()
    }

    fn insert(cache: &Cache, token: &str, generation: u64, window: Window, now: u64) {
        let hash = cache.hash(token.as_bytes());
        cache.insert(hash, identity(token), generation, window, now);
    }

    fn get(cache: &Cache, token: &str, generation: u64, now: u64) -> Option<String> {
        let hash = cache.hash(token.as_bytes());
        let identity = cache.get(hash, token.as_bytes(), generation, now)?;
        Some(identity.subject().to_owned())
    }

    /// The number of tokens, and the bytes with those of the copies.
    fn held(cache: &Cache) -> (usize, usize) {
        let shards = cache.shards.iter().map(|shard| shard.lock().unwrap());
        shards.fold((0, cache.near.bytes()), |(entries, bytes), shard| {
            (entries + shard.len(), bytes + shard.bytes())
        })
    }

    #[test]
    fn a_token_is_cached_for_its_generation_and_its_time() {
        let cache = cache(100, 1 << 20);
        let window = Window {
            from: 10,
            until: 20,
        };
        insert(&cache, "a", 7, window, 15);
        check(&cache);
        // The same, once the lane has a copy.
        let bytes = held(&cache).1;
        for _ in 0..100 {
            assert_eq!(get(&cache, "a", 7, 15).as_deref(), Some("a"));
        }
        let (entries, with_copy) = held(&cache);
        assert_eq!(entries, 1);
        // The copy allocates no more than it needs.
        assert!((bytes + OVERHEAD..=2 * bytes).contains(&with_copy));
        check(&cache);
        insert(&cache, "a", 8, window, 15);
        assert_eq!(get(&cache, "a", 8, 15).as_deref(), Some("a"));
        assert_eq!(held(&cache).0, 1);
    }

    fn check(cache: &Cache) {
        assert_eq!(get(cache, "a", 7, 15).as_deref(), Some("a"));
        assert_eq!(get(cache, "a", 7, 19).as_deref(), Some("a"));
        assert_eq!(get(cache, "a", 7, 14), None, "the clock was set back");
        assert_eq!(get(cache, "a", 7, 20), None);
        assert_eq!(get(cache, "a", 6, 15), None);
        assert_eq!(get(cache, "a", 8, 15), None);
        assert_eq!(get(cache, "b", 7, 15), None);
    }

    #[test]
    fn no_entry_outlives_five_minutes() {
        let cache = cache(100, 1 << 20);
        insert(&cache, "a", 0, ALWAYS, 1000);
        assert!(get(&cache, "a", 0, 1299).is_some());
        assert!(get(&cache, "a", 0, 1300).is_none());
    }

    #[test]
    fn another_token_with_the_same_hash_is_not_taken_for_it() {
        let cache = cache(100, 1 << 20);
        let hash = cache.hash(b"a");
        cache.insert(hash, identity("a"), 0, ALWAYS, 0);
        assert!(cache.get(hash, b"a", 0, 0).is_some());
        assert!(cache.get(hash, b"b", 0, 0).is_none());
        assert!(cache.get(hash, b"", 0, 0).is_none());
        assert!(cache.get(hash, b"aa", 0, 0).is_none());
    }

    #[test]
    fn tokens_that_end_alike_are_told_apart() {
        let cache = cache(100, 1 << 20);
        let [a, b] = ["a", "b"].map(|start| start.to_owned() + &"x".repeat(END));
        insert(&cache, &a, 0, ALWAYS, 0);
        assert_eq!(get(&cache, &a, 0, 0).as_ref(), Some(&a));
        assert_eq!(get(&cache, &b, 0, 0), None);
        assert_eq!(get(&cache, &a[1..], 0, 0), None);
        insert(&cache, &b, 0, ALWAYS, 0);
        assert_eq!(get(&cache, &b, 0, 0).as_ref(), Some(&b));
        assert_eq!(get(&cache, &a, 0, 0), None);
        assert_eq!(held(&cache).0, 1);
    }

    #[test]
    fn used_tokens_stay_longer_than_others() {
        let cache = cache(50, 1 << 20);
        insert(&cache, "hot", 0, ALWAYS, 0);
        for n in 0..1000 {
            assert!(get(&cache, "hot", 0, 0).is_some(), "{n}");
            insert(&cache, &format!("cold{n}"), 0, ALWAYS, 0);
        }
    }

    #[test]
    fn oversized_tokens_are_not_cached() {
        let cache = cache(50, 2000);
        insert(&cache, &"x".repeat(2000), 0, ALWAYS, 0);
        assert_eq!(held(&cache), (0, 0));
        insert(&cache, "small", 0, ALWAYS, 0);
        assert_eq!(held(&cache).0, 1);
    }

    #[test]
    fn a_cache_without_room_is_none() {
        let limits = Limits::default();
        assert!(Cache::new(limits).is_some());
        assert!(
            Cache::new(Limits {
                entries: 0,
                ..limits
            })
            .is_none()
        );
        assert!(Cache::new(Limits { bytes: 0, ..limits }).is_none());
        let time_to_live = Duration::ZERO;
        assert!(
            Cache::new(Limits {
                time_to_live,
                ..limits
            })
            .is_none()
        );
    }

    proptest! {
        /// Whatever is done to it, it holds no more than it may, and says of no token what was
        /// not said of this very one.
        #[test]
        fn it_stays_within_its_limits_and_tells_the_truth(
            entries in 1..200usize,
            bytes in 700..20_000usize,
            steps in proptest::collection::vec((0..40u32, 0..3u64, 0..700u64, any::<bool>()), 1..200),
        ) {
            let cache = cache(entries, bytes);
            let mut said = HashMap::new();
            for (token, generation, now, is_insert) in steps {
                // Every other one ends as those beside it do.
                let end = "x".repeat(token as usize % 2 * END);
                let token = format!("token{token}{end}");
                if is_insert {
                    insert(&cache, &token, generation, ALWAYS, now);
                    said.insert((token.clone(), generation), now);
                    let (held, used) = held(&cache);
                    prop_assert!(held <= entries.div_ceil(cache.shards.len()) * cache.shards.len());
                    prop_assert!(used <= bytes);
                } else if let Some(subject) = get(&cache, &token, generation, now) {
                    prop_assert_eq!(&subject, &token);
                    let since = said.get(&(token, generation)).copied();
                    prop_assert!(since.is_some_and(|since| (since..since + 300).contains(&now)));
                }
            }
        }
    }
}
