//! An issuer for tests: keys, tokens, and the documents it publishes.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Rejection, Verify, bearer,
    fetch::{Fetch, FetchError, FetchErrorKind, Fetching, fetch_fn},
    jwt::{JwtVerifier, JwtVerifierBuilder},
};

pub const AUDIENCE: &str = "https://api.example";
/// Of canned answers.
pub const ISSUER: &str = "https://login.example/";
pub const METADATA: &str = "https://login.example/.well-known/openid-configuration";
pub const JWKS: &str = "https://login.example/jwks";

/// A key pair with its name.
pub struct Signer {
    pair: Ed25519KeyPair,
    pub kid: String,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        Self {
            pair: Ed25519KeyPair::generate().unwrap(),
            kid: kid.to_owned(),
        }
    }

    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(self.pair.public_key()),
        })
    }

    /// A token of this issuer, good for a month.
    pub fn token(&self, issuer: &str) -> String {
        self.sign(&claims(issuer))
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.kid, claims)
    }

    /// Under a name that may be another key's, or nobody's.
    pub fn sign_as(&self, kid: &str, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": "EdDSA", "kid": kid }), claims)
    }

    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub fn claims(issuer: &str) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({ "iss": issuer, "aud": AUDIENCE, "sub": "ann", "exp": now + 30 * 24 * 3600 })
}

/// A JWK Set of these keys.
pub fn set<'a>(signers: impl IntoIterator<Item = &'a Signer>) -> String {
    let keys: Vec<_> = signers.into_iter().map(Signer::jwk).collect();
    json!({ "keys": keys }).to_string()
}

pub fn metadata(issuer: &str, jwks_uri: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string()
}

pub fn builder(issuer: &str) -> JwtVerifierBuilder {
    JwtVerifier::issuer(issuer)
        .audience(AUDIENCE)
        .clock(runtime_clock())
}

/// The system's clock, which stands still and moves on with the time of a test's runtime.
fn runtime_clock() -> impl tower_auth::clock::Clock {
    let (date, epoch) = (SystemTime::now(), tokio::time::Instant::now());
    move || date + epoch.elapsed()
}

pub async fn outcome(jwt: &impl Verify<bearer::Token>, token: &str) -> Result<Identity, Rejection> {
    jwt.verify(bearer::Token::new(token)).await
}

/// 200, or the status that a token is refused with.
pub async fn status(jwt: &impl Verify<bearer::Token>, token: &str) -> u16 {
    match outcome(jwt, token).await {
        Ok(identity) => {
            assert_eq!(identity.subject(), "ann");
            200
        }
        Err(rejection) => rejection.status().as_u16(),
    }
}

/// What a canned client answers: status, fields, body; or nothing, ever.
pub type Canned = Option<(u16, Vec<(&'static str, &'static str)>, String)>;

pub fn ok(body: impl Into<String>) -> Canned {
    Some((200, Vec::new(), body.into()))
}

pub fn status_only(status: u16) -> Canned {
    Some((status, Vec::new(), String::new()))
}

/// A client without a network: fit for tests that stop time.
#[derive(Clone, Default)]
pub struct Client(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    answers: HashMap<String, Canned>,
    asked: Vec<(String, http::HeaderMap)>,
    delay: Duration,
}

impl Client {
    pub fn answer(&self, url: &str, answer: Canned) {
        self.0
            .lock()
            .unwrap()
            .answers
            .insert(url.to_owned(), answer);
    }

    /// A client of [`ISSUER`] with its metadata and these keys.
    pub fn of<'a>(signers: impl IntoIterator<Item = &'a Signer>) -> Self {
        let client = Self::default();
        client.answer(METADATA, ok(metadata(ISSUER, JWKS)));
        client.answer(JWKS, ok(set(signers)));
        client
    }

    pub fn delay(&self, delay: Duration) {
        self.0.lock().unwrap().delay = delay;
    }

    pub fn count(&self, url: &str) -> usize {
        self.asked(url).len()
    }

    pub fn asked(&self, url: &str) -> Vec<http::HeaderMap> {
        let shared = self.0.lock().unwrap();
        let asked = shared.asked.iter().filter(|(asked, _)| asked == url);
        asked.map(|(_, headers)| headers.clone()).collect()
    }

    pub fn total(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }
}

impl Fetch for Client {
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        let shared = Arc::clone(&self.0);
        fetch_fn(move |request: Request<Bytes>| {
            let shared = Arc::clone(&shared);
            async move {
                let url = request.uri().to_string();
                let (answer, delay) = {
                    let mut shared = shared.lock().unwrap();
                    let headers = request.headers().clone();
                    shared.asked.push((url.clone(), headers));
                    (shared.answers.get(&url).cloned(), shared.delay)
                };
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                let Some(answer) = answer else {
                    return Err(FetchError::of(FetchErrorKind::Connection));
                };
                let Some((status, fields, body)) = answer else {
                    return std::future::pending().await;
                };
                let mut response = Response::builder().status(status);
                for (name, value) in fields {
                    response = response.header(name, value);
                }
                Ok(response.body(Bytes::from(body)).unwrap())
            }
        })
        .fetch(request)
    }
}

/// A clock that a test sets forward.
#[derive(Clone)]
pub struct Hand(Arc<Mutex<SystemTime>>);

impl Default for Hand {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(SystemTime::now())))
    }
}

impl Hand {
    pub fn forward(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl tower_auth::clock::Clock for Hand {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}
