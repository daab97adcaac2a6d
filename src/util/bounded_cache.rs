//! [`BoundedCache`]: a map that drops its oldest unused entries when it is full.
//!
//! 1. The number of entries and the sum of their sizes are bounded.
//! 2. Entries are dropped in the order of their insertion. An entry that was read by
//!    [`get`](BoundedCache::get) since it was inserted, or since its last turn, is passed over once.
//! 3. The caller says which entries can still be used. The others are dropped first if they are the
//!    oldest, and are never passed over.
//! 4. Dropped values are returned, so that the caller can release its lock before it drops them:
//!    values may hold data of the application.

use super::digest::ByFirstWord;
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    mem,
};

/// The largest number of entries that are passed over for one that is dropped.
const MAX_PASSED_OVER: usize = 32;

/// The number of keys of entries that are gone, beyond which a small cache forgets them.
const MAX_STALE: usize = 16;

/// The bounds of a cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

impl Limits {
    /// Bounds the number of entries only.
    pub(crate) const fn entries(entries: usize) -> Self {
        let bytes = usize::MAX;
        Self { entries, bytes }
    }
}

/// A bounded map. Its keys are hashes, or begin with one.
#[derive(Clone)]
pub(crate) struct BoundedCache<K, V> {
    entries: HashMap<K, Entry<V>, ByFirstWord>,
    /// The keys with the numbers of their entries, oldest first. Some entries are gone already.
    queue: VecDeque<(K, u64)>,
    limits: Limits,
    bytes: usize,
    /// The number of the last entry.
    last: u64,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    bytes: usize,
    /// Tells an entry from earlier ones with the same key.
    number: u64,
    is_used: bool,
}

impl<K: Copy + Eq + Hash, V> BoundedCache<K, V> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            entries: HashMap::default(),
            queue: VecDeque::new(),
            limits,
            bytes: 0,
            last: 0,
        }
    }

    /// Returns a value, and marks its entry as used.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        // Written only if it changes: threads that read the same entry share its cache line.
        if !entry.is_used {
            entry.is_used = true;
        }
        Some(&entry.value)
    }

    /// Returns a value.
    #[cfg(any(test, feature = "basic", feature = "login"))]
    pub(crate) fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// Inserts a value of this size in bytes, if it is within the bounds. Returns the values that
    /// make room for it.
    #[must_use = "values are dropped when the lock is released"]
    pub(crate) fn insert(
        &mut self,
        key: K,
        value: V,
        bytes: usize,
        is_live: impl Fn(&V) -> bool,
    ) -> Vec<V> {
        let Some(room) = self.limits.bytes.checked_sub(bytes) else {
            return vec![value];
        };
        if self.limits.entries == 0 {
            return vec![value];
        }
        let mut dropped: Vec<V> = self.remove(&key).into_iter().collect();
        while self.entries.len() >= self.limits.entries
            || self.bytes > room
            || self.is_oldest_dead(&is_live)
        {
            match self.drop_oldest(&is_live) {
                Some(value) => dropped.push(value),
                None => break,
            }
        }
        self.last = self.last.wrapping_add(1);
        let entry = Entry {
            value,
            bytes,
            number: self.last,
            is_used: false,
        };
        self.queue.push_back((key, entry.number));
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.insert(key, entry);
        self.tidy();
        dropped
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some(entry.value)
    }

    /// Removes the values that are not to be kept, and returns them.
    #[cfg(any(test, feature = "store"))]
    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) -> Vec<V> {
        let gone = self.entries.extract_if(|_, entry| !keep(&entry.value));
        let gone: Vec<Entry<V>> = gone.map(|(_, entry)| entry).collect();
        for entry in &gone {
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
        gone.into_iter().map(|entry| entry.value).collect()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert!(self.entries.len() <= self.limits.entries);
        assert!(self.queue.len() <= 2 * self.entries.len() + MAX_STALE + 1);
        self.entries.len()
    }

    /// Returns the sum of the sizes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let sum: usize = self.entries.values().map(|entry| entry.bytes).sum();
        assert_eq!(sum, self.bytes);
        assert!(sum <= self.limits.bytes);
        sum
    }

    fn is_oldest_dead(&self, is_live: impl Fn(&V) -> bool) -> bool {
        let Some((key, number)) = self.queue.front() else {
            return false;
        };
        let oldest = self.entries.get(key);
        oldest.is_some_and(|entry| entry.number == *number && !is_live(&entry.value))
    }

    fn drop_oldest(&mut self, is_live: impl Fn(&V) -> bool) -> Option<V> {
        let mut passed_over = 0;
        while let Some((key, number)) = self.queue.pop_front() {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            if entry.number != number {
                continue;
            }
            let is_used = mem::take(&mut entry.is_used);
            if is_used && passed_over < MAX_PASSED_OVER && is_live(&entry.value) {
                passed_over = passed_over.saturating_add(1);
                self.queue.push_back((key, number));
                continue;
            }
            return self.remove(&key);
        }
        None
    }

    /// Forgets the keys of entries that are gone, once they are the majority.
    fn tidy(&mut self) {
        let stale = self.queue.len().saturating_sub(self.entries.len());
        if stale > self.entries.len().saturating_add(MAX_STALE) {
            let entries = &self.entries;
            let is_current = |(key, number): &(K, u64)| {
                let entry = entries.get(key);
                entry.is_some_and(|entry| entry.number == *number)
            };
            self.queue.retain(is_current);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(entries: usize, bytes: usize) -> BoundedCache<u64, u32> {
        BoundedCache::new(Limits { entries, bytes })
    }

    fn all_live(_: &u32) -> bool {
        true
    }

    #[test]
    fn the_oldest_entry_is_dropped_first() {
        let mut cache = cache(3, 100);
        for key in 0..3 {
            assert!(cache.insert(key, 0, 1, all_live).is_empty());
        }
        // An entry that is replaced is the newest.
        assert_eq!(cache.insert(0, 10, 1, all_live), [0]);
        assert_eq!(cache.insert(3, 13, 1, all_live), [0]);
        assert_eq!(
            [0, 1, 2, 3].map(|key| cache.peek(&key).copied()),
            [Some(10), None, Some(0), Some(13)]
        );
    }

    #[test]
    fn a_used_entry_is_passed_over_once() {
        let mut cache = cache(2, 100);
        for key in 0..2 {
            assert!(cache.insert(key, key as u32, 1, all_live).is_empty());
        }
        assert_eq!(cache.get(&0), Some(&0));
        assert_eq!(cache.insert(2, 2, 1, all_live), [1]);
        assert_eq!(cache.insert(3, 3, 1, all_live), [0]);
    }

    #[test]
    fn entries_that_are_of_no_use_make_room_first() {
        let mut cache = cache(9, 100);
        for key in 0..4 {
            assert!(cache.insert(key, key as u32, 1, all_live).is_empty());
            assert!(cache.get(&key).is_some());
        }
        assert_eq!(cache.insert(9, 9, 1, |value| *value >= 2), [0, 1]);
        assert_eq!(cache.retain(|value| *value != 2), [2]);
        assert_eq!((cache.len(), cache.bytes()), (2, 2));
    }

    #[test]
    fn values_without_room_are_returned() {
        for (entries, bytes) in [(0, 100), (5, 4)] {
            let mut cache = cache(entries, bytes);
            assert_eq!(cache.insert(1, 7, 5, all_live), [7]);
            assert_eq!(cache.len(), 0);
        }
    }

    proptest! {
        #[test]
        fn bounds_hold_and_values_are_the_last_ones_inserted(
            entries in 1..20_usize,
            bytes in 1..200_usize,
            steps in prop::collection::vec((0..30_u64, 0..250_usize, 0..5_u8), 1..300),
        ) {
            let mut cache = cache(entries, bytes);
            let mut last = HashMap::new();
            for (step, (key, size, action)) in (0_u32..).zip(steps) {
                match action {
                    0 => {
                        let expected = last.remove(&key);
                        let removed = cache.remove(&key);
                        prop_assert!(removed.is_none() || removed == expected);
                    }
                    1 => {
                        let found = cache.get(&key).copied();
                        prop_assert!(found.is_none() || found == last.get(&key).copied());
                    }
                    _ => {
                        let dropped = cache.insert(key, step, size, |value| value % 7 > 0);
                        let is_in = size <= bytes;
                        prop_assert_eq!(dropped.contains(&step), !is_in);
                        if is_in {
                            last.insert(key, step);
                            prop_assert_eq!(cache.peek(&key), Some(&step));
                        }
                    }
                }
                cache.len();
                cache.bytes();
            }
        }
    }
}
