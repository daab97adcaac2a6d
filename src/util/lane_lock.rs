//! [`LaneLock`]: a read-write lock for values that nearly every request reads.

use super::lanes::{Padded, count, lane};
use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// A read-write lock whose readers write to memory of their own [lane](super::lanes) only.
///
/// Every lane has a lock of its own around a pointer to the one value. A writer takes all locks,
/// one after the other in the same order, which takes some 20 ns for each.
///
/// A panic of a reader or writer does not poison the lock: every change to the values behind it is
/// made in one call, which leaves them whole.
pub(crate) struct LaneLock<T> {
    first: Lock<T>,
    rest: Box<[Lock<T>]>,
    /// Stands in for the value in all lanes but the first, while the value is changed.
    empty: Arc<T>,
}

type Lock<T> = Padded<RwLock<Arc<T>>>;

impl<T: Clone> LaneLock<T> {
    /// Returns a lock around this value, which should be small: it is copied once.
    pub(crate) fn new(empty: T) -> Self {
        let value = Arc::new(empty.clone());
        let lock = || Padded(RwLock::new(Arc::clone(&value)));
        Self {
            first: lock(),
            rest: (1..count()).map(|_| lock()).collect(),
            empty: Arc::new(empty),
        }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Arc<T>> {
        let own = lane().checked_sub(1).and_then(|at| self.rest.get(at));
        let own = own.unwrap_or(&self.first);
        own.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        fn write<T>(lock: &Lock<T>) -> RwLockWriteGuard<'_, Arc<T>> {
            lock.write().unwrap_or_else(PoisonError::into_inner)
        }
        let first = write(&self.first);
        let mut rest: Vec<_> = self.rest.iter().map(write).collect();
        for lane in &mut rest {
            **lane = Arc::clone(&self.empty);
        }
        WriteGuard { first, rest }
    }
}

/// The value behind a [`LaneLock`], for a change.
pub(crate) struct WriteGuard<'a, T> {
    /// The only pointer to the value.
    first: RwLockWriteGuard<'a, Arc<T>>,
    rest: Vec<RwLockWriteGuard<'a, Arc<T>>>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.first
    }
}

impl<T: Clone> DerefMut for WriteGuard<'_, T> {
    /// Copies nothing, as the pointer is the only one.
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.first)
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        for lane in &mut self.rest {
            **lane = Arc::clone(&self.first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        panic::{self, AssertUnwindSafe},
        thread,
    };

    /// A value that must not be copied once it is large.
    #[derive(Debug, Default, PartialEq)]
    struct Table(Vec<u32>);

    impl Clone for Table {
        fn clone(&self) -> Self {
            assert!(self.0.is_empty(), "the value was copied");
            Self::default()
        }
    }

    /// Reads on threads of all lanes.
    fn read_all(lock: &LaneLock<Table>) -> Vec<Vec<u32>> {
        let read = || lock.read().0.clone();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..2 * count()).map(|_| scope.spawn(read)).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap();
            threads.into_iter().map(join).collect()
        })
    }

    #[test]
    fn a_change_is_visible_in_every_lane() {
        let lock = LaneLock::new(Table::default());
        for n in 0..3 {
            lock.write().0.push(n);
            let expected: Vec<_> = (0..=n).collect();
            assert!(read_all(&lock).iter().all(|read| *read == expected));
        }
    }

    #[test]
    fn a_panic_of_a_writer_hides_the_value_from_no_lane() {
        let lock = LaneLock::new(Table::default());
        lock.write().0.push(1);
        let panics = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut table = lock.write();
            table.0.push(2);
            panic!("while the lock is held");
        }));
        assert!(panics.is_err());
        assert!(read_all(&lock).iter().all(|read| *read == [1, 2]));
    }

    #[test]
    fn writers_and_readers_take_turns() {
        let lock = LaneLock::new(Table::default());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mut table = lock.write();
                        let next = table.0.len() as u32;
                        table.0.push(next);
                    }
                });
                scope.spawn(|| {
                    let mut seen = 0;
                    for _ in 0..2000 {
                        let table = lock.read();
                        assert!(table.0.len() >= seen, "an older value");
                        seen = table.0.len();
                        assert!(table.0.last().is_none_or(|last| *last as usize == seen - 1));
                    }
                });
            }
        });
        assert_eq!(lock.read().0.len(), 800);
    }
}
