//! [`Span`]: a span of time in one word.

use std::time::Duration;

/// A span of time in one word: the start in seconds since 1970, and the number of further seconds.
///
/// If the clock is set back, the time is outside of the span, as it is after the end.
#[derive(Clone, Copy)]
pub(super) struct Span(pub(super) u64);

impl Span {
    /// The bits of the length. They are enough for two years.
    const BITS: u32 = 26;
    const MOST: u64 = (1 << Self::BITS) - 1;

    pub(super) fn new(from: u64, length: Duration) -> Self {
        // The length is in whole seconds and rounded up, because the clock rounds down.
        let length = length
            .as_secs()
            .saturating_add(u64::from(length.subsec_nanos() > 0));
        let from = from.min(u64::MAX >> Self::BITS);
        Self(from << Self::BITS | length.min(Self::MOST))
    }

    pub(super) fn contains(self, now: u64) -> bool {
        now.wrapping_sub(self.0 >> Self::BITS) < self.0 & Self::MOST
    }
}
