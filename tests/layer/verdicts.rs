//! `Verdict`: its combinators do the same to a ready verdict and to a pending one.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tower_auth::{Rejection, RejectionKind, Verdict};

/// A state that counts its clones.
#[derive(Default)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

fn results() -> [Result<u8, Rejection>; 3] {
    [
        Ok(1),
        Err(Rejection::invalid()),
        Err(Rejection::unavailable("the store is down")),
    ]
}

fn both(result: &Result<u8, Rejection>) -> [Verdict<u8>; 2] {
    let (ready, later) = (result.clone(), result.clone());
    [
        Verdict::ready(ready),
        Verdict::pending(async move {
            tokio::task::yield_now().await;
            later
        }),
    ]
}

type Seen = Result<u8, RejectionKind>;

fn seen(result: Result<u8, Rejection>) -> Seen {
    result.map_err(|rejection| rejection.kind())
}

/// Applies `f` to a ready verdict and to a pending one, and compares with `expected`.
async fn check(
    f: impl Fn(Verdict<u8>) -> Verdict<u8>,
    expected: impl Fn(Result<u8, Rejection>) -> Result<u8, Rejection>,
) {
    for result in results() {
        let [ready, pending] = both(&result);
        let (ready, pending) = (f(ready), f(pending));
        let is_ready = ready.peek().is_some();
        assert!(pending.peek().is_none(), "pending verdicts stay pending");
        let expected = seen(expected(result));
        assert_eq!(seen(ready.await), expected);
        assert_eq!(seen(pending.await), expected);
        assert!(is_ready, "ready verdicts stay ready");
    }
}

#[allow(clippy::needless_pass_by_value, reason = "`then` passes the result")]
fn negated(result: Result<u8, Rejection>) -> Result<u8, Rejection> {
    match result {
        Ok(_) => Err(Rejection::forbidden()),
        Err(_) => Ok(7),
    }
}

#[tokio::test]
async fn combinators_apply_to_ready_and_pending_verdicts_alike() {
    check(|v| v.then(negated), negated).await;
    check(|v| v.map(|n| n + 1), |r| r.map(|n| n + 1)).await;
    let weaker = |_| Rejection::forbidden();
    check(move |v| v.map_err(weaker), move |r| r.map_err(weaker)).await;
    let next = |n: &u8, value: u8| match value {
        0 => Err(Rejection::invalid()),
        value => Ok(value + n),
    };
    check(
        move |v| v.and_then(&10, move |n, value| Verdict::ready(next(n, value))),
        move |r| r.and_then(|value| next(&10, value)),
    )
    .await;
    check(
        |v| v.and_then(&(), |(), _| Verdict::ready(Err(Rejection::forbidden()))),
        |r| r.and_then(|_| Err(Rejection::forbidden())),
    )
    .await;
}

#[tokio::test]
async fn a_ready_verdict_may_continue_with_a_pending_one() {
    let verdict = Verdict::ready(Ok(1)).and_then(&(), |(), n| {
        Verdict::pending(async move {
            tokio::task::yield_now().await;
            Ok(n + 1)
        })
    });
    assert!(verdict.peek().is_none());
    assert_eq!(seen(verdict.await), Ok(2));
}

#[tokio::test]
async fn the_state_is_cloned_only_if_the_verdict_is_pending() {
    for result in results() {
        let [ready, pending] = both(&result);
        let state = Counted::default();
        let clones = || state.0.load(Ordering::SeqCst);
        let next = |_: &Counted, n| Verdict::ready(Ok(n));
        let _ = ready.and_then(&state, next).await;
        assert_eq!(clones(), 0);
        let _ = pending.and_then(&state, next).await;
        assert_eq!(clones(), 1);
    }
}

#[tokio::test]
async fn mapping_by_the_identity_changes_nothing() {
    check(|v| v.map(|n| n), |r| r).await;
    check(|v| v.map_err(|r| r), |r| r).await;
    check(|v| v.and_then(&(), |(), n| Verdict::ready(Ok(n))), |r| r).await;
}
