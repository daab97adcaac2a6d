//! [`Recent`]: a bounded map in this process that drops its oldest entries.

use crate::util::digest::{Digest, DigestMap};
use sha2::{Digest as _, Sha256};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The largest number of entries that are kept.
const CAPACITY: usize = 10_000;

/// A map of values by the digest of a name.
pub(super) struct Recent<V>(Mutex<Entries<V>>);

struct Entries<V> {
    values: DigestMap<V>,
    /// The digests, oldest first.
    order: VecDeque<Digest>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(Mutex::new(Entries {
            values: DigestMap::default(),
            order: VecDeque::new(),
        }))
    }
}

/// Returns the digest of a name.
pub(super) fn digest(name: &[u8]) -> Digest {
    Digest(Sha256::digest(name).into())
}

impl<V: Copy> Recent<V> {
    fn entries(&self) -> MutexGuard<'_, Entries<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a value. Returns the previous one.
    pub(super) fn insert(&self, name: &[u8], value: V) -> Option<V> {
        let (name, mut entries) = (digest(name), self.entries());
        let before = entries.values.insert(name, value);
        if before.is_none() {
            entries.order.push_back(name);
        }
        if entries.order.len() > CAPACITY
            && let Some(oldest) = entries.order.pop_front()
        {
            entries.values.remove(&oldest);
        }
        before
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<V> {
        self.entries().values.get(&digest(name)).copied()
    }

    /// Removes an entry. The cost grows with the number of entries, so it is for rare events.
    pub(super) fn remove(&self, name: &[u8]) {
        let (name, mut entries) = (digest(name), self.entries());
        if entries.values.remove(&name).is_some() {
            entries.order.retain(|other| *other != name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_forgotten_first() {
        let recent = Recent::default();
        let name = |i: usize| i.to_be_bytes();
        for i in 0..=CAPACITY {
            assert_eq!(recent.insert(&name(i), i), None);
        }
        assert_eq!(recent.get(&name(0)), None);
        assert_eq!(recent.get(&name(1)), Some(1));
        assert_eq!(recent.insert(&name(1), 7), Some(1));
        recent.remove(&name(1));
        recent.remove(&name(1));
        assert_eq!(recent.insert(&name(1), 8), None);
        // The entry is now the last one.
        recent.insert(&name(0), 0);
        assert_eq!(
            (recent.get(&name(1)), recent.get(&name(2))),
            (Some(8), None)
        );
        assert_eq!(recent.entries().order.len(), CAPACITY);
    }
}
