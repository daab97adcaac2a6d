//! Log events. Without the feature `tracing`, nothing is logged. No argument is secret.

use http::StatusCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// This service's own credentials are wrong: somebody has to repair that.
pub(super) fn own_credentials_refused(host: &str, status: StatusCode) {
    #[cfg(feature = "tracing")]
    tracing::error!(
        target: "tower_auth",
        host,
        status = status.as_u16(),
        "the introspection endpoint does not accept this service's own credentials: no opaque token can be verified"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (host, status);
}

/// A limit of one message per minute, because strangers can cause any number of messages.
#[derive(Debug, Default)]
pub(super) struct Seldom(AtomicU64);

impl Seldom {
    /// Returns whether a message may be logged. `now` is in seconds since 1970.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        // A clock that is set back does not silence the messages.
        let is_due = last.abs_diff(now) >= 60;
        is_due
            && self
                .0
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_a_minute_gets_through_wherever_the_clock_is_set() {
        let seldom = Seldom::default();
        let times = [1000, 1000, 1059, 1060, 1061, 500, 501, 560];
        let due = times.map(|now| seldom.is_due(now));
        assert_eq!(due, [true, false, false, true, false, true, false, true]);
    }
}
