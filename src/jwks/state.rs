//! When a set is fetched: a pure machine into which time is passed.
//!
//! Time is the [`Duration`] since some moment, by a clock that never goes back.

use super::remembered::Remembered;
use crate::jwt::source::Answer;
use std::time::Duration;

/// How long the first pause after a failure is; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// How long a pause after a failure may get: within it the issuer is noticed to be back.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// What is configured.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    /// Between the starts of two fetches that unknown keys ask for.
    pub(super) cooldown: Duration,
    /// Of a set whose issuer does not say.
    pub(super) lifetime: Duration,
    /// Within these is the lifetime that an issuer says.
    pub(super) bounds: (Duration, Duration),
    /// For how long after its last fetch a set is good.
    pub(super) stale_limit: Duration,
}

/// Why a token cannot be judged; a key by the hash of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Set,
    Key(u64),
}

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landed {
    /// The set is good for so long.
    Fetched(Duration),
    /// For a reason, in a fixed text.
    Failed(&'static str),
}

/// What whoever lacks a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// Starts the fetch, and waits for it.
    Start,
    /// Waits for the fetch under way.
    Join,
    /// Asks again: the answer is known meanwhile.
    Settled,
}

/// Where an issuer's set stands.
pub(super) struct State {
    timing: Timing,
    /// The fetch under way, and who waits for it.
    flight: Option<Flight>,
    last: Option<(Duration, Landed)>,
    failures: u32,
    /// When an unknown key last had a fetch started.
    demanded: Option<Duration>,
    /// When the next fetch is due.
    due: Option<Duration>,
    unknown: Remembered,
}

struct Flight {
    is_scheduled: bool,
    lacked: Vec<u64>,
}

impl State {
    pub(super) fn new(timing: Timing) -> Self {
        let unknown = Remembered::new(timing.cooldown.saturating_mul(10));
        Self {
            timing,
            flight: None,
            last: None,
            failures: 0,
            demanded: None,
            due: None,
            unknown,
        }
    }

    /// What becomes of a token that lacks this.
    pub(super) fn ask(&self, lack: Lack, now: Duration) -> Answer {
        match lack {
            Lack::Key(id) if self.unknown.contains(id, now) => self.settled(now),
            _ if self.flight.is_some() => Answer::Wait,
            Lack::Key(_) => match self.demanded {
                Some(start) if now < start.saturating_add(self.timing.cooldown) => {
                    self.settled(now)
                }
                _ => Answer::Wait,
            },
            Lack::Set => {
                let next = match self.last {
                    None => Duration::ZERO,
                    Some((_, Landed::Failed(_))) => self.due.unwrap_or_default(),
                    // It was good a moment ago: a clock has jumped.
                    Some((at, Landed::Fetched(_))) => at.saturating_add(self.timing.cooldown),
                };
                match next.checked_sub(now) {
                    None | Some(Duration::ZERO) => Answer::Wait,
                    Some(wait) => Answer::Unavailable(wait),
                }
            }
        }
    }

    /// Of a key that is not in the set, while no fetch may be started for it.
    fn settled(&self, now: Duration) -> Answer {
        match self.last {
            Some((_, Landed::Fetched(_))) => Answer::Unknown,
            _ => Answer::Unavailable(self.due.unwrap_or_default().saturating_sub(now)),
        }
    }

    /// Starts a fetch for a token, or joins the one under way.
    pub(super) fn begin(&mut self, lack: Lack, now: Duration) -> Begun {
        if self.ask(lack, now) != Answer::Wait {
            return Begun::Settled;
        }
        let begun = match self.flight {
            Some(_) => Begun::Join,
            None => Begun::Start,
        };
        let flight = self.flight.get_or_insert(Flight {
            is_scheduled: false,
            lacked: Vec::new(),
        });
        if let Lack::Key(id) = lack {
            if begun == Begun::Start {
                self.demanded = Some(now);
            }
            // More than that could not be remembered anyway.
            if flight.lacked.len() < Remembered::CAPACITY && !flight.lacked.contains(&id) {
                flight.lacked.push(id);
            }
        }
        begun
    }

    /// Starts the fetch that is due, if it is.
    pub(super) fn begin_scheduled(&mut self, now: Duration) -> bool {
        let is_due = self.flight.is_none() && self.due.is_some_and(|due| due <= now);
        if is_due {
            self.flight = Some(Flight {
                is_scheduled: true,
                lacked: Vec::new(),
            });
        }
        is_due
    }

    /// The fetch under way has ended. `jitter` is chosen at random from 0 to 1, so that many
    /// servers do not ask at the same moment.
    pub(super) fn land(&mut self, landed: Landed, now: Duration, jitter: f64) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        self.last = Some((now, landed));
        let wait = match landed {
            Landed::Fetched(lifetime) => {
                self.failures = 0;
                if flight.is_scheduled {
                    self.unknown.clear();
                }
                for id in flight.lacked {
                    self.unknown.insert(id, now);
                }
                // Before the end, with time for a few failures.
                lifetime.mul_f64(0.8 + 0.15 * jitter)
            }
            Landed::Failed(_) => {
                let doublings = self.failures.min(16);
                self.failures = self.failures.saturating_add(1);
                let wait = FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY);
                wait.mul_f64(0.5 + 0.5 * jitter)
            }
        };
        self.due = Some(now.saturating_add(wait));
    }

    /// The lifetime of a set whose issuer says this.
    pub(super) fn lifetime(&self, said: Option<Duration>) -> Duration {
        let (least, most) = self.timing.bounds;
        said.map_or(self.timing.lifetime, |said| said.clamp(least, most))
    }

    /// For how long a set of this lifetime is good without another fetch.
    pub(super) fn good_for(&self, lifetime: Duration) -> Duration {
        lifetime.max(self.timing.stale_limit)
    }

    /// When the next fetch is due; nobody knows while one is under way.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due.filter(|_| self.flight.is_none())
    }

    /// Why the last fetch failed.
    pub(super) fn last_error(&self) -> Option<&'static str> {
        match self.last {
            Some((_, Landed::Failed(error))) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
