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

    /// The same in whole seconds since 1970, as every request asks. A clock before that is
    /// broken: it reads as the end of time, when everything has expired.
    #[doc(hidden)]
    fn seconds(&self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH);
        since.map_or(u64::MAX, |since| since.as_secs())
    }
}

/// The operating system's clock, to about a hundredth of a second.
///
/// On Linux it is the coarse one (`CLOCK_REALTIME_COARSE`), which a request reads in a third of
/// the time: dates of tokens are whole seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[cfg(target_os = "linux")]
impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        let now = coarse();
        let fraction = u32::try_from(now.tv_nsec).unwrap_or_default();
        let seconds = u64::try_from(now.tv_sec).unwrap_or(u64::MAX);
        let since = Duration::new(seconds, fraction);
        // Beyond what can be said: as late as can be said.
        UNIX_EPOCH
            .checked_add(since)
            .unwrap_or_else(|| at(LAST_SECOND))
    }

    #[inline]
    fn seconds(&self) -> u64 {
        u64::try_from(coarse().tv_sec).unwrap_or(u64::MAX)
    }
}

#[cfg(target_os = "linux")]
fn coarse() -> rustix::time::Timespec {
    rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse)
}

#[cfg(not(target_os = "linux"))]
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

/// The current time in whole seconds since 1970.
#[allow(dead_code, reason = "only some features check expiries")]
#[inline]
pub(crate) fn now(clock: &dyn Clock) -> u64 {
    clock.seconds()
}

/// The last second of the year 9999: a date beyond it is a mistake (milliseconds, overflow).
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// The inverse of [`seconds`], for values up to [`LAST_SECOND`].
pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}
