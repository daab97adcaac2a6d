//! When an endpoint that fails is left alone, and when it is tried again.

use std::time::{Duration, SystemTime};

/// A circuit breaker: pure, with the time passed in.
///
/// ```text
/// closed ── so many failures in a row ──> open ── after the delay, one call ──> trying
///   ^                                      ^                                      │
///   └──────────── success ─────────────────┴────────── failure ───────────────────┘
/// ```
#[derive(Debug)]
pub(super) struct Breaker {
    /// How many failures in a row open it; 0: never.
    threshold: u32,
    delay: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { since: SystemTime },
    Trying { since: SystemTime },
}

/// Leave to make one call; goes back with what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a call that is not settled tells nothing"]
pub(super) enum Leave {
    Usual,
    /// The call that says whether the endpoint is there again.
    Trial,
}

/// What a call has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The endpoint answers. What it says does not matter here.
    Success,
    Failure,
    /// Nothing about the endpoint: the call was not made, or not answered because of the token.
    Nothing,
}

impl Breaker {
    pub(super) fn new(threshold: u32, delay: Duration) -> Self {
        Self {
            threshold,
            delay,
            state: State::Closed { failures: 0 },
        }
    }

    /// Whether a call may be made now; if not, after how long one may.
    pub(super) fn admit(&mut self, now: SystemTime) -> Result<Leave, Duration> {
        match self.state {
            State::Closed { .. } => Ok(Leave::Usual),
            State::Open { since } => {
                // A clock that was set back must not keep it open.
                let passed = now.duration_since(since).unwrap_or(self.delay);
                match self.delay.checked_sub(passed) {
                    Some(left) if !left.is_zero() => Err(left),
                    _ => {
                        self.state = State::Trying { since };
                        Ok(Leave::Trial)
                    }
                }
            }
            // It will be known soon.
            State::Trying { .. } => Err(Duration::from_secs(1)),
        }
    }

    /// Says whether this has opened it.
    pub(super) fn settle(&mut self, leave: Leave, outcome: Outcome, now: SystemTime) -> bool {
        let before = self.state;
        self.state = match (outcome, before) {
            // Also by a call from before it was opened: the endpoint answers.
            (Outcome::Success, _) => State::Closed { failures: 0 },
            (Outcome::Failure, State::Closed { failures }) => {
                let failures = failures.saturating_add(1);
                match self.threshold > 0 && failures >= self.threshold {
                    true => State::Open { since: now },
                    false => State::Closed { failures },
                }
            }
            (Outcome::Failure, State::Trying { .. }) if leave == Leave::Trial => {
                State::Open { since: now }
            }
            // The next call may try at once.
            (Outcome::Nothing, State::Trying { since }) if leave == Leave::Trial => {
                State::Open { since }
            }
            // What was under way before says no more than what has opened it.
            (Outcome::Failure | Outcome::Nothing, state) => state,
        };
        let is_open = matches!(self.state, State::Open { .. });
        is_open && outcome == Outcome::Failure && self.state != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Failure, Nothing, Success};
    use std::collections::{HashSet, VecDeque};

    const DELAY: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn opened(threshold: u32, now: u64) -> Breaker {
        let mut breaker = Breaker::new(threshold, DELAY);
        for failure in 1..=threshold {
            let leave = breaker.admit(at(now)).unwrap();
            assert_eq!(
                breaker.settle(leave, Failure, at(now)),
                failure == threshold
            );
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut breaker = Breaker::new(3, DELAY);
        for outcome in [Failure, Failure, Success, Failure, Nothing, Failure] {
            let leave = breaker.admit(at(0)).unwrap();
            assert!(!breaker.settle(leave, outcome, at(0)));
        }
        let leave = breaker.admit(at(0)).unwrap();
        assert!(breaker.settle(leave, Failure, at(0)));
        assert_eq!(breaker.admit(at(0)), Err(DELAY));
    }

    #[test]
    fn it_says_how_long_it_stays_open_and_then_lets_one_call_through() {
        let mut breaker = opened(2, 100);
        assert_eq!(breaker.admit(at(101)), Err(Duration::from_secs(9)));
        assert_eq!(breaker.admit(at(109)), Err(Duration::from_secs(1)));
        assert_eq!(breaker.admit(at(110)), Ok(Leave::Trial));
        assert!(breaker.admit(at(110)).is_err(), "one at a time");
        assert!(!breaker.settle(Leave::Trial, Success, at(111)));
        assert_eq!(breaker.admit(at(111)), Ok(Leave::Usual));
        assert_eq!(breaker.admit(at(111)), Ok(Leave::Usual));
    }

    #[test]
    fn one_failure_of_the_trial_opens_it_again_for_the_whole_delay() {
        let mut breaker = opened(5, 0);
        assert_eq!(breaker.admit(at(10)), Ok(Leave::Trial));
        assert!(breaker.settle(Leave::Trial, Failure, at(12)));
        assert_eq!(breaker.admit(at(13)), Err(Duration::from_secs(9)));
        assert_eq!(breaker.admit(at(22)), Ok(Leave::Trial));
    }

    #[test]
    fn a_trial_that_shows_nothing_leaves_the_next_call_to_try() {
        let mut breaker = opened(1, 0);
        assert_eq!(breaker.admit(at(10)), Ok(Leave::Trial));
        assert!(!breaker.settle(Leave::Trial, Nothing, at(10)));
        assert_eq!(breaker.admit(at(10)), Ok(Leave::Trial));
    }

    #[test]
    fn calls_from_before_it_opened_do_not_end_the_trial_unless_they_succeed() {
        let mut breaker = opened(1, 0);
        assert!(!breaker.settle(Leave::Usual, Failure, at(5)));
        assert_eq!(breaker.admit(at(10)), Ok(Leave::Trial));
        for outcome in [Failure, Nothing] {
            assert!(!breaker.settle(Leave::Usual, outcome, at(11)));
            assert!(breaker.admit(at(11)).is_err());
        }
        assert!(!breaker.settle(Leave::Usual, Success, at(12)));
        assert_eq!(breaker.admit(at(12)), Ok(Leave::Usual));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut breaker = opened(1, 1_000_000);
        assert_eq!(breaker.admit(at(5)), Ok(Leave::Trial));
    }

    #[test]
    fn without_a_threshold_it_never_opens() {
        let mut breaker = Breaker::new(0, DELAY);
        for _ in 0..100 {
            let leave = breaker.admit(at(0)).unwrap();
            assert!(!breaker.settle(leave, Failure, at(0)));
        }
    }

    /// Every state that ten steps of up to three calls at once reach, against the promises.
    #[test]
    fn from_every_state_it_recovers_and_never_opens_without_a_failure() {
        type Calls = Vec<Leave>;
        let start = (Breaker::new(2, DELAY), Calls::new(), 0u64, 0u32);
        let key = |(breaker, calls, now, _): &(Breaker, Calls, u64, u32)| {
            format!("{:?} {calls:?} {now}", breaker.state)
        };
        let copy = |breaker: &Breaker| Breaker {
            state: breaker.state,
            ..*breaker
        };
        let mut seen = HashSet::from([key(&start)]);
        let mut queue = VecDeque::from([start]);
        while let Some((breaker, calls, now, steps)) = queue.pop_front() {
            // Who is to say how the trial went is still under way.
            let is_tried = matches!(breaker.state, State::Trying { .. });
            assert!(!is_tried || calls.contains(&Leave::Trial));
            // However it got here: once nothing is under way, a success closes it in the end.
            let mut rest = copy(&breaker);
            for leave in &calls {
                rest.settle(*leave, Nothing, at(now));
            }
            let leave = rest.admit(at(now + 10)).expect("a call is let through");
            rest.settle(leave, Success, at(now + 10));
            assert_eq!(rest.state, State::Closed { failures: 0 });
            if steps == 10 {
                continue;
            }
            let mut next = Vec::new();
            for seconds in [0, 5, 10] {
                let mut later = copy(&breaker);
                let mut more = calls.clone();
                if calls.len() < 3 {
                    more.extend(later.admit(at(now + seconds)).ok());
                }
                next.push((later, more, now + seconds, steps + 1));
            }
            for call in 0..calls.len() {
                for outcome in [Success, Failure, Nothing] {
                    let mut settled = copy(&breaker);
                    let mut fewer = calls.clone();
                    let leave = fewer.remove(call);
                    let opened = settled.settle(leave, outcome, at(now));
                    let was_open = matches!(breaker.state, State::Open { .. });
                    let is_open = matches!(settled.state, State::Open { .. });
                    assert!(!opened || (is_open && !was_open && outcome == Failure));
                    if is_open && matches!(breaker.state, State::Closed { .. }) {
                        assert!(opened);
                    }
                    next.push((settled, fewer, now, steps + 1));
                }
            }
            queue.extend(next.into_iter().filter(|state| seen.insert(key(state))));
        }
        assert!(seen.len() > 500, "{}", seen.len());
    }
}
