//! [`HashPool`]: checks and hashes passwords without stalling anybody.

#[cfg(feature = "accounts")]
use super::{NormalizedPassword, PasswordPolicy, PolicyError};
use super::{
    PasswordHash,
    nobody::Nobody,
    queue::{Answer, Compute, Lane, Limits, Queue, Work},
};
use crate::{
    ConfigError, Rejection, Verdict,
    util::digest::{Digest, Keyed},
};
use std::{
    fmt,
    num::NonZero,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Checks and hashes passwords on a few threads of its own; the rules are at the head of
/// [this module](super).
///
/// A clone is the same pool. One is enough for an application: its threads are what bounds the
/// memory that hashes take (threads times the `m` of the hashes).
#[derive(Clone)]
pub struct HashPool {
    queue: Arc<Queue>,
    keyed: Arc<Keyed>,
    nobody: Arc<Mutex<Nobody>>,
    /// The number of jobs that are not shared between requests.
    made: Arc<AtomicU64>,
}

impl HashPool {
    /// A pool with as many threads as the machine has cores, and 64 attempts waiting at most.
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes.
    pub fn new() -> Result<Self, ConfigError> {
        Self::computing(Arc::new(|password, work| match work {
            Work::Compare(stored) => stored.matches(password).ok().map(Answer::Known),
            Work::Make => PasswordHash::new(password).ok().map(Answer::Made),
            #[cfg(feature = "accounts")]
            Work::Estimate(policy, name) => estimated(policy, name, password),
        }))
    }

    fn computing(compute: Arc<Compute>) -> Result<Self, ConfigError> {
        let limits = Limits {
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            waiting: WAITING,
            patience: PATIENCE,
            idle: IDLE,
        };
        Ok(Self {
            queue: Arc::new(Queue::new(limits, compute)),
            keyed: Arc::new(Keyed::new()?),
            nobody: Arc::new(Mutex::new(Nobody::new()?)),
            made: Arc::default(),
        })
    }

    /// Sets how many hashes are computed at once; 0 counts as 1. Default: the number of cores.
    ///
    /// The result is a new pool; set it before cloning.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        self.with_limits(|limits| limits.threads = threads.max(1))
    }

    /// Sets the number of attempts that may wait for a thread, each for a second at most. Default:
    /// 64. As many attempts with recently verified credentials may wait in addition.
    ///
    /// The result is a new pool; set it before cloning.
    #[must_use]
    pub fn with_waiting(self, waiting: usize) -> Self {
        self.with_limits(|limits| limits.waiting = waiting)
    }

    fn with_limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        Self {
            queue: Arc::new(self.queue.with_limits(change)),
            ..self
        }
    }

    /// Whether this is the user's password.
    ///
    /// `None` stands for a user who does not exist or may not enter. The answer is then `false`,
    /// and takes as long as one for the costliest hash that the pool has seen within the last
    /// half an hour to an hour.
    ///
    /// The user's name only tells attempts apart: the same user with the same password and the
    /// same stored hash, asked for again while it is being computed, is computed once.
    ///
    /// Nothing happens until the verdict is polled.
    ///
    /// # Errors
    ///
    /// The verdict is [`Unavailable`](crate::RejectionKind::Unavailable) if too many attempts
    /// are waiting, its turn did not come within a second, or memory or threads are exhausted.
    pub fn verify(
        &self,
        user: &str,
        password: impl AsRef<[u8]>,
        stored: Option<&PasswordHash>,
    ) -> Verdict<bool> {
        self.verify_in(Lane::Unknown, user, password, stored)
    }

    /// Verifies like [`verify`](Self::verify), in this lane.
    pub(crate) fn verify_in(
        &self,
        lane: Lane,
        user: &str,
        password: impl AsRef<[u8]>,
        stored: Option<&PasswordHash>,
    ) -> Verdict<bool> {
        let password = Zeroizing::new(password.as_ref().to_vec());
        let user = user.to_owned();
        let known = stored.is_some();
        let hash = self.known_or_nobody(stored);
        let pool = self.clone();
        Verdict::pending(async move {
            let matches = pool.check(lane, &user, password, hash).await?;
            Ok(known && matches)
        })
    }

    /// Hashes a new password as [`PasswordHash::new`] does: at registration, when a password is
    /// changed, and when it was right and its stored hash [needs another](PasswordHash::needs_rehash).
    ///
    /// Nothing happens until the verdict is polled. What a new password has to be is not asked
    /// here: the feature `accounts` has a policy for that.
    ///
    /// ```
    /// # use tower_auth::{Rejection, password::{HashPool, PasswordHash}};
    /// # async fn store(_: &str) {}
    /// # async fn login(pool: HashPool, stored: PasswordHash, password: &str) -> Result<bool, Rejection> {
    /// let right = pool.verify("Aladdin", password, Some(&stored)).await?;
    /// if right && stored.needs_rehash() {
    ///     // A pool that is busy is no reason to keep the user out.
    ///     if let Ok(better) = pool.hash(password).await {
    ///         store(better.as_str()).await;
    ///     }
    /// }
    /// # Ok(right)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify): it waits for the same threads, in the same queue.
    pub fn hash(&self, password: impl AsRef<[u8]>) -> Verdict<PasswordHash> {
        let password = Zeroizing::new(password.as_ref().to_vec());
        let pool = self.clone();
        Verdict::pending(async move {
            // Two users who choose the same password do not get the same salt.
            let key = pool.unshared();
            let answer = pool.answer(Lane::Unknown, key, password, Work::Make);
            match answer.await? {
                Answer::Made(hash) => {
                    // The new hash may replace a costlier one.
                    pool.nobody().see(hash.cost(), Instant::now());
                    Ok(hash)
                }
                _ => Err(Rejection::unavailable(IMPOSSIBLE)),
            }
        })
    }

    /// What [`verify`](Self::verify) does when polled.
    pub(crate) async fn check(
        &self,
        lane: Lane,
        user: &str,
        password: Zeroizing<Vec<u8>>,
        stored: PasswordHash,
    ) -> Result<bool, Rejection> {
        let key = self
            .keyed
            .digest([user.as_bytes(), &password, stored.as_str().as_bytes()]);
        let answer = self.answer(lane, key, password, Work::Compare(stored));
        match answer.await? {
            Answer::Known(matches) => Ok(matches),
            _ => Err(Rejection::unavailable(IMPOSSIBLE)),
        }
    }

    /// Checks by the policy whether this user may set a password. This takes nearly as long as a
    /// hash.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify).
    #[cfg(feature = "accounts")]
    pub(crate) async fn estimate(
        &self,
        policy: &Arc<PasswordPolicy>,
        user: &str,
        password: &str,
    ) -> Result<Result<NormalizedPassword, PolicyError>, Rejection> {
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let work = Work::Estimate(Arc::clone(policy), user.to_owned());
        let answer = self.answer(Lane::Unknown, self.unshared(), password, work);
        match answer.await? {
            Answer::Estimated(result) => Ok(result),
            _ => Err(Rejection::unavailable(IMPOSSIBLE)),
        }
    }

    /// Returns the key of a job that is not shared.
    fn unshared(&self) -> Digest {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.keyed.digest([b"new", &number.to_le_bytes()])
    }

    /// Waits for the answer to an attempt; never late, and never failed.
    async fn answer(
        &self,
        lane: Lane,
        key: Digest,
        password: Zeroizing<Vec<u8>>,
        work: Work,
    ) -> Result<Answer, Rejection> {
        let mut awaited = self.queue.submit(lane, key, password, work)?;
        let answer = match awaited.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        match answer {
            Some(Answer::Late) => Err(Rejection::busy(LATE)),
            Some(Answer::Failed) | None => Err(Rejection::unavailable(IMPOSSIBLE)),
            Some(answer) => Ok(answer),
        }
    }

    fn known_or_nobody(&self, stored: Option<&PasswordHash>) -> PasswordHash {
        let now = Instant::now();
        let mut nobody = self.nobody();
        match stored {
            None => nobody.hash(now),
            Some(hash) => {
                nobody.see(hash.cost(), now);
                hash.clone()
            }
        }
    }

    fn nobody(&self) -> MutexGuard<'_, Nobody> {
        self.nobody.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "accounts")]
fn estimated(policy: &PasswordPolicy, name: &str, password: &[u8]) -> Option<Answer> {
    let password = std::str::from_utf8(password).ok()?;
    Some(Answer::Estimated(policy.check(&[name], password)))
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashPool")
    }
}

const IMPOSSIBLE: &str = "the password could not be checked: out of memory, or a bug";

const LATE: &str = "the password could not be checked in time";

/// The largest number of attempts that wait in each lane.
const WAITING: usize = 64;

/// How long an attempt waits at most for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// For how long a thread stays without work.
const IDLE: Duration = Duration::from_secs(5);

#[cfg(test)]
impl HashPool {
    /// A pool that computes hashes by `compare`.
    pub(crate) fn counting(
        compare: impl Fn(&[u8], &PasswordHash) -> Option<bool> + Send + Sync + 'static,
    ) -> Self {
        Self::computing(Arc::new(move |password, work| match work {
            Work::Compare(stored) => compare(password, stored).map(Answer::Known),
            Work::Make => {
                let hash = PasswordHash::cheap(std::str::from_utf8(password).unwrap());
                compare(password, &hash).map(|_| Answer::Made(hash))
            }
            #[cfg(feature = "accounts")]
            Work::Estimate(policy, name) => estimated(policy, name, password),
        }))
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RejectionKind, password::Cost};
    use std::{
        future::Future,
        pin::{Pin, pin},
        sync::{
            Condvar,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        task::{Context, Poll, Wake, Waker},
        time::Instant,
    };

    /// Hashes that take until they are let go, and are counted.
    #[derive(Default)]
    struct Gate {
        open: Mutex<bool>,
        opened: Condvar,
        started: AtomicUsize,
        running: AtomicUsize,
        most: AtomicUsize,
    }

    impl Gate {
        fn pass(&self) {
            self.started.fetch_add(1, SeqCst);
            let running = self.running.fetch_add(1, SeqCst) + 1;
            self.most.fetch_max(running, SeqCst);
            let open = self.open.lock().unwrap();
            drop(self.opened.wait_while(open, |open| !*open).unwrap());
            self.running.fetch_sub(1, SeqCst);
        }

        fn open(&self) {
            *self.open.lock().unwrap() = true;
            self.opened.notify_all();
        }

        #[track_caller]
        fn wait_started(&self, count: usize) {
            let start = Instant::now();
            while self.started.load(SeqCst) < count {
                assert!(start.elapsed() < Duration::from_secs(10), "not started");
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// A pool whose hashes wait at the gate; what matches is the password `right`.
    fn gated() -> (HashPool, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        let pool = HashPool::counting({
            let gate = Arc::clone(&gate);
            move |password, _| {
                gate.pass();
                Some(password == b"right")
            }
        });
        (pool, gate)
    }

    struct Unpark(thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    /// No runtime at all.
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => return value,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// Polls once; the verdict must not be there yet.
    #[track_caller]
    fn begin<T: fmt::Debug>(mut verdict: Verdict<T>) -> Verdict<T> {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut verdict).poll(&mut cx).is_pending());
        verdict
    }

    #[track_caller]
    fn unavailable<T: fmt::Debug>(verdict: Verdict<T>, source: &str) {
        let rejection = block_on(verdict).unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert_eq!(rejection.retry_after(), Some(Duration::from_secs(1)));
        assert_eq!(
            std::error::Error::source(&rejection).unwrap().to_string(),
            source
        );
    }

    #[test]
    fn real_hashes_are_told_apart_without_any_runtime() {
        let pool = HashPool::new().unwrap();
        let hash = PasswordHash::cheap("right");
        let answer = |password: &str, hash| block_on(pool.verify("u", password, hash)).unwrap();
        assert!(answer("right", Some(&hash)));
        assert!(!answer("wrong", Some(&hash)));
        assert!(!answer("", Some(&hash)));
        assert!(!answer("right", None));
    }

    #[test]
    fn a_verdict_that_is_not_polled_starts_nothing() {
        let (pool, gate) = gated();
        gate.open();
        let hash = PasswordHash::cheap("right");
        drop(pool.verify("u", "right", Some(&hash)));
        assert_eq!(
            block_on(pool.verify("u", "wrong", Some(&hash))).ok(),
            Some(false)
        );
        assert_eq!(gate.started.load(SeqCst), 1);
    }

    #[test]
    fn the_same_attempt_is_computed_once() {
        let (pool, gate) = gated();
        let hash = PasswordHash::cheap("right");
        let verdicts: Vec<_> = (0..10)
            .map(|_| begin(pool.verify("u", "right", Some(&hash))))
            .collect();
        gate.wait_started(1);
        gate.open();
        for verdict in verdicts {
            assert!(block_on(verdict).unwrap());
        }
        assert_eq!(gate.started.load(SeqCst), 1);
        // Over is over: it is not remembered.
        assert!(block_on(pool.verify("u", "right", Some(&hash))).unwrap());
        assert_eq!(gate.started.load(SeqCst), 2);
    }

    #[test]
    fn another_user_password_or_hash_is_another_attempt() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(8);
        let (hash, other) = (PasswordHash::cheap("right"), PasswordHash::cheap("right"));
        let verdicts = [
            begin(pool.verify("u", "right", Some(&hash))),
            begin(pool.verify("v", "right", Some(&hash))),
            begin(pool.verify("u", "wrong", Some(&hash))),
            begin(pool.verify("u", "right", Some(&other))),
            begin(pool.verify("u", "right", None)),
            begin(pool.verify("v", "right", None)),
        ];
        gate.wait_started(6);
        gate.open();
        let answers = verdicts.map(|verdict| block_on(verdict).unwrap());
        assert_eq!(answers, [true, true, false, true, false, false]);
    }

    #[test]
    fn a_dropped_request_frees_no_thread_while_its_hash_runs() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(2);
        let hash = PasswordHash::cheap("right");
        let attempt = |n: usize| begin(pool.verify(&n.to_string(), "right", Some(&hash)));
        let running = [attempt(0), attempt(1)];
        gate.wait_started(2);
        drop(running);
        let waiting: Vec<_> = (2..6).map(attempt).collect();
        thread::sleep(Duration::from_millis(30));
        assert_eq!(gate.started.load(SeqCst), 2, "both threads are busy");
        gate.open();
        for verdict in waiting {
            assert!(block_on(verdict).unwrap());
        }
        assert_eq!(gate.most.load(SeqCst), 2);
    }

    #[test]
    fn one_more_than_may_wait_is_unavailable() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(1).with_waiting(2);
        let hash = PasswordHash::cheap("right");
        let attempt = |n: usize| pool.verify(&n.to_string(), "right", Some(&hash));
        let first = begin(attempt(0));
        gate.wait_started(1);
        let (second, third) = (begin(attempt(1)), begin(attempt(2)));
        unavailable(attempt(3), "too many passwords are being checked");
        // The same as one that waits takes no more room.
        let again = begin(attempt(2));
        // One that is given up makes room.
        drop(second);
        let fourth = begin(attempt(4));
        unavailable(attempt(5), "too many passwords are being checked");
        gate.open();
        for verdict in [first, third, again, fourth] {
            assert!(block_on(verdict).unwrap());
        }
        assert_eq!(gate.started.load(SeqCst), 3);
    }

    #[test]
    fn with_none_waiting_all_threads_are_used_still() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(2).with_waiting(0);
        let hash = PasswordHash::cheap("right");
        let attempt = |n: usize| pool.verify(&n.to_string(), "right", Some(&hash));
        let verdicts = [begin(attempt(0)), begin(attempt(1))];
        unavailable(attempt(2), "too many passwords are being checked");
        gate.open();
        for verdict in verdicts {
            assert!(block_on(verdict).unwrap());
        }
    }

    #[test]
    fn an_attempt_whose_request_is_gone_before_its_turn_is_skipped() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(1);
        let hash = PasswordHash::cheap("right");
        let attempt = |n: usize| begin(pool.verify(&n.to_string(), "right", Some(&hash)));
        let first = attempt(0);
        gate.wait_started(1);
        let (second, third, joined, fourth) = (attempt(1), attempt(2), attempt(2), attempt(3));
        // One of two who wait for the same goes; the other still gets the answer.
        drop((second, third));
        gate.open();
        for verdict in [first, joined, fourth] {
            assert!(block_on(verdict).unwrap());
        }
        assert_eq!(gate.started.load(SeqCst), 3);
    }

    #[test]
    fn nobody_waits_longer_than_the_limit_for_a_turn() {
        assert_eq!(PATIENCE, Duration::from_secs(1));
        let (pool, gate) = gated();
        let patience = Duration::from_millis(200);
        let pool = pool
            .with_threads(1)
            .with_limits(|limits| limits.patience = patience);
        let hash = PasswordHash::cheap("right");
        let attempt = |n: usize| pool.verify(&n.to_string(), "right", Some(&hash));
        let first = begin(attempt(0));
        gate.wait_started(1);
        let start = Instant::now();
        for late in [begin(attempt(1)), begin(attempt(2))] {
            unavailable(late, "the password could not be checked in time");
        }
        let waited = start.elapsed();
        assert!(waited >= patience, "{waited:?}");
        assert!(waited < 20 * patience, "{waited:?}");
        // The hash that is being computed is not bound by it, and the pool goes on.
        gate.open();
        assert!(block_on(first).unwrap());
        assert!(block_on(attempt(3)).unwrap());
        assert_eq!(gate.started.load(SeqCst), 2);
    }

    #[test]
    fn a_hash_that_fails_or_panics_is_unavailable_and_costs_no_thread() {
        let pool = HashPool::counting(|password, _| match password {
            b"none" => None,
            b"panic" => panic!("a bug"),
            _ => Some(true),
        })
        .with_threads(1);
        let hash = PasswordHash::cheap("right");
        for password in ["none", "panic", "panic"] {
            unavailable(
                pool.verify("u", password, Some(&hash)),
                "the password could not be checked: out of memory, or a bug",
            );
        }
        assert!(block_on(pool.verify("u", "right", Some(&hash))).unwrap());
    }

    #[test]
    fn an_unknown_user_costs_what_the_costliest_hash_did() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let pool = HashPool::counting({
            let seen = Arc::clone(&seen);
            move |_, hash| {
                seen.lock().unwrap().push(hash.cost().memory());
                Some(true)
            }
        });
        let hash = |memory| PasswordHash::at_cost("right", Cost::argon2id(memory, 1, 1).unwrap());
        let answer = |hash: Option<&PasswordHash>| block_on(pool.verify("u", "x", hash)).unwrap();
        assert!(!answer(None), "nobody, although the comparison says yes");
        assert!(answer(Some(&hash(16))));
        assert!(!answer(None));
        assert!(answer(Some(&hash(8))));
        assert!(!answer(None));
        assert!(answer(Some(&hash(24))));
        assert!(!answer(None));
        assert_eq!(*seen.lock().unwrap(), [19_456, 16, 16, 8, 16, 24, 24]);
    }

    #[test]
    fn it_works_on_a_runtime_without_timers_and_outlives_it() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(1);
        let hash = PasswordHash::cheap("right");
        let attempt = |n: usize| pool.verify(&n.to_string(), "right", Some(&hash));
        let without_timers = || {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
        };
        let runtime = without_timers();
        let (left, waiting) = runtime.block_on(async { (begin(attempt(0)), begin(attempt(1))) });
        drop((runtime, left));
        gate.open();
        assert!(without_timers().block_on(waiting).unwrap());
        assert!(without_timers().block_on(attempt(2)).unwrap());
    }

    #[test]
    fn idle_threads_end_and_others_start_when_they_are_needed() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(2).with_limits(|limits| {
            limits.patience = Duration::from_millis(300);
            limits.idle = Duration::from_millis(5);
        });
        let hash = PasswordHash::cheap("right");
        let attempt = |n: usize| pool.verify(&n.to_string(), "right", Some(&hash));
        for round in 1..=3 {
            *gate.open.lock().unwrap() = false;
            let verdicts = [1, 2, 3].map(|n| begin(attempt(n)));
            assert_eq!(
                pool.queue.threads(),
                3,
                "two that compute, one for the time"
            );
            gate.open();
            for verdict in verdicts {
                assert!(block_on(verdict).unwrap());
            }
            assert_eq!(gate.started.load(SeqCst), 3 * round);
            let start = Instant::now();
            while pool.queue.threads() > 0 {
                assert!(start.elapsed() < Duration::from_secs(10), "never ends");
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn new_hashes_are_made_within_the_same_bounds_and_never_shared() {
        let (pool, gate) = gated();
        let pool = pool.with_threads(1).with_waiting(1);
        let first = begin(pool.hash("right"));
        gate.wait_started(1);
        let second = begin(pool.hash("right"));
        unavailable(pool.hash("right"), "too many passwords are being checked");
        let stored = PasswordHash::cheap("right");
        unavailable(
            pool.verify("u", "right", Some(&stored)),
            "too many passwords are being checked",
        );
        gate.open();
        let hashes = [block_on(first).unwrap(), block_on(second).unwrap()];
        assert!(!hashes[0].is(&hashes[1]));
        assert_eq!(gate.started.load(SeqCst), 2);
        for hash in &hashes {
            assert!(hash.matches(b"right").unwrap());
        }

        let failing = HashPool::counting(|_, _| None);
        unavailable(
            failing.hash("x"),
            "the password could not be checked: out of memory, or a bug",
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", HashPool::new().unwrap()), "HashPool");
    }
}
