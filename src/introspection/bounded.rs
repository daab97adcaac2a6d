//! A bounded map whose entries end.

use crate::digest::{Digest, DigestMap};
use std::{collections::VecDeque, time::SystemTime};

/// When full, the oldest entry makes room.
pub(super) struct Bounded<T> {
    entries: DigestMap<Entry<T>>,
    /// All of the above, the oldest first, and some that have been replaced since.
    order: VecDeque<(Digest, u64)>,
    capacity: usize,
    count: u64,
}

struct Entry<T> {
    value: T,
    since: SystemTime,
    until: SystemTime,
    /// Tells it from one with the same digest.
    number: u64,
}

impl<T> Bounded<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: DigestMap::default(),
            order: VecDeque::new(),
            capacity,
            count: 0,
        }
    }

    pub(super) fn get(&self, digest: &Digest, now: SystemTime) -> Option<&T> {
        let entry = self.entries.get(digest)?;
        // A clock that was set back makes nothing live longer.
        (entry.since <= now && now < entry.until).then_some(&entry.value)
    }

    pub(super) fn insert(
        &mut self,
        digest: Digest,
        value: T,
        since: SystemTime,
        until: SystemTime,
    ) {
        if self.capacity == 0 || until <= since {
            return;
        }
        while self.order.len() >= self.capacity {
            self.drop_oldest();
        }
        self.count = self.count.wrapping_add(1);
        self.order.push_back((digest, self.count));
        let entry = Entry {
            value,
            since,
            until,
            number: self.count,
        };
        self.entries.insert(digest, entry);
    }

    fn drop_oldest(&mut self) {
        let Some((digest, number)) = self.order.pop_front() else {
            return;
        };
        // Unless it has been replaced since.
        let entry = self.entries.get(&digest);
        if entry.is_some_and(|entry| entry.number == number) {
            self.entries.remove(&digest);
        }
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
        let mut map = Bounded::new(4);
        map.insert(name(1), "a", at(10), at(20));
        map.insert(name(2), "b", at(10), at(10));
        for (now, expected) in [(9, None), (10, Some(&"a")), (19, Some(&"a")), (20, None)] {
            assert_eq!(map.get(&name(1), at(now)), expected, "{now}");
            assert_eq!(map.get(&name(2), at(now)), None);
        }
    }

    #[test]
    fn the_oldest_makes_room_and_a_replaced_one_takes_nothing_with_it() {
        let mut map = Bounded::new(3);
        for (byte, value) in [(1, 1), (1, 2), (2, 3), (3, 4)] {
            map.insert(name(byte), value, at(0), at(9));
            assert!(map.order.len() <= 3 && map.entries.len() <= 3);
        }
        assert_eq!(map.get(&name(1), at(0)), Some(&2));
        map.insert(name(4), 5, at(0), at(9));
        assert_eq!(map.get(&name(1), at(0)), None);
        assert_eq!(map.get(&name(2), at(0)), Some(&3));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut map = Bounded::new(0);
        map.insert(name(1), (), at(0), at(9));
        assert!(map.get(&name(1), at(0)).is_none());
    }
}
