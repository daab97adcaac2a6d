//! [`Recent`]: a bounded map in this process that drops its oldest entries.

use crate::util::{
    bounded_cache::{BoundedCache, Limits},
    digest::Digest,
    lane_lock::LaneLock,
};
use sha2::{Digest as _, Sha256};

/// The largest number of entries that are kept.
const CAPACITY: usize = 10_000;

/// A map of values by the digest of a name.
pub(super) struct Recent<V>(LaneLock<BoundedCache<Digest, V>>);

impl<V: Copy> Default for Recent<V> {
    fn default() -> Self {
        Self(LaneLock::new(BoundedCache::new(Limits {
            entries: CAPACITY,
            bytes: usize::MAX,
        })))
    }
}

/// Returns the digest of a name.
pub(super) fn digest(name: &[u8]) -> Digest {
    Digest(Sha256::digest(name).into())
}

impl<V: Copy> Recent<V> {
    /// Sets a value. Returns the previous one.
    pub(super) fn insert(&self, name: &[u8], value: V) -> Option<V> {
        let (name, mut entries) = (digest(name), self.0.write());
        let before = entries.peek(&name).copied();
        drop(entries.insert(name, value, 0, |_| true));
        before
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<V> {
        self.0.read().peek(&digest(name)).copied()
    }

    pub(super) fn remove(&self, name: &[u8]) {
        self.0.write().remove(&digest(name));
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
        assert_eq!(recent.0.read().len(), CAPACITY);
    }
}
