//! [`Published`]: the current set, its generation and its expiry.
//!
//! What it is made of comes from `super::sync`, so that a model checker can put its own there.

use super::sync::{Arc, AtomicU64, Ordering, PoisonError, RwLock};

/// One set at a time, its generation, and until when it is good.
///
/// Whoever reads asks [`good_until`](Self::good_until) first and
/// [`generation`](Self::generation) second: an end that was moved says that the generation was
/// moved before. Only one may write at a time.
pub(super) struct Published<T> {
    current: RwLock<Arc<T>>,
    generation: AtomicU64,
    good_until: AtomicU64,
}

impl<T> Published<T> {
    /// Generation 0, which is good for nothing.
    pub(super) fn new(first: T) -> Self {
        Self {
            current: RwLock::new(Arc::new(first)),
            generation: AtomicU64::new(0),
            good_until: AtomicU64::new(0),
        }
    }

    /// Replaces the set.
    pub(super) fn replace(&self, next: T, generation: u64) {
        let next = Arc::new(next);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, next);
        drop(current);
        self.generation.store(generation, Ordering::Release);
        drop(old); // Its keys take a while: not under the lock.
    }

    /// Moves the end, after the set that it is for was [replaced](Self::replace).
    pub(super) fn extend(&self, good_until: u64) {
        self.good_until.store(good_until, Ordering::Release);
    }

    pub(super) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn good_until(&self) -> u64 {
        self.good_until.load(Ordering::Acquire)
    }
}
