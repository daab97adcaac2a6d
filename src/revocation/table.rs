//! The table of revocations, each with the time until which it must be kept.

use super::fingerprint::Fingerprint;
use crate::util::digest::ByFirstWord;
use std::collections::HashMap;

/// Below this nobody looks for entries that are no longer needed.
const FEW: usize = 1024;

/// A bounded set of revocations. It forgets none that is needed: when full, it takes no more.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) tokens: Entries<()>,
    pub(super) sessions: Entries<()>,
    /// With the last second in which what was issued is revoked.
    pub(super) subjects: Entries<u64>,
    capacity: usize,
    /// With so many entries it is time to look for those that are no longer needed.
    sweep_at: usize,
    /// No entry can be forgotten before this second.
    earliest: u64,
}

/// An entry of one of the three lists.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    Token,
    Session,
    Subject { cut_off: u64 },
}

#[derive(Clone)]
pub(super) struct Entries<T>(HashMap<Fingerprint, Kept<T>, ByFirstWord>);

#[derive(Clone)]
struct Kept<T> {
    /// The second from which it is no longer needed.
    until: u64,
    value: T,
}

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            tokens: Entries::new(),
            sessions: Entries::new(),
            subjects: Entries::new(),
            capacity,
            sweep_at: FEW.min(capacity),
            earliest: u64::MAX,
        }
    }

    pub(super) fn len(&self) -> usize {
        let Self {
            tokens,
            sessions,
            subjects,
            ..
        } = self;
        [tokens.0.len(), sessions.0.len(), subjects.0.len()]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// Says whether there was room.
    pub(super) fn insert(&mut self, entry: Entry, name: Fingerprint, until: u64, now: u64) -> bool {
        if self.len() >= self.sweep_at {
            self.sweep(now);
        }
        let is_known = match entry {
            Entry::Token => self.tokens.contains(name),
            Entry::Session => self.sessions.contains(name),
            Entry::Subject { .. } => self.subjects.contains(name),
        };
        if !is_known && self.len() >= self.capacity {
            return false;
        }
        match entry {
            Entry::Token => self.tokens.extend(name, until, ()),
            Entry::Session => self.sessions.extend(name, until, ()),
            Entry::Subject { cut_off } => self.subjects.extend(name, until, cut_off),
        }
        self.earliest = self.earliest.min(until);
        true
    }

    /// Forgets what is no longer needed, if there can be any.
    fn sweep(&mut self, now: u64) {
        if now >= self.earliest {
            let earliest = [
                self.tokens.sweep(now),
                self.sessions.sweep(now),
                self.subjects.sweep(now),
            ];
            self.earliest = earliest.into_iter().min().unwrap_or(u64::MAX);
        }
        // The next look costs no more than the entries that came meanwhile.
        self.sweep_at = self.len().saturating_mul(2).max(FEW).min(self.capacity);
    }
}

impl<T: Copy + Ord> Entries<T> {
    fn new() -> Self {
        Self(HashMap::default())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, name: Fingerprint) -> bool {
        self.0.contains_key(&name)
    }

    pub(super) fn get(&self, name: Fingerprint) -> Option<T> {
        self.0.get(&name).map(|kept| kept.value)
    }

    /// A revocation only ever grows: neither call takes back what the other said.
    fn extend(&mut self, name: Fingerprint, until: u64, value: T) {
        let kept = self.0.entry(name).or_insert(Kept { until, value });
        kept.until = kept.until.max(until);
        kept.value = kept.value.max(value);
    }

    /// Gives the second from which the next entry is no longer needed.
    fn sweep(&mut self, now: u64) -> u64 {
        self.0.retain(|_, kept| kept.until > now);
        if self.0.capacity() > self.0.len().saturating_mul(4).max(FEW) {
            self.0.shrink_to(self.0.len().saturating_mul(2));
        }
        let all = self.0.values().map(|kept| kept.until);
        all.min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fingerprint::Fingerprints, *};
    use proptest::prelude::*;

    #[test]
    fn a_full_table_forgets_what_is_over_and_nothing_else() {
        let names = Fingerprints::new();
        let mut table = Table::new(2);
        let mut insert =
            |name, until, now| table.insert(Entry::Token, names.of(None, name), until, now);
        assert!(insert("a", 10, 0));
        assert!(insert("b", 20, 0));
        assert!(!insert("c", 30, 9));
        assert!(insert("a", 15, 9), "what is there already needs no room");
        assert!(!insert("c", 30, 14));
        assert!(insert("c", 30, 15));
        assert!(!insert("d", 30, 15));
        assert!(!table.tokens.contains(names.of(None, "a")));
        assert!(table.tokens.contains(names.of(None, "b")));
        assert!(table.tokens.contains(names.of(None, "c")));
    }

    #[test]
    fn memory_follows_what_is_needed() {
        let names = Fingerprints::new();
        let mut table = Table::new(1_000_000);
        for second in 0..100_000 {
            let name = names.of(None, &second.to_string());
            assert!(table.insert(Entry::Session, name, second + 100, second));
            assert!(table.len() <= 2 * FEW, "{}", table.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a list that keeps everything.
        #[test]
        fn what_is_still_needed_is_known(
            steps in prop::collection::vec((0..3u8, 0..8u8, 0..40u64, 0..3u64), 0..200),
            capacity in 0..12usize,
        ) {
            let names = Fingerprints::new();
            let mut table = Table::new(capacity);
            let mut all: Vec<(u8, u8, u64)> = Vec::new();
            let mut now = 0;
            for (kind, name, life, passed) in steps {
                now += passed;
                let entry = match kind {
                    0 => Entry::Token,
                    1 => Entry::Session,
                    _ => Entry::Subject { cut_off: now },
                };
                let print = names.of(None, &name.to_string());
                if table.insert(entry, print, now + life, now) {
                    all.push((kind, name, now + life));
                }
                prop_assert!(table.len() <= capacity);
                for (kind, name, until) in &all {
                    let print = names.of(None, &name.to_string());
                    let known = match kind {
                        0 => table.tokens.contains(print),
                        1 => table.sessions.contains(print),
                        _ => table.subjects.contains(print),
                    };
                    prop_assert!(known || *until <= now);
                }
            }
        }
    }
}
