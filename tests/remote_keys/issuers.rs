//! Several issuers at once: each has its own verifier.

use crate::common;
use crate::common::events;
use crate::common::signer::{
    AUDIENCE, Client, Signer, builder, claims, metadata, ok, outcome, set, status, status_only,
};
use serde_json::json;
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tower::{Layer, ServiceExt};
use tower_auth::{
    AuthLayer, Identity, RejectionKind,
    bearer::Bearer,
    jwt::remote::RemoteKeys,
    jwt::{Issuers, JwtVerifier, JwtVerifierBuilder, TokenError},
};

const A: &str = "https://a.example";
const B: &str = "https://b.example";

/// Publishes these keys for this issuer.
fn publish(client: &Client, issuer: &str, signers: &[&Signer]) {
    let jwks = format!("{issuer}/jwks");
    let url = format!("{issuer}/.well-known/openid-configuration");
    client.answer(&url, ok(metadata(issuer, &jwks)));
    client.answer(&jwks, ok(set(signers.iter().copied())));
}

fn remote(client: &Client, issuer: &str) -> JwtVerifierBuilder {
    builder(issuer).keys(RemoteKeys::discover().fetch_with(client.clone()))
}

fn why(rejection: &tower_auth::Rejection) -> &'static str {
    let why: &TokenError = rejection.source().unwrap().downcast_ref().unwrap();
    why.as_str()
}

#[tokio::test(start_paused = true)]
async fn every_issuer_has_its_own_keys() {
    let client = Client::default();
    // The same name, so that only the issuer tells them apart.
    let (a, b) = (Signer::new("k"), Signer::new("k"));
    publish(&client, A, &[&a]);
    publish(&client, B, &[&b]);
    let jwts = [A, B].map(|issuer| remote(&client, issuer).build().unwrap());
    let issuers = Issuers::new(jwts).unwrap();
    for (signer, issuer, expected) in [(&a, A, 200), (&b, B, 200), (&a, B, 401), (&b, A, 401)] {
        assert_eq!(status(&issuers, &signer.token(issuer)).await, expected);
    }
    let identity = outcome(&issuers, &b.token(B)).await.unwrap();
    assert_eq!(identity.issuer(), Some(B));
}

#[tokio::test(start_paused = true)]
async fn every_issuer_has_its_own_audience_and_claims() {
    let client = Client::default();
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    publish(&client, A, &[&a]);
    publish(&client, B, &[&b]);
    let issuers = Issuers::new([
        remote(&client, A).roles_at("roles").build().unwrap(),
        JwtVerifier::issuer(B)
            .audience("other")
            .keys(RemoteKeys::discover().fetch_with(client.clone()))
            .build()
            .unwrap(),
    ])
    .unwrap();
    let with_roles = |issuer: &str, audience: &str| {
        let mut claims = claims(issuer);
        claims["roles"] = json!(["admin"]);
        claims["aud"] = audience.into();
        claims
    };
    let identity = outcome(&issuers, &a.sign(&with_roles(A, AUDIENCE))).await;
    assert!(identity.unwrap().has_role("admin"));
    let identity = outcome(&issuers, &b.sign(&with_roles(B, "other"))).await;
    assert!(!identity.unwrap().has_role("admin"));
    let rejection = outcome(&issuers, &b.sign(&with_roles(B, AUDIENCE))).await;
    assert_eq!(why(&rejection.unwrap_err()), "audience");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_harms_its_own_tokens_only() {
    let client = Client::default();
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    publish(&client, A, &[&a]);
    publish(&client, B, &[&b]);
    client.answer(&format!("{B}/jwks"), None);
    let jwts = [A, B].map(|issuer| remote(&client, issuer).build().unwrap());
    let issuers = Issuers::new(jwts).unwrap();
    assert_eq!(status(&issuers, &b.token(B)).await, 503);
    let started = tokio::time::Instant::now();
    assert_eq!(status(&issuers, &a.token(A)).await, 200);
    assert_eq!(started.elapsed(), Duration::ZERO);
    let mut health: Vec<_> = issuers.health().collect();
    health.sort_by_key(|health| health.issuer.clone());
    assert!(health[0].is_ready && !health[1].is_ready);
    assert_eq!(health[1].last_error, Some("no answer came in time"));
    publish(&client, B, &[&b]);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(status(&issuers, &b.token(B)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn tokens_of_unknown_issuers_are_rejected_without_a_fetch() {
    let client = Client::default();
    let forger = Signer::new("a");
    let issuers = Issuers::new([remote(&client, A).build().unwrap()]).unwrap();
    let large = format!("{A}{}", "x".repeat(20_000));
    for (token, expected) in [
        (forger.token("https://evil.example"), "issuer"),
        (forger.token("https://A.example"), "issuer"),
        (forger.token("https://a.example/"), "issuer"),
        (forger.token(""), "issuer"),
        (forger.sign(&json!({ "aud": AUDIENCE })), "missing_claim"),
        (forger.sign(&json!({ "iss": [A] })), "claim_type"),
        (forger.sign(&json!([A])), "payload"),
        (forger.token(&large), "too_long"),
        ("opaque".to_owned(), "form"),
        ("a.b.c".to_owned(), "form"),
    ] {
        let rejection = outcome(&issuers, &token).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
        assert_eq!(why(&rejection), expected);
    }
    assert_eq!(client.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_reason_names_the_issuer_audience_and_key_that_were_expected_and_found() {
    let client = Client::default();
    let a = Signer::new("a");
    publish(&client, A, &[&a]);
    let jwt = remote(&client, A).build().unwrap();
    let issuers = Issuers::new([jwt.clone()]).unwrap();
    let mut elsewhere = claims(A);
    elsewhere["aud"] = json!(["elsewhere"]);
    for (token, expected) in [
        (
            a.token("https://slash.example/"),
            r#"the issuer is "https://slash.example/", expected "https://a.example""#,
        ),
        (
            a.sign(&elsewhere),
            r#"the audience is ["elsewhere"], expected "https://api.example""#,
        ),
        (
            a.sign_as("b\n", &claims(A)),
            r#"no key has the id "b\n"; known: "a" (EdDSA)"#,
        ),
    ] {
        let rejection = outcome(&issuers, &token).await.unwrap_err();
        assert_eq!(rejection.source().unwrap().to_string(), expected);
    }
    // Without the key, the issuer is read from the token before it is verified.
    let other = a.token("https://a.example/");
    let empty = remote(&Client::default(), A).build().unwrap();
    let rejection = outcome(&empty, &other).await.unwrap_err();
    assert_eq!(
        rejection.source().unwrap().to_string(),
        r#"the issuer is "https://a.example/", expected "https://a.example""#
    );
}

#[test]
fn two_verifiers_of_one_issuer_are_rejected() {
    let client = Client::default();
    let jwt = || remote(&client, A).build().unwrap();
    let error = Issuers::new([jwt(), jwt()]).unwrap_err().to_string();
    assert_eq!(
        error,
        r#"two verifiers have the issuer "https://a.example""#
    );
    let any = JwtVerifier::dangerous_any_issuer()
        .audience(AUDIENCE)
        .keys(RemoteKeys::at("https://a.example/jwks").fetch_with(client.clone()))
        .build()
        .unwrap();
    assert!(Issuers::new([any]).is_err());
    assert!(Issuers::new([]).is_ok());
}

#[tokio::test(start_paused = true)]
async fn tenants_on_a_list_have_a_verifier_once_they_are_needed() {
    let client = Client::default();
    let tenant = |id: &str| format!("https://login.example/{id}/v2.0");
    let signers = ["t1", "t2", "evil"].map(Signer::new);
    for signer in &signers {
        publish(&client, &tenant(&signer.kid), &[signer]);
    }
    let made = Arc::new(AtomicUsize::new(0));
    let counted = made.clone();
    let for_tenants = client.clone();
    let issuers = Issuers::new([remote(&client, A).build().unwrap()])
        .unwrap()
        .with_tenants(["t1", "t2"].map(tenant), move |issuer| {
            counted.fetch_add(1, Ordering::SeqCst);
            remote(&for_tenants, issuer)
        });
    assert_eq!(issuers.health().count(), 1);
    let [t1, t2, evil] = &signers;
    let token = |signer: &Signer| signer.token(&tenant(&signer.kid));
    for _ in 0..3 {
        assert_eq!(status(&issuers, &token(t1)).await, 200);
        assert_eq!(status(&issuers.clone(), &token(t2)).await, 200);
        assert_eq!(status(&issuers, &token(evil)).await, 401);
        assert_eq!(status(&issuers, &t1.token(&tenant("t2"))).await, 401);
    }
    assert_eq!(made.load(Ordering::SeqCst), 2);
    assert_eq!(issuers.health().count(), 3);
    assert_eq!(client.count(&format!("{}/jwks", tenant("evil"))), 0);
}

#[tokio::test(start_paused = true)]
async fn tenants_by_a_rule_are_bounded_and_those_that_work_stay() {
    let client = Client::default();
    let good = Signer::new("good");
    publish(&client, "https://good.t.example", &[&good]);
    let (for_tenants, forger) = (client.clone(), Signer::new("x"));
    let issuers = Issuers::new([]).unwrap().with_tenants_where(
        10,
        |issuer| issuer.ends_with(".t.example"),
        move |issuer| remote(&for_tenants, issuer),
    );
    let token = good.token("https://good.t.example");
    assert_eq!(status(&issuers, &token).await, 200);
    for i in 0..100 {
        let forged = forger.token(&format!("https://{i}.t.example"));
        assert_eq!(status(&issuers, &forged).await, 503);
        assert!(issuers.health().count() <= 10);
    }
    let asked = client.total();
    assert_eq!(status(&issuers, &token).await, 200);
    assert_eq!(client.total(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_configured_wrongly_is_503() {
    let issuers = Issuers::new([])
        .unwrap()
        .with_tenants(["https://a.example"], |_| builder(B));
    let rejection = outcome(&issuers, &Signer::new("a").token(A))
        .await
        .unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn issuers_compose_like_any_verifier() {
    let client = Client::default();
    let a = Signer::new("a");
    publish(&client, A, &[&a]);
    client.answer(
        &format!("{B}/.well-known/openid-configuration"),
        status_only(500),
    );
    let jwts = [A, B].map(|issuer| remote(&client, issuer).build().unwrap());
    let layer = AuthLayer::new(Bearer::new(Issuers::new(jwts).unwrap()));
    for (token, expected) in [(a.token(A), 200), (a.token(B), 503), (a.token("c"), 401)] {
        let request = http::Request::builder()
            .header("authorization", format!("Bearer {token}"))
            .body(http_body_util::Full::<bytes::Bytes>::default())
            .unwrap();
        let service = layer.layer(common::Probe::new());
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), expected);
        assert_eq!(
            response.headers().contains_key("retry-after"),
            expected == 503
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_issuer_has_its_own_token_cache() {
    let client = Client::default();
    let (a, b, new) = (Signer::new("a"), Signer::new("b"), Signer::new("new"));
    publish(&client, A, &[&a]);
    publish(&client, B, &[&b]);
    let jwts = [A, B].map(|issuer| remote(&client, issuer).build().unwrap());
    let layer = AuthLayer::new(Bearer::new(Issuers::new(jwts).unwrap()));
    let probe = common::Probe::new();
    let service = layer.layer(probe.clone());
    let send = async |token: &str| {
        let field = format!("Bearer {token}");
        let request = common::get("/", &[("authorization", &field)]);
        common::send(&service, request).await.status.as_u16()
    };
    let (of_a, of_b) = (a.token(A), b.token(B));
    for _ in 0..3 {
        for (token, issuer) in [(&of_a, A), (&of_b, B)] {
            assert_eq!(send(token).await, 200);
            let head = probe.last();
            let identity = head.extensions.get::<Identity>().unwrap();
            assert_eq!(identity.issuer(), Some(issuer));
        }
    }
    // The new key is unknown, and asked for: with the answer the old one is gone.
    publish(&client, A, &[&new]);
    assert_eq!(send(&new.token(A)).await, 200);
    assert_eq!(send(&of_a).await, 401);
    assert_eq!(send(&of_b).await, 200);
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_and_issuers_are_logged_at_info_only() {
    events::record();
    let client = Client::default();
    let a = Signer::new("a");
    publish(&client, A, &[&a]);
    let tenants = |issuer: &str| remote(&Client::default(), issuer);
    let issuers = Issuers::new([remote(&client, A).build().unwrap()]).unwrap();
    let issuers = issuers.with_tenants_where(1, |_| true, tenants);
    let layer = AuthLayer::new(Bearer::new(issuers)).realm("alarms");
    let service = layer.layer(common::Probe::new());
    let send = async |token: &str| {
        let field = format!("Bearer {token}");
        let request = common::get("/", &[("authorization", &field)]);
        common::send(&service, request).await.status.as_u16()
    };
    assert_eq!(send(&a.token(A)).await, 200);
    let forged = {
        let mut claims = claims(A);
        claims["iat"] = json!(claims["exp"].as_u64().unwrap() - 30 * 24 * 3600);
        Signer::new("invented").sign(&claims)
    };
    assert_eq!(send(&forged).await, 503);
    assert_eq!(send(&forged).await, 503);
    // The first one takes the only place, and has no keys.
    assert_eq!(send(&a.token("https://1.example")).await, 503);
    assert_eq!(send(&a.token("https://2.example")).await, 503);
    let lines = events::LINES.lock().unwrap().clone();
    let of = |level: &str, text: &str| {
        let start = format!("{level} tower_auth");
        let found = |line: &&String| line.starts_with(&start) && line.contains(text);
        lines.iter().filter(found).count()
    };
    let keys = "error=the issuer's keys cannot be fetched now";
    assert_eq!(of("INFO", keys), 2, "{lines:#?}");
    let more = "error=more tenants than there is room for";
    assert_eq!((of("ERROR", more), of("INFO", more)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn tokens_of_one_issuer_do_nothing_to_the_keys_of_another() {
    let client = Client::default();
    let (a, b) = (Signer::new("a"), Signer::new("b"));
    publish(&client, A, &[&a]);
    publish(&client, B, &[&b]);
    // Read by a verifier, and once more by its set of keys if that is looked at.
    let reads = Arc::new(AtomicUsize::new(0));
    let (date, epoch) = (SystemTime::now(), tokio::time::Instant::now());
    let counted = {
        let reads = Arc::clone(&reads);
        move || {
            reads.fetch_add(1, Ordering::Relaxed);
            date + epoch.elapsed()
        }
    };
    let jwts = [
        remote(&client, A).clock(counted).build().unwrap(),
        remote(&client, B).without_cache().build().unwrap(),
    ];
    let layer = AuthLayer::new(Bearer::new(Issuers::new(jwts).unwrap()));
    let service = layer.layer(common::Probe::new());
    let send = async |token: &str| {
        let field = format!("Bearer {token}");
        let request = common::get("/", &[("authorization", &field)]);
        common::send(&service, request).await.status.as_u16()
    };
    let jwks_of_a = format!("{A}/jwks");
    let hour = Duration::from_secs(3600);
    // Never fetched, fetched, due, and not used for longer than its lifetime.
    for (wait, fetches) in [(None, 0), (None, 1), (Some(hour), 1), (Some(hour), 1)] {
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        } else if fetches > 0 {
            assert_eq!(send(&a.token(A)).await, 200);
        }
        let token = b.token(B);
        assert_eq!(send(&token).await, 200);
        let before = reads.load(Ordering::Relaxed);
        for _ in 0..10 {
            assert_eq!(send(&token).await, 200);
        }
        assert_eq!(reads.load(Ordering::Relaxed) - before, 10);
        assert_eq!(client.count(&jwks_of_a), fetches);
    }
    assert_eq!(send(&a.token(A)).await, 200);
}
