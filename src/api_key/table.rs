//! The keys of a store, found by digest and by id.

use crate::{
    digest::{Digest, DigestMap, Ends},
    identity::Prepared,
};
use std::collections::{HashMap, hash_map::Entry};

/// Digests with what they mean. What a request needs lies beside the digest, in one piece.
#[derive(Default)]
pub(super) struct Table {
    keys: DigestMap<Record>,
    ids: HashMap<Box<str>, Digest>,
}

pub(super) struct Record {
    pub(super) identity: Prepared,
    pub(super) ends: Ends,
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
        vacant.insert(digest);
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
}
