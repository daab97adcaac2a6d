//! The cases that the benchmarks share: what is sent, through which layer.

mod jwts;

use aws_lc_rs::{hmac, signature};
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
}

impl Case {
    fn new(name: &'static str, runs: u32, run: impl FnMut() + 'static) -> Self {
        Self {
            name,
            runs,
            run: Box::new(run),
        }
    }

    /// Requests through a service; every template in turn.
    fn requests<S, B>(
        name: &'static str,
        runs: u32,
        mut service: S,
        requests: Vec<Request<()>>,
    ) -> Self
    where
        S: Service<Request<()>, Response = Response<B>, Error = Infallible> + 'static,
    {
        let mut next = 0;
        Self::new(name, runs, move || {
            let request = requests[next].clone();
            next = (next + 1) % requests.len();
            let mut context = Context::from_waker(Waker::noop());
            assert!(service.poll_ready(&mut context).is_ready());
            let Poll::Ready(response) = pin!(service.call(request)).poll(&mut context) else {
                panic!("{name} had to wait");
            };
            black_box(response.ok());
        })
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
        Self::requests(name, runs, layer.layer(inner()), requests)
    }

    pub(crate) fn run(&mut self) {
        (self.run)();
    }
}

/// The cases whose names contain one of these words; all of them if there are none.
pub(crate) fn named(words: &[String]) -> Vec<Case> {
    let mut cases = vec![Case::requests(
        "bare service",
        20_000,
        inner(),
        vec![request(&[])],
    )];
    api_keys(&mut cases);
    basic(&mut cases);
    tokens(&mut cases);
    refusals(&mut cases);
    let is_named = |name: &str| words.iter().any(|word| name.contains(word));
    cases.retain(|case| words.is_empty() || case.name.starts_with("bare") || is_named(case.name));
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
    let mut request = Request::builder()
        .uri("/orders/42")
        .header("host", "api.example.com")
        .header("user-agent", "bench")
        .header("accept", "*/*");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).unwrap();
    // From its first clone on, a value's memory is shared.
    drop(request.clone());
    request
}

fn api_keys(cases: &mut Vec<Case>) {
    let store = |count: usize| {
        let keys = ApiKeys::new();
        let texts: Vec<String> = (0..count).map(|n| format!("{n:032x}")).collect();
        for (n, text) in texts.iter().enumerate() {
            let owner = Identity::new(format!("owner-{n}")).with_scope("orders:read");
            keys.register(text, owner).unwrap();
        }
        (keys, texts)
    };
    let by_header = |text: &String| request(&[("x-api-key", text)]);
    let (keys, texts) = store(10);
    let few = AuthLayer::new(ApiKey::header("x-api-key", keys));
    cases.push(Case::layer(
        "API key, 10, one hot",
        20_000,
        &few,
        vec![by_header(&texts[3])],
    ));

    let (keys, texts) = store(KEYS);
    let many = AuthLayer::new(ApiKey::header("x-api-key", keys.clone()));
    let hot = &texts[123_456];
    cases.push(Case::layer(
        "API key, 1,000,000, one hot",
        20_000,
        &many,
        vec![by_header(hot)],
    ));
    // A stride that is prime to the count visits keys in no order that memory could foresee.
    let random: Vec<_> = (0..20_000)
        .map(|n| by_header(&texts[n * 611_953 % KEYS]))
        .collect();
    cases.push(Case::requests(
        "bare service, 20,000 requests",
        20_000,
        inner(),
        random.clone(),
    ));
    cases.push(Case::layer(
        "API key, 1,000,000, at random",
        20_000,
        &many,
        random,
    ));
    let authorization = AuthLayer::new(ApiKey::new([Location::authorization("ApiKey")], keys));
    let field = request(&[("authorization", &format!("ApiKey {hot}"))]);
    cases.push(Case::layer(
        "API key in Authorization, hot",
        20_000,
        &authorization,
        vec![field],
    ));
}

fn basic(cases: &mut Vec<Case>) {
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

fn tokens(cases: &mut Vec<Case>) {
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

fn refusals(cases: &mut Vec<Case>) {
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
