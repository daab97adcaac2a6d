//! Cached responses and shared calls.

use crate::support::*;
use bytes::Bytes;
use http::{Request, Response};
use tower_auth::{
    fetch::fetch_fn,
    revocation::{Revocations, VerifyExt},
};

#[tokio::test]
async fn an_active_response_is_cached_for_a_minute() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.introspection();
    for (seconds, calls) in [
        (0.0, 1),
        (1.0, 1),
        (59.999, 1),
        (60.0, 2),
        (119.0, 2),
        (120.0, 3),
    ] {
        endpoint.time.set(seconds);
        assert_eq!(line(&introspection, "abc").await, "200 alice");
        assert_eq!(endpoint.count(), calls, "{seconds}");
    }
}

#[tokio::test]
async fn a_cached_response_is_ready_at_once() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.introspection();
    ask(&introspection, "abc").await.unwrap();
    let now = introspection.clone().verify(Token::new("abc")).now();
    assert_eq!(now.unwrap().unwrap().subject(), "alice");
    let token = Token::new("abc");
    let measured = allocation_counter::measure(|| drop(introspection.verify(token)));
    assert_eq!(measured.count_total, 0);
    assert!(
        introspection.verify(Token::new("abd")).now().is_err(),
        "that is another"
    );
}

#[tokio::test]
async fn a_response_is_not_used_beyond_its_expiry() {
    let endpoint =
        Endpoint::answering(Answer::json(with("exp", json!(NOW + 30)).to_string())).await;
    let introspection = endpoint
        .builder()
        .max_age(Duration::from_secs(3600))
        .build()
        .unwrap();
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    endpoint.time.set(29.999);
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    assert_eq!(endpoint.count(), 1);
    endpoint.time.set(30.0);
    assert_eq!(line(&introspection, "abc").await, "401 expired");
    assert_eq!(endpoint.count(), 2);
}

#[tokio::test]
async fn a_token_revoked_at_the_server_is_rejected_once_its_cached_response_expires() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint
        .builder()
        .max_age(Duration::from_secs(5))
        .build()
        .unwrap();
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    endpoint.answer(inactive());
    endpoint.time.set(4.0);
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    endpoint.time.set(5.0);
    assert_eq!(line(&introspection, "abc").await, "401 inactive");
}

#[tokio::test]
async fn inactive_responses_are_cached_briefly() {
    let endpoint = Endpoint::start().await;
    let other = Answer::json(with("aud", json!("x")).to_string());
    for (answer, expected) in [(inactive(), "401 inactive"), (other, "401 audience")] {
        let introspection = endpoint.introspection();
        endpoint.time.set(0.0);
        endpoint.answer(answer);
        let before = endpoint.count();
        assert_eq!(line(&introspection, "abc").await, expected);
        endpoint.answer(good());
        endpoint.time.set(9.999);
        assert_eq!(line(&introspection, "abc").await, expected);
        assert_eq!(endpoint.count(), before + 1);
        endpoint.time.set(10.0);
        assert_eq!(line(&introspection, "abc").await, "200 alice");
    }
}

#[tokio::test]
async fn invalid_tokens_do_not_evict_valid_ones() {
    let endpoint = Endpoint::start().await;
    endpoint.script(|token| {
        if token.starts_with("good") {
            good()
        } else {
            inactive()
        }
    });
    let introspection = endpoint.builder().capacity(4).build().unwrap();
    for token in ["good1", "good2"] {
        assert_eq!(line(&introspection, token).await, "200 alice");
    }
    for n in 0..50 {
        assert_eq!(
            line(&introspection, &format!("bad{n}")).await,
            "401 inactive"
        );
    }
    let calls = endpoint.count();
    for token in ["good1", "good2", "bad49"] {
        assert!(introspection.verify(Token::new(token)).now().is_ok());
    }
    assert_eq!(endpoint.count(), calls);
    // Both sets are bounded.
    assert!(introspection.verify(Token::new("bad45")).now().is_err());
    // An entry that was used is passed over once.
    for n in 3..11 {
        line(&introspection, &format!("good{n}")).await;
    }
    assert!(introspection.verify(Token::new("good1")).now().is_err());
}

#[tokio::test]
async fn cached_responses_stay_within_their_memory_limit() {
    let endpoint = Endpoint::start().await;
    endpoint.script(|token| {
        let more = if token.starts_with("large") {
            300_000
        } else {
            10
        };
        Answer::json(with("more", json!("x".repeat(more))).to_string())
    });
    let introspection = endpoint.builder().cache_bytes(1_000_000).build().unwrap();
    let is_kept = |token: &str| introspection.verify(Token::new(token)).now().is_ok();
    for n in 0..10 {
        assert_eq!(
            line(&introspection, &format!("large{n}")).await,
            "200 alice"
        );
    }
    let large = (0..10).filter(|n| is_kept(&format!("large{n}")));
    // A quarter of the limit is for the copies of lanes.
    assert_eq!(large.collect::<Vec<_>>(), [8, 9]);
    for n in 0..100 {
        assert_eq!(
            line(&introspection, &format!("small{n}")).await,
            "200 alice"
        );
    }
    assert!((0..100).all(|n| is_kept(&format!("small{n}"))));
    // One that is too large on its own is verified all the same.
    endpoint.answer(Answer::json(
        with("more", json!("x".repeat(1_010_000))).to_string(),
    ));
    assert_eq!(line(&introspection, "huge").await, "200 alice");
    assert!(!is_kept("huge") && is_kept("small99"));
}

#[tokio::test]
async fn without_an_age_every_request_asks() {
    let endpoint = Endpoint::start().await;
    let introspection = endpoint
        .builder()
        .max_age(Duration::ZERO)
        .refused_age(Duration::ZERO);
    let introspection = introspection.build().unwrap();
    for (answer, expected) in [(good(), "200 alice"), (inactive(), "401 inactive")] {
        endpoint.answer(answer);
        for _ in 0..3 {
            assert_eq!(line(&introspection, "abc").await, expected);
        }
    }
    assert_eq!(endpoint.count(), 6);
}

#[tokio::test]
async fn an_outage_is_not_cached() {
    let endpoint = Endpoint::answering(Answer::status(500)).await;
    let introspection = endpoint.introspection();
    assert_eq!(line(&introspection, "abc").await, "503 status(500)");
    endpoint.answer(good());
    assert_eq!(line(&introspection, "abc").await, "200 alice");
}

#[tokio::test]
async fn a_clock_set_back_does_not_extend_a_cached_response() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.introspection();
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    endpoint.time.set(-5.0);
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    assert_eq!(endpoint.count(), 2);
}

fn slowly(answer: Answer) -> Answer {
    Answer::Later(Duration::from_millis(200), Box::new(answer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_requests_with_one_token_share_one_call() {
    let endpoint = Endpoint::answering(slowly(good())).await;
    for age in [60, 0] {
        let introspection = endpoint
            .builder()
            .max_age(Duration::from_secs(age))
            .build()
            .unwrap();
        let before = endpoint.count();
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let introspection = introspection.clone();
                tokio::spawn(async move { line(&introspection, "abc").await })
            })
            .collect();
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), "200 alice");
        }
        assert_eq!(endpoint.count(), before + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_per_token_even_where_answers_come_at_once() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.introspection();
    for round in 0..20 {
        let before = endpoint.count();
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let introspection = introspection.clone();
                tokio::spawn(async move { line(&introspection, &format!("t{round}")).await })
            })
            .collect();
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), "200 alice");
        }
        assert_eq!(endpoint.count(), before + 1);
    }
}

#[tokio::test]
async fn a_response_that_arrived_meanwhile_is_not_requested_again() {
    let endpoint = Endpoint::answering(good()).await;
    let introspection = endpoint.introspection();
    // Not in memory yet when it is looked for, but when it is waited for.
    let late = introspection.verify(Token::new("abc"));
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    assert_eq!(late.await.unwrap().subject(), "alice");
    assert_eq!(endpoint.count(), 1);
}

#[tokio::test]
async fn a_dropped_request_neither_cancels_the_call_nor_keeps_it() {
    let endpoint = Endpoint::answering(slowly(good())).await;
    let introspection = endpoint.introspection();
    let ask = || {
        let introspection = introspection.clone();
        tokio::spawn(async move { line(&introspection, "abc").await })
    };
    let (first, second) = (ask(), ask());
    tokio::time::sleep(Duration::from_millis(50)).await;
    first.abort();
    let third = ask();
    assert_eq!(second.await.unwrap(), "200 alice");
    assert_eq!(third.await.unwrap(), "200 alice");
    assert_eq!(endpoint.count(), 1);

    // Also if nobody waits any more: the answer is there for the next one.
    endpoint.time.set(60.0);
    let only = ask();
    tokio::time::sleep(Duration::from_millis(50)).await;
    only.abort();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(endpoint.count(), 2);
    assert_eq!(line(&introspection, "abc").await, "200 alice");
    assert_eq!(endpoint.count(), 2);
}

/// Requests come, give up and end in any order, while answers come at any time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dropped_requests_leave_no_other_request_waiting() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let client = fetch_fn(move |_: Request<Bytes>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            for _ in 0..call % 7 {
                tokio::task::yield_now().await;
            }
            Ok::<_, std::io::Error>(Response::new(Bytes::from(claims().to_string())))
        }
    });
    let endpoint = Endpoint::start().await;
    let builder = endpoint.builder().fetch_with(client);
    let introspection = builder.max_age(Duration::ZERO).build().unwrap();
    for round in 0..300 {
        let asking: Vec<_> = (0..8)
            .map(|n| {
                let introspection = introspection.clone();
                tokio::spawn(async move {
                    for _ in 0..(round + n) % 5 {
                        tokio::task::yield_now().await;
                    }
                    line(&introspection, "abc").await
                })
            })
            .collect();
        for (n, asking) in asking.into_iter().enumerate() {
            if (round + n) % 3 == 0 {
                asking.abort();
                continue;
            }
            let answer = tokio::time::timeout(Duration::from_secs(4), asking).await;
            assert_eq!(answer.expect("nobody waits for ever").unwrap(), "200 alice");
        }
    }
    assert!(calls.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn cached_responses_are_checked_for_revocation() {
    let endpoint = Endpoint::answering(good()).await;
    let revocations = Revocations::new();
    let introspection = endpoint
        .introspection()
        .with_revocation(revocations.clone());
    ask(&introspection, "abc").await.unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    revocations
        .revoke_subject(ISSUER, "alice", now, now)
        .unwrap();
    let refused = introspection.verify(Token::new("abc")).now().unwrap();
    assert_eq!(refused.unwrap_err().kind(), RejectionKind::Invalid);
    assert_eq!(endpoint.count(), 1);
}
