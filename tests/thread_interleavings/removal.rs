//! The promise of the caches of lanes: once a removal has returned, no thread finds the removed value.

#[path = "../../src/util/bounded_cache.rs"]
mod bounded_cache;
#[path = "../../src/util/digest/first_word.rs"]
mod digest;
#[path = "../../src/util/lane_lock.rs"]
mod lane_lock;
#[path = "../../src/util/near_cache.rs"]
mod near_cache;

/// The synchronization primitives of `lane_lock` and `near_cache`. `loom` has no `Arc::make_mut`; the
/// locks alone order all accesses to the value behind the `Arc`.
mod sync {
    pub use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
    pub use std::sync::{Arc, PoisonError};
}

/// Two lanes, of which a thread chooses one. A lane that was made is visible to other threads as with
/// the `OnceLock` of `util/lanes.rs`: by a store that releases, and a load that acquires.
mod lanes {
    use loom::sync::atomic::{AtomicBool, Ordering};
    use std::{cell::Cell, ops::Deref, sync::OnceLock};

    loom::thread_local!(static LANE: Cell<usize> = Cell::new(0));

    pub fn enter(lane: usize) {
        LANE.with(|own| own.set(lane));
    }

    pub fn lane() -> usize {
        LANE.with(Cell::get)
    }

    pub fn count() -> usize {
        2
    }

    pub struct Padded<T>(pub T);

    impl<T> Deref for Padded<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    pub struct Lanes<T>([(OnceLock<T>, AtomicBool); 2]);

    impl<T> Lanes<T> {
        pub fn own(&self, make: impl FnOnce() -> T) -> &T {
            let (value, is_made) = &self.0[lane()];
            let value = value.get_or_init(make);
            is_made.store(true, Ordering::Release);
            value
        }

        pub fn iter(&self) -> impl Iterator<Item = &T> {
            let made = |(_, is_made): &&(_, AtomicBool)| is_made.load(Ordering::Acquire);
            self.0
                .iter()
                .filter(made)
                .filter_map(|(value, _)| value.get())
        }
    }

    impl<T> Default for Lanes<T> {
        fn default() -> Self {
            Self([(); 2].map(|()| (OnceLock::new(), AtomicBool::new(false))))
        }
    }
}

use bounded_cache::Limits;
use lane_lock::LaneLock;
use loom::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use near_cache::NearCache;
use std::collections::HashMap;

/// The order of the steps of a look-up and of a removal.
#[derive(Clone, Copy, PartialEq)]
enum Steps {
    /// That of the crate.
    Correct,
    /// A look-up unlocks the table before it copies the value.
    CopyUnlocked,
    /// A removal removes the copies before it locks the table.
    CopiesFirst,
}

const KEY: u64 = 7;

/// The steps of `ApiKeys`, which `StoredKeys` and the cache of introspection answers take as well. Every
/// miss is copied, of which the crate copies one in 64.
struct Keys {
    table: LaneLock<HashMap<u64, u32>>,
    near: NearCache<u64, u32>,
    steps: Steps,
    is_removed: AtomicBool,
}

impl Keys {
    fn new(steps: Steps) -> Self {
        let limits = Limits {
            entries: 4,
            bytes: 100,
        };
        Self {
            table: LaneLock::new(HashMap::from([(KEY, 1)])),
            near: NearCache::new(limits),
            steps,
            is_removed: AtomicBool::new(false),
        }
    }

    fn find(&self) -> Option<u32> {
        if let Ok(found) = self.near.get(&KEY, |value| Some(*value)) {
            return Some(found);
        }
        let table = self.table.read();
        let found = *table.get(&KEY)?;
        let held = (self.steps != Steps::CopyUnlocked).then_some(table);
        assert!(self.near.insert(KEY, found, 1, |_| true).is_empty());
        drop(held);
        Some(found)
    }

    fn remove(&self) {
        if self.steps == Steps::CopiesFirst {
            drop(self.near.remove(&KEY));
        }
        let mut table = self.table.write();
        assert_eq!(table.remove(&KEY), Some(1));
        if self.steps != Steps::CopiesFirst {
            drop(self.near.remove(&KEY));
        }
        drop(table);
        self.is_removed.store(true, Ordering::Release);
    }

    /// Looks up in this lane, and checks the promise.
    fn check(&self, lane: usize) {
        lanes::enter(lane);
        let is_removed = self.is_removed.load(Ordering::Acquire);
        let found = self.find();
        assert!(!is_removed || found.is_none(), "a removed value was found");
    }
}

/// Runs a removal beside look-ups on two further threads. Without the bound it takes a minute and finds
/// nothing more.
fn removal_beside_look_ups(steps: Steps) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let keys = Arc::new(Keys::new(steps));
        let threads = [0, 1].map(|lane| {
            let keys = keys.clone();
            thread::spawn(move || keys.check(lane))
        });
        keys.remove();
        keys.check(0);
        for thread in threads {
            thread.join().unwrap();
        }
        keys.check(0);
        keys.check(1);
    });
}

#[test]
fn a_removed_value_is_found_in_no_lane() {
    removal_beside_look_ups(Steps::Correct);
}

#[test]
#[should_panic = "a removed value was found"]
fn the_model_detects_a_copy_that_is_made_after_the_table_is_unlocked() {
    removal_beside_look_ups(Steps::CopyUnlocked);
}

#[test]
#[should_panic = "a removed value was found"]
fn the_model_detects_copies_that_are_removed_before_the_table_is_locked() {
    removal_beside_look_ups(Steps::CopiesFirst);
}
