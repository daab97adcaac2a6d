//! The swap of key sets, the fetch that many callers share, and the caches of lanes, in every
//! interleaving of threads. `loom` runs the crate's own sources.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::duplicate_mod,
    reason = "what is not modelled here is used there"
)]

mod removal;

/// The synchronization primitives of `published`.
mod sync {
    pub use loom::sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    };
    pub use std::sync::PoisonError;
}
#[path = "../../src/jwt/remote/published.rs"]
mod published;
#[path = "../../src/fetch/on_demand/state.rs"]
mod state;

use loom::{
    sync::{Arc, Condvar, Mutex},
    thread,
};
use published::Published;
use state::{Begun, Flight, LOST, Missing, Outcome, State};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// A set that knows its generation, as snapshots do.
type Set = u64;

#[test]
fn a_withdrawn_key_is_dropped_in_every_interleaving() {
    loom::model(|| {
        let published = Arc::new(Published::<Set>::new(0));
        published.replace(1, 1);
        published.extend(100);
        let writer = published.clone();
        // At 150 the first set is past its end. The second withdraws a key of it.
        let writer = thread::spawn(move || {
            writer.replace(2, 2);
            writer.extend(200);
        });

        // A hit in a cache of what the first set has verified: the end first.
        let now = 150;
        let is_good = now < published.good_until();
        let generation = published.generation();
        assert!(!is_good || generation == 2, "stale, and taken for current");

        // A verification: what it is tagged with is what it has used.
        let used = *published.current();
        assert!(used >= generation, "an older set than the current one");
        writer.join().unwrap();
        // Whatever was tagged on the way counts only if it is the new set's.
        assert_eq!(published.generation(), 2);
        assert_eq!(*published.current(), 2);
    });
}

/// The engine without a network: how callers wait, and how they are told. A counter beside a
/// condition stands for the `watch` of the engine.
struct Engine {
    state: Mutex<State>,
    finished: Mutex<u64>,
    told: Condvar,
    flights: AtomicUsize,
    /// The numbers of the fetches whose outcome counted.
    counted: Mutex<Vec<u64>>,
}

impl Engine {
    fn new() -> Self {
        Self {
            state: Mutex::new(State::new(Duration::from_secs(1))),
            finished: Mutex::new(0),
            told: Condvar::new(),
            flights: AtomicUsize::new(0),
            counted: Mutex::new(Vec::new()),
        }
    }

    fn obtain(engine: &Arc<Self>, missing: Missing) {
        let (begun, seen) = {
            let mut state = engine.state.lock().unwrap();
            let begun = state.begin(missing, Duration::ZERO);
            (begun, *engine.finished.lock().unwrap())
        };
        match begun {
            Begun::Settled => return,
            Begun::Join(_) => {}
            Begun::Start(flight) => {
                let flying = engine.clone();
                thread::spawn(move || flying.fly(flight, Duration::ZERO));
            }
        }
        let mut finished = engine.finished.lock().unwrap();
        while *finished == seen {
            finished = engine.told.wait(finished).unwrap();
        }
    }

    fn fly(&self, flight: Flight, now: Duration) {
        self.flights.fetch_add(1, Ordering::SeqCst);
        {
            let mut state = self.state.lock().unwrap();
            if !state.is_current(flight) {
                return;
            }
            self.counted.lock().unwrap().push(flight.number);
            state.finish(Outcome::Fetched(Duration::from_secs(1)), now, 0.5);
        }
        *self.finished.lock().unwrap() += 1;
        self.told.notify_all();
    }
}

#[test]
fn every_waiter_is_woken_and_one_fetch_serves_all() {
    // Bounded, or the many locks take minutes; three preemptions find what there is to find.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let engine = Arc::new(Engine::new());
        let other = engine.clone();
        // A deadlock here would be a waiter that nobody tells.
        let other = thread::spawn(move || Engine::obtain(&other, Missing::Entry));
        Engine::obtain(&engine, Missing::Entry);
        other.join().unwrap();
        assert_eq!(engine.flights.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_lost_fetch_that_ends_late_changes_nothing_once_it_was_replaced() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let engine = Arc::new(Engine::new());
        let begin = |now| engine.state.lock().unwrap().begin(Missing::Document, now);
        let Begun::Start(lost) = begin(Duration::ZERO) else {
            panic!("nothing was under way");
        };
        let late = engine.clone();
        let late = thread::spawn(move || late.fly(lost, LOST));
        // Either the late one has ended before, or another one takes its place.
        if let Begun::Start(next) = begin(LOST) {
            engine.fly(next, LOST);
        }
        late.join().unwrap();
        let counted = engine.counted.lock().unwrap();
        assert!(
            counted.is_sorted(),
            "an older set took the place of a newer one"
        );
        assert!(!counted.is_empty());
    });
}
