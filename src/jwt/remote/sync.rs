//! The synchronization primitives of the published set. The model checker of `tests/thread_interleavings.rs`
//! puts its own in their place.

pub(super) use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};
