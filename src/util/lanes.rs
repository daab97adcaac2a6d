//! [`Lanes`]: a value for each of a few groups of threads.
//!
//! If two processors write to the same cache line, each write waits until the line has come from the
//! other processor: an increment of a reference count takes 9 ns alone and 40 to 65 ns in turns
//! (`cargo bench --bench cores` shows the sum). Values that every request writes to, such as a
//! reference count or a lock, therefore exist once per lane.
//!
//! 1. A thread takes the next lane when it first needs one, and keeps it.
//! 2. There are as many lanes as processors, rounded up to a power of two, at least 8 and at most
//!    64. Threads beyond that share lanes, which is slower and changes no result.

use std::{
    cell::Cell,
    fmt,
    num::NonZero,
    ops::Deref,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A value for each lane, made when a thread of the lane first needs it.
pub(crate) struct Lanes<T> {
    first: OnceLock<T>,
    rest: OnceLock<Box<[OnceLock<T>]>>,
}

impl<T> Lanes<T> {
    /// Returns the value of this thread's lane. Makes the value if there is none yet.
    pub(crate) fn own(&self, make: impl FnOnce() -> T) -> &T {
        let slot = match lane().checked_sub(1) {
            None => &self.first,
            Some(at) => {
                let rest = self.rest.get_or_init(|| {
                    let rest = 1..count();
                    rest.map(|_| OnceLock::new()).collect()
                });
                rest.get(at).unwrap_or(&self.first)
            }
        };
        slot.get_or_init(make)
    }

    /// Returns the values that have been made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let rest = self.rest.get().into_iter().flatten();
        [&self.first]
            .into_iter()
            .chain(rest)
            .filter_map(OnceLock::get)
    }
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            first: OnceLock::new(),
            rest: OnceLock::new(),
        }
    }
}

impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").finish_non_exhaustive()
    }
}

impl<T> Clone for Lanes<T> {
    /// Returns lanes without values, because a clone is made to be changed.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// A value that shares no cache line, nor the next one (which processors fetch along), with others.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

impl<T> Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Returns the number of lanes.
pub(crate) fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        processors.clamp(8, 64).next_power_of_two()
    })
}

/// Returns the lane of this thread, less than [`count`].
pub(crate) fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const NONE: usize = usize::MAX;
    thread_local!(static LANE: Cell<usize> = const { Cell::new(NONE) });
    LANE.with(|lane| {
        if lane.get() == NONE {
            // A power of two, so that the counter may overflow.
            lane.set(NEXT.fetch_add(1, Ordering::Relaxed) % count());
        }
        lane.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn threads_have_a_value_of_their_lane() {
        let lanes = Lanes::default();
        let ask = || {
            (
                lane(),
                std::ptr::from_ref(lanes.own(lane)) as usize,
                *lanes.own(lane),
            )
        };
        let all: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..2 * count())
                .map(|_| scope.spawn(|| [ask(), ask()]))
                .collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().unwrap();
            threads.into_iter().flat_map(join).collect()
        });
        let mut values = HashMap::new();
        for (lane, address, value) in all {
            assert!(lane < count());
            assert_eq!(value, lane);
            assert_eq!(*values.entry(lane).or_insert(address), address);
        }
        assert_eq!(lanes.iter().count(), values.len());
        assert_eq!(lanes.clone().iter().count(), 0);
    }
}
