//! The cases that the benchmarks share: what is sent, through which layer.

mod jwts;

use aws_lc_rs::{hmac, signature};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower::{Layer, Service, ServiceExt, util::ServiceFn};
use tower_auth::{
    AuthLayer, Identity, Location, Scheme,
    api_key::{ApiKey, ApiKeys},
    basic::{Basic, Credentials, User, Users},
    bearer::Bearer,
    jwt::Algorithm,
    password::PasswordHash,
};

const KEYS: usize = 1_000_000;

type Check = Box<dyn Fn(&[u8], &[u8]) -> bool>;
type Answer = Ready<Result<Response<()>, Infallible>>;
type Inner = ServiceFn<fn(Request<()>) -> Answer>;

fn inner() -> Inner {
    fn answer(request: Request<()>) -> Answer {
        drop(black_box(request));
        let mut response = Response::new(());
        let text = HeaderValue::from_static("text/plain");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        ready(Ok(response))
    }
    tower::service_fn(answer)
}

/// One case: a name, how often it runs in a round, and what runs.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How often it runs in a round, so that all rounds take about as long.
    #[allow(dead_code, reason = "only times are taken by rounds")]
    pub(crate) runs: u32,
    run: Box<dyn FnMut()>,
    /// The same requests through the bare service.
    #[allow(dead_code, reason = "a test has no use for it")]
    bare: Option<Box<dyn FnMut()>>,
}

impl Case {
    fn new(name: &'static str, runs: u32, run: impl FnMut() + 'static) -> Self {
        Self {
            name,
            runs,
            run: Box::new(run),
            bare: None,
        }
    }

    fn layer(name: &'static str, runs: u32, layer: &AuthLayer, requests: Vec<Request<()>>) -> Self {
        // Fills caches on the way.
        let status = status(layer.layer(inner()), requests[0].clone());
        let wanted = if name.starts_with("refused") {
            401
        } else {
            200
        };
        assert_eq!(status, wanted, "{name}");
        Self {
            bare: Some(Box::new(through(inner(), requests.clone()))),
            ..Self::new(name, runs, through(layer.layer(inner()), requests))
        }
    }

    pub(crate) fn run(&mut self) {
        (self.run)();
    }

    pub(crate) fn run_bare(&mut self) {
        if let Some(bare) = &mut self.bare {
            bare();
        }
    }

    pub(crate) fn has_bare(&self) -> bool {
        self.bare.is_some()
    }
}

/// Reads all fields, since what a server has just read from a socket is in the processor's cache,
/// and of thousands of templates hardly one is.
fn arrive(template: &Request<()>) {
    let bytes = template.headers().values().flat_map(HeaderValue::as_bytes);
    black_box(bytes.fold(0_u8, |sum, byte| sum ^ byte));
}

/// Requests through a service; every template in turn.
fn through<S, B>(mut service: S, requests: Vec<Request<()>>) -> impl FnMut() + 'static
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + 'static,
{
    let mut next = 0;
    let many = requests.len() > 1;
    move || {
        if many {
            arrive(&requests[next]);
        }
        let request = requests[next].clone();
        next = (next + 1) % requests.len();
        let mut context = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut context).is_ready());
        let Poll::Ready(response) = pin!(service.call(request)).poll(&mut context) else {
            panic!("a request had to wait");
        };
        black_box(response.ok());
    }
}

/// The cases whose names contain one of these words; all of them if there are none.
pub(crate) fn named(words: &[String]) -> Vec<Case> {
    let mut cases = Vec::new();
    let is_named = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    for group in [few_api_keys, many_api_keys, basic, tokens, refusals] {
        group(&is_named, &mut cases);
    }
    cases.retain(|case| is_named(case.name));
    cases
}

fn status<S, B>(service: S, request: Request<()>) -> u16
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let Ok(response) = runtime.block_on(service.oneshot(request));
    response.status().as_u16()
}

fn request(headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri("/orders/42");
    let usual = [
        ("host", "api.example.com"),
        ("user-agent", "bench"),
        ("accept", "*/*"),
    ];
    for (name, value) in usual.iter().chain(headers) {
        // Part of a larger buffer, as hyper's values are.
        let line = Bytes::from(format!("{name}: {value}\r\n"));
        let value = line.slice(name.len() + 2..line.len() - 2);
        request = request.header(*name, HeaderValue::from_maybe_shared(value).unwrap());
    }
    request.body(()).unwrap()
}

fn store(count: usize) -> (ApiKeys, Vec<String>) {
    let keys = ApiKeys::new();
    let texts: Vec<String> = (0..count).map(|n| format!("{n:032x}")).collect();
    for (n, text) in texts.iter().enumerate() {
        let owner = Identity::new(format!("owner-{n}")).with_scope("orders:read");
        keys.register(text, owner).unwrap();
    }
    (keys, texts)
}

fn by_header(text: &str) -> Request<()> {
    request(&[("x-api-key", text)])
}

fn few_api_keys(_: &dyn Fn(&str) -> bool, cases: &mut Vec<Case>) {
    let (keys, texts) = store(10);
    let few = AuthLayer::new(ApiKey::header("x-api-key", keys));
    let hot = vec![by_header(&texts[3])];
    cases.push(Case::layer("API key, 10, one hot", 20_000, &few, hot));
}

fn many_api_keys(is_named: &dyn Fn(&str) -> bool, cases: &mut Vec<Case>) {
    let names = [
        "API key, 1,000,000, one hot",
        "API key, 1,000,000, at random",
        "API key in Authorization, hot",
    ];
    if !names.into_iter().any(is_named) {
        return;
    }
    let (keys, texts) = store(KEYS);
    let many = AuthLayer::new(ApiKey::header("x-api-key", keys.clone()));
    let hot = &texts[123_456];
    cases.push(Case::layer(names[0], 20_000, &many, vec![by_header(hot)]));
    // A stride that is prime to the count visits keys in no order that memory could foresee.
    let random = (0..20_000)
        .map(|n| by_header(&texts[n * 611_953 % KEYS]))
        .collect();
    cases.push(Case::layer(names[1], 20_000, &many, random));
    let authorization = AuthLayer::new(ApiKey::new([Location::authorization("ApiKey")], keys));
    let field = request(&[("authorization", &format!("ApiKey {hot}"))]);
    cases.push(Case::layer(names[2], 20_000, &authorization, vec![field]));
}

fn basic(_: &dyn Fn(&str) -> bool, cases: &mut Vec<Case>) {
    let hash = PasswordHash::new("correct horse battery staple").unwrap();
    let users = Users::new([User::new("ada", hash)])
        .unwrap()
        .with_cache_time_to_live(Duration::from_secs(3600));
    let layer = AuthLayer::new(Basic::new("bench", users));
    let credentials = Credentials::new("ada", "correct horse battery staple").unwrap();
    let value = credentials.to_header_value();
    let request = request(&[("authorization", value.to_str().unwrap())]);
    cases.push(Case::layer(
        "Basic, remembered",
        10_000,
        &layer,
        vec![request],
    ));
}

fn tokens(_: &dyn Fn(&str) -> bool, cases: &mut Vec<Case>) {
    for (algorithm, raw, name, runs) in [
        (Algorithm::HS256, "HS256, raw check", "HS256", 5_000),
        (Algorithm::RS256, "RS256, raw check", "RS256", 500),
        (Algorithm::ES256, "ES256, raw check", "ES256", 200),
        (Algorithm::EdDSA, "EdDSA, raw check", "EdDSA", 300),
    ] {
        let issuer = jwts::Issuer::new(algorithm);
        let token = issuer.token();
        let request = request(&[("authorization", &format!("Bearer {token}"))]);
        cases.push(Case::new(raw, runs, raw_check(&issuer, &token)));
        let layer = AuthLayer::new(Bearer::new(issuer.verifier()));
        cases.push(Case::layer(name, runs, &layer, vec![request]));
    }
    let issuer = jwts::Issuer::new(Algorithm::RS256);
    let layer = AuthLayer::new(Bearer::new(issuer.remembering()));
    let token = request(&[("authorization", &format!("Bearer {}", issuer.token()))]);
    cases.push(Case::layer("remembered RS256", 20_000, &layer, vec![token]));
}

/// The signature alone, with the key prepared and the signature decoded.
fn raw_check(issuer: &jwts::Issuer, token: &str) -> impl FnMut() + 'static {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let message = message.as_bytes().to_vec();
    let signature = jwts::decode(signature);
    let check: Check = match issuer.public() {
        jwts::Public::Secret(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            Box::new(move |message, tag| hmac::verify(&key, message, tag).is_ok())
        }
        jwts::Public::Key(algorithm, bytes) => {
            let key = signature::ParsedPublicKey::new(*algorithm, bytes).unwrap();
            Box::new(move |message, signature| key.verify_sig(message, signature).is_ok())
        }
    };
    move || assert!(check(&message, &signature))
}

fn refusals(_: &dyn Fn(&str) -> bool, cases: &mut Vec<Case>) {
    let issuer = jwts::Issuer::new(Algorithm::HS256);
    let bearer = AuthLayer::new(Bearer::new(issuer.verifier()));
    let nobody = vec![request(&[])];
    cases.push(Case::layer(
        "refused: no credentials",
        20_000,
        &bearer,
        nobody.clone(),
    ));
    // Another signature of the right length.
    let forged = format!("Bearer {}", jwts::Issuer::new(Algorithm::HS256).token());
    let forged = vec![request(&[("authorization", &forged)])];
    cases.push(Case::layer("refused: forged HS256", 5_000, &bearer, forged));

    let keys = ApiKeys::new();
    let key = keys.create("bench", Identity::new("ci")).unwrap();
    let three = AuthLayer::new(
        Bearer::new(issuer.verifier())
            .or(Basic::new("bench", Users::new([]).unwrap()))
            .or(ApiKey::header("x-api-key", keys)),
    );
    cases.push(Case::layer(
        "refused: no credentials, any of three",
        20_000,
        &three,
        nobody,
    ));
    let by_key = vec![request(&[("x-api-key", key.expose())])];
    cases.push(Case::layer("any of three: API key", 20_000, &three, by_key));
    let good = vec![request(&[(
        "authorization",
        &format!("Bearer {}", issuer.token()),
    )])];
    cases.push(Case::layer("any of three: HS256", 5_000, &three, good));
}
