//! Key sets of a certified OpenID Provider, which fails on demand. Skipped with a message if the
//! provider or Node is missing.

use crate::common::{self, provider::Provider, signer::outcome};
use serde_json::json;
use std::time::{Duration, Instant};
use tower_auth::{
    jwt::remote::RemoteKeys,
    jwt::{JwtVerifier, JwtVerifierBuilder},
};

const ALGORITHMS: [&str; 5] = ["rs256", "ps256", "es256", "es384", "eddsa"];
const SECOND: Duration = Duration::from_secs(1);

fn builder(provider: &Provider, keys: RemoteKeys) -> JwtVerifierBuilder {
    let jwt = JwtVerifier::issuer(provider.issuer.as_str()).keys(keys.dangerous_allow_http());
    ALGORITHMS.iter().fold(jwt, |jwt, name| {
        jwt.audience(format!("https://rs.example/{name}"))
    })
}

/// Refreshed every second, and with the shortest cooldown.
fn brisk() -> RemoteKeys {
    RemoteKeys::discover().lifetime(SECOND).cooldown(SECOND)
}

async fn status(jwt: &JwtVerifier, token: &str) -> u16 {
    match outcome(jwt, token).await {
        Ok(identity) => {
            assert_eq!(identity.subject(), "svc");
            assert!(identity.has_scope("api:read"));
            200
        }
        Err(rejection) => rejection.status().as_u16(),
    }
}

/// Waits for what is due by itself.
async fn until(jwt: &JwtVerifier, token: &str, expected: u16) -> Duration {
    let started = Instant::now();
    while status(jwt, token).await != expected {
        assert!(started.elapsed() < 15 * SECOND, "{:?}", jwt.health());
        tokio::time::sleep(SECOND / 20).await;
    }
    started.elapsed()
}

#[tokio::test]
async fn access_tokens_of_five_algorithms_are_accepted_over_discovery() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let jwt = builder(&provider, RemoteKeys::discover()).access_token_profile();
    let jwt = jwt.build().unwrap();
    for name in ALGORITHMS {
        assert_eq!(
            status(&jwt, &provider.token(name).await).await,
            200,
            "{name}"
        );
    }
    // A secret is never taken from a published set.
    assert_eq!(status(&jwt, &provider.token("hs256").await).await, 401);
    assert_eq!(provider.hits("/jwks").await, 1);
    assert_eq!(provider.hits("/.well-known/openid-configuration").await, 1);
    assert_eq!((jwt.health().keys, jwt.health().skipped_keys), (5, 0));
}

#[tokio::test]
async fn a_rotation_causes_no_rejection_and_a_dropped_key_is_rejected() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let jwt = builder(&provider, brisk()).connect().await.unwrap();
    let old = provider.token("es256").await;
    assert_eq!(status(&jwt, &old).await, 200);
    provider.control(json!({ "rotate": "append" })).await;
    let mut failed = 0;
    for name in ALGORITHMS.iter().cycle().take(50) {
        let new = provider.token(name).await;
        for token in [&old, &new] {
            failed += usize::from(status(&jwt, token).await != 200);
        }
    }
    assert_eq!(failed, 0);
    let new = provider.token("es256").await;
    provider.control(json!({ "rotate": "drop_old" })).await;
    let refused_after = until(&jwt, &old, 401).await;
    eprintln!("refused {refused_after:?} after it was withdrawn, with a lifetime of a second");
    assert!(refused_after < 5 * SECOND, "{refused_after:?}");
    assert_eq!(status(&jwt, &new).await, 200);
    // All at once: nothing that was good stays good.
    provider.control(json!({ "rotate": "replace" })).await;
    until(&jwt, &new, 401).await;
    until(&jwt, &provider.token("rs256").await, 200).await;
}

#[tokio::test]
async fn forged_keys_cause_one_fetch() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let jwt = builder(&provider, RemoteKeys::discover())
        .connect()
        .await
        .unwrap();
    let token = provider.token("eddsa").await;
    let payload = token.split('.').nth(1).unwrap();
    // Tokens that are younger than the set would be 503.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let before = provider.hits("/jwks").await;
    for i in 0..10_000 {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": format!("forged-{i}") });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let forged = format!("{header}.{payload}.{}", "A".repeat(86));
        assert_eq!(status(&jwt, &forged).await, 401);
    }
    assert_eq!(provider.hits("/jwks").await - before, 1);
    assert_eq!(status(&jwt, &token).await, 200);
}

#[tokio::test]
async fn keys_outlast_every_fault_of_the_key_set() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let jwt = builder(&provider, brisk()).connect().await.unwrap();
    let token = provider.token("ps256").await;
    for fault in [
        json!({ "path": "/jwks", "status": 500 }),
        json!({ "path": "/jwks", "reset": true }),
        json!({ "path": "/jwks", "body": "{\"keys\": [" }),
        json!({ "path": "/jwks", "hang": true }),
    ] {
        provider.fault(fault.clone()).await;
        let started = Instant::now();
        while jwt.health().last_error.is_none() {
            assert_eq!(status(&jwt, &token).await, 200, "{fault}");
            assert!(started.elapsed() < 15 * SECOND, "{fault}");
            tokio::time::sleep(SECOND / 20).await;
        }
        // A verifier that starts now has no keys: 503 until the fault ends.
        let late = builder(&provider, brisk()).build().unwrap();
        assert_eq!(status(&late, &token).await, 503, "{fault}");
        provider.fault(json!(null)).await;
        until(&late, &token, 200).await;
        let started = Instant::now();
        while jwt.health().last_error.is_some() {
            assert_eq!(status(&jwt, &token).await, 200, "{fault}");
            assert!(started.elapsed() < 40 * SECOND, "{fault}");
            tokio::time::sleep(SECOND / 20).await;
        }
    }
}

#[tokio::test]
async fn an_invalid_key_does_not_affect_the_others() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let client = tower_auth::fetch::HttpClient::new().unwrap();
    let request = http::Request::get(format!("{}/jwks", provider.issuer));
    let request = request.body(bytes::Bytes::new()).unwrap();
    let set = tower_auth::fetch::Fetch::fetch(&client, request)
        .await
        .unwrap();
    let mut set: serde_json::Value = serde_json::from_slice(set.body()).unwrap();
    for (i, broken) in [
        json!({ "kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB" }),
        json!({ "kty": "EC", "kid": "broken", "crv": "P-521", "x": "AA", "y": "AA" }),
        json!(null),
    ]
    .into_iter()
    .enumerate()
    {
        set["keys"].as_array_mut().unwrap().insert(i, broken);
    }
    provider
        .fault(json!({ "path": "/jwks", "body": set.to_string() }))
        .await;
    let jwt = builder(&provider, RemoteKeys::discover())
        .connect()
        .await
        .unwrap();
    for name in ALGORITHMS {
        assert_eq!(
            status(&jwt, &provider.token(name).await).await,
            200,
            "{name}"
        );
    }
    assert_eq!((jwt.health().keys, jwt.health().skipped_keys), (5, 3));
}

#[tokio::test]
async fn metadata_of_another_issuer_is_rejected() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let metadata = json!({
        "issuer": "http://127.0.0.1:1",
        "jwks_uri": format!("{}/jwks", provider.issuer),
    });
    let path = "/.well-known/openid-configuration";
    let fault = json!({ "path": path, "body": metadata.to_string() });
    provider.fault(fault).await;
    let jwt = builder(&provider, brisk()).build().unwrap();
    let token = provider.token("rs256").await;
    assert_eq!(status(&jwt, &token).await, 503);
    let error = jwt.health().last_error;
    assert_eq!(error, Some("the metadata names another issuer"));
    assert_eq!(provider.hits("/jwks").await, 0);
    provider.fault(json!(null)).await;
    until(&jwt, &token, 200).await;
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_found_when_it_is_up() {
    let (Some(mut provider), Some(other)) = (Provider::down(), Provider::start().await) else {
        return;
    };
    let jwt = builder(&provider, RemoteKeys::discover()).build().unwrap();
    // A token that claims to be of it: its keys are not there to say otherwise.
    let foreign = other.token("rs256").await;
    assert_eq!(status(&jwt, &foreign).await, 401);
    let claims = common::signer::claims(&provider.issuer);
    let forged = common::signer::Signer::new("x").sign(&claims);
    assert_eq!(status(&jwt, &forged).await, 503);
    provider.up().await;
    let token = provider.token("rs256").await;
    until(&jwt, &token, 200).await;
    assert_eq!(status(&jwt, &forged).await, 401);
}
