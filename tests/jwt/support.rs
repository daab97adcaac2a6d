//! Tokens signed by another crate, and assertions about them.

pub(crate) use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
pub(crate) use jsonwebtoken as oracle;
pub(crate) use proptest::prelude::*;
pub(crate) use serde::Deserialize;
pub(crate) use serde_json::{Value, json};
pub(crate) use std::{
    error::Error,
    fs,
    path::PathBuf,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
pub(crate) use tower_auth::{
    Identity, Rejection, RejectionKind, Verify, bearer,
    jwt::{Algorithm, Backend, JwtVerifier, JwtVerifierBuilder, Key, KeySet, TokenError},
};

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const AUDIENCE: &str = "https://rs.example";
pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const SECRET: [u8; 64] = [0x5a; 64];
/// Each of them, and the choice of none.
pub(crate) const BACKENDS: [Option<Backend>; 3] =
    [None, Some(Backend::AwsLcRs), Some(Backend::RustCrypto)];
pub(crate) const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

pub(crate) fn pem(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys")).join(name);
    fs::read(path).unwrap()
}

pub(crate) fn key_file(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "p256",
        Algorithm::ES384 => "p384",
        Algorithm::EdDSA => "ed25519",
        _ => "rsa",
    }
}

pub(crate) fn is_hmac(algorithm: Algorithm) -> bool {
    algorithm.as_str().starts_with('H')
}

pub(crate) fn key(algorithm: Algorithm) -> Key {
    match is_hmac(algorithm) {
        true => Key::from_secret(algorithm, SECRET).unwrap(),
        false => Key::from_pem(
            algorithm,
            pem(&format!("{}.public.pem", key_file(algorithm))),
        )
        .unwrap(),
    }
}

/// Signs any header and payload, right or wrong.
pub(crate) fn sign(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let pem = || pem(&format!("{}.private.pem", key_file(algorithm)));
    let key = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => oracle::EncodingKey::from_ec_pem(&pem()).unwrap(),
        Algorithm::EdDSA => oracle::EncodingKey::from_ed_pem(&pem()).unwrap(),
        algorithm if is_hmac(algorithm) => oracle::EncodingKey::from_secret(&SECRET).unwrap(),
        _ => oracle::EncodingKey::from_rsa_pem(&pem()).unwrap(),
    };
    let algorithm = algorithm.as_str().parse().unwrap();
    let signature = oracle::crypto::sign(signed.as_bytes(), &key, algorithm).unwrap();
    format!("{signed}.{signature}")
}

/// Whether the oracle finds the signature of a token good.
pub(crate) fn oracle_verifies(algorithm: Algorithm, token: &str) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let pem = || pem(&format!("{}.public.pem", key_file(algorithm)));
    let key = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => oracle::DecodingKey::from_ec_pem(&pem()).unwrap(),
        Algorithm::EdDSA => oracle::DecodingKey::from_ed_pem(&pem()).unwrap(),
        algorithm if is_hmac(algorithm) => oracle::DecodingKey::from_secret(&SECRET).unwrap(),
        _ => oracle::DecodingKey::from_rsa_pem(&pem()).unwrap(),
    };
    let algorithm = algorithm.as_str().parse().unwrap();
    oracle::crypto::verify(signature, signed.as_bytes(), &key, algorithm).unwrap_or(false)
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 600, "iat": NOW - 10,
        "client_id": "app", "jti": "t1", "scope": "read write",
    })
}

/// The usual claims with one changed, or taken away by `null`.
pub(crate) fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    match value.into() {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

pub(crate) fn hs256(claims: &Value) -> String {
    sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &claims.to_string())
}

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn builder(keys: impl Into<tower_auth::jwt::Keys>) -> JwtVerifierBuilder {
    JwtVerifier::issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(keys)
        .clock(now)
}

pub(crate) fn usual() -> JwtVerifierBuilder {
    builder(key(Algorithm::HS256))
}

pub(crate) fn verify(jwt: &JwtVerifier, token: impl Into<Vec<u8>>) -> Result<Identity, Rejection> {
    jwt.verify(bearer::Token::new(token))
        .now()
        .expect("no I/O to wait for")
}

#[track_caller]
pub(crate) fn accepted(builder: JwtVerifierBuilder, token: &str) -> Identity {
    verify(&builder.build().unwrap(), token).unwrap()
}

/// Gives the text that the client gets.
#[track_caller]
pub(crate) fn refused(builder: JwtVerifierBuilder, token: &str, why: &str) -> &'static str {
    let rejection = verify(&builder.build().unwrap(), token).expect_err("the token is refused");
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    let source = rejection.source().and_then(|source| source.downcast_ref());
    assert_eq!(source.map(TokenError::as_str), Some(why), "{token}");
    rejection.detail()
}

#[track_caller]
pub(crate) fn misconfigured<T: std::fmt::Debug>(
    result: Result<T, tower_auth::ConfigError>,
    message: &str,
) {
    let error = result.expect_err("this is no configuration").to_string();
    assert!(error.contains(message), "{error:?} says {message:?}");
}
