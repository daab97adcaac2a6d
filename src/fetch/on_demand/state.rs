//! The times at which a document is fetched: a pure state machine that receives the time as an
//! argument.
//!
//! A time is the [`Duration`] since some moment, by a clock that never goes back.

use std::time::Duration;

/// The longest time that one fetch may take.
pub(crate) const FLIGHT: Duration = Duration::from_secs(10);

/// The time after which a fetch is treated as lost and another one replaces it. The runtime of a
/// lost fetch is not driven, or its time-out would have ended the fetch.
pub(crate) const LOST: Duration = Duration::from_secs(11);

/// The first pause after a failure; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest pause after a failure. A recovered server is noticed within this time.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// The reason of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// There is no document that may be used.
    Document,
    /// The document lacks something that a newer one may have.
    Entry,
    /// Something in the document does not fit, and may have been replaced.
    Match,
}

impl Missing {
    /// Returns whether anybody could cause such fetches, so that there is one per cooldown.
    fn is_limited(self) -> bool {
        self != Self::Document
    }
}

/// The outcome of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A document with this lifetime.
    Fetched(Duration),
    /// A failure, with its reason in a fixed text.
    Failed(&'static str),
    /// The runtime ended before the fetch did. This does not say anything about the server.
    Abandoned,
}

/// The action for a caller that lacks something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Wait for a fetch.
    Wait,
    /// The last fetch succeeded. The next one is allowed after this time.
    Missing(Duration),
    /// The last fetch failed. The next one is due after this time.
    Unavailable(Duration),
}

/// The action for a caller that has a document at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Use the document.
    Use,
    /// Use the document, and have it fetched again.
    Refresh,
    /// Wait for a fetch. There is no document, or it has not been fetched for too long.
    Wait,
}

/// A fetch under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    /// Different for each fetch of one state.
    pub(crate) number: u64,
    pub(crate) started: Duration,
    is_limited: bool,
}

/// The result of [`State::begin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Start this fetch, and wait for it.
    Start(Flight),
    /// Wait for this fetch, which is under way.
    Join(Flight),
    /// Ask again: the answer is known by now.
    Settled,
}

/// The fetches of one document.
pub(crate) struct State {
    cooldown: Duration,
    flight: Option<Flight>,
    /// The number of fetches that have begun.
    flights: u64,
    last: Option<(Duration, Outcome)>,
    /// The time of the last success, and the lifetime of its document.
    fetched: Option<(Duration, Duration)>,
    failures: u32,
    /// The start of the last fetch that anybody could have caused.
    demanded: Option<Duration>,
    /// The time at which the next fetch is due.
    due: Duration,
}

impl State {
    pub(crate) fn new(cooldown: Duration) -> Self {
        Self {
            cooldown,
            flight: None,
            flights: 0,
            last: None,
            fetched: None,
            failures: 0,
            demanded: None,
            due: Duration::ZERO,
        }
    }

    /// Returns the fetch under way, unless it is lost.
    fn flight(&self, now: Duration) -> Option<Flight> {
        self.flight
            .filter(|flight| now < flight.started.saturating_add(LOST))
    }

    /// Returns the action for a caller that has the document at hand. Does not start a fetch.
    pub(crate) fn look(&self, now: Duration) -> Look {
        let is_under_way = self.flight(now).is_some();
        let is_due = now >= self.due || self.flight.is_some();
        match (is_under_way, is_due) {
            _ if !self.is_known() => Look::Wait,
            _ if is_due && now >= self.waits_from() => Look::Wait,
            (false, true) => Look::Refresh,
            _ => Look::Use,
        }
    }

    /// Returns the time from which callers wait for a due fetch, instead of using the document
    /// meanwhile: one lifetime after the first. While fetches fail, callers do not wait for each of
    /// them.
    fn waits_from(&self) -> Duration {
        let Some((at, lifetime)) = self.fetched else {
            return Duration::ZERO;
        };
        let is_late = at.saturating_add(lifetime.saturating_mul(2));
        match self.last {
            Some((failed, Outcome::Failed(_))) => {
                is_late.max(failed.saturating_add(lifetime.max(LAST_RETRY * 2)))
            }
            _ => is_late,
        }
    }

    /// Returns the time for which [`look`](Self::look) answers `Use`.
    pub(crate) fn looks_after(&self, now: Duration) -> Duration {
        let next = match self.flight {
            _ if !self.is_known() => Duration::ZERO,
            Some(flight) => flight.started.saturating_add(LOST).min(self.waits_from()),
            None => self.due,
        };
        next.saturating_sub(now)
    }

    /// Returns the action for a caller that lacks something. Does not start a fetch.
    pub(crate) fn ask(&self, missing: Missing, now: Duration) -> Answer {
        let under_way = self.flight(now);
        match missing {
            Missing::Document => {
                let next = match self.last {
                    // The document could be used a moment ago, so a clock has jumped.
                    Some((at, Outcome::Fetched(_))) => {
                        self.due.min(at.saturating_add(self.cooldown))
                    }
                    _ => self.due,
                };
                match next.saturating_sub(now) {
                    Duration::ZERO => Answer::Wait,
                    _ if self.flight.is_some() => Answer::Wait,
                    wait => Answer::Unavailable(wait),
                }
            }
            Missing::Entry if under_way.is_some() => Answer::Wait,
            // Waits only for a fetch that was started for such a lack. A scheduled fetch is not a
            // sufficient reason to delay every caller with a mismatch.
            Missing::Match if under_way.is_some_and(|flight| flight.is_limited) => Answer::Wait,
            Missing::Match if under_way.is_some() => Answer::Missing(Duration::ZERO),
            // The runtime that the fetch was started on does not help any more.
            Missing::Entry | Missing::Match if self.is_lost_or_abandoned() => Answer::Wait,
            Missing::Entry | Missing::Match => {
                let cooled = self
                    .demanded
                    .map(|start| start.saturating_add(self.cooldown));
                let rest = cooled.map_or(Duration::ZERO, |cooled| cooled.saturating_sub(now));
                match self.last {
                    _ if rest.is_zero() => Answer::Wait,
                    Some((_, Outcome::Failed(_))) => {
                        Answer::Unavailable(self.due.saturating_sub(now))
                    }
                    _ => Answer::Missing(rest),
                }
            }
        }
    }

    /// Returns whether the runtime of the last fetch ended, or was not driven, before the fetch
    /// ended. Called only while there is no fetch under way.
    fn is_lost_or_abandoned(&self) -> bool {
        self.flight.is_some() || matches!(self.last, Some((_, Outcome::Abandoned)))
    }

    /// Starts a fetch for a caller that lacks something, or joins the one under way.
    pub(crate) fn begin(&mut self, missing: Missing, now: Duration) -> Begun {
        if self.ask(missing, now) != Answer::Wait {
            return Begun::Settled;
        }
        match self.flight(now) {
            Some(flight) => Begun::Join(flight),
            None => Begun::Start(self.start(missing.is_limited(), now)),
        }
    }

    /// Starts the fetch that is due, for a caller that goes on with the document at hand.
    pub(crate) fn refresh(&mut self, now: Duration) -> Option<Flight> {
        (self.look(now) == Look::Refresh).then(|| self.start(false, now))
    }

    fn start(&mut self, is_limited: bool, now: Duration) -> Flight {
        self.flights = self.flights.wrapping_add(1);
        if is_limited {
            self.demanded = Some(now);
        }
        let flight = Flight {
            number: self.flights,
            started: now,
            is_limited,
        };
        self.flight = Some(flight);
        flight
    }

    /// Returns whether the outcome of this fetch is used. It is not used if another fetch has
    /// replaced this one.
    pub(crate) fn is_current(&self, flight: Flight) -> bool {
        self.flight == Some(flight)
    }

    /// Ends the current fetch. `jitter` is chosen at random from 0 to 1, so that many servers do
    /// not fetch at the same moment.
    pub(crate) fn finish(&mut self, outcome: Outcome, now: Duration, jitter: f64) {
        if self.flight.take().is_none() {
            return;
        }
        self.last = Some((now, outcome));
        let wait = match outcome {
            Outcome::Fetched(lifetime) => {
                self.failures = 0;
                self.fetched = Some((now, lifetime));
                // Due before the end of the lifetime, with time for a few failures.
                lifetime.mul_f64(0.8 + 0.15 * jitter)
            }
            Outcome::Failed(_) => {
                let doublings = self.failures.min(16);
                self.failures = self.failures.saturating_add(1);
                let wait = FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY);
                wait.mul_f64(0.5 + 0.5 * jitter)
            }
            // The next caller takes over at once.
            Outcome::Abandoned => Duration::ZERO,
        };
        self.due = now.saturating_add(wait);
    }

    /// Returns whether a document was ever fetched.
    pub(crate) fn is_known(&self) -> bool {
        self.fetched.is_some()
    }

    /// Returns the time at which the next fetch is due, or `None` during a fetch and before the
    /// first.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.last.filter(|_| self.flight.is_none())?;
        Some(self.due)
    }

    /// Returns the reason for which the last fetch failed.
    pub(crate) fn last_error(&self) -> Option<&'static str> {
        match self.last {
            Some((_, Outcome::Failed(error))) => Some(error),
            Some((_, Outcome::Abandoned)) => Some("the fetch was abandoned"),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "state/tests.rs"]
mod tests;
