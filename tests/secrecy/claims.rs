//! Claims that do not fit a type of the application: a bug of the handler is a 500, a token that the
//! verifier rejects is a 401, and the log has path and types but no value.

use super::decisions::recorded;
use crate::common::{get, send};
use axum::{Router, routing::get as on_get};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::HashMap, error::Error};
use tower_auth::{
    AuthLayer, RejectionKind, Scheme,
    api_key::{ApiKey, ApiKeys},
    axum::Claims,
    bearer::Bearer,
    identity::ClaimsError,
    jwt::{Algorithm, JwtVerifier, JwtVerifierBuilder, Key},
};

const SECRET: &[u8; 32] = b"a secret of a test, of 32 bytes!";
const VALUE: &str = "a-private-value";

#[derive(Deserialize)]
struct Profile {
    age: u8,
    #[serde(default)]
    tags: HashMap<String, u8>,
}

fn verifier(issuer: &str) -> JwtVerifierBuilder {
    let key = Key::from_secret(Algorithm::HS256, SECRET).unwrap();
    JwtVerifier::issuer(issuer).audience("shop").keys(key)
}

fn token(issuer: &str, mut claims: Value) -> String {
    for (name, value) in [
        ("iss", json!(issuer)),
        ("aud", json!("shop")),
        ("sub", json!("ann")),
        ("exp", json!(4_000_000_000_u64)),
    ] {
        claims[name] = value;
    }
    let key = EncodingKey::from_secret(SECRET).unwrap();
    let token = encode(&Header::default(), &claims, &key).unwrap();
    format!("Bearer {token}")
}

/// An application with an optional layer.
fn app(verifier: JwtVerifierBuilder) -> (Router, String) {
    let keys = ApiKeys::new();
    let key = keys
        .create("shop", tower_auth::Identity::new("ci"))
        .unwrap();
    let key = key.expose().to_owned();
    let scheme = Bearer::new(verifier.build().unwrap()).or(ApiKey::header("x-api-key", keys));
    let age = |profile: &Profile| format!("{} {}", profile.age, profile.tags.len());
    let app = Router::new()
        .route(
            "/must",
            on_get(move |profile: Claims<Profile>| async move { age(&profile) }),
        )
        .route(
            "/may",
            on_get(move |profile: Option<Claims<Profile>>| async move {
                profile.map_or("none".to_owned(), |profile| age(&profile))
            }),
        )
        .layer(AuthLayer::new(scheme).optional());
    (app, key)
}

#[tokio::test]
async fn claims_are_extracted_if_the_caller_has_them() {
    let issuer = "https://extracted.example";
    let (app, key) = app(verifier(issuer));
    let good = token(issuer, json!({ "age": 42 }));
    let misfit = token(issuer, json!({ "age": VALUE }));
    for (fields, must, may) in [
        (
            &[("authorization", good.as_str())][..],
            "200 42 0",
            "200 42 0",
        ),
        (
            &[("authorization", &misfit)],
            "500 internal",
            "500 internal",
        ),
        (&[("x-api-key", &key)], "403 forbidden", "200 none"),
        (&[], "401 missing", "200 none"),
    ] {
        assert_eq!(send(&app, get("/must", fields)).await.line(), must);
        assert_eq!(send(&app, get("/may", fields)).await.line(), may);
    }
}

#[tokio::test]
async fn claims_that_do_not_fit_a_handler_are_no_error_of_the_client() {
    let issuer = "https://status.example";
    let (app, _) = app(verifier(issuer));
    let misfit = token(issuer, json!({ "age": VALUE }));
    let reply = send(&app, get("/must", &[("authorization", &misfit)])).await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.challenges(), [""; 0]);
    assert!(!reply.body.contains("age") && !reply.body.contains(VALUE));
    let rejection = reply.rejection.unwrap();
    assert_eq!(rejection.kind().grpc_code(), 13);
    let error = rejection.source().unwrap().downcast_ref::<ClaimsError>();
    let error = error.unwrap();
    assert_eq!(
        (error.path(), error.expected(), error.found()),
        ("age", "u8", "string")
    );
}

#[test]
fn a_misfit_in_a_handler_is_an_error_once_a_minute_per_issuer_and_path() {
    let issuers = ["https://handler-a.example", "https://handler-b.example"];
    let bad_age = json!({ "age": VALUE });
    let other_bad_age = json!({ "age": true });
    let bad_tag = json!({ "age": 1, "tags": { "x\nINFO forged": VALUE } });
    let (_, events) = recorded(async {
        for issuer in issuers {
            let (app, _) = app(verifier(issuer));
            for claims in [&bad_age, &bad_age, &other_bad_age, &bad_tag, &bad_tag] {
                let token = token(issuer, claims.clone());
                for path in ["/must", "/may"] {
                    let reply = send(&app, get(path, &[("authorization", &token)])).await;
                    assert_eq!(reply.kind(), Some(RejectionKind::Internal));
                }
            }
        }
    });
    let events: Vec<_> = events.iter().filter(|e| e.contains("internal")).collect();
    assert_eq!(events.len(), 20);
    let errors: Vec<_> = events.iter().filter(|e| e.starts_with("ERROR")).collect();
    let expected = |issuer: &str, path: &str| {
        errors.iter().any(|error| {
            error.contains(&format!("issuer={issuer}"))
                && error.contains(&format!("the claim \"{path}\" is string, expected u8"))
        })
    };
    for issuer in issuers {
        assert!(expected(issuer, "age"), "{errors:#?}");
        assert!(expected(issuer, "tags.x\\nINFO forged"), "{errors:#?}");
    }
    assert_eq!(errors.len(), 4, "{errors:#?}");
    for event in events {
        assert!(
            event.starts_with("ERROR") || event.starts_with("DEBUG"),
            "{event}"
        );
        assert!(!event.contains(VALUE) && !event.contains('\n'), "{event}");
    }
}

#[test]
fn a_misfit_in_the_verifier_is_an_invalid_token_and_a_warning_once_a_minute() {
    let issuer = "https://verifier.example";
    let (app, _) = app(verifier(issuer).typed_claims::<Profile>());
    let (_, events) = recorded(async {
        for claims in [
            json!({ "age": VALUE }),
            json!({ "age": VALUE }),
            json!({}),
            json!({ "age": 1, "tags": { "x\nINFO forged": VALUE } }),
        ] {
            let token = token(issuer, claims);
            let reply = send(&app, get("/may", &[("authorization", &token)])).await;
            assert_eq!(reply.line(), "401 invalid");
            assert!(reply.challenges()[0].contains(r#"error="invalid_token""#));
        }
        let token = token(issuer, json!({ "age": 7 }));
        let reply = send(&app, get("/may", &[("authorization", &token)])).await;
        assert_eq!(reply.line(), "200 7 0");
    });
    let warnings: Vec<_> = events.iter().filter(|e| e.starts_with("WARN")).collect();
    let fields = [
        "path=age expected=u8 found=string",
        "path=tags.x\\nINFO forged expected=u8 found=string",
    ];
    for fields in fields {
        let named = warnings.iter().filter(|warning| {
            warning.contains(&format!("issuer={issuer}")) && warning.contains(fields)
        });
        assert_eq!(named.count(), 1, "{fields} in {warnings:#?}");
    }
    // `age` was logged within the minute, so that its absence is not logged again.
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    for event in &events {
        assert!(!event.contains(VALUE) && !event.contains('\n'), "{event}");
    }
}
