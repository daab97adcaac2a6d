//! Remote keys with runtimes that end, stall, have no timer or are missing. In real time.

use crate::common::signer::{Client, ISSUER, JWKS, Signer, builder, ok, outcome, set, status};
use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};
use tower_auth::{Verify, bearer::Token, jwt::JwtVerifier, jwt::remote::RemoteKeys};

const SECOND: Duration = Duration::from_secs(1);

/// Sets that live for a second.
fn short(client: &Client) -> RemoteKeys {
    RemoteKeys::discover()
        .fetch_with(client.clone())
        .lifetime(SECOND)
        .lifetime_between(SECOND, SECOND)
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Runs this again until it is so, for as long as a loaded machine may take.
#[track_caller]
fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + 30 * SECOND;
    while !is_so() {
        assert!(Instant::now() < deadline, "it has not happened");
        thread::sleep(SECOND / 10);
    }
}

/// The status of a token where nothing drives a future.
fn status_outside(jwt: &JwtVerifier, token: &str) -> u16 {
    let mut verdict = pin!(jwt.verify(Token::new(token)));
    match verdict
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(Ok(_)) => 200,
        Poll::Ready(Err(rejection)) => rejection.status().as_u16(),
        Poll::Pending => panic!("nobody could wake it"),
    }
}

#[test]
fn keys_are_refreshed_after_the_runtime_of_connect_has_ended() {
    let (old, new) = (Signer::new("a"), Signer::new("b"));
    let client = Client::of([&old]);
    let first = runtime();
    let jwt = first.block_on(builder(ISSUER).keys(short(&client)).connect());
    let jwt = jwt.unwrap();
    drop(first);
    let second = runtime();
    let token = old.token(ISSUER);
    assert_eq!(second.block_on(status(&jwt, &token)), 200);
    client.answer(JWKS, ok(set([&new])));
    // One token, which is cached.
    until(|| second.block_on(status(&jwt, &token)) == 401);
    assert_eq!(second.block_on(status(&jwt, &new.token(ISSUER))), 200);
    assert_eq!(jwt.health().last_error, None);
}

#[test]
fn a_fetch_whose_runtime_ends_is_taken_over_by_its_waiters() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    client.delay(3600 * SECOND);
    let keys = RemoteKeys::discover().fetch_with(client.clone());
    let jwt = builder(ISSUER).keys(keys).build().unwrap();
    let token = signer.token(ISSUER);
    let (first, second) = (runtime(), runtime());
    first.spawn({
        let (jwt, token) = (jwt.clone(), token.clone());
        async move { status(&jwt, &token).await }
    });
    until(|| client.total() == 1);
    let waiting = second.spawn(async move { status(&jwt, &token).await });
    thread::sleep(SECOND / 2);
    client.delay(Duration::ZERO);
    let started = Instant::now();
    drop(first);
    assert_eq!(second.block_on(waiting).unwrap(), 200);
    // Well before any time-out.
    assert!(started.elapsed() < 8 * SECOND, "{:?}", started.elapsed());
}

#[test]
fn a_fetch_on_a_stalled_runtime_is_503_for_its_waiters_and_then_taken_over() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    client.delay(SECOND / 3);
    let keys = RemoteKeys::discover().fetch_with(client.clone());
    let jwt = builder(ISSUER).keys(keys).build().unwrap();
    let token = signer.token(ISSUER);
    let idle = Builder::new_current_thread().enable_all().build().unwrap();
    idle.block_on(async {
        let first = tokio::time::timeout(SECOND / 20, status(&jwt, &token));
        assert!(first.await.is_err());
    });
    let second = runtime();
    second.block_on(async {
        let started = Instant::now();
        let rejection = outcome(&jwt, &token).await.unwrap_err();
        assert_eq!(rejection.status(), 503);
        assert!(rejection.retry_after().is_some());
        let waited = started.elapsed();
        assert!(waited > 8 * SECOND && waited < 20 * SECOND, "{waited:?}");
        assert_eq!(status(&jwt, &token).await, 200);
    });
    // What the first fetch brings when it is driven again does not count any more.
    let before = jwt.health();
    client.answer(JWKS, ok(r#"{"keys":[]}"#));
    idle.block_on(async { tokio::time::sleep(2 * SECOND).await });
    assert_eq!(jwt.health().keys, before.keys);
    assert_eq!(second.block_on(status(&jwt, &token)), 200);
}

#[test]
fn outside_of_a_runtime_keys_are_used_up_to_their_limit() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let connect = |keys: RemoteKeys| {
        let connecting = builder(ISSUER).keys(keys).connect();
        runtime().block_on(connecting).unwrap()
    };
    let patient = connect(short(&client));
    let strict = connect(short(&client).stale_limit(2 * SECOND));
    let token = signer.token(ISSUER);
    for jwt in [&patient, &strict] {
        assert_eq!(status_outside(jwt, &token), 200);
    }
    let asked = client.total();
    // As in an outage, which is seen.
    until(|| status_outside(&strict, &token) == 503);
    assert!(!strict.health().is_ready);
    assert_eq!(status_outside(&patient, &token), 200);
    let health = patient.health();
    assert!(health.is_ready);
    assert_eq!(
        health.last_error,
        Some("fetching needs a Tokio runtime with its timer")
    );
    // An unknown key cannot be looked for.
    assert_eq!(
        status_outside(&patient, &Signer::new("b").token(ISSUER)),
        503
    );
    assert_eq!(client.total(), asked);
    // It goes on with the next runtime.
    let second = runtime();
    for jwt in [&patient, &strict] {
        assert_eq!(second.block_on(status(jwt, &token)), 200);
        until(|| jwt.health().last_error.is_none());
    }
}

#[test]
fn a_runtime_without_its_timer_is_503_and_spoils_nothing() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let keys = RemoteKeys::discover().fetch_with(client.clone());
    let jwt = builder(ISSUER).keys(keys).build().unwrap();
    let token = signer.token(ISSUER);
    let bare = Builder::new_current_thread().build().unwrap();
    assert_eq!(bare.block_on(status(&jwt, &token)), 503);
    assert_eq!(client.total(), 0);
    assert_eq!(
        jwt.health().last_error,
        Some("fetching needs a Tokio runtime with its timer")
    );
    assert_eq!(runtime().block_on(status(&jwt, &token)), 200);
    // A cached token needs no timer.
    assert_eq!(bare.block_on(status(&jwt, &token)), 200);
}
