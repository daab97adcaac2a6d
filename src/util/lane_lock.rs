//! [`LaneLock`]: a read-write lock for values that nearly every request reads.

use super::{
    lanes::{Padded, count, lane},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use std::ops::{Deref, DerefMut};

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
