//! [`Outage`]: whether a dependency is down, so that each change is logged once.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

/// The number of changes that are logged at once. After these, one outage a minute is logged, so that
/// a dependency that is down for some requests only does not fill the log.
const BURST: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

const UP: u8 = 0;
/// Down, and logged.
const DOWN: u8 = 1;
/// Down, and not logged, because of the limit.
const DOWN_UNLOGGED: u8 = 2;

/// The state of one dependency, as far as requests show it.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    state: AtomicU8,
    /// The number of outages that were logged since this time.
    logged: Mutex<Option<(Instant, u32)>>,
}

impl Outage {
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU8::new(UP),
            logged: Mutex::new(None),
        }
    }

    /// Records a failure. Returns whether it is to be logged as the begin of an outage.
    pub(crate) fn begins(&self) -> bool {
        if self.state.load(Ordering::Relaxed) == DOWN {
            return false;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if self.state.load(Ordering::Relaxed) == DOWN {
            return false;
        }
        let now = Instant::now();
        let (since, count) = logged.unwrap_or((now, 0));
        let minutes = now.duration_since(since).as_secs() / MINUTE.as_secs();
        let count = count.saturating_sub(u32::try_from(minutes).unwrap_or(u32::MAX));
        let since = if minutes > 0 { now } else { since };
        let is_logged = count < BURST;
        *logged = Some((since, count.saturating_add(u32::from(is_logged))));
        let state = if is_logged { DOWN } else { DOWN_UNLOGGED };
        self.state.store(state, Ordering::Relaxed);
        is_logged
    }

    /// Records a success. Returns whether it is to be logged as the end of an outage. Writes nothing
    /// unless there was an outage.
    pub(crate) fn ends(&self) -> bool {
        self.state.load(Ordering::Relaxed) != UP && self.state.swap(UP, Ordering::Relaxed) == DOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_logged_once() {
        let outage = Outage::new();
        assert!(!outage.ends());
        for _ in 0..3 {
            assert_eq!([outage.begins(), outage.begins()], [true, false]);
            assert_eq!([outage.ends(), outage.ends()], [true, false]);
        }
    }

    #[test]
    fn a_dependency_that_is_down_for_some_requests_does_not_fill_the_log() {
        let outage = Outage::new();
        let changes = (0..1000).filter(|_| outage.begins() | outage.ends());
        assert_eq!(changes.count(), BURST as usize);
        assert!(!outage.begins() && !outage.ends());
    }
}
