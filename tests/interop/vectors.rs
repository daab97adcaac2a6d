//! Adversarial tokens of other projects, through the public API and both backends. If their files are
//! missing, the tests print that they are skipped.

use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Rejection, RejectionKind, Verify, bearer,
    jwt::{Algorithm, Backend, JwtVerifier, JwtVerifierBuilder, Key, KeySet},
};

/// Each of them, and the choice of none.
const BACKENDS: [Option<Backend>; 3] = [None, Some(Backend::AwsLcRs), Some(Backend::RustCrypto)];

/// Cases that are open by the RFCs and that we decide against their preference, with the reason.
const DIFFERENT: [(&str, &str); 2] = [
    (
        "iat_negative",
        "no token was issued before 1970, so that a negative time is a mistake and none is guessed",
    ),
    (
        "valid_1e400_unknown_claim",
        "`serde_json`, which reads all JSON, rejects numbers outside of `f64`",
    ),
];

fn path(name: &str) -> PathBuf {
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors");
    PathBuf::from(vectors).join(name)
}

fn lines(name: &str) -> Option<Vec<Value>> {
    let Ok(text) = fs::read_to_string(path(name)) else {
        eprintln!("skipped: no {name}");
        return None;
    };
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn builder(keys: KeySet, backend: Option<Backend>) -> JwtVerifierBuilder {
    JwtVerifier::issuer("https://as.example")
        .audience("https://rs.example")
        .keys(keys)
        .backend(backend)
        .clock(now)
}

fn verify(jwt: &JwtVerifier, token: Vec<u8>) -> Result<Identity, Rejection> {
    jwt.verify(bearer::Token::new(token))
        .now()
        .expect("no I/O to wait for")
}

fn token(case: &Value) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    match case["token_b64"].as_str() {
        Some(exact) => STANDARD.decode(exact).unwrap(),
        None => case["token"].as_str().unwrap().as_bytes().to_vec(),
    }
}

fn check(case: &Value, verdict: &Result<Identity, Rejection>, backend: Option<Backend>) {
    let name = case["name"].as_str().unwrap();
    let accepted = verdict.is_ok();
    match case["expect"].as_str().unwrap() {
        "accept" => assert!(
            accepted,
            "{name} by {backend:?}: {verdict:?}, {}",
            case["why"]
        ),
        "reject" => assert!(!accepted, "{name} by {backend:?}: {}", case["why"]),
        _ => {
            let different = DIFFERENT.iter().any(|(other, _)| *other == name);
            if let Some(prefer) = case["prefer"].as_str() {
                let preferred = accepted == (prefer == "accept");
                assert_eq!(preferred, !different, "{name} by {backend:?}: {verdict:?}");
            }
        }
    }
    match verdict {
        Ok(identity) => {
            if let Some(sub) = case["if_accepted"]["sub"].as_str() {
                assert_eq!(identity.subject(), sub, "{name}");
            }
            assert_eq!(identity.issuer(), Some("https://as.example"), "{name}");
        }
        Err(rejection) => assert_eq!(rejection.kind(), RejectionKind::Invalid, "{name}"),
    }
}

fn run(name: &str, configure: fn(JwtVerifierBuilder) -> JwtVerifierBuilder) {
    let Some(cases) = lines(name) else { return };
    let secret = fs::read(path("keys/hs.txt")).unwrap();
    let hs = Key::from_secret(Algorithm::HS256, secret)
        .unwrap()
        .with_key_id("hs-1");
    let asym = KeySet::from_jwks_file(path("keys/jwks.json")).unwrap();
    assert_eq!(cases.len(), 193);
    for backend in BACKENDS {
        let hs = configure(builder(hs.clone().into(), backend))
            .build()
            .unwrap();
        let asym = configure(builder(asym.clone(), backend)).build().unwrap();
        for case in &cases {
            let jwt = match case["verifier"].as_str().unwrap() {
                "hs" => &hs,
                _ => &asym,
            };
            check(case, &verify(jwt, token(case)), backend);
        }
    }
}

#[test]
fn every_jwt_vector_gets_the_expected_verdict() {
    run("jwt.jsonl", |builder| builder);
}

#[test]
fn every_access_token_vector_gets_the_expected_verdict() {
    run(
        "jwt_access_token.jsonl",
        JwtVerifierBuilder::access_token_profile,
    );
}

#[test]
fn every_wycheproof_token_gets_the_expected_verdict() {
    let Some(cases) = lines("wycheproof/jwt.jsonl") else {
        return;
    };
    assert_eq!(cases.len(), 129);
    for backend in BACKENDS {
        for case in &cases {
            match KeySet::from_jwks(&case["jwks"].to_string()) {
                Ok(keys) => {
                    let jwt = builder(keys, backend).build().unwrap();
                    check(case, &verify(&jwt, token(case)), backend);
                }
                Err(error) => assert_ne!(case["expect"], "accept", "{error}: {case}"),
            }
        }
    }
}
