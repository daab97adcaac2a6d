//! The synchronization primitives of the published set, for which `tests/thread_interleavings`
//! substitutes those of a model checker.

pub(super) use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};
