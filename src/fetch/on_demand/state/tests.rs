//! Tests of the machine with every order of events, and with long random sequences.

use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const COOLDOWN: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);
const NANOSECOND: Duration = Duration::from_nanos(1);

/// An event of a test.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Some time passes.
    Pass(Duration),
    /// The document is used.
    Use,
    /// A caller lacks this.
    Missing(Missing),
    /// The fetch under way ends, successfully or not.
    Finish(bool),
    /// The runtime of the fetch under way ends.
    RuntimeEnds,
}

const EVENTS: [Event; 10] = [
    Event::Pass(LOST),
    Event::Pass(COOLDOWN),
    Event::Pass(HOUR),
    Event::Use,
    Event::Missing(Missing::Document),
    Event::Missing(Missing::Entry),
    Event::Missing(Missing::Match),
    Event::Finish(true),
    Event::Finish(false),
    Event::RuntimeEnds,
];

/// The machine beside an observer. The observer records the events and knows the rules, but not
/// their implementation.
struct Watched {
    state: State,
    now: Duration,
    flying: Option<Flight>,
    /// The fetches that were replaced by another one.
    replaced: Vec<Flight>,
    fetched: Option<Duration>,
    failed: Option<Duration>,
    last_ok: Option<bool>,
    /// The time at which a limited fetch was started.
    demanded: Option<Duration>,
    /// Whether the last fetch ended with its runtime.
    has_ended: bool,
}

impl Watched {
    fn new() -> Self {
        Self {
            state: State::new(COOLDOWN),
            now: Duration::ZERO,
            flying: None,
            replaced: Vec::new(),
            fetched: None,
            failed: None,
            last_ok: None,
            demanded: None,
            has_ended: false,
        }
    }

    fn is_flying(&self) -> bool {
        self.flying
            .is_some_and(|flight| self.now < flight.started + LOST)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(time) => self.now += time,
            Event::Use => self.use_it(),
            Event::Missing(missing) => self.missing(missing),
            Event::Finish(true) => self.finish(Outcome::Fetched(HOUR)),
            Event::Finish(false) => self.finish(Outcome::Failed("down")),
            Event::RuntimeEnds => self.finish(Outcome::Abandoned),
        }
        for &flight in &self.replaced {
            assert!(!self.state.is_current(flight), "a lost fetch counts");
        }
        self.check_next_look();
        let is_quiet = self.flying.is_none() && self.last_ok.is_some();
        assert_eq!(self.state.due().is_some(), is_quiet);
        assert_eq!(self.state.is_known(), self.fetched.is_some());
    }

    /// Checks that, until the time that the hot path waits for, only time changes the answer.
    fn check_next_look(&self) {
        let after = self.state.looks_after(self.now);
        match self.state.look(self.now) {
            Look::Use => {
                assert!(!after.is_zero());
                let last = self.now + after - NANOSECOND;
                assert_eq!(self.state.look(last), Look::Use);
                assert_ne!(self.state.look(self.now + after), Look::Use);
            }
            Look::Refresh | Look::Wait => assert!(after.is_zero()),
        }
    }

    fn started(&mut self, flight: Flight, is_limited: bool) {
        assert!(!self.is_flying(), "two fetches at once");
        assert!(self.state.is_current(flight));
        let lost = self.flying.replace(flight);
        let was_lost = lost.is_some();
        self.replaced.extend(lost);
        if is_limited {
            let is_cool = self.demanded.is_none_or(|at| self.now >= at + COOLDOWN);
            assert!(
                is_cool || was_lost || self.has_ended,
                "two fetches in one cooldown"
            );
            self.demanded = Some(self.now);
        }
    }

    fn use_it(&mut self) {
        let look = self.state.look(self.now);
        let age = self.fetched.map(|at| self.now - at);
        match (look, age) {
            (Look::Wait, None) => {}
            (_, None) => panic!("there is nothing to use"),
            (Look::Wait, Some(age)) => assert!(age >= 2 * HOUR),
            (Look::Use | Look::Refresh, Some(age)) => {
                // An outage, with evidence that is not older than the lifetime.
                let is_down = self.last_ok == Some(false)
                    && self.failed.is_some_and(|at| self.now < at + HOUR);
                assert!(age < 2 * HOUR || is_down, "{age:?}");
                let is_fresh = age < HOUR.mul_f64(0.8);
                let is_lost = self.flying.is_some() && !self.is_flying();
                let is_retried = self.last_ok == Some(false);
                if look == Look::Refresh {
                    assert!(!is_fresh || is_lost || is_retried, "early");
                } else {
                    let is_late =
                        age >= HOUR && self.failed.is_none_or(|at| self.now > at + LAST_RETRY);
                    assert!(!is_late || self.is_flying(), "late");
                }
            }
        }
        if let Some(flight) = self.state.refresh(self.now) {
            assert_eq!(look, Look::Refresh);
            self.started(flight, false);
        }
    }

    fn missing(&mut self, missing: Missing) {
        let answer = self.state.ask(missing, self.now);
        let begun = self.state.begin(missing, self.now);
        match (answer, begun) {
            (Answer::Wait, Begun::Start(flight)) => {
                self.started(flight, missing != Missing::Document);
            }
            (Answer::Wait, Begun::Join(flight)) => {
                assert!(self.is_flying());
                assert_eq!(self.flying, Some(flight));
            }
            (Answer::Missing(wait), Begun::Settled) => {
                assert_ne!(missing, Missing::Document, "an outage is not a denial");
                if missing == Missing::Entry {
                    assert_eq!(self.last_ok, Some(true));
                    assert_eq!(Some(self.now + wait), self.demanded.map(|at| at + COOLDOWN));
                }
            }
            (Answer::Unavailable(wait), Begun::Settled) => {
                assert!(wait <= LAST_RETRY, "{wait:?}");
                if missing != Missing::Document {
                    assert_eq!(self.last_ok, Some(false));
                }
            }
            other => panic!("{other:?}"),
        }
        // Callers that miss the document wait unless a fetch has just ended.
        if missing == Missing::Document && self.last_ok.is_none() {
            assert_eq!(answer, Answer::Wait);
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        self.state.finish(outcome, self.now, 0.5);
        if self.flying.take().is_none() {
            return; // There was no fetch under way, so there is no effect.
        }
        self.has_ended = outcome == Outcome::Abandoned;
        let due = self.state.due().unwrap();
        let wait = due - self.now;
        match outcome {
            Outcome::Fetched(_) => {
                (self.fetched, self.last_ok) = (Some(self.now), Some(true));
                assert!(wait < HOUR && wait > HOUR / 2);
            }
            Outcome::Failed(_) => {
                (self.failed, self.last_ok) = (Some(self.now), Some(false));
                assert!(!wait.is_zero() && wait <= LAST_RETRY);
            }
            Outcome::Abandoned => {
                self.last_ok = Some(false);
                // The next caller starts another fetch at once.
                assert!(wait.is_zero());
                assert_eq!(self.state.ask(Missing::Document, self.now), Answer::Wait);
            }
        }
        assert_eq!(
            self.state.last_error().is_some(),
            self.last_ok == Some(false)
        );
    }
}

#[test]
fn every_order_of_six_events_keeps_the_rules() {
    let mut order = [0; 6];
    loop {
        let mut watched = Watched::new();
        for &i in &order {
            watched.happen(EVENTS[i]);
        }
        let Some(next) = order.iter().rposition(|&i| i + 1 < EVENTS.len()) else {
            return;
        };
        order[next] += 1;
        order[next + 1..].fill(0);
    }
}

proptest! {
    #[test]
    fn long_random_orders_keep_the_rules(
        order in prop::collection::vec((0..14_usize, 0..4000_u64), 0..2000),
    ) {
        let mut watched = Watched::new();
        for (event, number) in order {
            watched.happen(match event {
                0 => Event::Pass(Duration::from_millis(number)),
                1 => Event::Pass(Duration::from_secs(number)),
                2..=4 => Event::Missing(Missing::Entry),
                5 => Event::Missing(Missing::Document),
                6 => Event::Missing(Missing::Match),
                7..=9 => Event::Use,
                10 => Event::Finish(false),
                11 => Event::RuntimeEnds,
                _ => Event::Finish(true),
            });
        }
    }
}

/// Returns a machine whose document was fetched at this moment.
fn fetched(now: Duration) -> State {
    let mut state = State::new(COOLDOWN);
    assert!(matches!(
        state.begin(Missing::Document, now),
        Begun::Start(_)
    ));
    state.finish(Outcome::Fetched(HOUR), now, 1.0);
    state
}

#[test]
fn pauses_after_failures_double_up_to_a_minute() {
    let mut state = State::new(COOLDOWN);
    let mut now = Duration::ZERO;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert!(matches!(
            state.begin(Missing::Document, now),
            Begun::Start(_)
        ));
        state.finish(Outcome::Failed("down"), now, 1.0);
        let due = state.due().unwrap();
        pauses.push((due - now).as_secs());
        let answer = state.ask(Missing::Document, now);
        assert_eq!(answer, Answer::Unavailable(due - now));
        now = due;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    // After one success, the next failure starts with the first pause again.
    assert!(matches!(
        state.begin(Missing::Document, now),
        Begun::Start(_)
    ));
    state.finish(Outcome::Fetched(HOUR), now, 1.0);
    now = state.due().unwrap();
    assert!(state.refresh(now).is_some());
    state.finish(Outcome::Failed("down"), now, 0.0);
    assert_eq!(state.due().unwrap() - now, SECOND / 2);
}

#[test]
fn the_first_use_after_the_due_time_refreshes_and_later_ones_wait() {
    let mut state = fetched(Duration::ZERO);
    assert_eq!(state.look(HOUR * 94 / 100), Look::Use);
    assert_eq!(state.look(HOUR * 95 / 100), Look::Refresh);
    assert_eq!(state.look(2 * HOUR - NANOSECOND), Look::Refresh);
    assert_eq!(state.look(2 * HOUR), Look::Wait);
    assert_eq!(state.ask(Missing::Document, 2 * HOUR), Answer::Wait);
    // Once the fetch is under way, other callers use the document, but only for one more lifetime.
    assert!(state.refresh(2 * HOUR - SECOND).is_some());
    assert_eq!(state.look(2 * HOUR - SECOND), Look::Use);
    assert_eq!(state.look(2 * HOUR), Look::Wait);
}

#[test]
fn nobody_waits_for_each_fetch_of_an_outage() {
    let mut state = fetched(Duration::ZERO);
    let mut now = HOUR;
    while now < 20 * HOUR {
        match state.look(now) {
            Look::Use => {}
            Look::Refresh => {
                assert!(state.refresh(now).is_some());
                assert_eq!(state.look(now + 9 * SECOND), Look::Use);
                state.finish(Outcome::Failed("down"), now + 10 * SECOND, 0.5);
            }
            Look::Wait => panic!("a caller waits at {now:?}"),
        }
        now += 20 * SECOND;
    }
    // No caller has tried for a while, so the issuer may be back.
    assert_eq!(state.look(now + HOUR), Look::Wait);
}

#[test]
fn a_lost_fetch_is_replaced_and_does_not_count() {
    let mut state = State::new(COOLDOWN);
    let Begun::Start(first) = state.begin(Missing::Entry, Duration::ZERO) else {
        panic!("nothing was under way");
    };
    assert_eq!(
        state.begin(Missing::Document, LOST - NANOSECOND),
        Begun::Join(first)
    );
    let Begun::Start(second) = state.begin(Missing::Document, LOST) else {
        panic!("the fetch is lost");
    };
    assert!(!state.is_current(first));
    assert!(state.is_current(second));
}

#[test]
fn a_fetch_whose_runtime_has_ended_is_taken_over_at_once() {
    for missing in [Missing::Document, Missing::Entry, Missing::Match] {
        let mut state = fetched(Duration::ZERO);
        let now = HOUR;
        assert!(matches!(state.begin(missing, now), Begun::Start(_)));
        state.finish(Outcome::Abandoned, now, 0.5);
        assert_eq!(state.last_error(), Some("the fetch was abandoned"));
        assert!(
            matches!(state.begin(missing, now), Begun::Start(_)),
            "{missing:?}"
        );
    }
}

#[test]
fn a_bad_match_starts_one_fetch_per_cooldown_and_waits_for_no_other() {
    let mut state = fetched(Duration::ZERO);
    // A scheduled fetch is under way.
    assert!(state.refresh(HOUR).is_some());
    assert_eq!(
        state.ask(Missing::Match, HOUR),
        Answer::Missing(Duration::ZERO)
    );
    assert_eq!(state.ask(Missing::Entry, HOUR), Answer::Wait);
    state.finish(Outcome::Fetched(HOUR), HOUR, 0.5);
    assert!(matches!(state.begin(Missing::Match, HOUR), Begun::Start(_)));
    assert!(matches!(state.begin(Missing::Match, HOUR), Begun::Join(_)));
    state.finish(Outcome::Fetched(HOUR), HOUR + SECOND, 0.5);
    let rest = COOLDOWN - 2 * SECOND;
    for missing in [Missing::Match, Missing::Entry] {
        assert_eq!(state.ask(missing, HOUR + 2 * SECOND), Answer::Missing(rest));
    }
    assert_eq!(state.ask(Missing::Match, HOUR + COOLDOWN), Answer::Wait);
}
