//! Requests that need more password hashes than the pool accepts are rejected with 503 and logged
//! without an error per request.
//!
//! The test has a process of its own because it installs the global `tracing` subscriber.

mod common;

use common::{Probe, events, get, passwords, send};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};
use tower::Layer;
use tower_auth::{
    AuthLayer,
    basic::{Basic, User, Users},
    password::HashPool,
};

#[tokio::test]
async fn a_full_pool_logs_one_warning_and_no_error_per_request() {
    events::record();
    let pool = HashPool::new().unwrap().with_threads(1).with_waiting(0);
    let users = Users::new([User::new("a", passwords::cheap("right"))])
        .unwrap()
        .with_pool(pool.clone());
    let service = AuthLayer::new(Basic::new("internal", users)).layer(Probe::new());
    // Keeps the one thread busy for some tenths of a second.
    let mut busy = pool.verify("u", "p", Some(&passwords::costly()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut busy).poll(&mut cx).is_pending());
    for _ in 0..5 {
        // a:guess
        let request = get("/", &[("authorization", "Basic YTpndWVzcw==")]);
        let response = send(&service, request).await;
        assert_eq!(response.status, 503);
        assert_eq!(response.headers["retry-after"], "1");
    }
    busy.await.unwrap();
    let lines = events::LINES.lock().unwrap();
    let of = |level: &str| {
        let start = format!("{level} tower_auth");
        lines.iter().filter(|line| line.starts_with(&start)).count()
    };
    assert_eq!(
        (of("ERROR"), of("WARN"), of("INFO")),
        (0, 1, 5),
        "{lines:?}"
    );
    let told = "error=too many passwords are being checked";
    assert_eq!(lines.iter().filter(|line| line.contains(told)).count(), 5);
}
