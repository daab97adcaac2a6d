//! Slow work on a few dedicated threads: bounded, first come first served within a lane, and no job
//! computed twice at once.

use super::PasswordHash;
#[cfg(feature = "accounts")]
use super::{NormalizedPassword, PasswordPolicy, PolicyError};
use crate::{Rejection, util::digest::Digest};
use std::{
    collections::{HashMap, VecDeque},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// The bounds of a queue and its threads.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) threads: usize,
    /// The largest number of attempts that wait in each lane.
    pub(super) waiting: usize,
    /// The longest time for which an attempt may wait for its turn.
    pub(super) patience: Duration,
    /// The longest time for which a thread may wait for work.
    pub(super) idle: Duration,
}

/// The queue in which an attempt waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The lane of recently verified credentials. They go first, so that clients who invent
    /// passwords cannot keep them out.
    Known,
    Unknown,
}

/// The computation for a password.
pub(super) enum Work {
    /// Whether this is its hash.
    Compare(PasswordHash),
    /// A new hash of it.
    Make,
    /// Whether the password may be set by the user of this name.
    #[cfg(feature = "accounts")]
    Estimate(Arc<PasswordPolicy>, String),
}

/// The result of an attempt.
#[derive(Clone)]
pub(super) enum Answer {
    Known(bool),
    Made(PasswordHash),
    #[cfg(feature = "accounts")]
    Estimated(Result<NormalizedPassword, PolicyError>),
    /// The hash could not be computed.
    Failed,
    /// Its turn did not come in time.
    Late,
}

/// The receiver of an attempt's answer. An attempt without receivers is skipped.
pub(super) type Awaited = watch::Receiver<Option<Answer>>;

/// Does the work, slowly; `None` if that was impossible.
pub(super) type Compute = dyn Fn(&[u8], &Work) -> Option<Answer> + Send + Sync;

pub(super) struct Queue {
    limits: Limits,
    compute: Arc<Compute>,
    state: Mutex<State>,
    /// There may be a job for an idle thread.
    work: Condvar,
    /// There may be a job to watch the time for.
    waiting: Condvar,
}

#[derive(Default)]
struct State {
    /// Jobs whose turn has not come, the oldest first, in one queue for each lane.
    known: VecDeque<Arc<Job>>,
    unknown: VecDeque<Arc<Job>>,
    /// Those in the queue and those being computed.
    jobs: HashMap<Digest, Arc<Job>>,
    /// Threads, and how many of them are computing.
    threads: usize,
    busy: usize,
    /// Whether a thread watches the time.
    timed: bool,
    /// The time of the last warning about a full lane.
    warned: Option<Instant>,
}

struct Job {
    key: Digest,
    password: Zeroizing<Vec<u8>>,
    work: Work,
    since: Instant,
    answer: watch::Sender<Option<Answer>>,
}

impl Queue {
    pub(super) fn new(limits: Limits, compute: Arc<Compute>) -> Self {
        Self {
            limits,
            compute,
            state: Mutex::default(),
            work: Condvar::new(),
            waiting: Condvar::new(),
        }
    }

    /// The same with other limits, before it is used.
    pub(super) fn with_limits(&self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = self.limits;
        change(&mut limits);
        Self::new(limits, Arc::clone(&self.compute))
    }

    /// Lines an attempt up, or joins the same one that is already there.
    ///
    /// # Errors
    ///
    /// Unavailable, if the queue is full or no thread can be had.
    pub(super) fn submit(
        self: &Arc<Self>,
        lane: Lane,
        key: Digest,
        password: Zeroizing<Vec<u8>>,
        work: Work,
    ) -> Result<Awaited, Rejection> {
        let mut state = self.lock();
        if let Some(job) = state.jobs.get(&key) {
            return Ok(job.answer.subscribe());
        }
        let free = self.limits.threads.saturating_sub(state.busy);
        let room = free.saturating_add(self.limits.waiting);
        if state.lane(lane).len() >= room {
            state.forget_abandoned();
        }
        if state.lane(lane).len() >= room {
            let warns = state.warns_now();
            drop(state); // A subscriber may be slow.
            if warns {
                warn();
            }
            return Err(Rejection::busy(FULL));
        }
        let (answer, awaited) = watch::channel(None);
        let job = Arc::new(Job {
            key,
            password,
            work,
            since: Instant::now(),
            answer,
        });
        state.jobs.insert(key, Arc::clone(&job));
        state.lane(lane).push_back(job);
        self.provide_threads(&mut state, free)
            .inspect_err(|_| {
                state.lane(lane).pop_back();
                state.jobs.remove(&key);
            })
            .map_err(Rejection::unavailable)?;
        Ok(awaited)
    }

    /// Sees to it that somebody works off the queue, of which `free` need not wait.
    fn provide_threads(self: &Arc<Self>, state: &mut State, free: usize) -> io::Result<()> {
        let wanted = state.busy.saturating_add(state.waiting());
        if state.threads < wanted.min(self.limits.threads) {
            match self.spawn(Self::compute) {
                Ok(()) => state.threads = state.threads.saturating_add(1),
                Err(error) if state.threads == 0 => return Err(error),
                // Those that are there will get to it.
                Err(_) => {}
            }
        }
        self.work.notify_one();
        if state.waiting() > free {
            if !state.timed {
                // Without it lateness is noticed when a thread becomes free.
                state.timed = self.spawn(Self::keep_time).is_ok();
            }
            self.waiting.notify_one();
        }
        Ok(())
    }

    fn spawn(self: &Arc<Self>, work: fn(&Self)) -> io::Result<()> {
        let queue = Arc::clone(self);
        thread::Builder::new()
            .name("tower-auth-password".into())
            .spawn(move || work(&queue))
            .map(drop)
    }

    /// The life of a thread that computes.
    fn compute(&self) {
        let mut state = self.lock();
        loop {
            while let Some(job) = state.next() {
                if job.is_abandoned() {
                    state.jobs.remove(&job.key);
                    continue;
                }
                let answer = if job.patience_left(self.limits).is_none() {
                    Answer::Late
                } else {
                    state.busy = state.busy.saturating_add(1);
                    drop(state);
                    let answer = self.answer(&job);
                    state = self.lock();
                    state.busy = state.busy.saturating_sub(1);
                    answer
                };
                state.finish(&job, answer);
            }
            let (again, timeout) = self
                .work
                .wait_timeout(state, self.limits.idle)
                .unwrap_or_else(PoisonError::into_inner);
            state = again;
            if timeout.timed_out() && state.waiting() == 0 {
                state.threads = state.threads.saturating_sub(1);
                return;
            }
        }
    }

    fn answer(&self, job: &Job) -> Answer {
        // A panic in there must not cost the pool a thread.
        match catch_unwind(AssertUnwindSafe(|| {
            (self.compute)(&job.password, &job.work)
        })) {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => Answer::Failed,
        }
    }

    /// The life of the thread that tells those who have waited too long.
    fn keep_time(&self) {
        let mut state = self.lock();
        loop {
            // The oldest job is not kept while waiting: nor is its password then.
            let left = match state.oldest().and_then(|lane| state.lane(lane).front()) {
                None => Some(self.limits.idle),
                Some(job) => job.patience_left(self.limits),
            };
            let Some(wait) = left else {
                let oldest = state.oldest();
                if let Some(late) = oldest.and_then(|lane| state.lane(lane).pop_front()) {
                    state.finish(&late, Answer::Late);
                }
                continue;
            };
            let was_idle = state.waiting() == 0;
            let (again, timeout) = self
                .waiting
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner);
            state = again;
            if was_idle && timeout.timed_out() && state.waiting() == 0 {
                state.timed = false;
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Arc<Job>> {
        match lane {
            Lane::Known => &mut self.known,
            Lane::Unknown => &mut self.unknown,
        }
    }

    fn waiting(&self) -> usize {
        self.known.len().saturating_add(self.unknown.len())
    }

    /// Takes the job whose turn it is.
    fn next(&mut self) -> Option<Arc<Job>> {
        let known = self.known.pop_front();
        known.or_else(|| self.unknown.pop_front())
    }

    /// The lane whose first job has waited longest.
    fn oldest(&self) -> Option<Lane> {
        let since = |lane: &VecDeque<Arc<Job>>| lane.front().map(|job| job.since);
        match (since(&self.known), since(&self.unknown)) {
            (None, None) => None,
            (Some(_), None) => Some(Lane::Known),
            (Some(known), Some(unknown)) if known <= unknown => Some(Lane::Known),
            _ => Some(Lane::Unknown),
        }
    }

    /// Whether to warn of a full lane now. Clients decide how often a lane is full, so one warning
    /// a minute is enough.
    fn warns_now(&mut self) -> bool {
        let now = Instant::now();
        let is_new = |warned| now.saturating_duration_since(warned) >= WARN_EVERY;
        let warns = self.warned.is_none_or(is_new);
        if warns {
            self.warned = Some(now);
        }
        warns
    }

    /// Once out of `jobs` nobody joins any more, so the answer reaches all who ever did.
    fn finish(&mut self, job: &Job, answer: Answer) {
        self.jobs.remove(&job.key);
        job.answer.send_replace(Some(answer));
    }

    fn forget_abandoned(&mut self) {
        let jobs = &mut self.jobs;
        for lane in [&mut self.known, &mut self.unknown] {
            lane.retain(|job| {
                let keep = !job.is_abandoned();
                if !keep {
                    jobs.remove(&job.key);
                }
                keep
            });
        }
    }
}

impl Job {
    /// Whether everybody who waited is gone. Asked under the lock: nobody joins meanwhile.
    fn is_abandoned(&self) -> bool {
        self.answer.receiver_count() == 0
    }

    fn patience_left(&self, limits: Limits) -> Option<Duration> {
        limits
            .patience
            .checked_sub(self.since.elapsed())
            .filter(|left| !left.is_zero())
    }
}

/// The reason why an attempt was not added to the queue.
const FULL: &str = "too many passwords are being checked";

const WARN_EVERY: Duration = Duration::from_secs(60);

fn warn() {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        "too many passwords are being checked: further ones are rejected with 503"
    );
}

#[cfg(test)]
impl Queue {
    /// Returns the number of threads, including the one that watches the time.
    pub(super) fn threads(&self) -> usize {
        let state = self.lock();
        state.threads + usize::from(state.timed)
    }
}
