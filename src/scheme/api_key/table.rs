//! The keys of [`ApiKeys`](super::ApiKeys), found by digest and by id.

use crate::{
    Identity,
    util::digest::{Digest, DigestMap, Ends},
};
use std::collections::{HashMap, hash_map::Entry};

/// A key of [`ApiKeys`](super::ApiKeys), without the key itself.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    pub(super) identity: Identity,
    pub(super) ends: Ends,
}

impl KeyInfo {
    /// Returns the id, by which the key can be revoked.
    #[must_use]
    pub fn id(&self) -> &str {
        self.identity.token_id().unwrap_or_default()
    }

    /// Returns the owner of the key, with its roles, scopes and expiry.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether the key has been revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.ends == Ends::REVOKED
    }
}

#[derive(Clone, Default)]
pub(super) struct Table {
    keys: DigestMap<KeyInfo>,
    ids: HashMap<Box<str>, Digest>,
}

impl Table {
    /// Adds a key. Changes nothing and returns `false` unless both digest and id are new.
    pub(super) fn insert(&mut self, id: &str, digest: Digest, key: &KeyInfo) -> bool {
        let (Entry::Vacant(entry), Entry::Vacant(name)) =
            (self.keys.entry(digest), self.ids.entry(id.into()))
        else {
            return false;
        };
        name.insert(digest);
        entry.insert(key.clone());
        true
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<&KeyInfo> {
        self.keys.get(digest)
    }

    /// Returns the digest of the key, if there is one.
    pub(super) fn revoke(&mut self, id: &str) -> Option<Digest> {
        let digest = *self.ids.get(id)?;
        self.keys.get_mut(&digest)?.ends = Ends::REVOKED;
        Some(digest)
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<(Digest, KeyInfo)> {
        let digest = self.ids.remove(id)?;
        Some((digest, self.keys.remove(&digest)?))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &KeyInfo> {
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
    use proptest::prelude::*;
    use std::{
        collections::HashMap,
        sync::{Arc, Weak},
    };

    fn lasting(identity: Identity) -> KeyInfo {
        let ends = Ends::NEVER;
        KeyInfo { identity, ends }
    }

    fn put(table: &mut Table, id: &str, digest: u8, subject: &str) -> bool {
        let identity = Identity::new(subject);
        table.insert(id, Digest([digest; 32]), &lasting(identity))
    }

    #[test]
    fn a_taken_digest_or_id_changes_nothing() {
        let mut table = Table::default();
        assert!(put(&mut table, "a", 1, "first"));
        assert!(!put(&mut table, "b", 1, "second"));
        assert!(!put(&mut table, "a", 2, "third"));
        assert_eq!(table.len(), 1);
        assert!(table.revoke("b").is_none());
        assert!(table.get(&Digest([2; 32])).is_none());
        assert!(put(&mut table, "b", 2, "third"));
    }

    #[test]
    fn a_removed_key_is_gone_from_both_sides() {
        let mut table = Table::default();
        put(&mut table, "a", 1, "first");
        assert!(table.remove("a").is_some());
        assert!(table.remove("a").is_none());
        assert!(table.get(&Digest([1; 32])).is_none());
        assert_eq!((table.len(), table.ids.len()), (0, 0));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u16),
        Revoke(u16),
        Remove(u16),
        /// A request with this key begins.
        Hold(u16),
        /// All of them end.
        Release,
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = 0..300_u16;
        prop_oneof![
            12 => key.clone().prop_map(Step::Insert),
            2 => key.clone().prop_map(Step::Revoke),
            4 => key.clone().prop_map(Step::Remove),
            2 => key.prop_map(Step::Hold),
            1 => Just(Step::Release),
        ]
    }

    /// Digests of which many begin alike.
    fn digest(key: u16) -> Digest {
        let mut digest = [(key % 20) as u8; 32];
        digest[30..].copy_from_slice(&key.to_ne_bytes());
        Digest(digest)
    }

    struct Key {
        ends: Ends,
        data: Weak<u16>,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn it_does_what_a_map_does_and_keeps_nothing(steps in prop::collection::vec(step(), 0..1_000)) {
            let mut table = Table::default();
            let mut model: HashMap<u16, Key> = HashMap::new();
            let mut held: Vec<(u16, Identity)> = Vec::new();
            let mut removed: Vec<Weak<u16>> = Vec::new();
            for step in steps {
                match step {
                    Step::Insert(key) => {
                        let data = Arc::new(key);
                        let weak = Arc::downgrade(&data);
                        let identity = Identity::new(key.to_string()).with_data(data);
                        let is_new = table.insert(&key.to_string(), digest(key), &lasting(identity));
                        prop_assert_eq!(is_new, !model.contains_key(&key));
                        if is_new {
                            model.insert(key, Key { ends: Ends::NEVER, data: weak });
                        }
                    }
                    Step::Revoke(key) => {
                        let known = model.get_mut(&key);
                        prop_assert_eq!(table.revoke(&key.to_string()).is_some(), known.is_some());
                        if let Some(known) = known {
                            known.ends = Ends::REVOKED;
                        }
                    }
                    Step::Remove(key) => {
                        let gone = table.remove(&key.to_string());
                        let known = model.remove(&key);
                        prop_assert_eq!(gone.is_some(), known.is_some());
                        drop(gone);
                        if let Some(known) = known {
                            // Requests hold the data of their own key only.
                            let is_held = held.iter().any(|(held, _)| *held == key);
                            prop_assert_eq!(known.data.upgrade().is_some(), is_held);
                            removed.push(known.data);
                        }
                    }
                    Step::Hold(key) => {
                        held.extend(table.get(&digest(key)).map(|found| (key, found.identity.clone())));
                    }
                    Step::Release => {
                        for (key, identity) in held.drain(..) {
                            prop_assert_eq!(identity.data::<Arc<u16>>().map(|data| **data), Some(key));
                        }
                        prop_assert!(removed.drain(..).all(|data| data.upgrade().is_none()));
                    }
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for key in 0..300 {
                let found = table.get(&digest(key));
                prop_assert_eq!(found.map(|found| found.ends), model.get(&key).map(|key| key.ends));
                if let Some(found) = found {
                    prop_assert_eq!(found.identity.subject(), key.to_string());
                }
            }
            prop_assert_eq!(table.all().count(), model.len());
        }
    }
}
