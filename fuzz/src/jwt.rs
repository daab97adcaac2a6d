//! A token passes if it was signed, and if another reader of JSON agrees on what it says.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use std::{
    fmt::Debug,
    sync::LazyLock,
    time::{Duration, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Verify,
    bearer::Token,
    jwt::{Algorithm, Backend, JwtVerifier, Key},
};

/// Not one that any seed is signed with.
const SECRET: &[u8; 32] = b"a secret that no seed is signed.";
const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://rs.example";
const NOW: u64 = 1_800_000_000;
const LEEWAY: f64 = 60.0;

static VERIFIERS: LazyLock<[JwtVerifier; 2]> =
    LazyLock::new(|| [Backend::AwsLcRs, Backend::RustCrypto].map(verifier));

fn verifier(backend: Backend) -> JwtVerifier {
    JwtVerifier::issuer(ISSUER)
        .audience(AUDIENCE)
        .keys(Key::from_secret(Algorithm::HS256, SECRET).unwrap())
        .backend(backend)
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .build()
        .unwrap()
}

/// The input is a token; and then the claims of one that is signed here, with its header before
/// them if there is an empty line between.
pub fn check(input: &[u8]) -> bool {
    assert!(verify(input).is_none(), "nobody here has signed this");
    let (header, claims) = match input.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&input[..at], &input[at + 2..]),
        None => (&br#"{"alg":"HS256"}"#[..], input),
    };
    let Some(identity) = verify(sign(header, claims).as_bytes()) else {
        return false;
    };
    check_header(serde_json::from_slice(header).unwrap());
    check_claims(&serde_json::from_slice(claims).unwrap(), &identity);
    true
}

fn verify(token: &[u8]) -> Option<Identity> {
    let [one, other] = VERIFIERS.each_ref().map(|jwt| ask(jwt, token));
    assert_eq!(one.is_some(), other.is_some(), "the backends disagree");
    // The two have cached the tokens before this one.
    let fresh = ask(&verifier(Backend::AwsLcRs), token);
    assert_eq!(facts(&one), facts(&fresh), "an earlier token has a say");
    one
}

fn ask(jwt: &JwtVerifier, token: &[u8]) -> Option<Identity> {
    let verdict = jwt.verify(Token::new(token)).now();
    verdict.expect("no I/O to wait for").ok()
}

fn facts(identity: &Option<Identity>) -> Option<impl PartialEq + Debug> {
    let identity = identity.as_ref()?;
    Some((
        identity.subject().to_owned(),
        identity.roles().map(str::to_owned).collect::<Vec<_>>(),
        identity.scopes().map(str::to_owned).collect::<Vec<_>>(),
        identity.issuer().map(str::to_owned),
        identity.token_id().map(str::to_owned),
        identity.expires_at(),
    ))
}

fn sign(header: &[u8], claims: &[u8]) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = format!("{header}.{claims}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    crit: Option<Value>,
}

fn check_header(header: Header) {
    assert_eq!(header.alg, "HS256");
    assert!(header.crit.is_none());
    let typ = header.typ.map(|typ| typ.to_ascii_lowercase());
    let typ = typ.as_deref().unwrap_or("jwt");
    assert!(
        ["jwt", "at+jwt", "application/at+jwt"].contains(&typ),
        "{typ}"
    );
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: Number,
    jti: Option<String>,
    /// `null`, too, is one.
    #[serde(default, deserialize_with = "present")]
    cnf: Option<Value>,
    events: Option<Value>,
    nbf: Option<f64>,
    iat: Option<f64>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn check_claims(claims: &Claims, identity: &Identity) {
    assert_eq!(claims.iss, ISSUER);
    assert_eq!(identity.issuer(), Some(ISSUER));
    assert!(!claims.sub.is_empty());
    assert_eq!(identity.subject(), claims.sub);
    let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty());
    assert_eq!(identity.token_id(), jti);
    assert!(claims.cnf.is_none());
    assert!(!claims.events.as_ref().is_some_and(Value::is_object));
    assert!(match &claims.aud {
        Value::Array(all) => all.iter().all(Value::is_string) && all.contains(&AUDIENCE.into()),
        one => one == AUDIENCE,
    });
    let starts = [claims.nbf, claims.iat].into_iter().flatten();
    assert!(starts.into_iter().all(|start| start <= NOW as f64 + LEEWAY));
    let exp = claims.exp.as_f64().unwrap();
    assert!(exp + LEEWAY > NOW as f64, "expired at {exp}");
    let end = identity.expires_at().unwrap().duration_since(UNIX_EPOCH);
    // A fraction is rounded down; `serde_json` may be one bit off.
    let fraction = exp - end.unwrap().as_secs_f64();
    assert!((-0.001..1.001).contains(&fraction), "{exp}");
}
