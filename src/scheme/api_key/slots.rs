//! [`Slots`]: records by digest, each in one line of memory.

use crate::util::digest::Digest;

/// In slots; a power of two, as every length is.
const SMALLEST: usize = 8;

/// A table of records by digest, with open addressing.
///
/// A record lies beside its digest, as near as there is room behind the slot that the digest
/// names, with no free slot between. Of many records one that has not been used of late is in no
/// cache, and costs one access to memory: a map with a directory of its own takes two, one after
/// the other.
pub(super) struct Slots<T> {
    slots: Box<[Slot<T>]>,
    len: usize,
}

/// Aligned, so that none lies in two lines.
#[repr(align(64))]
struct Slot<T>(Option<(Digest, T)>);

impl<T> Slots<T> {
    #[cfg(test)]
    pub(super) const SLOT_BYTES: usize = size_of::<Slot<T>>();

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        let slots = self.slots.iter();
        slots.filter_map(|slot| slot.0.as_ref().map(|(_, value)| value))
    }

    #[inline]
    pub(super) fn get(&self, digest: &Digest) -> Option<&T> {
        let slot = self.slots.get(self.position(digest)?)?;
        slot.0.as_ref().map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, digest: &Digest) -> Option<&mut T> {
        let at = self.position(digest)?;
        let slot = self.slots.get_mut(at)?;
        slot.0.as_mut().map(|(_, value)| value)
    }

    /// Takes a record in whose digest is new: the caller has looked.
    pub(super) fn insert_new(&mut self, digest: Digest, value: T) {
        // Three in four, at most: runs stay short.
        let room = self.slots.len() / 4 * 3;
        if self.len >= room {
            self.grow();
        }
        self.put(digest, value);
        self.len = self.len.saturating_add(1);
    }

    pub(super) fn remove(&mut self, digest: &Digest) -> Option<T> {
        let mut free = self.position(digest)?;
        let (_, value) = self.slots.get_mut(free)?.0.take()?;
        self.len = self.len.saturating_sub(1);
        // What follows without a gap moves up, unless it would come before its home.
        let mut at = free;
        loop {
            at = self.masked(at.wrapping_add(1));
            let Some((digest, _)) = self.slots.get(at).and_then(|slot| slot.0.as_ref()) else {
                return Some(value);
            };
            let from_home = self.masked(at.wrapping_sub(self.home(digest)));
            let from_free = self.masked(at.wrapping_sub(free));
            if from_free <= from_home {
                self.slots.swap(free, at);
                free = at;
            }
        }
    }

    /// Where this digest lies, if it does.
    #[inline]
    fn position(&self, digest: &Digest) -> Option<usize> {
        let mut at = self.home(digest);
        // Every run ends, as there always is a free slot.
        while let Some((own, _)) = self.slots.get(at)?.0.as_ref() {
            if own == digest {
                return Some(at);
            }
            at = self.masked(at.wrapping_add(1));
        }
        None
    }

    fn grow(&mut self) {
        let len = self.slots.len().saturating_mul(2).max(SMALLEST);
        let slots = (0..len).map(|_| Slot(None)).collect();
        // In their order, which is almost that of the new homes.
        for slot in std::mem::replace(&mut self.slots, slots) {
            if let Some((digest, value)) = slot.0 {
                self.put(digest, value);
            }
        }
    }

    /// There is a free slot.
    fn put(&mut self, digest: Digest, value: T) {
        let mut at = self.home(&digest);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.0.is_none() {
                slot.0 = Some((digest, value));
                return;
            }
            at = self.masked(at.wrapping_add(1));
        }
    }

    /// Where a digest belongs.
    fn home(&self, digest: &Digest) -> usize {
        self.masked(digest.start() as usize)
    }

    fn masked(&self, at: usize) -> usize {
        at & self.slots.len().saturating_sub(1)
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Box::default(),
            len: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Digests whose homes are few, some of them at the end.
    fn digest() -> impl Strategy<Value = [u8; 32]> {
        (prop_oneof![0..6_u64, u64::MAX - 5..=u64::MAX], 0..6_u8).prop_map(|(home, last)| {
            let mut digest = [last; 32];
            digest[..8].copy_from_slice(&home.to_ne_bytes());
            digest
        })
    }

    proptest! {
        #[test]
        fn it_does_what_a_map_does(
            steps in prop::collection::vec((digest(), 0..3_u8), 0..300),
        ) {
            let mut slots = Slots::default();
            let mut model = HashMap::new();
            for (n, (digest, step)) in steps.into_iter().enumerate() {
                prop_assert_eq!(slots.get(&Digest(digest)), model.get(&digest));
                match (step, slots.get_mut(&Digest(digest))) {
                    (0, _) => prop_assert_eq!(slots.remove(&Digest(digest)), model.remove(&digest)),
                    (_, Some(value)) => {
                        *value = n;
                        model.insert(digest, n);
                    }
                    (_, None) => {
                        slots.insert_new(Digest(digest), n);
                        model.insert(digest, n);
                    }
                }
                prop_assert_eq!(slots.len(), model.len());
                for (digest, value) in &model {
                    prop_assert_eq!(slots.get(&Digest(*digest)), Some(value));
                }
            }
            let mut values: Vec<_> = slots.values().copied().collect();
            let mut expected: Vec<_> = model.into_values().collect();
            values.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(values, expected);
        }
    }
}
