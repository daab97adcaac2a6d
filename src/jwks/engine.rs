//! [`Engine`]: keeps the set of one issuer up to date.

use super::{
    failure::Failure,
    flight::{At, Fetched, Known, Target, Trouble},
    log,
    shelf::Shelf,
    state::{Begun, Lack, Landed, State},
};
use crate::{
    Clock, clock,
    jwt::{KeySet, source::Snapshot},
};
use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{Instant, timeout, timeout_at},
};

/// How long metadata and set together may take.
const FLIGHT: Duration = Duration::from_secs(10);

/// What the tasks and the verifier of one issuer share.
pub(super) struct Engine {
    target: Target,
    clock: Arc<dyn Clock>,
    epoch: Instant,
    /// Random, so that nobody can choose names that hash alike.
    hasher: RandomState,
    state: Mutex<State>,
    known: Mutex<Known>,
    shelf: Shelf<Snapshot>,
    /// In seconds since 1970.
    fetched_at: AtomicU64,
    /// Told whenever a fetch has ended.
    landed: watch::Sender<()>,
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    keeper: Option<AbortHandle>,
    flight: Option<AbortHandle>,
}

impl Engine {
    pub(super) fn new(target: Target, state: State, clock: Arc<dyn Clock>) -> Self {
        let nothing = Snapshot::new(KeySet::empty(), 0);
        Self {
            target,
            clock,
            epoch: Instant::now(),
            hasher: RandomState::new(),
            state: Mutex::new(state),
            known: Mutex::default(),
            shelf: Shelf::new(nothing),
            fetched_at: AtomicU64::new(0),
            landed: watch::Sender::new(()),
            tasks: Mutex::default(),
        }
    }

    /// Fetches the set, or waits for the fetch under way. That one goes on if this is dropped.
    pub(super) async fn obtain(self: Arc<Self>, lack: Lack) {
        if Handle::try_current().is_err() {
            return;
        }
        let (begun, mut landed) = {
            let mut state = self.state();
            // Under the lock, or the end of a fetch that is joined could be missed.
            (state.begin(lack, self.now()), self.landed.subscribe())
        };
        match begun {
            Begun::Settled => return,
            Begun::Join => {}
            Begun::Start => {
                self.take_off();
                self.keep_up();
            }
        }
        // It ends with the engine, which lives for as long as this.
        let _ = landed.changed().await;
    }

    /// Fetches the set in a task of its own, so that nobody's end is the fetch's.
    fn take_off(self: &Arc<Self>) {
        // Made before the task: a runtime that ends may never poll it.
        let flight = Flight(Some(Arc::clone(self)));
        let flight = tokio::spawn(flight.fly());
        lock(&self.tasks).flight = Some(flight.abort_handle());
    }

    /// Has the set fetched again from now on. A task on a runtime that has ended is replaced.
    fn keep_up(self: &Arc<Self>) {
        let mut tasks = lock(&self.tasks);
        if tasks.keeper.as_ref().is_none_or(AbortHandle::is_finished) {
            tasks.keeper = Some(tokio::spawn(Arc::clone(self).keep()).abort_handle());
        }
    }

    /// Fetches the set whenever it is due.
    async fn keep(self: Arc<Self>) {
        let mut landed = self.landed.subscribe();
        loop {
            let due = self.state().due();
            let Some(due) = due.and_then(|due| self.epoch.checked_add(due)) else {
                if landed.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let is_due = timeout_at(due, landed.changed()).await.is_err();
            if is_due && self.state().begin_scheduled(self.now()) {
                self.take_off();
            }
        }
    }

    pub(super) fn stop(&self) {
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in [tasks.keeper, tasks.flight].into_iter().flatten() {
            task.abort();
        }
    }

    async fn fetch(&self) -> Result<Fetched, Trouble> {
        let mut known = lock(&self.known).clone();
        let fetching = self.target.fetch(&mut known, self.now());
        let fetched = timeout(FLIGHT, fetching)
            .await
            .unwrap_or_else(|_| Err(Failure::TimedOut.into()));
        *lock(&self.known) = known;
        fetched
    }

    fn land(&self, fetched: Result<Fetched, Trouble>) {
        let landed = match fetched {
            Ok(fetched) => {
                let lifetime = self.state().lifetime(fetched.lifetime);
                self.publish(fetched.keys, lifetime);
                Landed::Fetched(lifetime)
            }
            Err(Trouble(failure, cause)) => {
                let cause = cause.as_ref().map(|cause| cause as &dyn std::error::Error);
                let cause = cause.map(|cause| cause.source().unwrap_or(cause));
                log::failed(&self.name(), failure.as_str(), cause);
                Landed::Failed(failure.as_str())
            }
        };
        let jitter = self.hasher.hash_one(self.epoch.elapsed()) as f64 / u64::MAX as f64;
        self.state().land(landed, self.now(), jitter);
        self.landed.send_replace(());
    }

    fn publish(&self, keys: Option<KeySet>, lifetime: Duration) {
        let now = clock::now(&*self.clock);
        let good_for = self.state().good_for(lifetime).as_secs();
        let is_first = self.fetched_at.swap(now, Ordering::Relaxed) == 0;
        // One fetch at a time publishes, so that nobody changes the set in between.
        let current = self.snapshot();
        if let Some(keys) = keys
            && (is_first || !current.keys.is_same(&keys))
        {
            log::changed(&self.name(), &keys);
            let generation = current.generation.wrapping_add(1);
            self.shelf.put(Snapshot::new(keys, generation), generation);
        }
        // Last: see `source`.
        self.shelf.extend(now.saturating_add(good_for));
    }

    pub(super) fn generation(&self) -> u64 {
        self.shelf.generation()
    }

    pub(super) fn good_until(&self) -> u64 {
        self.shelf.good_until()
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.shelf.current()
    }

    /// How old the set is.
    pub(super) fn age(&self) -> Option<Duration> {
        match self.fetched_at.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Duration::from_secs(
                clock::now(&*self.clock).saturating_sub(at),
            )),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        clock::now(&*self.clock) < self.good_until()
    }

    pub(super) fn hash(&self, id: impl Hash) -> u64 {
        self.hasher.hash_one(id)
    }

    /// Since the engine was made, by a clock that tests can stop.
    pub(super) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// What the log calls the issuer.
    pub(super) fn name(&self) -> String {
        match &self.target.at {
            At::Metadata { issuer, .. } => issuer.to_string(),
            At::Url(url) => url.to_string(),
        }
    }
}

/// A fetch under way. However it ends, whoever waits is told.
struct Flight(Option<Arc<Engine>>);

impl Flight {
    async fn fly(mut self) {
        if let Some(engine) = &self.0 {
            let fetched = engine.fetch().await;
            engine.land(fetched);
        }
        self.0 = None;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(engine) = &self.0 {
            engine.land(Err(Failure::Abandoned.into()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
