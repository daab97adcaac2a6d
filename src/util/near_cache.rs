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
    sync::{Mutex, MutexGuard, PoisonError},
};
use std::hash::Hash;

/// A value that is found in the table is copied one time in so many.
pub(super) const COPIED_EVERY: u32 = 64;

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

    /// Returns the result of `read` for the value in this lane, or else in the table.
    ///
    /// `lock` locks the table, `find` returns the value in it, and `copy` returns a copy for this
    /// lane with its size in bytes. A value of which `read` returns nothing is dropped first.
    pub(crate) fn get_or_copy<T, R>(
        &self,
        key: &K,
        read: impl Fn(&V) -> Option<R>,
        lock: impl FnOnce() -> T,
        find: impl FnOnce(&mut T) -> Option<&V>,
        copy: impl FnOnce(&V) -> (V, usize),
    ) -> Option<R> {
        let miss = match self.get(key, &read) {
            Ok(found) => return Some(found),
            Err(miss) => miss,
        };
        let mut table = lock();
        let value = find(&mut table)?;
        let found = read(value)?;
        let dropped = miss.is_sampled.then(|| {
            let (value, bytes) = copy(value);
            self.insert(*key, value, bytes, |value| read(value).is_some())
        });
        drop(table);
        drop(dropped);
        Some(found)
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
