//! The time that decides about tokens and keys, injectable for tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time to everything that checks an expiry.
///
/// [`SystemClock`] is the default everywhere. A closure is a clock too, so that a test can
/// stop time:
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use tower_auth::clock::Clock;
///
/// let clock = || UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// assert_eq!(Clock::now(&clock), UNIX_EPOCH + Duration::from_secs(1_800_000_000));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> SystemTime;

    /// The same in whole seconds since 1970, as every request asks. A clock before that is
    /// broken: it reads as the end of time, when everything has expired.
    #[doc(hidden)]
    fn seconds(&self) -> u64 {
        precise_second(self)
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    #[cfg(target_os = "linux")]
    fn seconds(&self) -> u64 {
        coarse_second().unwrap_or_else(|| precise_second(self))
    }
}

/// The current second, by a clock that is read in a third of the time.
///
/// It lags behind by some milliseconds, so that it is believed only where that makes no other
/// second of it: not in the last tenth of one.
#[cfg(target_os = "linux")]
fn coarse_second() -> Option<u64> {
    use rustix::time::{ClockId, DynamicClockId, clock_gettime_dynamic};

    // The call that may fail: not every kernel has this clock.
    let clock = DynamicClockId::Known(ClockId::RealtimeCoarse);
    let now = clock_gettime_dynamic(clock).ok()?;
    let is_far_from_the_next = now.tv_nsec < 900_000_000;
    u64::try_from(now.tv_sec)
        .ok()
        .filter(|_| is_far_from_the_next)
}

/// Whole seconds since 1970; what lies before that reads as the end of time.
fn precise_second(clock: &(impl Clock + ?Sized)) -> u64 {
    let since = clock.now().duration_since(UNIX_EPOCH);
    since.map_or(u64::MAX, |since| since.as_secs())
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> SystemTime {
        self()
    }
}

/// Whole seconds since 1970; what lies before that reads as 0.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// The current time in whole seconds since 1970.
pub(crate) fn now(clock: &dyn Clock) -> u64 {
    clock.seconds()
}

/// Milliseconds since 1970; what lies before that reads as 0, and what lies beyond the year 9999
/// as its end.
pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = since.min(Duration::from_secs(LAST_SECOND));
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The inverse of [`millis`], for times up to the year 9999.
pub(crate) fn at_millis(millis: u64) -> SystemTime {
    let last = Duration::from_secs(LAST_SECOND);
    UNIX_EPOCH + Duration::from_millis(millis).min(last)
}

/// The last second of the year 9999: a date beyond it is a mistake (milliseconds, overflow).
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// The inverse of [`seconds`], for values up to [`LAST_SECOND`].
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over the turn of a second, too.
    #[test]
    fn the_second_is_that_of_the_precise_clock() {
        let precise = || seconds(SystemTime::now());
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(1_100) {
            let (before, second, after) = (precise(), now(&SystemClock), precise());
            assert!((before..=after).contains(&second));
        }
    }

    #[test]
    fn a_clock_before_1970_reads_as_the_end_of_time() {
        let clock = || UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(now(&clock), u64::MAX);
    }
}
