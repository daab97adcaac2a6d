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
