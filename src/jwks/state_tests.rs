//! The machine under every order of events, and under long random ones.

use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const COOLDOWN: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

fn state() -> State {
    State::new(Timing {
        cooldown: COOLDOWN,
        lifetime: HOUR,
        bounds: (60 * SECOND, 24 * HOUR),
        stale_limit: 24 * HOUR,
    })
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes.
    Pass(Duration),
    /// A token lacks this.
    Lack(Lack),
    /// The keeper's timer goes off.
    Timer,
    /// The fetch under way ends well, or not.
    Land(bool),
}

const EVENTS: [Event; 8] = [
    Event::Pass(SECOND),
    Event::Pass(COOLDOWN),
    Event::Pass(HOUR),
    Event::Lack(Lack::Set),
    Event::Lack(Lack::Key(1)),
    Event::Lack(Lack::Key(2)),
    Event::Timer,
    Event::Land(true),
];

/// The machine beside what a bystander has written down, who knows the rules and not how they
/// are kept.
struct Watched {
    state: State,
    now: Duration,
    flying: bool,
    scheduled: bool,
    last_ok: Option<bool>,
    demands: Vec<Duration>,
    waiting: Vec<u64>,
    in_vain: Vec<(u64, Duration)>,
}

impl Watched {
    fn new() -> Self {
        Self {
            state: state(),
            now: Duration::ZERO,
            flying: false,
            scheduled: false,
            last_ok: None,
            demands: Vec::new(),
            waiting: Vec::new(),
            in_vain: Vec::new(),
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(time) => self.now += time,
            Event::Lack(lack) => self.lack(lack),
            Event::Timer => {
                let due = self.state.due();
                let begun = self.state.begin_scheduled(self.now);
                // The cooldown does not count here.
                let is_due = !self.flying && due.is_some_and(|due| due <= self.now);
                assert_eq!(begun, is_due);
                if begun {
                    (self.flying, self.scheduled) = (true, true);
                }
            }
            Event::Land(ok) => self.land(ok),
        }
        assert_eq!(self.state.flight.is_some(), self.flying);
        assert_eq!(
            self.state.due().is_none(),
            self.flying || self.last_ok.is_none()
        );
        assert!(self.state.unknown.len() <= Remembered::CAPACITY);
    }

    fn lack(&mut self, lack: Lack) {
        let answer = self.state.ask(lack, self.now);
        let begun = self.state.begin(lack, self.now);
        match (answer, begun) {
            (Answer::Wait, Begun::Start) => {
                assert!(!self.flying, "two fetches at once");
                self.flying = true;
                if let Lack::Key(id) = lack {
                    let cooling = self.demands.last();
                    let cooling = cooling.is_some_and(|last| self.now < *last + COOLDOWN);
                    assert!(!cooling, "two fetches in one cooldown");
                    assert!(
                        !self.is_in_vain(id),
                        "the same key has a fetch started again"
                    );
                    self.demands.push(self.now);
                }
            }
            (Answer::Wait, Begun::Join) => assert!(self.flying),
            (Answer::Unknown, Begun::Settled) => {
                assert_ne!(lack, Lack::Set, "an outage is no denial");
                assert_eq!(self.last_ok, Some(true));
            }
            (Answer::Unavailable(wait), Begun::Settled) => {
                assert!(wait <= LAST_RETRY, "{wait:?}");
                if let Lack::Key(_) = lack {
                    assert_eq!(self.last_ok, Some(false));
                }
            }
            other => panic!("{other:?}"),
        }
        if let (Answer::Wait, Lack::Key(id)) = (answer, lack) {
            self.waiting.push(id);
        }
    }

    fn land(&mut self, ok: bool) {
        let landed = match ok {
            true => Landed::Fetched(HOUR),
            false => Landed::Failed("down"),
        };
        self.state.land(landed, self.now, 0.5);
        if !self.flying {
            return; // Nothing was under way: nothing happens.
        }
        if ok && self.scheduled {
            self.in_vain.clear();
        }
        if ok {
            let waiting = std::mem::take(&mut self.waiting);
            let now = self.now;
            self.in_vain.extend(waiting.into_iter().map(|id| (id, now)));
        }
        self.waiting.clear();
        (self.flying, self.scheduled, self.last_ok) = (false, false, Some(ok));
        // It goes on by itself, and soon where it failed.
        let due = self.state.due().unwrap();
        let wait = due - self.now;
        match ok {
            true => assert!(wait < HOUR && wait > HOUR / 2),
            false => assert!(!wait.is_zero() && wait <= LAST_RETRY),
        }
        assert_eq!(self.state.last_error().is_some(), !ok);
    }

    /// Less than the machine has to remember: a name that was asked for again keeps its time.
    fn is_in_vain(&self, id: u64) -> bool {
        self.in_vain
            .iter()
            .any(|(other, since)| *other == id && self.now < *since + COOLDOWN * 10)
    }
}

#[test]
fn every_order_of_six_events_keeps_the_rules() {
    let events: Vec<Event> = EVENTS.into_iter().chain([Event::Land(false)]).collect();
    let mut order = [0; 6];
    loop {
        let mut watched = Watched::new();
        for &i in &order {
            watched.happen(events[i]);
        }
        let Some(next) = order.iter().rposition(|&i| i + 1 < events.len()) else {
            return;
        };
        order[next] += 1;
        order[next + 1..].fill(0);
    }
}

proptest! {
    #[test]
    fn long_random_orders_keep_the_rules(
        order in prop::collection::vec((0..11_usize, 0..2000_u64), 0..2000),
    ) {
        let mut watched = Watched::new();
        for (event, number) in order {
            watched.happen(match event {
                0 => Event::Pass(Duration::from_millis(number)),
                1 => Event::Pass(Duration::from_secs(number)),
                2..=5 => Event::Lack(Lack::Key(number)),
                6 => Event::Lack(Lack::Set),
                7 => Event::Timer,
                8 => Event::Land(false),
                _ => Event::Land(true),
            });
        }
    }
}

#[test]
fn pauses_after_failures_double_up_to_a_minute() {
    let mut state = state();
    let mut now = Duration::ZERO;
    assert_eq!(state.begin(Lack::Set, now), Begun::Start);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        state.land(Landed::Failed("down"), now, 1.0);
        let due = state.due().unwrap();
        pauses.push((due - now).as_secs());
        let answer = state.ask(Lack::Set, now);
        assert_eq!(answer, Answer::Unavailable(due - now));
        now = due;
        assert!(state.begin_scheduled(now));
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    // One success, and the next failure starts anew.
    state.land(Landed::Fetched(HOUR), now, 1.0);
    now = state.due().unwrap();
    assert!(state.begin_scheduled(now));
    state.land(Landed::Failed("down"), now, 0.0);
    assert_eq!(state.due().unwrap() - now, SECOND / 2);
}

#[test]
fn ten_thousand_unknown_keys_start_one_fetch() {
    let mut state = state();
    assert_eq!(state.begin(Lack::Key(0), Duration::ZERO), Begun::Start);
    for id in 1..5_000 {
        assert_eq!(state.begin(Lack::Key(id), Duration::ZERO), Begun::Join);
    }
    state.land(Landed::Fetched(HOUR), SECOND, 0.5);
    for id in 0..10_000 {
        assert_eq!(state.ask(Lack::Key(id), 29 * SECOND), Answer::Unknown);
    }
    assert_eq!(state.unknown.len(), Remembered::CAPACITY);
    // After the cooldown only a new name starts another.
    assert_eq!(state.ask(Lack::Key(0), 31 * SECOND), Answer::Unknown);
    assert_eq!(state.begin(Lack::Key(10_000), 31 * SECOND), Begun::Start);
}

#[test]
fn a_scheduled_fetch_forgets_what_was_asked_for_in_vain() {
    let mut state = state();
    state.begin(Lack::Key(1), Duration::ZERO);
    state.land(Landed::Fetched(60 * SECOND), Duration::ZERO, 0.0);
    assert_eq!(state.ask(Lack::Key(1), 47 * SECOND), Answer::Unknown);
    assert!(state.begin_scheduled(48 * SECOND));
    state.land(Landed::Fetched(60 * SECOND), 48 * SECOND, 0.0);
    assert_eq!(state.ask(Lack::Key(1), 48 * SECOND), Answer::Wait);
}

#[test]
fn a_guessed_name_is_not_unknown_forever() {
    let mut state = state();
    state.begin(Lack::Key(1), Duration::ZERO);
    state.land(Landed::Fetched(24 * HOUR), Duration::ZERO, 0.0);
    assert_eq!(state.ask(Lack::Key(1), 299 * SECOND), Answer::Unknown);
    assert_eq!(state.ask(Lack::Key(1), 300 * SECOND), Answer::Wait);
}

#[test]
fn lifetimes_are_kept_within_bounds() {
    let state = state();
    assert_eq!(state.lifetime(None), HOUR);
    assert_eq!(state.lifetime(Some(Duration::ZERO)), 60 * SECOND);
    assert_eq!(state.lifetime(Some(600 * SECOND)), 600 * SECOND);
    assert_eq!(state.lifetime(Some(Duration::MAX)), 24 * HOUR);
    assert_eq!(state.good_for(HOUR), 24 * HOUR);
    assert_eq!(state.good_for(48 * HOUR), 48 * HOUR);
}
