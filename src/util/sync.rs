//! The locks of [`lane_lock`](super::lane_lock) and [`near_cache`](super::near_cache), for which
//! `tests/thread_interleavings` substitutes those of a model checker.

pub(super) use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
