//! The time that decides about tokens and keys, injectable for tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time to everything that checks an expiry.
///
/// [`SystemClock`] is the default everywhere. A closure is a clock too, so that a test can
/// stop time:
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use tower_auth::Clock;
///
/// let clock = || UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// assert_eq!(Clock::now(&clock), UNIX_EPOCH + Duration::from_secs(1_800_000_000));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The current time.
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

/// The current time in whole seconds since 1970. A clock before that is broken: it reads as the
/// end of time, when everything has expired.
#[allow(dead_code, reason = "only some features check expiries")]
pub(crate) fn now(clock: &dyn Clock) -> u64 {
    let since = clock.now().duration_since(UNIX_EPOCH);
    since.map_or(u64::MAX, |since| since.as_secs())
}

/// The last second of the year 9999: a date beyond it is a mistake (milliseconds, overflow).
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// The inverse of [`seconds`], for values up to [`LAST_SECOND`].
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}
