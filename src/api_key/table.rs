//! The keys of a store, found by digest and by id.

use crate::identity::Prepared;
use constant_time_eq::constant_time_eq_32;
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hash, Hasher},
};

/// Digests with what they mean. What a request needs lies beside the digest, in one piece.
#[derive(Default)]
pub(super) struct Table {
    keys: HashMap<Digest, Record, BuildHasherDefault<Prefix>>,
    ids: HashMap<Box<str>, Digest>,
}

pub(super) struct Record {
    pub(super) identity: Prepared,
    pub(super) ends: Ends,
}

/// The last second in which a key is no longer good: one word, and no clock for most keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends(u64);

impl Ends {
    pub(super) const NEVER: Self = Self(u64::MAX);
    pub(super) const REVOKED: Self = Self(0);

    pub(super) fn at(seconds: u64) -> Self {
        // The beginning of 1970 is long over, too; it must not read as revoked.
        Self(seconds.max(1))
    }

    /// `now` is asked for only where it matters.
    pub(super) fn is_over(self, now: impl FnOnce() -> u64) -> bool {
        match self {
            Self::NEVER => false,
            Self::REVOKED => true,
            Self(end) => now() >= end,
        }
    }
}

impl Table {
    /// Gives the record back, and changes nothing, if the key is not new in both digest and id.
    pub(super) fn insert(&mut self, id: &str, digest: [u8; 32], record: Record) -> Option<Record> {
        let digest = Digest(digest);
        if self.keys.contains_key(&digest) {
            return Some(record);
        }
        let Entry::Vacant(vacant) = self.ids.entry(id.into()) else {
            return Some(record);
        };
        vacant.insert(digest.clone());
        self.keys.insert(digest, record)
    }

    pub(super) fn get(&self, digest: [u8; 32]) -> Option<&Record> {
        self.keys.get(&Digest(digest))
    }

    pub(super) fn by_id(&mut self, id: &str) -> Option<&mut Record> {
        self.keys.get_mut(self.ids.get(id)?)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Record> {
        self.keys.remove(&self.ids.remove(id)?)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.keys.values()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// A SHA-256 digest as the key of a map: compared in constant time, hashed by its beginning.
#[derive(Clone, Eq)]
struct Digest([u8; 32]);

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq_32(&self.0, &other.0)
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Part of a digest is as good a hash as any, and costs nothing. Whoever could choose it
        // would have to find preimages; an attacker's keys are not in the table anyway.
        let start = self.0.first_chunk().copied().unwrap_or_default();
        state.write_u64(u64::from_ne_bytes(start));
    }
}

/// The hash is what is written.
#[derive(Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Never called by `Digest`; still a hash.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    fn record(subject: &str) -> Record {
        Record {
            identity: Identity::new(subject).into(),
            ends: Ends::NEVER,
        }
    }

    #[test]
    fn digests_that_begin_alike_are_told_apart() {
        let mut table = Table::default();
        for last in 0..100 {
            let mut digest = [7; 32];
            digest[31] = last;
            let key = last.to_string();
            assert!(table.insert(&key, digest, record(&key)).is_none());
        }
        let mut digest = [7; 32];
        digest[31] = 42;
        assert_eq!(
            table.get(digest).unwrap().identity.identity().subject(),
            "42"
        );
        digest[31] = 100;
        assert!(table.get(digest).is_none());
    }

    #[test]
    fn a_taken_digest_or_id_changes_nothing() {
        let mut table = Table::default();
        assert!(table.insert("a", [1; 32], record("first")).is_none());
        assert!(table.insert("b", [1; 32], record("second")).is_some());
        assert!(table.insert("a", [2; 32], record("third")).is_some());
        assert_eq!(table.len(), 1);
        assert!(table.by_id("b").is_none());
        assert!(table.get([2; 32]).is_none());
        assert!(table.insert("b", [2; 32], record("third")).is_none());
    }

    #[test]
    fn a_removed_key_is_gone_from_both_sides() {
        let mut table = Table::default();
        table.insert("a", [1; 32], record("first"));
        assert!(table.remove("a").is_some());
        assert!(table.remove("a").is_none());
        assert!(table.get([1; 32]).is_none());
        assert_eq!((table.len(), table.ids.len()), (0, 0));
    }

    #[test]
    fn only_an_expiry_asks_for_the_time() {
        assert!(!Ends::NEVER.is_over(|| panic!("no clock")));
        assert!(Ends::REVOKED.is_over(|| panic!("no clock")));
        assert!(!Ends::at(10).is_over(|| 9));
        assert!(Ends::at(10).is_over(|| 10));
        assert_ne!(Ends::at(0), Ends::REVOKED);
        assert!(Ends::at(0).is_over(|| 1));
    }
}
