//! [`OnDemand`]: the engine around the state machine.

use super::{
    span::Span,
    state::{Answer, Begun, FLIGHT, Flight, LOST, Look, Missing, Outcome, State},
};
use crate::clock::{self, Clock};

use std::{
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// The error outside of a runtime, where nothing can be fetched.
pub(crate) const NO_RUNTIME: &str = "fetching needs a Tokio runtime with its timer";

/// A document that can be fetched, and the place where it is stored.
pub(crate) trait Document: Send + Sync + 'static {
    /// The outcome of a fetch, whether it succeeded or not.
    type Fetched: Send;

    /// Fetches the document. The future is dropped after [`FLIGHT`].
    fn fetch(&self) -> impl Future<Output = Self::Fetched> + Send;

    /// Processes the outcome of a fetch. Returns the work that remains for the time after the lock,
    /// such as logging. This method is called for one fetch at a time, under a lock, so it must not
    /// wait.
    fn finish(&self, ended: Ended<Self::Fetched>) -> (Outcome, Box<dyn FnOnce() + '_>);
}

/// The end of a fetch.
pub(crate) enum Ended<T> {
    Fetched(T),
    TimedOut,
    /// The fetch panicked.
    Panicked,
    /// The runtime ended before the fetch.
    Abandoned,
    /// The document is due, but is used outside of a runtime. Nothing was fetched.
    NoRuntime,
}

/// A document that is fetched when it is used.
pub(crate) struct OnDemand<D> {
    pub(crate) document: D,
    clock: Arc<dyn Clock>,
    /// The source of jitter, so that many servers do not fetch at the same moment.
    hasher: RandomState,
    timed: Mutex<Timed>,
    /// The time at which the state is inspected again, see [`Span`].
    next_look: AtomicU64,
    /// Notified whenever a fetch has ended.
    finished: watch::Sender<()>,
}

/// The error of a caller that has waited for as long as a fetch may take, or is outside of a
/// runtime.
#[derive(Debug)]
pub(crate) struct NotFetched;

/// The state, and its time.
struct Timed {
    state: State,
    now: Now,
    /// Whether the last attempt to fetch was made outside of a runtime.
    has_no_runtime: bool,
}

/// A clock that never goes back. It is a monotonic clock, and is set forward if the clock of the
/// date has advanced further. The monotonic clock may stop while a machine is suspended.
struct Now {
    epoch: Instant,
    ahead: Duration,
    /// The date of the epoch, in seconds since 1970.
    date: u64,
}

impl Now {
    fn get(&mut self, clock: &dyn Clock) -> Duration {
        let now = self.epoch.elapsed().saturating_add(self.ahead);
        // A date beyond the last one is a mistake. It must not affect the monotonic clock.
        let date = clock::now(clock).min(clock::LAST_SECOND);
        let dated = Duration::from_secs(date.saturating_sub(self.date));
        // The date is in whole seconds.
        let jump = dated.saturating_sub(now.saturating_add(Duration::from_secs(1)));
        self.ahead = self.ahead.saturating_add(jump);
        now.saturating_add(jump)
    }
}

impl<D: Document> OnDemand<D> {
    pub(crate) fn new(document: D, cooldown: Duration, clock: Arc<dyn Clock>) -> Self {
        let now = Now {
            epoch: Instant::now(),
            ahead: Duration::ZERO,
            date: clock::now(&*clock).min(clock::LAST_SECOND),
        };
        let timed = Timed {
            state: State::new(cooldown),
            now,
            has_no_runtime: false,
        };
        Self {
            document,
            clock,
            hasher: RandomState::new(),
            timed: Mutex::new(timed),
            next_look: AtomicU64::new(0),
            finished: watch::Sender::new(()),
        }
    }

    /// Returns whether the document may be used now, as far as its fetches are concerned. If a
    /// fetch is due, this method starts it. `now` is in seconds since 1970, by the clock of this
    /// value.
    ///
    /// Most calls are one atomic load, without a write to shared memory.
    pub(crate) fn may_be_used(self: &Arc<Self>, now: u64) -> bool {
        self.is_settled(now) || self.look()
    }

    /// Returns whether the document may be used now without any further action, by one atomic load.
    pub(crate) fn is_settled(&self, now: u64) -> bool {
        Span(self.next_look.load(Ordering::Acquire)).contains(now)
    }

    #[cold]
    fn look(self: &Arc<Self>) -> bool {
        let flight = {
            let mut timed = self.timed();
            let now = timed.now.get(&*self.clock);
            let look = timed.state.look(now);
            if look == Look::Use {
                // The clock of the date was set back, or has advanced a little further than the
                // monotonic clock.
                self.note_next_look(&mut timed);
                return true;
            }
            if !can_fetch() {
                // Nothing can be fetched here, now or later. As in an outage, the owner's limit
                // decides for how long the document may be used.
                let is_known = timed.state.is_known();
                self.lacks_runtime(timed);
                return is_known;
            }
            match timed.state.refresh(now) {
                Some(flight) => {
                    self.note_next_look(&mut timed);
                    flight
                }
                None => return false,
            }
        };
        self.take_off(flight);
        true
    }

    /// Reports once that a fetch needs a runtime.
    fn lacks_runtime(&self, mut timed: MutexGuard<'_, Timed>) {
        if !std::mem::replace(&mut timed.has_no_runtime, true) {
            let (_, report) = self.document.finish(Ended::NoRuntime);
            drop(timed);
            report();
        }
    }

    /// Returns the action for a caller that lacks something. Does not start a fetch.
    pub(crate) fn ask(&self, missing: Missing) -> Answer {
        let mut timed = self.timed();
        let now = timed.now.get(&*self.clock);
        timed.state.ask(missing, now)
    }

    /// Fetches the document, or waits for the fetch under way.
    pub(crate) async fn obtain(self: Arc<Self>, missing: Missing) -> Result<(), NotFetched> {
        let (begun, patience, mut finished) = {
            let mut timed = self.timed();
            if !can_fetch() {
                self.lacks_runtime(timed);
                return Err(NotFetched);
            }
            let now = timed.now.get(&*self.clock);
            let begun = timed.state.begin(missing, now);
            let (Begun::Start(flight) | Begun::Join(flight)) = begun else {
                return Ok(());
            };
            self.note_next_look(&mut timed);
            let patience = flight.started.saturating_add(LOST).saturating_sub(now);
            // Subscribes under the lock. Otherwise the end of a joined fetch could be missed.
            (begun, patience, self.finished.subscribe())
        };
        if let Begun::Start(flight) = begun {
            self.take_off(flight);
        }
        match timeout(patience, finished.changed()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(NotFetched),
        }
    }

    /// Fetches the document in a task of its own, so that the fetch does not end with a caller.
    fn take_off(self: &Arc<Self>, flight: Flight) {
        // Created before the task, because a runtime that ends may never poll the task.
        let flying = Flying {
            owner: Arc::clone(self),
            flight: Some(flight),
        };
        drop(tokio::spawn(flying.fly()));
    }

    fn finish(&self, flight: Flight, ended: Ended<D::Fetched>) {
        let is_abandoned = matches!(ended, Ended::Abandoned);
        let report = {
            let mut timed = self.timed();
            if !timed.state.is_current(flight) {
                return; // Another fetch has replaced this one.
            }
            let (mut outcome, report) = self.document.finish(ended);
            if is_abandoned {
                outcome = Outcome::Abandoned;
            }
            let now = timed.now.get(&*self.clock);
            let jitter = self.hasher.hash_one(now) as f64 / u64::MAX as f64;
            timed.state.finish(outcome, now, jitter);
            timed.has_no_runtime = false;
            self.note_next_look(&mut timed);
            report
        };
        report();
        self.finished.send_replace(());
    }

    fn note_next_look(&self, timed: &mut Timed) {
        let now = timed.now.get(&*self.clock);
        let span = Span::new(clock::now(&*self.clock), timed.state.looks_after(now));
        self.next_look.store(span.0, Ordering::Release);
    }

    /// Returns the time until the next fetch is due, or `None` during a fetch and before the first.
    pub(crate) fn next_fetch(&self) -> Option<Duration> {
        let mut timed = self.timed();
        let now = timed.now.get(&*self.clock);
        timed.state.due().map(|due| due.saturating_sub(now))
    }

    /// Returns the reason for which the last fetch failed.
    pub(crate) fn last_error(&self) -> Option<&'static str> {
        let timed = self.timed();
        match timed.has_no_runtime {
            true => Some(NO_RUNTIME),
            false => timed.state.last_error(),
        }
    }

    fn timed(&self) -> MutexGuard<'_, Timed> {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether this is a runtime that can fetch, which also needs timers.
fn can_fetch() -> bool {
    // Tokio has no other way to find out. With `panic = "abort"` the process ends here, as it would
    // with the first fetch. The requirement is documented.
    Handle::try_current().is_ok()
        && catch_unwind(AssertUnwindSafe(|| drop(sleep(Duration::ZERO)))).is_ok()
}

/// A fetch under way. However it ends, its callers are notified.
struct Flying<D: Document> {
    owner: Arc<OnDemand<D>>,
    flight: Option<Flight>,
}

impl<D: Document> Flying<D> {
    async fn fly(mut self) {
        let ended = match timeout(FLIGHT, self.owner.document.fetch()).await {
            Ok(fetched) => Ended::Fetched(fetched),
            Err(_) => Ended::TimedOut,
        };
        if let Some(flight) = self.flight.take() {
            self.owner.finish(flight, ended);
        }
    }
}

impl<D: Document> Drop for Flying<D> {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            self.owner.finish(
                flight,
                match std::thread::panicking() {
                    true => Ended::Panicked,
                    false => Ended::Abandoned,
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A document whose fetch ends at once.
    struct Ready;

    impl Document for Ready {
        type Fetched = ();

        async fn fetch(&self) {}

        fn finish(&self, _: Ended<()>) -> (Outcome, Box<dyn FnOnce() + '_>) {
            (Outcome::Fetched(HOUR), Box::new(|| {}))
        }
    }

    #[tokio::test]
    async fn after_the_clock_is_set_back_only_the_first_use_takes_the_lock() {
        let date = Arc::new(AtomicU64::new(1_000_000));
        let clock = {
            let date = Arc::clone(&date);
            move || UNIX_EPOCH + Duration::from_secs(date.load(Ordering::Relaxed))
        };
        let document = Arc::new(OnDemand::new(Ready, HOUR, Arc::new(clock)));
        assert!(!document.is_settled(1_000_000));
        let fetched = Arc::clone(&document).obtain(Missing::Document).await;
        fetched.unwrap();
        for now in [1_000_000, 990_000, 990_001] {
            date.store(now, Ordering::Relaxed);
            assert!(document.may_be_used(now));
            assert!(document.is_settled(now), "{now}");
        }
    }

    #[test]
    fn the_outcome_of_a_fetch_that_was_replaced_does_not_count() {
        let document = OnDemand::new(Ready, HOUR, Arc::new(clock::SystemClock));
        let begin = |now| match document.timed().state.begin(Missing::Document, now) {
            Begun::Start(flight) => flight,
            begun => panic!("{begun:?}"),
        };
        let lost = begin(Duration::ZERO);
        let next = begin(LOST);
        document.finish(lost, Ended::Fetched(()));
        assert!(!document.timed().state.is_known());
        document.finish(next, Ended::Fetched(()));
        assert!(document.timed().state.is_known());
    }
}
