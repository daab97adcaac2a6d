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
//! 5. An entry is good for a bounded time, five minutes at most, and all together are bounded by
//!    their number and by their bytes. Whatever has not been used of late goes first; the bytes
//!    of a token are wiped as soon as no request holds its identity any more.
//! 6. Locks are many, are held for a look or a change only, and never while a token is verified.

use crate::{identity::Prepared, util::digest::ByFirstWord};
use constant_time_eq::constant_time_eq;
use foldhash::{SharedSeed, quality::SeedableRandomState};
use std::{
    collections::{HashMap, hash_map},
    hash::{BuildHasher, Hasher},
    mem,
    sync::{
        OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Longer is a mistake: it is what a change nobody tells the verifier of may take to be heeded.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// How many locks there are, at most.
const SHARDS: usize = 16;

/// A shard with fewer entries than this would throw out what another has room for.
const FEW: usize = 64;

/// How many entries are looked at for one that was not used of late.
const LOOKS: usize = 32;

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
    shards: Box<[RwLock<Shard>]>,
    /// Of each shard.
    entries: usize,
    bytes: usize,
    /// In seconds.
    time_to_live: u64,
}

/// The hash of a token under this cache's key.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

#[derive(Default)]
struct Shard {
    tokens: HashMap<u64, Entry, ByFirstWord>,
    /// The hashes of all of the above: what a clock's hand goes over.
    ring: Vec<u64>,
    hand: usize,
    bytes: usize,
}

struct Entry {
    /// Its claims have the token behind them.
    identity: Prepared,
    generation: u64,
    window: Window,
    /// Since the hand was here last.
    used: AtomicBool,
    bytes: usize,
}

impl Cache {
    /// `None` if it could hold nothing.
    pub(super) fn new(limits: Limits) -> Option<Self> {
        let shards = (limits.entries / FEW).clamp(1, SHARDS);
        let time_to_live = limits.time_to_live.min(LONGEST).as_secs();
        if limits.entries == 0 || limits.bytes == 0 || time_to_live == 0 {
            return None;
        }
        Some(Self {
            hasher: SeedableRandomState::with_seed(random(), seed()),
            shards: (0..shards).map(|_| RwLock::default()).collect(),
            entries: limits.entries.div_ceil(shards),
            bytes: limits.bytes / shards,
            time_to_live,
        })
    }

    pub(super) fn hash(&self, token: &[u8]) -> Hash {
        let mut hasher = self.hasher.build_hasher();
        let end = token.last_chunk::<END>();
        hasher.write(end.map_or(token, |end| end.as_slice()));
        Hash(hasher.finish())
    }

    /// Whose token this is, if it was verified with the keys of this generation.
    pub(super) fn get(
        &self,
        hash: Hash,
        token: &[u8],
        generation: u64,
        now: u64,
    ) -> Option<Prepared> {
        let shard = self.shard(hash)?;
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.tokens.get(&hash.0)?;
        let good =
            entry.is_good(generation, now) && constant_time_eq(entry.identity.token(), token);
        if !good {
            return None;
        }
        // Written only where it changes: the line is every reader's.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(entry.identity.clone())
    }

    /// Remembers a token that has passed; its identity has the token behind its claims.
    pub(super) fn insert(
        &self,
        hash: Hash,
        identity: Prepared,
        generation: u64,
        window: Window,
        now: u64,
    ) {
        let bytes = identity.bytes().saturating_add(OVERHEAD);
        let Some(shard) = self.shard(hash).filter(|_| bytes <= self.bytes) else {
            return;
        };
        let entry = Entry {
            identity,
            generation,
            // The window begins at the insertion, so a clock that is set back does not extend it.
            window: Window {
                from: window.from.max(now),
                until: window.until.min(now.saturating_add(self.time_to_live)),
            },
            used: AtomicBool::new(false),
            bytes,
        };
        // Dropped when the lock is free again: typed claims are the application's.
        let gone: Vec<Entry> = {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.insert(hash.0, entry, self.entries, self.bytes, now)
        };
        drop(gone);
    }

    fn shard(&self, hash: Hash) -> Option<&RwLock<Shard>> {
        // By other bits than those that the map goes by, which are the lowest and the highest;
        // as a fraction, since a division takes longer.
        let part = usize::from((hash.0 >> 32) as u16);
        self.shards
            .get(part.saturating_mul(self.shards.len()) >> 16)
    }
}

impl Shard {
    /// Gives back what has to go for it.
    fn insert(
        &mut self,
        hash: u64,
        entry: Entry,
        entries: usize,
        bytes: usize,
        now: u64,
    ) -> Vec<Entry> {
        let mut gone = Vec::new();
        let generation = entry.generation;
        match self.tokens.entry(hash) {
            hash_map::Entry::Occupied(mut occupied) => {
                self.bytes = self.bytes.saturating_sub(occupied.get().bytes);
                self.bytes = self.bytes.saturating_add(entry.bytes);
                gone.push(mem::replace(occupied.get_mut(), entry));
            }
            hash_map::Entry::Vacant(vacant) => {
                self.bytes = self.bytes.saturating_add(entry.bytes);
                vacant.insert(entry);
                self.ring.push(hash);
            }
        }
        while self.tokens.len() > entries || self.bytes > bytes {
            match self.evict(hash, generation, now) {
                Some(evicted) => gone.push(evicted),
                None => break,
            }
        }
        gone
    }

    /// Takes out what is least worth, sparing the newest.
    fn evict(&mut self, newest: u64, generation: u64, now: u64) -> Option<Entry> {
        let mut looks = 0;
        while self.ring.len() > 1 {
            if self.hand >= self.ring.len() {
                self.hand = 0;
            }
            let hash = *self.ring.get(self.hand)?;
            let spare = match self.tokens.get(&hash) {
                _ if hash == newest => true,
                Some(entry) => {
                    let is_used = entry.used.swap(false, Ordering::Relaxed);
                    is_used && looks < LOOKS && entry.is_good(generation, now)
                }
                None => false,
            };
            looks = looks.saturating_add(1);
            if spare {
                self.hand = self.hand.saturating_add(1);
                continue;
            }
            // The last one takes its place, and is looked at a little early.
            self.ring.swap_remove(self.hand);
            if let Some(entry) = self.tokens.remove(&hash) {
                self.bytes = self.bytes.saturating_sub(entry.bytes);
                return Some(entry);
            }
        }
        None
    }
}

impl Entry {
    fn is_good(&self, generation: u64, now: u64) -> bool {
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
        cache.insert(hash, identity(token).into(), generation, window, now);
    }

    fn get(cache: &Cache, token: &str, generation: u64, now: u64) -> Option<String> {
        let hash = cache.hash(token.as_bytes());
        let identity = cache
            .get(hash, token.as_bytes(), generation, now)?
            .into_identity();
        Some(identity.subject().to_owned())
    }

    fn held(cache: &Cache) -> (usize, usize) {
        let shards = cache.shards.iter().map(|shard| shard.read().unwrap());
        shards.fold((0, 0), |(entries, bytes), shard| {
            let sum: usize = shard.tokens.values().map(|entry| entry.bytes).sum();
            assert_eq!(sum, shard.bytes);
            assert_eq!(shard.ring.len(), shard.tokens.len());
            (entries + shard.tokens.len(), bytes + shard.bytes)
        })
    }

    #[test]
    fn a_token_is_remembered_for_its_generation_and_its_time() {
        let cache = cache(100, 1 << 20);
        let window = Window {
            from: 10,
            until: 20,
        };
        insert(&cache, "a", 7, window, 15);
        assert_eq!(get(&cache, "a", 7, 15).as_deref(), Some("a"));
        assert_eq!(get(&cache, "a", 7, 19).as_deref(), Some("a"));
        assert_eq!(get(&cache, "a", 7, 14), None, "the clock was set back");
        assert_eq!(get(&cache, "a", 7, 20), None);
        assert_eq!(get(&cache, "a", 6, 15), None);
        assert_eq!(get(&cache, "a", 8, 15), None);
        assert_eq!(get(&cache, "b", 7, 15), None);
        insert(&cache, "a", 8, window, 15);
        assert_eq!(get(&cache, "a", 8, 15).as_deref(), Some("a"));
        assert_eq!(held(&cache).0, 1);
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
        cache.insert(hash, identity("a").into(), 0, ALWAYS, 0);
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
    fn what_is_used_stays_longer_than_what_is_not() {
        let cache = cache(50, 1 << 20);
        insert(&cache, "hot", 0, ALWAYS, 0);
        for n in 0..1000 {
            assert!(get(&cache, "hot", 0, 0).is_some(), "{n}");
            insert(&cache, &format!("cold{n}"), 0, ALWAYS, 0);
        }
    }

    #[test]
    fn what_is_too_large_is_not_remembered() {
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
