//! A bounded map whose entries end.

use crate::util::digest::{Digest, DigestMap};
use std::{collections::VecDeque, time::SystemTime};

/// The approximate memory of an entry in addition to that of its value, in bytes.
const OVERHEAD: usize = 512;

/// A map that drops its oldest entries if their number or their bytes exceed the bound.
pub(super) struct Bounded<T> {
    entries: DigestMap<Entry<T>>,
    /// All of the above, the oldest first, and some that have been replaced since.
    order: VecDeque<(Digest, u64)>,
    capacity: usize,
    max_bytes: usize,
    bytes: usize,
    count: u64,
}

struct Entry<T> {
    value: T,
    since: SystemTime,
    until: SystemTime,
    bytes: usize,
    /// Tells it from one with the same digest.
    number: u64,
}

impl<T> Bounded<T> {
    pub(super) fn new(capacity: usize, max_bytes: usize) -> Self {
        Self {
            entries: DigestMap::default(),
            order: VecDeque::new(),
            capacity,
            max_bytes,
            bytes: 0,
            count: 0,
        }
    }

    pub(super) fn get(&self, digest: &Digest, now: SystemTime) -> Option<&T> {
        let entry = self.entries.get(digest)?;
        // A clock that was set back makes nothing live longer.
        (entry.since <= now && now < entry.until).then_some(&entry.value)
    }

    /// Inserts a value of this size in bytes, if the map is large enough for it.
    pub(super) fn insert(
        &mut self,
        digest: Digest,
        value: T,
        bytes: usize,
        since: SystemTime,
        until: SystemTime,
    ) {
        let bytes = bytes.saturating_add(OVERHEAD);
        if self.capacity == 0 || bytes > self.max_bytes || until <= since {
            return;
        }
        let left = self.max_bytes.saturating_sub(bytes);
        while self.order.len() >= self.capacity || self.bytes > left {
            if !self.drop_oldest() {
                break;
            }
        }
        self.count = self.count.wrapping_add(1);
        self.order.push_back((digest, self.count));
        let entry = Entry {
            value,
            since,
            until,
            bytes,
            number: self.count,
        };
        self.bytes = self.bytes.saturating_add(bytes);
        let replaced = self.entries.insert(digest, entry);
        self.forget(replaced);
    }

    /// Drops the oldest entry. Returns `false` if there is none.
    fn drop_oldest(&mut self) -> bool {
        let Some((digest, number)) = self.order.pop_front() else {
            return false;
        };
        // Unless it has been replaced since.
        let entry = self.entries.get(&digest);
        if entry.is_some_and(|entry| entry.number == number) {
            let oldest = self.entries.remove(&digest);
            self.forget(oldest);
        }
        true
    }

    fn forget(&mut self, entry: Option<Entry<T>>) {
        let bytes = entry.map_or(0, |entry| entry.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn name(byte: u8) -> Digest {
        Digest([byte; 32])
    }

    #[test]
    fn an_entry_lives_from_its_beginning_to_its_end() {
        let mut map = Bounded::new(4, 1 << 20);
        map.insert(name(1), "a", 1, at(10), at(20));
        map.insert(name(2), "b", 1, at(10), at(10));
        for (now, expected) in [(9, None), (10, Some(&"a")), (19, Some(&"a")), (20, None)] {
            assert_eq!(map.get(&name(1), at(now)), expected, "{now}");
            assert_eq!(map.get(&name(2), at(now)), None);
        }
    }

    #[test]
    fn the_oldest_makes_room_and_a_replaced_one_takes_nothing_with_it() {
        let mut map = Bounded::new(3, 1 << 20);
        for (byte, value) in [(1, 1), (1, 2), (2, 3), (3, 4)] {
            map.insert(name(byte), value, 1, at(0), at(9));
            assert!(map.order.len() <= 3 && map.entries.len() <= 3);
        }
        assert_eq!(map.get(&name(1), at(0)), Some(&2));
        map.insert(name(4), 5, 1, at(0), at(9));
        assert_eq!(map.get(&name(1), at(0)), None);
        assert_eq!(map.get(&name(2), at(0)), Some(&3));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        for (capacity, max_bytes) in [(0, 1 << 20), (9, 0), (9, OVERHEAD)] {
            let mut map = Bounded::new(capacity, max_bytes);
            map.insert(name(1), (), 1, at(0), at(9));
            assert!(map.get(&name(1), at(0)).is_none());
        }
    }

    #[test]
    fn entries_never_take_more_bytes_than_they_may() {
        let mut map = Bounded::new(100, 10 * OVERHEAD);
        for step in 0..1000_usize {
            // Some entries are replaced, some are too large, some are as large as all others
            // together.
            let bytes = (step * 7919) % (11 * OVERHEAD);
            map.insert(name((step % 13) as u8), step, bytes, at(0), at(9));
            let sum: usize = map.entries.values().map(|entry| entry.bytes).sum();
            assert_eq!(sum, map.bytes);
            assert!(map.bytes <= 10 * OVERHEAD, "{}", map.bytes);
            if bytes + OVERHEAD <= 10 * OVERHEAD {
                assert_eq!(map.get(&name((step % 13) as u8), at(0)), Some(&step));
            }
        }
    }
}
