//! Credentials that were right a moment ago.

use super::PasswordHash;
use crate::{
    ConfigError,
    util::{
        bounded_cache::{BoundedCache, Limits},
        digest::{Digest, Keyed},
        lane_lock::LaneLock,
    },
};
use std::time::{Duration, Instant};

/// A bounded set of credentials that were verified recently, each with the hash they matched.
///
/// It holds no password: credentials are known by a digest under a key of its own. Only what was
/// right gets in, so that nobody can crowd it out without being a user. A hit says no more than
/// "this hash was matched"; that it still is the user's is for the caller to see.
///
/// For an hour after their verification, credentials stay in the set. Their hash has to be computed
/// again, but they need not wait behind those of unknown clients ([`may_know`](Self::may_know)).
pub(crate) struct Remembered {
    keyed: Keyed,
    time_to_live: Duration,
    capacity: usize,
    entries: LaneLock<Entries>,
}

/// The time for which credentials are known to have been verified.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

type Entries = BoundedCache<Digest, Entry>;

#[derive(Clone)]
struct Entry {
    hash: PasswordHash,
    since: Instant,
}

impl Remembered {
    pub(crate) fn new(time_to_live: Duration, capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self::empty(Keyed::new()?, time_to_live, capacity))
    }

    fn empty(keyed: Keyed, time_to_live: Duration, capacity: usize) -> Self {
        Self {
            keyed,
            time_to_live,
            capacity,
            entries: LaneLock::new(BoundedCache::new(Limits::entries(capacity))),
        }
    }

    /// Returns an empty set with this time to live.
    pub(crate) fn with_time_to_live(&self, time_to_live: Duration) -> Self {
        Self::empty(self.keyed.clone(), time_to_live, self.capacity)
    }

    /// Returns an empty set with this capacity.
    pub(crate) fn with_capacity(&self, capacity: usize) -> Self {
        Self::empty(self.keyed.clone(), self.time_to_live, capacity)
    }

    pub(crate) fn digest(&self, user: &str, password: &str) -> Digest {
        self.keyed.digest([user.as_bytes(), password.as_bytes()])
    }

    /// Whether these credentials matched this hash a moment ago.
    pub(crate) fn knows(&self, digest: &Digest, hash: &PasswordHash, now: Instant) -> bool {
        let entries = self.entries.read();
        let entry = entries.peek(digest);
        entry.is_some_and(|entry| entry.age(now) < self.time_to_live && entry.hash.is(hash))
    }

    /// Whether these credentials matched some hash within the last hour.
    pub(crate) fn may_know(&self, digest: &Digest, now: Instant) -> bool {
        let entries = self.entries.read();
        let entry = entries.peek(digest);
        entry.is_some_and(|entry| entry.age(now) < self.kept_for())
    }

    /// Removes credentials that do not match any more.
    pub(crate) fn forget(&self, digest: &Digest) {
        // Nearly all credentials that do not match were never in the set.
        if self.entries.read().peek(digest).is_some() {
            self.entries.write().remove(digest);
        }
    }

    fn kept_for(&self) -> Duration {
        self.time_to_live.max(KEPT_FOR)
    }

    /// Inserts credentials that have just matched this hash.
    pub(crate) fn insert(&self, digest: Digest, hash: PasswordHash, now: Instant) {
        // Many requests with the same new credentials at once write once.
        if self.capacity > 0 && !self.knows(&digest, &hash, now) {
            let entry = Entry { hash, since: now };
            let is_kept = |entry: &Entry| entry.age(now) < self.kept_for();
            drop(self.entries.write().insert(digest, entry, 0, is_kept));
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.read().len()
    }
}

impl Entry {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matched_is_known_for_its_time_and_for_its_hash_only() {
        let cache = Remembered::new(Duration::from_secs(60), 4).unwrap();
        let (hash, other) = (PasswordHash::cheap("p"), PasswordHash::cheap("p"));
        let start = Instant::now();
        let digest = cache.digest("u", "p");
        assert!(!cache.knows(&digest, &hash, start));
        cache.insert(digest, hash.clone(), start);
        assert!(cache.knows(&digest, &hash, start));
        assert!(cache.knows(&digest, &hash, start + Duration::from_millis(59_999)));
        assert!(!cache.knows(&digest, &hash, start + Duration::from_secs(60)));
        assert!(!cache.knows(&digest, &other, start));
        assert!(!cache.knows(&cache.digest("u", "q"), &hash, start));
        assert!(!cache.knows(&cache.digest("up", ""), &hash, start));
        // The same hash, read again from where it is stored.
        let read = PasswordHash::new("p").unwrap();
        cache.insert(digest, read.clone(), start);
        let again = PasswordHash::parse(read.as_str()).unwrap();
        assert!(cache.knows(&digest, &again, start));
    }

    #[test]
    fn credentials_that_were_right_are_known_as_such_for_an_hour() {
        let cache = Remembered::new(Duration::from_secs(60), 2).unwrap();
        let hash = PasswordHash::cheap("p");
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let [ada, bob, eve] = ["ada", "bob", "eve"].map(|user| cache.digest(user, "p"));
        assert!(!cache.may_know(&ada, start), "never right");
        cache.insert(ada, hash.clone(), start);
        for minute in [0, 1, 59] {
            assert!(cache.may_know(&ada, at(minute)));
            assert_eq!(cache.knows(&ada, &hash, at(minute)), minute == 0);
        }
        assert!(!cache.may_know(&ada, at(60)));
        // A user who is verified again and again takes one place.
        for minute in 0..50 {
            cache.insert(bob, hash.clone(), at(minute));
            assert_eq!(cache.len(), 2);
        }
        assert!(cache.may_know(&ada, at(50)));
        cache.forget(&bob);
        assert!(!cache.may_know(&bob, at(50)));
        cache.forget(&eve);
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn the_oldest_goes_when_it_is_full() {
        let cache = Remembered::new(Duration::from_secs(60), 3).unwrap();
        let hash = PasswordHash::cheap("p");
        let now = Instant::now();
        let digests: Vec<_> = (0..10).map(|n| cache.digest(&n.to_string(), "p")).collect();
        for (n, digest) in digests.iter().enumerate() {
            cache.insert(*digest, hash.clone(), now + Duration::from_secs(n as u64));
            assert_eq!(cache.len(), (n + 1).min(3));
        }
        let known: Vec<_> = digests
            .iter()
            .map(|digest| cache.knows(digest, &hash, now))
            .collect();
        assert_eq!(known[..7], [false; 7]);
        assert_eq!(known[7..], [true; 3]);
    }

    #[test]
    fn the_same_credentials_again_do_not_crowd_out_the_fresh_entry() {
        let cache = Remembered::new(Duration::from_secs(1), 2).unwrap();
        let hash = PasswordHash::cheap("p");
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let digest = cache.digest("u", "p");
        for seconds in 0..10 {
            cache.insert(digest, hash.clone(), at(seconds));
            assert_eq!(cache.len(), 1);
            assert!(cache.knows(&digest, &hash, at(seconds)));
        }
    }

    #[test]
    fn no_room_and_no_time_mean_no_cache() {
        let hash = PasswordHash::cheap("p");
        let now = Instant::now();
        for (time_to_live, capacity) in [(60, 0), (0, 8)] {
            let cache = Remembered::new(Duration::from_secs(time_to_live), capacity).unwrap();
            let digest = cache.digest("u", "p");
            cache.insert(digest, hash.clone(), now);
            assert!(!cache.knows(&digest, &hash, now));
        }
    }
}
