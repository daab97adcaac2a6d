//! Introspection against a certified OpenID Provider (oidc-provider on Node), if it is installed.

use crate::common::provider::Provider;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::{
    error::Error,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Rejection, Verify,
    bearer::Token,
    fetch::{Fetch, HttpClient},
    introspection::{Introspection, IntrospectionBuilder, IntrospectionError},
};

const RESOURCE: &str = "https://rs.example/opaque";

fn at(provider: &Provider, path: &str) -> String {
    format!("{}{path}", provider.issuer)
}

async fn post(url: String, client: &str, body: String) -> (u16, Value) {
    let request = Request::post(url)
        .header(
            "authorization",
            format!("Basic {}", STANDARD.encode(client)),
        )
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .unwrap();
    let answer = HttpClient::new().unwrap().fetch(request).await.unwrap();
    let body = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status().as_u16(), body)
}

/// A token of the service `svc`, or what else this client gets.
async fn token(provider: &Provider, client: &str, resource: &str) -> String {
    let resource = resource.replace(':', "%3A").replace('/', "%2F");
    let body = format!("grant_type=client_credentials&scope=api%3Aread&resource={resource}");
    let (status, answer) = post(at(provider, "/token"), client, body).await;
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn revoke(provider: &Provider, client: &str, token: &str) {
    let url = at(provider, "/token/revocation");
    let (status, answer) = post(url, client, format!("token={token}")).await;
    assert_eq!(status, 200, "{answer}");
}

fn introspection(provider: &Provider) -> IntrospectionBuilder {
    Introspection::endpoint(at(provider, "/token/introspection"))
        .client_basic("rs", "rs-secret")
        .issuer(provider.issuer.as_str())
        .audience(RESOURCE)
        // Tokens of services have no `sub` there.
        .subject_at("client_id")
        .roles_at(["realm_access", "roles"])
        .dangerous_allow_http()
}

async fn ask(verifier: &Introspection, token: &str) -> Result<Identity, Rejection> {
    verifier.verify(Token::new(token)).await
}

async fn refused(verifier: &Introspection, token: &str) -> String {
    let rejection = ask(verifier, token).await.expect_err("it is refused");
    let source = rejection.source().unwrap();
    let reason = source.downcast_ref::<IntrospectionError>().unwrap();
    let (status, name) = (rejection.status().as_u16(), reason.as_str());
    match reason {
        IntrospectionError::Credentials(theirs) | IntrospectionError::Status(theirs) => {
            format!("{status} {name}({})", theirs.as_u16())
        }
        _ => format!("{status} {name}"),
    }
}

#[tokio::test]
async fn a_revoked_token_is_rejected_after_its_cached_response_expires() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let age = Duration::from_secs(3);
    let introspection = introspection(&provider).max_age(age).build().unwrap();
    let token = token(&provider, "svc:svc-secret", RESOURCE).await;
    assert!(!token.contains('.'), "it is opaque");

    let identity = ask(&introspection, &token).await.unwrap();
    let asked = Instant::now();
    assert_eq!(identity.subject(), "svc");
    assert_eq!(identity.issuer(), Some(provider.issuer.as_str()));
    assert!(identity.has_scope("api:read") && identity.has_role("service"));
    assert!(identity.expires_at().is_some() && identity.issued_at().is_some());

    revoke(&provider, "svc:svc-secret", &token).await;
    assert!(
        asked.elapsed() < age,
        "this machine is too slow for this test"
    );
    let remembered = introspection.verify(Token::new(token.as_str()));
    assert!(remembered.now().unwrap().is_ok());
    tokio::time::sleep(age).await;
    assert_eq!(refused(&introspection, &token).await, "401 inactive");
}

#[tokio::test]
async fn unknown_and_foreign_tokens_are_rejected_and_wrong_client_credentials_are_an_outage() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let usual = introspection(&provider).build().unwrap();
    for unknown in ["k0pBEy7lTMY6pCT0Vx3Hbw", "a", "~+/=="] {
        assert_eq!(refused(&usual, unknown).await, "401 inactive");
    }
    let good = token(&provider, "svc:svc-secret", RESOURCE).await;
    assert_eq!(ask(&usual, &good).await.unwrap().subject(), "svc");

    let elsewhere = Introspection::endpoint(at(&provider, "/token/introspection"))
        .client_basic("rs", "rs-secret")
        .issuer(provider.issuer.as_str())
        .audience("https://rs.example/other")
        .dangerous_allow_http()
        .build()
        .unwrap();
    assert_eq!(refused(&elsewhere, &good).await, "401 audience");
    let wrong = introspection(&provider).client_basic("rs", "wrong");
    let wrong = wrong.build().unwrap();
    assert_eq!(refused(&wrong, &good).await, "503 credentials(401)");
    let nowhere = Introspection::endpoint(at(&provider, "/nowhere"))
        .client_basic("rs", "rs-secret")
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .dangerous_allow_http()
        .build()
        .unwrap();
    assert_eq!(refused(&nowhere, &good).await, "503 status(404)");
}

/// Proves that the key `p256` of the tests is this client's (RFC 9449 section 4.2).
fn dpop_proof(url: &str) -> String {
    let key = |name: &str| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys");
        std::fs::read(format!("{path}/p256.{name}.pem")).unwrap()
    };
    let public = String::from_utf8(key("public")).unwrap();
    let der: String = public.lines().filter(|line| !line.contains('-')).collect();
    let der = STANDARD.decode(der).unwrap();
    let (x, y) = der[der.len() - 64..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({
        "typ": "dpop+jwt", "alg": "ES256",
        "jwk": { "kty": "EC", "crv": "P-256", "x": x, "y": y },
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let claims = json!({ "htm": "POST", "htu": url, "iat": now.as_secs(), "jti": "only-one" });
    let signed = format!("{}.{}", part(header), part(claims));
    let private = jsonwebtoken::EncodingKey::from_ec_pem(&key("private")).unwrap();
    let algorithm = jsonwebtoken::Algorithm::ES256;
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &private, algorithm).unwrap();
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_rejected_as_a_bearer_token() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let url = at(&provider, "/token");
    let resource = RESOURCE.replace(':', "%3A").replace('/', "%2F");
    let body = format!("grant_type=client_credentials&scope=api%3Aread&resource={resource}");
    let request = Request::post(&url)
        .header(
            "authorization",
            format!("Basic {}", STANDARD.encode("dpop:dpop-secret")),
        )
        .header("content-type", "application/x-www-form-urlencoded")
        .header("dpop", dpop_proof(&url))
        .body(Bytes::from(body))
        .unwrap();
    let answer = HttpClient::new().unwrap().fetch(request).await.unwrap();
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    let token = answer["access_token"].as_str().expect("a token");
    let introspection = introspection(&provider).build().unwrap();
    assert_eq!(
        refused(&introspection, token).await,
        "401 bound",
        "{answer}"
    );
}

/// RFC 6749 section 2.3.1: this client's id and secret break whoever does not form-encode them.
#[tokio::test]
async fn an_id_and_secret_with_special_characters_are_understood() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let encoded = "odd%3Aclient%2Bid%2520%2Fe:s3c%3Ar%2Bt%2541+%26%3D%2F%7E%22";
    let token = token(&provider, encoded, RESOURCE).await;
    // A client may introspect tokens of its own there.
    let introspection = introspection(&provider)
        .client_basic("odd:client+id%20/e", "s3c:r+t%41 &=/~\"")
        .build()
        .unwrap();
    let identity = ask(&introspection, &token).await.unwrap();
    assert_eq!(identity.subject(), "odd:client+id%20/e");
}

#[tokio::test]
async fn id_and_secret_are_understood_in_the_body() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let body = format!(
        "grant_type=client_credentials&scope=api%3Aread&resource={}&client_id=svc-post&client_secret=svc-post-secret",
        RESOURCE.replace(':', "%3A").replace('/', "%2F")
    );
    let request = Request::post(at(&provider, "/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .unwrap();
    let answer = HttpClient::new().unwrap().fetch(request).await.unwrap();
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    let token = answer["access_token"].as_str().expect("a token");
    let introspection = introspection(&provider)
        .client_post("svc-post", "svc-post-secret")
        .build()
        .unwrap();
    assert_eq!(
        ask(&introspection, token).await.unwrap().subject(),
        "svc-post"
    );
}
