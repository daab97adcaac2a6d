//! A token passes if the answer about it says so, and if another reader of JSON agrees.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    convert::Infallible,
    time::{Duration, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Rejection, RejectionKind, Verify, bearer::Token, fetch::fetch_fn,
    introspection::Introspection,
};

const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://rs.example";
const NOW: u64 = 1_800_000_000;
const LEEWAY: f64 = 60.0;

/// The input is the body of an answer.
pub fn check(input: &[u8]) -> bool {
    let body = Bytes::copy_from_slice(input);
    let client = fetch_fn(move |_: Request<Bytes>| {
        let body = body.clone();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let introspection = Introspection::endpoint("https://as.example/introspect")
        .client_basic("rs", "secret")
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .roles_at(["realm_access", "roles"])
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .fetch_with(client)
        .build()
        .unwrap();
    let verdict = introspection.verify(Token::new("token"));
    let answer = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(verdict);
    // What is remembered is the same, and there at once.
    let again = introspection.verify(Token::new("token")).now();
    match (&answer, again) {
        (Ok(identity), Ok(Ok(again))) => assert_eq!(identity.subject(), again.subject()),
        (Err(one), Ok(Err(again))) => assert_eq!(one.detail(), again.detail()),
        (Err(rejection), Err(_)) => assert_eq!(rejection.kind(), RejectionKind::Unavailable),
        _ => panic!("two answers"),
    }
    judge(input, answer)
}

fn judge(input: &[u8], answer: Result<Identity, Rejection>) -> bool {
    let oracle = serde_json::from_slice::<Value>(input).ok();
    let active = oracle.as_ref().map(|oracle| &oracle["active"]);
    match answer {
        Ok(identity) => {
            assert_eq!(active, Some(&Value::Bool(true)));
            check_identity(&oracle.unwrap(), &identity);
            true
        }
        Err(rejection) => {
            let has_answered = active.is_some_and(Value::is_boolean);
            match rejection.kind() {
                RejectionKind::Invalid => assert!(has_answered),
                // Another reader accepts names that occur twice, and deep nests.
                RejectionKind::Unavailable => assert!(rejection.retry_after().is_some()),
                kind => panic!("{kind:?}"),
            }
            false
        }
    }
}

fn check_identity(answer: &Value, identity: &Identity) {
    assert_eq!(answer["iss"], ISSUER);
    assert_eq!(identity.issuer(), Some(ISSUER));
    match &answer["aud"] {
        Value::String(aud) => assert_eq!(aud, AUDIENCE),
        Value::Array(all) => assert!(all.contains(&AUDIENCE.into())),
        other => panic!("{other}"),
    }
    assert_eq!(answer["sub"], identity.subject());
    assert!(!identity.subject().is_empty());
    assert!(answer.get("cnf").is_none());
    if let Some(kind) = answer["token_type"].as_str() {
        let kind = kind.to_ascii_lowercase();
        assert!(kind == "bearer" || kind.ends_with("access_token"), "{kind}");
    }
    if let Some(exp) = answer["exp"].as_f64() {
        assert!(exp > NOW as f64);
        let expiry = identity.expires_at().unwrap();
        assert_eq!(expiry, UNIX_EPOCH + Duration::from_secs(exp as u64));
    }
    for start in ["nbf", "iat"] {
        if let Some(start) = answer[start].as_f64() {
            assert!(start <= NOW as f64 + LEEWAY);
        }
    }
    if let Some(scope) = answer["scope"].as_str() {
        let expected: BTreeSet<_> = scope.split(' ').filter(|scope| !scope.is_empty()).collect();
        assert_eq!(identity.scopes().collect::<BTreeSet<_>>(), expected);
    }
    let roles = &answer["realm_access"]["roles"];
    if let Some(roles) = roles.as_array() {
        let expected: BTreeSet<_> = roles.iter().filter_map(Value::as_str).collect();
        assert_eq!(identity.roles().collect::<BTreeSet<_>>(), expected);
    }
}
