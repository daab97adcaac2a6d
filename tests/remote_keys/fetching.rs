//! When keys are fetched, and the status of tokens meanwhile. Time is paused and advances when every
//! task waits. `runtimes.rs` tests runtimes that end; `certified_provider.rs` and `discovery.rs` use
//! sockets.

use crate::common;
use crate::common::signer::{
    AUDIENCE, Client, Hand, ISSUER, JWKS, METADATA, Signer, builder, claims, ok, outcome, set,
    status, status_only,
};
use serde_json::json;
use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{task::JoinSet, time::sleep};
use tower_auth::{
    RejectionKind, Verify, bearer,
    clock::Clock,
    fetch::{Fetch, fetch_fn},
    jwt::{Algorithm, JwtVerifier, KeysUnavailable, TokenError, remote::RemoteKeys},
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn jwt(client: &Client) -> JwtVerifier {
    with(client, |keys| keys)
}

fn with(client: &Client, settings: impl FnOnce(RemoteKeys) -> RemoteKeys) -> JwtVerifier {
    let keys = settings(RemoteKeys::discover().fetch_with(client.clone()));
    builder(ISSUER).keys(keys).build().unwrap()
}

/// A refresh in the background has time to end.
async fn settle() {
    sleep(11 * SECOND).await;
}

/// A clock that stands beside the stopped one of the runtime.
fn with_hand(
    client: &Client,
    hand: &Hand,
    settings: impl FnOnce(RemoteKeys) -> RemoteKeys,
) -> JwtVerifier {
    let keys = settings(RemoteKeys::discover().fetch_with(client.clone()));
    builder(ISSUER)
        .keys(keys)
        .clock(hand.clone())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_before_the_first_token_and_then_once() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    sleep(HOUR).await;
    assert_eq!(client.total(), 0);
    let health = jwt.health();
    assert!(!health.is_ready);
    assert_eq!(
        (health.age, health.next_refresh, health.keys),
        (None, None, 0)
    );

    // A verdict that nobody polls has started nothing.
    let token = signer.token(ISSUER);
    drop(jwt.verify(bearer::Token::new(token.as_str())));
    sleep(SECOND).await;
    assert_eq!(client.total(), 0);

    assert_eq!(status(&jwt, &token).await, 200);
    for _ in 0..10 {
        // From now on nobody waits.
        let verdict = jwt.verify(bearer::Token::new(token.as_str()));
        assert!(verdict.now().unwrap().is_ok());
    }
    assert_eq!((client.count(METADATA), client.count(JWKS)), (1, 1));
    let health = jwt.health();
    assert!(health.is_ready);
    assert_eq!(health.issuer.as_deref(), Some(ISSUER));
    assert_eq!((health.keys, health.skipped_keys), (1, 0));
    assert_eq!(
        (health.age, health.last_error),
        (Some(Duration::ZERO), None)
    );
    let next = health.next_refresh.unwrap();
    assert!(next > HOUR * 3 / 4 && next < HOUR, "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_forged_keys_cause_one_fetch() {
    let (signer, forger) = (Signer::new("a"), Signer::new("x"));
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
    let before = client.total();
    client.delay(SECOND);
    let claims = claims(ISSUER);
    let mut tasks = JoinSet::new();
    for i in 0..10_000 {
        let token = forger.sign_as(&format!("forged-{i}"), &claims);
        let jwt = jwt.clone();
        tasks.spawn(async move {
            // Half at once, half in the cooldown.
            sleep(Duration::from_millis(i % 2 * 5000)).await;
            status(&jwt, &token).await
        });
    }
    while let Some(answer) = tasks.join_next().await {
        assert_eq!(answer.unwrap(), 401);
    }
    assert_eq!(client.total() - before, 1);
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_fetched_once_per_cooldown() {
    let (old, new, forger) = (Signer::new("old"), Signer::new("new"), Signer::new("x"));
    let client = Client::of([&old]);
    let jwt = jwt(&client);
    let forged = forger.token(ISSUER);
    assert_eq!(status(&jwt, &old.token(ISSUER)).await, 200);
    assert_eq!(status(&jwt, &forged).await, 401);
    assert_eq!(client.count(JWKS), 2);
    // Published a moment too late for the fetch that the forger has caused.
    client.answer(JWKS, ok(set([&old, &new])));
    sleep(29 * SECOND).await;
    assert_eq!(status(&jwt, &new.token(ISSUER)).await, 401);
    assert_eq!(client.count(JWKS), 2);
    sleep(SECOND).await;
    assert_eq!(status(&jwt, &new.token(ISSUER)).await, 200);
    assert_eq!(client.count(JWKS), 3);
    assert_eq!(status(&jwt, &forged).await, 401);
    assert_eq!(client.count(JWKS), 3);
    // The same name has it fetched again: it may be published by now.
    sleep(30 * SECOND).await;
    assert_eq!(status(&jwt, &forged).await, 401);
    assert_eq!(client.count(JWKS), 4);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_causes_no_rejection() {
    let (old, new, forger) = (Signer::new("old"), Signer::new("new"), Signer::new("x"));
    let client = Client::of([&old]);
    let jwt = jwt(&client);
    let mut failed = 0;
    for second in 0..3 * 3600_u64 {
        // Published at one hour; used a cooldown later; the old one dropped at two hours.
        match second {
            3600 => client.answer(JWKS, ok(set([&old, &new]))),
            7200 => client.answer(JWKS, ok(set([&new]))),
            _ => {}
        }
        let signer = if second < 3600 + 31 { &old } else { &new };
        if second % 10 == 0 {
            let forged = forger.sign_as(&second.to_string(), &claims(ISSUER));
            assert_eq!(status(&jwt, &forged).await, 401);
        }
        failed += usize::from(status(&jwt, &signer.token(ISSUER)).await != 200);
        sleep(SECOND).await;
    }
    assert_eq!(failed, 0);
    // With a forger at work one per cooldown, and the metadata once.
    assert!(
        client.count(JWKS) <= 2 + 3 * 3600 / 30 + 4,
        "{}",
        client.count(JWKS)
    );
    assert_eq!(client.count(METADATA), 1);
    assert_eq!(status(&jwt, &old.token(ISSUER)).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_or_replaced_key_is_rejected_within_the_lifetime() {
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    let client = Client::of([&a, &b]);
    let jwt = jwt(&client);
    let (token_a, token_b) = (a.token(ISSUER), b.token(ISSUER));
    assert_eq!(status(&jwt, &token_a).await, 200);
    // Another key under the name of b, and none under the name of a.
    let other_b = Signer::new("b");
    client.answer(JWKS, ok(set([&other_b])));
    sleep(HOUR).await;
    // Every call has the same token, which is cached. The first use starts the fetch.
    assert_eq!(status(&jwt, &token_a).await, 200);
    settle().await;
    assert_eq!(status(&jwt, &token_a).await, 401);
    let rejection = outcome(&jwt, &token_b).await.unwrap_err();
    let why = rejection.source().unwrap().downcast_ref::<TokenError>();
    assert_eq!(why.map(TokenError::as_str), Some("signature"));
    assert_eq!(status(&jwt, &other_b.token(ISSUER)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_empty_set_withdraws_everything_and_junk_nothing() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    let token = signer.token(ISSUER);
    assert_eq!(status(&jwt, &token).await, 200);
    for junk in [
        ok("<html>"),
        ok("{}"),
        ok(r#"{"keys":{}}"#),
        ok(r#"{"keys":[]"#),
        status_only(500),
        status_only(404),
        status_only(302),
        status_only(204),
        status_only(304),
        None,
    ] {
        client.answer(JWKS, junk.clone());
        sleep(HOUR).await;
        assert_eq!(status(&jwt, &token).await, 200, "{junk:?}");
        settle().await;
        assert!(jwt.health().last_error.is_some(), "{junk:?}");
        assert!(jwt.health().is_ready, "{junk:?}");
        client.answer(JWKS, ok(set([&signer])));
        sleep(2 * 60 * SECOND).await;
        assert_eq!(status(&jwt, &token).await, 200, "{junk:?}");
        settle().await;
        assert_eq!(jwt.health().last_error, None);
    }
    client.answer(JWKS, ok(r#"{"keys":[]}"#));
    sleep(HOUR).await;
    assert_eq!(status(&jwt, &token).await, 200);
    settle().await;
    assert_eq!(status(&jwt, &token).await, 401);
    let health = jwt.health();
    assert!(!health.is_ready, "there is no key to verify anything with");
    assert_eq!((health.keys, health.last_error), (0, None));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_key_leaves_the_others_usable() {
    let signer = Signer::new("good");
    let client = Client::of([]);
    let broken = json!({ "keys": [
        { "kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB" },
        { "kty": "EC", "kid": "broken", "crv": "P-256", "x": 7 },
        { "kty": "oct", "kid": "secret", "alg": "HS256", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
        "no key at all",
        signer.jwk(),
    ] });
    client.answer(JWKS, ok(broken.to_string()));
    let jwt = jwt(&client);
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
    assert_eq!((jwt.health().keys, jwt.health().skipped_keys), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_401_after_a_successful_fetch_and_503_after_a_failed_one() {
    let (signer, forger) = (Signer::new("a"), Signer::new("x"));
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
    let forged = |i: usize| forger.sign_as(&format!("x{i}"), &claims(ISSUER));
    assert_eq!(status(&jwt, &forged(0)).await, 401);
    assert_eq!(status(&jwt, &forged(1)).await, 401);
    client.answer(JWKS, status_only(500));
    sleep(31 * SECOND).await;
    for i in 2..5 {
        let rejection = outcome(&jwt, &forged(i)).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert!(rejection.retry_after().is_some());
        assert!(rejection.source().unwrap().is::<KeysUnavailable>());
    }
    // Whoever is known is not concerned.
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
    client.answer(JWKS, ok(set([&signer])));
    sleep(2 * SECOND).await;
    assert_eq!(status(&jwt, &forged(5)).await, 401);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_cannot_be_valid_cause_no_fetch() {
    let (signer, forger) = (Signer::new("a"), Signer::new("x"));
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    let mut expired = claims(ISSUER);
    expired["exp"] = 1_000_000_000.into();
    let hs256 = "eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ.e30.c2ln";
    for token in [
        "opaque".to_owned(),
        "a.b.c".to_owned(),
        hs256.to_owned(),
        forger.sign(&expired),
        forger.token("https://other.example/"),
        forger.sign(&json!({ "aud": AUDIENCE })),
        forger.sign(&json!([])),
    ] {
        assert_eq!(status(&jwt, &token).await, 401, "{token}");
    }
    assert_eq!(client.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_start_with_the_issuer_down_is_503_and_recovers() {
    let signer = Signer::new("a");
    let client = Client::default();
    let jwt = jwt(&client);
    let token = signer.token(ISSUER);
    let rejection = outcome(&jwt, &token).await.unwrap_err();
    assert_eq!(rejection.status(), 503);
    assert_eq!(jwt.health().last_error, Some("the connection failed"));
    let asked = client.total();
    for _ in 0..100 {
        // No token of these asks again.
        assert_eq!(status(&jwt, &token).await, 503);
    }
    assert_eq!(client.total(), asked);
    sleep(HOUR).await;
    assert_eq!(client.total(), asked, "nobody has used it");
    for _ in 0..3600 {
        assert_eq!(status(&jwt, &token).await, 503);
        sleep(SECOND).await;
    }
    // About once a minute.
    assert!((50..140).contains(&client.total()), "{}", client.total());
    client.answer(METADATA, ok(common::signer::metadata(ISSUER, JWKS)));
    client.answer(JWKS, ok(set([&signer])));
    sleep(61 * SECOND).await;
    assert_eq!(status(&jwt, &token).await, 200);
    assert_eq!(jwt.health().last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_issuer_delays_a_token_and_not_for_long() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    client.answer(JWKS, None);
    let jwt = jwt(&client);
    let started = tokio::time::Instant::now();
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 503);
    assert!(started.elapsed() < 11 * SECOND, "{:?}", started.elapsed());
    assert_eq!(jwt.health().last_error, Some("no answer came in time"));
}

#[tokio::test(start_paused = true)]
async fn keys_stay_valid_for_a_day_after_the_last_success() {
    let (signer, hand) = (Signer::new("a"), Hand::default());
    let mut claims = claims(ISSUER);
    claims["exp"] = 4_000_000_000_u64.into();
    let token = signer.sign(&claims);
    for (limit, settings) in [
        (24 * HOUR, None),
        (HOUR, Some(Duration::ZERO)), // no shorter than the lifetime
        (2 * HOUR, Some(2 * HOUR)),
    ] {
        let client = Client::of([&signer]);
        let jwt = with_hand(&client, &hand, |keys| match settings {
            None => keys,
            Some(limit) => keys.stale_limit(limit),
        });
        assert_eq!(status(&jwt, &token).await, 200);
        client.answer(JWKS, status_only(503));
        hand.forward(limit - SECOND);
        assert_eq!(status(&jwt, &token).await, 200);
        // The fetch has failed by now.
        sleep(SECOND / 10).await;
        assert!(jwt.health().last_error.is_some());
        assert!(jwt.health().is_ready);
        hand.forward(SECOND);
        assert!(!jwt.health().is_ready);
        assert_eq!(status(&jwt, &token).await, 503, "{settings:?}");
        client.answer(JWKS, ok(set([&signer])));
        sleep(2 * HOUR).await;
        assert_eq!(status(&jwt, &token).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_issuer_controls_how_long_its_set_is_cached() {
    let signer = Signer::new("a");
    for (said, least, most) in [
        ("max-age=600", 480, 570),
        ("max-age=0", 48, 57),
        ("no-store", 48, 57),
        ("max-age=31536000", 69120, 82080),
        ("private", 2880, 3420),
    ] {
        let client = Client::of([&signer]);
        client.answer(
            JWKS,
            Some((200, vec![("cache-control", said)], set([&signer]))),
        );
        let jwt = jwt(&client);
        assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
        let next = jwt.health().next_refresh.unwrap().as_secs();
        assert!((least..=most).contains(&next), "{said}: {next}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_set_is_not_sent_again() {
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    let client = Client::of([&a]);
    client.answer(JWKS, Some((200, vec![("etag", "\"1\"")], set([&a]))));
    let jwt = jwt(&client);
    let token = a.token(ISSUER);
    assert_eq!(status(&jwt, &token).await, 200);
    client.answer(
        JWKS,
        Some((304, vec![("cache-control", "max-age=120")], String::new())),
    );
    for _ in 0..60 {
        sleep(60 * SECOND).await;
        assert_eq!(status(&jwt, &token).await, 200);
    }
    let asked = client.asked(JWKS);
    assert!(!asked[0].contains_key("if-none-match"));
    assert!(asked.len() > 2, "{}", asked.len());
    assert!(
        asked[1..]
            .iter()
            .all(|headers| headers["if-none-match"] == "\"1\"")
    );
    let health = jwt.health();
    assert_eq!((health.keys, health.last_error), (1, None));
    // The last token may have started a fetch.
    settle().await;
    client.answer(JWKS, Some((200, vec![("etag", "\"2\"")], set([&b]))));
    sleep(121 * SECOND).await;
    assert_eq!(status(&jwt, &token).await, 200);
    settle().await;
    assert_eq!(status(&jwt, &token).await, 401);
    assert_eq!(status(&jwt, &b.token(ISSUER)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_does_not_cancel_the_fetch_for_others() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    client.delay(SECOND);
    let jwt = jwt(&client);
    let token = signer.token(ISSUER);
    // The first has started the fetch, and is gone before it ends.
    let first = tokio::time::timeout(SECOND / 2, outcome(&jwt, &token)).await;
    assert!(first.is_err());
    let mut tasks = JoinSet::new();
    for i in 0..100 {
        let (jwt, token) = (jwt.clone(), token.clone());
        tasks.spawn(async move {
            match i % 2 {
                0 => status(&jwt, &token).await,
                _ => tokio::time::timeout(SECOND / 4, status(&jwt, &token))
                    .await
                    .unwrap_or(200),
            }
        });
    }
    while let Some(answer) = tasks.join_next().await {
        assert_eq!(answer.unwrap(), 200);
    }
    assert_eq!((client.count(METADATA), client.count(JWKS)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_for_a_verifier_that_is_not_used() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    let token = signer.token(ISSUER);
    assert_eq!(status(&jwt, &token).await, 200);
    let asked = client.total();
    sleep(20 * HOUR).await;
    assert_eq!(client.total(), asked);
    // Still ready: whoever is asked for by a probe, and by nobody else, must not be taken out.
    assert!(jwt.health().is_ready);
    sleep(10 * HOUR).await;
    let health = jwt.health();
    assert!(health.is_ready, "{health:?}");
    assert_eq!(
        (health.last_error, health.next_refresh),
        (None, Some(Duration::ZERO))
    );
    assert_eq!(status(&jwt, &token).await, 200);

    // Dropped in the middle of a fetch: that one ends, and no other follows.
    client.delay(4 * SECOND);
    sleep(HOUR).await;
    assert_eq!(status(&jwt, &token).await, 200);
    drop(jwt);
    sleep(10 * SECOND).await;
    let asked = client.total();
    sleep(24 * HOUR).await;
    assert_eq!(client.total(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_a_failed_fetch() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let inner = client.clone();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let shaky = fetch_fn(move |request| {
        let n = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        assert!(n % 3 == 2, "a mistake of the client's, on purpose");
        inner.fetch(request)
    });
    let keys = RemoteKeys::at(JWKS).fetch_with(shaky);
    let jwt = builder(ISSUER).keys(keys).build().unwrap();
    let token = signer.token(ISSUER);
    assert_eq!(status(&jwt, &token).await, 503);
    assert_eq!(jwt.health().last_error, Some("the fetch panicked"));
    // The client panics twice, and the fetch has a pause each time.
    sleep(10 * SECOND).await;
    assert_eq!(status(&jwt, &token).await, 503);
    sleep(10 * SECOND).await;
    assert_eq!(status(&jwt, &token).await, 200);
    // It goes on all the same.
    for _ in 0..5 * 60 {
        sleep(60 * SECOND).await;
        assert_eq!(status(&jwt, &token).await, 200);
    }
    assert!(client.count(JWKS) >= 5, "{}", client.count(JWKS));
}

#[tokio::test(start_paused = true)]
async fn connect_fails_fast() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let connect = || async {
        let keys = RemoteKeys::discover().fetch_with(client.clone());
        builder(ISSUER).keys(keys).connect().await
    };
    let jwt = connect().await.unwrap();
    let verdict = jwt.verify(bearer::Token::new(signer.token(ISSUER)));
    assert!(verdict.now().unwrap().is_ok());
    for (answer, why) in [
        (
            status_only(500),
            "the issuer answers with an error or a redirect",
        ),
        (ok("<html>"), "the answer is no JWK Set"),
        (
            ok(r#"{"keys":[]}"#),
            "the set holds no key that can be used",
        ),
        (None, "no answer came in time"),
    ] {
        client.answer(JWKS, answer);
        let error = connect().await.unwrap_err().to_string();
        assert_eq!(error, format!("cannot fetch the keys of {ISSUER}: {why}"));
    }
    // Fixed keys are there already.
    let key = tower_auth::jwt::Key::from_secret(Algorithm::HS256, [7; 32]).unwrap();
    assert!(builder(ISSUER).keys(key).connect().await.is_ok());
}

#[test]
fn outside_of_a_runtime_nothing_panics() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    let token = signer.token(ISSUER);
    let wait = |jwt: &JwtVerifier| {
        let mut verdict = std::pin::pin!(jwt.verify(bearer::Token::new(token.as_str())));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match verdict.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(Err(rejection)) => rejection.status(),
            _ => panic!("nobody could have fetched anything"),
        }
    };
    assert_eq!(wait(&jwt), 503);
    assert_eq!(client.total(), 0);
    // A runtime that ends takes its tasks along, and the next one begins anew.
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        client.delay(2 * HOUR);
        runtime.block_on(async {
            let waiting = tokio::time::timeout(SECOND / 10, outcome(&jwt, &token));
            assert!(waiting.await.is_err());
        });
        drop(runtime);
        assert_eq!(jwt.health().last_error, Some("the fetch was abandoned"));
        std::thread::sleep(2 * SECOND);
    }
    client.delay(Duration::ZERO);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(status(&jwt, &token)), 200);
    drop(jwt); // outside of it
}

#[tokio::test(start_paused = true)]
async fn keys_without_an_algorithm_serve_the_configured_ones() {
    let client = Client::of([&Signer::new("ed")]);
    let jwt = with(&client, |keys| keys.algorithms([Algorithm::RS256]));
    let signer = Signer::new("ed");
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 503);
    let health = jwt.health();
    assert_eq!(
        (health.keys, health.last_error),
        (0, Some("the set holds no key that can be used"))
    );
}

#[test]
fn invalid_settings_are_rejected() {
    #[track_caller]
    fn refused(keys: RemoteKeys, message: &str) {
        let keys = keys.fetch_with(Client::default());
        let error = builder(ISSUER).keys(keys).build().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let keys = RemoteKeys::discover;
    refused(keys().cooldown(SECOND / 2), "a cooldown");
    refused(keys().lifetime(Duration::ZERO), "a lifetime");
    refused(keys().lifetime_between(HOUR, SECOND), "in order");
    refused(keys().stale_limit(Duration::MAX), "a year");
    refused(keys().rsa_algorithm(Algorithm::ES256), "algorithm of RSA");
    refused(keys().algorithms([]), "at least one algorithm");
    refused(keys().algorithms([Algorithm::HS256]), "no symmetric one");
    refused(RemoteKeys::at("not a url"), "must be a URL");
    refused(
        RemoteKeys::at("http://a.example/jwks"),
        "dangerous_allow_http",
    );
    refused(RemoteKeys::at("http://127.0.0.1/jwks"), "cannot be asked");
    refused(
        RemoteKeys::at("https://u:p@a.example/jwks"),
        "cannot be asked",
    );
    let build = |issuer: &str| {
        let keys = RemoteKeys::discover().fetch_with(Client::default());
        builder(issuer).keys(keys).build()
    };
    for issuer in ["login", "https://a.example/?x", "http://a.example/"] {
        assert!(build(issuer).is_err(), "{issuer}");
    }
    // Without any keys they are discovered, by the client that comes along.
    assert!(builder("https://a.example").build().is_ok());
    assert!(builder("http://a.example").build().is_err());
    let any = JwtVerifier::dangerous_any_issuer().audience(AUDIENCE);
    assert!(any.build().is_err());
}

/// A token of this key, issued so many seconds ago.
fn issued(signer: &Signer, now: SystemTime, ago: u64) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut claims = claims(ISSUER);
    claims["iat"] = (now - ago).into();
    signer.sign(&claims)
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_in_the_cooldown_is_503_if_its_token_is_younger_than_the_set() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let hand = Hand::default();
    let client = Client::of([&old]);
    let jwt = with_hand(&client, &hand, |keys| keys);
    assert_eq!(status(&jwt, &old.token(ISSUER)).await, 200);
    let pass = |seconds: u64| {
        hand.forward(Duration::from_secs(seconds));
        sleep(Duration::from_secs(seconds))
    };
    pass(100).await;
    // The issuer signs before it publishes. This one has the set fetched.
    let rejection = outcome(&jwt, &issued(&new, hand.now(), 0))
        .await
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert_eq!(rejection.retry_after(), Some(30 * SECOND));
    assert_eq!(client.count(JWKS), 2);
    client.answer(JWKS, ok(set([&old, &new])));
    pass(10).await;
    let rejection = outcome(&jwt, &issued(&new, hand.now(), 3))
        .await
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert_eq!(rejection.retry_after(), Some(20 * SECOND));
    // Older than the set, or without a date: the set would hold the key.
    assert_eq!(status(&jwt, &issued(&new, hand.now(), 11)).await, 401);
    assert_eq!(status(&jwt, &new.token(ISSUER)).await, 401);
    assert_eq!(client.count(JWKS), 2);
    // What was said about the time was true.
    pass(20).await;
    assert_eq!(status(&jwt, &issued(&new, hand.now(), 3)).await, 200);
    assert_eq!(client.count(JWKS), 3);
    // From the future: it would be refused with any key.
    let forged = Signer::new("x").sign(&json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": 4_000_000_000_u64,
        "exp": 4_100_000_000_u64,
    }));
    pass(31).await;
    assert_eq!(status(&jwt, &forged).await, 401);
    assert_eq!(client.count(JWKS), 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_published_after_its_first_token_is_accepted_after_one_cooldown() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let client = Client::of([&old]);
    let jwt = jwt(&client);
    assert_eq!(status(&jwt, &old.token(ISSUER)).await, 200);
    sleep(600 * SECOND).await;
    let token = new.token(ISSUER);
    assert_eq!(status(&jwt, &token).await, 401);
    client.answer(JWKS, ok(set([&old, &new])));
    sleep(30 * SECOND).await;
    assert_eq!(status(&jwt, &token).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_first_set_without_usable_keys_is_a_failed_fetch() {
    let signer = Signer::new("a");
    let token = signer.token(ISSUER);
    for first in [
        json!({ "keys": [] }),
        json!({ "keys": [{ "kty": "oct", "kid": "a", "alg": "HS256", "k": "AAAA" }] }),
    ] {
        let client = Client::of([]);
        let etag = vec![("etag", "\"1\"")];
        client.answer(JWKS, Some((200, etag, first.to_string())));
        let jwt = jwt(&client);
        let rejection = outcome(&jwt, &token).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
        assert!(rejection.retry_after().is_some());
        let health = jwt.health();
        assert!(!health.is_ready);
        assert_eq!(
            health.last_error,
            Some("the set holds no key that can be used")
        );
        sleep(SECOND).await;
        assert_eq!(status(&jwt, &token).await, 503);
        // It is not taken for a version of the set.
        let asked = client.asked(JWKS);
        assert!(
            asked
                .iter()
                .all(|headers| !headers.contains_key("if-none-match"))
        );
        client.answer(JWKS, ok(set([&signer])));
        sleep(3 * SECOND).await;
        assert_eq!(status(&jwt, &token).await, 200);
        assert!(jwt.health().is_ready);
    }
}

/// A token whose header names no key.
fn nameless(signer: &Signer) -> String {
    signer.sign_with(&json!({ "alg": "EdDSA" }), &claims(ISSUER))
}

#[tokio::test(start_paused = true)]
async fn a_key_replaced_under_the_same_id_is_detected_at_its_first_token() {
    let (old, new, forger) = (Signer::new("1"), Signer::new("1"), Signer::new("1"));
    for sign in [|signer: &Signer| signer.token(ISSUER), nameless] {
        let client = Client::of([&old]);
        let long = |signer| Some((200, vec![("cache-control", "max-age=86400")], set([signer])));
        client.answer(JWKS, long(&old));
        let jwt = jwt(&client);
        assert_eq!(status(&jwt, &sign(&old)).await, 200);
        client.answer(JWKS, long(&new));
        sleep(100 * SECOND).await;
        assert_eq!(status(&jwt, &sign(&new)).await, 200);
        assert_eq!(client.count(JWKS), 2);
        let rejection = outcome(&jwt, &sign(&old)).await.unwrap_err();
        let why = rejection.source().unwrap().downcast_ref::<TokenError>();
        assert_eq!(why.map(TokenError::as_str), Some("signature"));
        // The cooldown is one for all of them.
        assert_eq!(
            status(&jwt, &forger.sign_as("x", &claims(ISSUER))).await,
            401
        );
        assert_eq!(client.count(JWKS), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_replaced_by_one_of_another_algorithm_is_detected() {
    let new = Signer::new("1");
    let client = Client::of([]);
    client.answer(
        JWKS,
        ok(json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "kid": "1",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }] })
        .to_string()),
    );
    let keys = RemoteKeys::discover().fetch_with(client.clone());
    let jwt = builder(ISSUER).keys(keys).connect().await.unwrap();
    client.answer(JWKS, ok(set([&new])));
    assert_eq!(status(&jwt, &new.token(ISSUER)).await, 200);
    assert_eq!(client.count(JWKS), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_forged_signatures_cause_one_fetch_and_only_during_it_do_they_wait() {
    let (signer, forger) = (Signer::new("a"), Signer::new("a"));
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
    let before = client.total();
    client.delay(SECOND);
    let forged = |n: usize| {
        let mut claims = claims(ISSUER);
        claims["n"] = n.into();
        forger.sign(&claims)
    };
    let started = tokio::time::Instant::now();
    assert_eq!(status(&jwt, &forged(0)).await, 401);
    assert_eq!(started.elapsed(), SECOND);
    for n in 1..10_000 {
        let verdict = jwt.verify(bearer::Token::new(forged(n)));
        let rejection = verdict.now().expect("it does not wait").unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
    }
    assert_eq!(client.total() - before, 1);
    // Neither is a bad signature 503 where the fetch fails.
    client.answer(JWKS, status_only(500));
    sleep(31 * SECOND).await;
    assert_eq!(status(&jwt, &forged(0)).await, 401);
    assert_eq!(status(&jwt, &forged(1)).await, 401);
    assert_eq!(client.total() - before, 2);
    // Nor does one wait for a scheduled fetch.
    client.answer(JWKS, ok(set([&signer])));
    sleep(HOUR).await;
    assert_eq!(status(&jwt, &signer.token(ISSUER)).await, 200);
    let verdict = jwt.verify(bearer::Token::new(forged(2)));
    assert!(verdict.now().expect("it does not wait").is_err());
}

#[tokio::test(start_paused = true)]
async fn the_first_token_after_a_long_pause_waits_for_the_set() {
    let (signer, new) = (Signer::new("a"), Signer::new("b"));
    let client = Client::of([&signer]);
    let jwt = jwt(&client);
    let token = signer.token(ISSUER);
    assert_eq!(status(&jwt, &token).await, 200);
    client.answer(JWKS, ok(set([&new])));
    client.delay(SECOND);
    sleep(8 * HOUR).await;
    let (first, second) = tokio::join!(status(&jwt, &token), status(&jwt, &token));
    assert_eq!(
        (first, second),
        (401, 401),
        "the key was withdrawn overnight"
    );
    assert_eq!(status(&jwt, &new.token(ISSUER)).await, 200);
    // If the issuer is down, the set is used on: that is what the limit is for.
    client.answer(JWKS, status_only(500));
    sleep(8 * HOUR).await;
    assert_eq!(status(&jwt, &new.token(ISSUER)).await, 200);
    assert!(jwt.health().last_error.is_some());
    assert!(jwt.health().is_ready);
}

#[tokio::test(start_paused = true)]
async fn a_byte_order_mark_before_metadata_and_set_is_ignored() {
    let signer = Signer::new("a");
    let client = Client::of([&signer]);
    let marked = |text: String| ok(format!("\u{feff}{text}"));
    client.answer(METADATA, marked(common::signer::metadata(ISSUER, JWKS)));
    client.answer(JWKS, marked(set([&signer])));
    assert_eq!(status(&jwt(&client), &signer.token(ISSUER)).await, 200);
}

#[test]
fn credentials_in_a_url_are_not_shown() {
    let url = "https://user:s3cret@login.example/jwks";
    let keys = |url: &str| RemoteKeys::at(url).fetch_with(Client::default());
    let mut errors = vec![
        builder(ISSUER).keys(keys(url)).build().unwrap_err(),
        builder(ISSUER)
            .keys(keys("https://user:s3cret@login example/jwks"))
            .build()
            .unwrap_err(),
    ];
    for issuer in [
        "https://user:s3cret@login.example/",
        "https://user:s3cret@login.example/?x",
        "https://user:s3cret@login example/",
    ] {
        let keys = RemoteKeys::discover().fetch_with(Client::default());
        errors.push(builder(issuer).keys(keys).build().unwrap_err());
    }
    for error in errors {
        let text = format!("{error} {error:?} {:?}", error.source());
        assert!(!text.contains("s3cret") && !text.contains("user"), "{text}");
    }
    let debug = format!("{:?}", RemoteKeys::at(url));
    assert!(!debug.contains("s3cret"), "{debug}");
}
