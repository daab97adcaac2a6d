//! An endpoint that fails: the response is 503, never 401 and never an acceptance.

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
        let expected = format!("503 status({status})");
        assert_eq!(line(&endpoint.introspection(), "abc").await, expected);
        assert_eq!(endpoint.origin.total(), 1, "no redirect is followed");
    }
    for status in [401, 403] {
        let endpoint = Endpoint::answering(Answer::status(status)).await;
        let expected = format!("503 credentials({status})");
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
    assert_eq!(line(&introspection, "abc").await, "503 timed_out");
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// If the endpoint fails on made-up tokens, the next valid token is accepted all the same.
#[tokio::test]
async fn a_failure_about_one_token_says_nothing_about_the_next() {
    let mut cases = vec![
        (inactive(), "401 inactive".to_owned()),
        (Answer::json("junk"), "503 malformed".to_owned()),
        (Answer::json("{}"), "503 malformed".to_owned()),
        (
            Answer::json(with("exp", json!("x")).to_string()),
            "503 claim_type".to_owned(),
        ),
        (Answer::Hang, "503 timed_out".to_owned()),
    ];
    for status in [400, 404, 413, 414, 422, 429, 500, 501, 502, 503, 504] {
        cases.push((Answer::status(status), format!("503 status({status})")));
    }
    for status in [401, 403] {
        cases.push((Answer::status(status), format!("503 credentials({status})")));
    }
    for (odd, expected) in cases {
        let endpoint = Endpoint::start().await;
        endpoint.script(move |token| match token.starts_with("odd") {
            true => odd.clone(),
            false => good(),
        });
        let builder = endpoint.builder().time_out(Duration::from_millis(500));
        let introspection = builder.build().unwrap();
        let asking: Vec<_> = (0..10)
            .map(|n| {
                let introspection = introspection.clone();
                tokio::spawn(async move { line(&introspection, &format!("odd{n}")).await })
            })
            .collect();
        for asking in asking {
            assert_eq!(asking.await.unwrap(), expected);
        }
        assert_eq!(
            line(&introspection, "good").await,
            "200 alice",
            "{expected}"
        );
        assert_eq!(endpoint.count(), 11, "{expected}");
        // An outage is not cached.
        let again = usize::from(expected.starts_with("503"));
        assert_eq!(line(&introspection, "odd0").await, expected);
        assert_eq!(endpoint.count(), 11 + again, "{expected}");
    }
}

#[tokio::test]
async fn a_connection_that_fails_for_one_token_says_nothing_about_the_next() {
    let client = fetch_fn(|request: Request<Bytes>| async move {
        match request.body().starts_with(b"token=odd") {
            true => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)),
            false => Ok(Response::new(Bytes::from(claims().to_string()))),
        }
    });
    let endpoint = Endpoint::start().await;
    let introspection = endpoint.builder().fetch_with(client).build().unwrap();
    for n in 0..20 {
        let rejection = ask(&introspection, &format!("odd{n}")).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert!(matches!(reason(&rejection), IntrospectionError::Fetch(_)));
    }
    assert_eq!(line(&introspection, "good").await, "200 alice");
}

#[tokio::test]
async fn when_to_come_back_is_passed_on() {
    for (status, field, seconds) in [
        (429, "7", Some(7)),
        (503, "120", Some(120)),
        (503, "0", Some(1)),
        (429, "99999999", Some(3600)),
        (429, "soon", None),
        (429, "-1", None),
        (503, "Fri, 31 Dec 1999 23:59:59 GMT", None),
        (500, "7", None),
        (401, "7", None),
    ] {
        let answer = Answer::status(status).with("retry-after", field);
        let endpoint = Endpoint::answering(answer).await;
        let introspection = endpoint.introspection();
        let rejection = ask(&introspection, "abc").await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        let expected = Duration::from_secs(seconds.unwrap_or(1));
        assert_eq!(rejection.retry_after(), Some(expected), "{status} {field}");
        let is_read = matches!(reason(&rejection), IntrospectionError::RetryAfter(..));
        assert_eq!(is_read, seconds.is_some(), "{status} {field}");
        // Other tokens do not wait, and neither does the next request with this token.
        endpoint.answer(good());
        for token in ["good", "abc"] {
            assert_eq!(line(&introspection, token).await, "200 alice");
        }
    }
}

/// The timers of a call are those of the runtime that it began on.
#[test]
fn a_request_does_not_wait_for_a_call_on_a_stalled_runtime() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let client = fetch_fn(move |_: Request<Bytes>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if call == 0 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Ok::<_, std::io::Error>(Response::new(Bytes::from(claims().to_string())))
        }
    });
    let introspection = Introspection::endpoint("https://server.example.com/introspect")
        .client_basic("rs", "rs-secret")
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .time_out(Duration::from_millis(300))
        .fetch_with(client)
        .build()
        .unwrap();
    let idle = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    idle.block_on(async {
        let asking = ask(&introspection, "abc");
        let given_up = tokio::time::timeout(Duration::from_millis(20), asking).await;
        assert!(given_up.is_err());
    });
    assert_eq!(calls.load(Ordering::SeqCst), 1, "the call has begun");
    let driven = tokio::runtime::Runtime::new().unwrap();
    driven.block_on(async {
        let asking = line(&introspection, "abc");
        let answer = tokio::time::timeout(Duration::from_secs(30), asking).await;
        assert_eq!(answer.expect("it does not wait for ever"), "503 timed_out");
        // From here on the call is another one, on this runtime.
        assert_eq!(line(&introspection, "abc").await, "200 alice");
    });
    drop(idle);
}

#[test]
fn a_runtime_without_its_timer_is_an_outage() {
    let client = fetch_fn(|_: Request<Bytes>| async {
        Ok::<_, std::io::Error>(Response::new(Bytes::from(claims().to_string())))
    });
    let introspection = Introspection::endpoint("https://server.example.com/introspect")
        .client_basic("rs", "rs-secret")
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .fetch_with(client)
        .build()
        .unwrap();
    let bare = tokio::runtime::Builder::new_current_thread().build();
    let answer = bare.unwrap().block_on(line(&introspection, "abc"));
    assert_eq!(answer, "503 no_runtime");
    let whole = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(whole.block_on(line(&introspection, "abc")), "200 alice");
}

#[tokio::test]
async fn concurrent_calls_are_limited() {
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
async fn a_request_that_waits_too_long_gets_retry_after() {
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
    assert_eq!(line(&introspection, "t2").await, "503 busy");
    // One call, and sixteen that wait, is all there can be.
    let waiting: Vec<_> = (0..40)
        .map(|n| {
            let introspection = introspection.clone();
            tokio::spawn(async move { line(&introspection, &format!("w{n}")).await })
        })
        .collect();
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), "503 busy");
    }
    assert_eq!(first.await.unwrap(), "503 timed_out");
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
    assert_eq!(line(&introspection, "abc").await, "503 lost");
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
