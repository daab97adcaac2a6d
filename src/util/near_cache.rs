//! [`NearCache`]: a small cache in each lane, in front of a table that all threads share.
//!
//! A request whose entry is in the cache of its thread's [lane](super::lanes) writes to no memory
//! that requests on other threads write to: neither to the lock of the table nor to the reference
//! count of an identity in it.
//!
//! 1. A value that is missed here and found in the table is copied here one time in 64. So a value
//!    that is used often is soon here, and a table of many values in equal use is rarely copied.
//!    One time in 8 made a request with one of 2,000 tokens 1.7 times slower
//!    (`cargo bench --bench cores`).
//! 2. A change of the table removes the value from all lanes, while the table is locked for the
//!    change. A value is copied here while the table is locked for reading. So no thread finds a
//!    value that was changed before it looked.
//! 3. The lock of a lane is taken after that of the table, never before.

use super::{
    bounded_cache::{BoundedCache, Limits},
    lanes::{Lanes, Padded},
};
use std::{
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A value that is found in the table is copied one time in so many.
const COPIED_EVERY: u32 = 64;

/// Copies of values, in a bounded cache for each lane.
pub(crate) struct NearCache<K, V> {
    lanes: Lanes<Padded<Mutex<Near<K, V>>>>,
    /// The bounds of each lane.
    limits: Limits,
}

struct Near<K, V> {
    copies: BoundedCache<K, V>,
    misses: u32,
}

/// The value is not in the cache of this lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Miss {
    /// Whether the value, once it is found in the table, should be copied by
    /// [`insert`](NearCache::insert).
    pub(crate) is_sampled: bool,
}

impl<K: Copy + Eq + Hash, V> NearCache<K, V> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            lanes: Lanes::default(),
            limits,
        }
    }

    /// Returns the result of `read` for the value in this lane, if it returns one.
    pub(crate) fn get<R>(&self, key: &K, read: impl FnOnce(&V) -> Option<R>) -> Result<R, Miss> {
        let mut near = self.own();
        if let Some(found) = near.copies.get(key).and_then(read) {
            return Ok(found);
        }
        near.misses = near.misses.wrapping_add(1);
        Err(Miss {
            is_sampled: near.misses.is_multiple_of(COPIED_EVERY),
        })
    }

    /// Inserts a value into the cache of this lane. Returns the values that make room for it.
    #[must_use = "values are dropped when the table is unlocked"]
    pub(crate) fn insert(
        &self,
        key: K,
        value: V,
        bytes: usize,
        is_live: impl Fn(&V) -> bool,
    ) -> Vec<V> {
        self.own().copies.insert(key, value, bytes, is_live)
    }

    /// Removes a value from all lanes.
    #[must_use = "values are dropped when the table is unlocked"]
    pub(crate) fn remove(&self, key: &K) -> Vec<V> {
        let near = self.lanes.iter().map(|near| lock(near));
        near.filter_map(|mut near| near.copies.remove(key))
            .collect()
    }

    /// Removes the values that are not to be kept from all lanes.
    #[cfg(feature = "store")]
    #[must_use = "values are dropped when the table is unlocked"]
    pub(crate) fn retain(&self, keep: impl Fn(&V) -> bool) -> Vec<V> {
        let near = self.lanes.iter().map(|near| lock(near));
        near.flat_map(|mut near| near.copies.retain(&keep))
            .collect()
    }

    fn own(&self) -> MutexGuard<'_, Near<K, V>> {
        lock(self.lanes.own(|| {
            Padded(Mutex::new(Near {
                copies: BoundedCache::new(self.limits),
                misses: 0,
            }))
        }))
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.lanes
            .iter()
            .map(|near| lock(near).copies.bytes())
            .sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::lanes;
    use std::thread;

    fn cache() -> NearCache<u64, u32> {
        NearCache::new(Limits {
            entries: 4,
            bytes: 100,
        })
    }

    /// Looks up in a table that has this value for every key, as callers do.
    fn look_up(near: &NearCache<u64, u32>, key: u64, table: u32) -> u32 {
        match near.get(&key, |value| Some(*value)) {
            Ok(value) => value,
            Err(miss) => {
                if miss.is_sampled {
                    assert!(near.insert(key, table, 1, |_| true).is_empty());
                }
                table
            }
        }
    }

    #[test]
    fn one_miss_in_64_is_copied() {
        let near = cache();
        for n in 1..=COPIED_EVERY {
            assert_eq!(near.bytes(), 0);
            assert_eq!(look_up(&near, 7, n), n);
        }
        assert_eq!(near.bytes(), 1);
        assert_eq!(look_up(&near, 7, 0), COPIED_EVERY);
        // A copy that cannot be used is a miss.
        assert!(near.get(&7, |_| None::<u32>).is_err());
    }

    #[test]
    fn a_value_is_removed_from_every_lane() {
        let near = cache();
        let look_up_all = |table| {
            thread::scope(|scope| {
                for _ in 0..2 * lanes::count() {
                    scope.spawn(|| {
                        for n in 0..2 * COPIED_EVERY {
                            look_up(&near, u64::from(n / COPIED_EVERY), table);
                        }
                    });
                }
            });
        };
        look_up_all(1);
        let copies = near.bytes();
        assert!(copies > 2);
        let removed = near.remove(&0);
        assert!(removed.len() > 1);
        assert_eq!(near.bytes(), copies - removed.len());
        let rest = near.retain(|value| *value != 1);
        assert_eq!((removed.len() + rest.len(), near.bytes()), (copies, 0));
    }
}
