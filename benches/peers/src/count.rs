//! Counts allocations, while asked to.
//!
//! Off, it costs one load per allocation, so that times stay true: a peer that allocates fifty
//! times must not pay for being counted.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
};

#[global_allocator]
static COUNTING: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);

/// How often this allocates.
pub(crate) fn allocations(run: impl FnOnce()) -> u64 {
    let before = COUNT.load(Relaxed);
    ON.store(true, Relaxed);
    run();
    ON.store(false, Relaxed);
    COUNT.load(Relaxed) - before
}

/// By how many bytes the heap has grown when this is over and what it returns still alive.
pub(crate) fn growth<T>(run: impl FnOnce() -> T) -> (T, i64) {
    let before = BYTES.load(Relaxed);
    ON.store(true, Relaxed);
    let kept = run();
    ON.store(false, Relaxed);
    (kept, BYTES.load(Relaxed) - before)
}

struct Counting;

fn grown(bytes: usize) {
    if ON.load(Relaxed) {
        COUNT.fetch_add(1, Relaxed);
        BYTES.fetch_add(bytes as i64, Relaxed);
    }
}

fn shrunk(bytes: usize) {
    if ON.load(Relaxed) {
        BYTES.fetch_sub(bytes as i64, Relaxed);
    }
}

// SAFETY: every call goes to `System` as it came, whose contract is the same.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        shrunk(layout.size());
        grown(size);
        // SAFETY: as above; what `System` allocated it reallocates.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrunk(layout.size());
        // SAFETY: as above; what `System` allocated it frees.
        unsafe { System.dealloc(pointer, layout) }
    }
}
