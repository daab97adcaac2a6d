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
    /// Returns the current time.
    fn now(&self) -> SystemTime;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
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

/// Returns the current time in whole seconds since 1970. A clock before 1970 is broken, so its time
/// is the end of time, when everything has expired.
pub(crate) fn now(clock: &dyn Clock) -> u64 {
    let since = clock.now().duration_since(UNIX_EPOCH);
    since.map_or(u64::MAX, |since| since.as_secs())
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

    #[test]
    fn the_time_of_a_clock_before_1970_is_the_end_of_time() {
        let clock = || UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(now(&clock), u64::MAX);
    }
}
