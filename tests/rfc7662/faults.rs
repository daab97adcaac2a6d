//! An endpoint that fails: 503, never a denial and never a pass.

use crate::support::*;
use bytes::Bytes;
use http::{Request, Response};
use tower_auth::fetch::fetch_fn;

#[tokio::test]
async fn every_other_status_is_an_outage() {
    for status in [
        201, 204, 301, 302, 307, 400, 404, 408, 413, 422, 429, 500, 502, 503,
    ] {
        let claims = claims().to_string();
        let fields = vec![("location".to_owned(), "/elsewhere".to_owned())];
        let body = if status == 204 { String::new() } else { claims };
        let endpoint = Endpoint::answering(Answer::Send(status, fields, body)).await;
        endpoint.origin.answer("/elsewhere", good());
        let expected = format!("503 Status({status})");
        assert_eq!(line(&endpoint.introspection(), "abc").await, expected);
        assert_eq!(endpoint.origin.total(), 1, "no redirect is followed");
    }
    for status in [401, 403] {
        let endpoint = Endpoint::answering(Answer::status(status)).await;
        let expected = format!("503 Credentials({status})");
        assert_eq!(line(&endpoint.introspection(), "abc").await, expected);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_outage() {
    for answer in [Answer::Reset, Answer::Flood(2 * 1024 * 1024)] {
        let endpoint = Endpoint::answering(answer).await;
        let rejection = ask(&endpoint.introspection(), "abc").await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert!(matches!(reason(&rejection), IntrospectionError::Fetch(_)));
    }
    let endpoint = Endpoint::start().await;
    let introspection = endpoint.introspection();
    drop(endpoint);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let rejection = ask(&introspection, "abc").await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
}

#[tokio::test]
async fn waiting_for_an_answer_has_an_end() {
    let endpoint = Endpoint::answering(Answer::Hang).await;
    let introspection = endpoint
        .builder()
        .time_out(Duration::from_millis(100))
        .build()
        .unwrap();
    let started = Instant::now();
    assert_eq!(line(&introspection, "abc").await, "503 TimedOut");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_endpoint_that_keeps_failing_is_left_alone_and_then_tried_once() {
    let endpoint = Endpoint::answering(Answer::status(500)).await;
    let introspection = endpoint
        .builder()
        .breaker(3, Duration::from_secs(10))
        .build()
        .unwrap();
    for n in 0..3 {
        assert_eq!(
            line(&introspection, &format!("t{n}")).await,
            "503 Status(500)"
        );
    }
    for (seconds, left) in [(0.0, 10), (9.0, 1)] {
        endpoint.time.set(seconds);
        let rejection = ask(&introspection, "t9").await.unwrap_err();
        assert_eq!(rejection.retry_after(), Some(Duration::from_secs(left)));
        assert!(matches!(
            reason(&rejection),
            IntrospectionError::LeftAlone(_)
        ));
    }
    assert_eq!(endpoint.count(), 3);
    // One failure is enough to leave it alone again.
    endpoint.time.set(10.0);
    assert_eq!(line(&introspection, "t9").await, "503 Status(500)");
    assert!(
        line(&introspection, "t9")
            .await
            .starts_with("503 LeftAlone")
    );
    assert_eq!(endpoint.count(), 4);
    endpoint.time.set(20.0);
    endpoint.answer(inactive());
    assert_eq!(line(&introspection, "t9").await, "401 Inactive");
    for n in 10..15 {
        assert_eq!(line(&introspection, &format!("t{n}")).await, "401 Inactive");
    }
}

#[tokio::test]
async fn only_one_call_tries_an_endpoint_that_was_left_alone() {
    let endpoint = Endpoint::answering(Answer::status(500)).await;
    let introspection = endpoint
        .builder()
        .breaker(1, Duration::from_secs(10))
        .build()
        .unwrap();
    line(&introspection, "t0").await;
    endpoint.time.set(10.0);
    endpoint.answer(Answer::Later(Duration::from_millis(100), Box::new(good())));
    let asking: Vec<_> = (0..10)
        .map(|n| {
            let introspection = introspection.clone();
            tokio::spawn(async move { line(&introspection, &format!("t{n}")).await })
        })
        .collect();
    let mut lines = Vec::new();
    for asking in asking {
        lines.push(asking.await.unwrap());
    }
    assert_eq!(lines.iter().filter(|line| *line == "200 alice").count(), 1);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("503 LeftAlone"))
            .count(),
        9
    );
    assert_eq!(endpoint.count(), 2);
    assert_eq!(line(&introspection, "t10").await, "200 alice");
}

#[tokio::test]
async fn what_is_answered_never_opens_the_breaker() {
    let endpoint = Endpoint::start().await;
    let introspection = endpoint
        .builder()
        .breaker(2, Duration::from_secs(10))
        .build()
        .unwrap();
    let mut n = 0;
    for (answer, expected) in [
        (inactive(), "401 Inactive"),
        (Answer::json(with("aud", None).to_string()), "401 Audience"),
        (
            Answer::json(with("exp", json!("x")).to_string()),
            "401 ClaimType",
        ),
        // The token is the only thing in the request that a client has chosen.
        (Answer::status(400), "503 Status(400)"),
    ] {
        endpoint.answer(answer);
        for _ in 0..10 {
            n += 1;
            assert_eq!(line(&introspection, &format!("t{n}")).await, expected);
        }
    }
    // An answer in between starts the count anew.
    for _ in 0..3 {
        for answer in [Answer::status(500), inactive()] {
            n += 1;
            endpoint.answer(answer);
            assert!(
                !line(&introspection, &format!("t{n}"))
                    .await
                    .contains("LeftAlone")
            );
        }
    }
}

#[tokio::test]
async fn so_many_calls_are_made_at_once_and_no_more() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (at_once, highest) = (now.clone(), most.clone());
    let client = fetch_fn(move |_: Request<Bytes>| {
        let (now, most) = (at_once.clone(), highest.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Response::new(Bytes::from(claims().to_string())))
        }
    });
    let endpoint = Endpoint::start().await;
    let introspection = endpoint
        .builder()
        .max_calls(3)
        .fetch_with(client)
        .build()
        .unwrap();
    let asking: Vec<_> = (0..12)
        .map(|n| {
            let introspection = introspection.clone();
            tokio::spawn(async move { line(&introspection, &format!("t{n}")).await })
        })
        .collect();
    for asking in asking {
        assert_eq!(asking.await.unwrap(), "200 alice");
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn who_waits_too_long_for_a_turn_is_told_to_come_back() {
    let endpoint = Endpoint::answering(Answer::Hang).await;
    let introspection = endpoint
        .builder()
        .max_calls(1)
        .patience(Duration::from_millis(50))
        .time_out(Duration::from_millis(400))
        .build()
        .unwrap();
    let first = {
        let introspection = introspection.clone();
        tokio::spawn(async move { line(&introspection, "t1").await })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(line(&introspection, "t2").await, "503 Busy");
    // One call, and sixteen that wait, is all there can be.
    let waiting: Vec<_> = (0..40)
        .map(|n| {
            let introspection = introspection.clone();
            tokio::spawn(async move { line(&introspection, &format!("w{n}")).await })
        })
        .collect();
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), "503 Busy");
    }
    assert_eq!(first.await.unwrap(), "503 TimedOut");
    assert_eq!(endpoint.count(), 1);
    // The turn is free again.
    endpoint.answer(good());
    assert_eq!(line(&introspection, "t3").await, "200 alice");
}

#[tokio::test]
async fn a_client_that_panics_costs_one_answer() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let client = fetch_fn(move |_: Request<Bytes>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(call > 0, "the first call panics");
            Ok::<_, std::io::Error>(Response::new(Bytes::from(claims().to_string())))
        }
    });
    let endpoint = Endpoint::start().await;
    let introspection = endpoint
        .builder()
        .max_calls(1)
        .fetch_with(client)
        .build()
        .unwrap();
    assert_eq!(line(&introspection, "abc").await, "503 Lost");
    assert_eq!(line(&introspection, "abc").await, "200 alice");
}

#[test]
fn without_a_runtime_nothing_panics() {
    let client = fetch_fn(|_: Request<Bytes>| async {
        Ok::<_, std::io::Error>(Response::new(Bytes::new()))
    });
    let introspection = Introspection::endpoint("https://server.example.com/introspect")
        .client_basic("rs", "rs-secret")
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .fetch_with(client)
        .build()
        .unwrap();
    let mut verdict = introspection.verify(Token::new("abc"));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(answer) = std::pin::Pin::new(&mut verdict).poll(&mut cx) else {
        panic!("there is nothing to wait for");
    };
    assert!(matches!(
        reason(&answer.unwrap_err()),
        IntrospectionError::NoRuntime
    ));
}
