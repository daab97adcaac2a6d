//! A case: requests, a service with a layer, and the same service without.

use crate::cases::{FLOOR, RAW};
use crate::tokens::{AUDIENCE, ISSUER, Material, decode};
use aws_lc_rs::{hmac, signature::ParsedPublicKey};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use serde::{Deserialize, Serialize};
use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service, util::ServiceFn};

/// What people make of the ten claims.
#[derive(Clone, Debug, Deserialize)]
#[expect(dead_code, reason = "a handler would read them")]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    client_id: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    scope: String,
    roles: Vec<String>,
}

/// `jsonwebtoken`'s settings that say what all the others say; its versions differ in type only.
macro_rules! validation {
    ($jsonwebtoken:ident, $material:expr) => {{
        let algorithm = match $material.algorithm {
            Algorithm::HS256 => $jsonwebtoken::Algorithm::HS256,
            Algorithm::RS256 => $jsonwebtoken::Algorithm::RS256,
            Algorithm::ES256 => $jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDSA => $jsonwebtoken::Algorithm::EdDSA,
        };
        let mut validation = $jsonwebtoken::Validation::new(algorithm);
        validation.set_issuer(&[$crate::tokens::ISSUER]);
        validation.set_audience(&[$crate::tokens::AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = $crate::tokens::LEEWAY;
        validation
    }};
}
pub(crate) use validation;

/// The key, from its JWK.
macro_rules! decoding_key {
    ($jsonwebtoken:ident, $material:expr) => {{
        let jwk = serde_json::from_value($material.jwk.clone()).unwrap();
        $jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap()
    }};
}
pub(crate) use decoding_key;

pub(crate) type Inner<Q, B> = ServiceFn<fn(Request<Q>) -> Ready<Result<Response<B>, Infallible>>>;

/// Answers with a `Content-Type`, as real services do.
pub(crate) fn inner<Q, B: Default>() -> Inner<Q, B> {
    fn answer<Q, B: Default>(request: Request<Q>) -> Ready<Result<Response<B>, Infallible>> {
        drop(black_box(request));
        let mut response = Response::new(B::default());
        let text = HeaderValue::from_static("text/plain");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        ready(Ok(response))
    }
    tower::service_fn(answer::<Q, B>)
}

/// A contender, ready to be sent requests.
pub(crate) struct Subject {
    ask: Box<dyn Fn(Request<()>) -> u16>,
    through: Box<dyn Fn(Requests) -> Run>,
    bare: Box<dyn Fn(Requests) -> Run>,
}

pub(crate) type Run = Box<dyn FnMut()>;

impl Subject {
    /// A layer around the inner service, which has this body in requests.
    pub(crate) fn new<L, Q, B, R>(layer: L, body: fn() -> Q) -> Self
    where
        L: Layer<Inner<Q, B>>,
        L::Service:
            Service<Request<Q>, Response = Response<R>, Error = Infallible> + Clone + 'static,
        Q: 'static,
        B: Default + 'static,
    {
        let service = layer.layer(inner::<Q, B>());
        let asked = service.clone();
        Self {
            ask: Box::new(move |request| {
                let response = call(&mut asked.clone(), request.map(|()| body()));
                response.status().as_u16()
            }),
            through: Box::new(move |requests| Box::new(through(service.clone(), requests, body))),
            bare: Box::new(move |requests| Box::new(through(inner::<Q, B>(), requests, body))),
        }
    }

    /// The status of the answer to this token.
    pub(crate) fn ask(&self, token: &str) -> u16 {
        (self.ask)(request(token))
    }

    /// Which of the material's bad tokens it lets pass; panics if it does not work at all.
    pub(crate) fn unchecked(&self, name: &str, material: &Material) -> Vec<String> {
        let ask = |token: &str| self.ask(token);
        let (accepted, forged) = (ask(&material.token), ask(&material.forged));
        assert_eq!(
            accepted, 200,
            "{name}: a good token of {ISSUER} for {AUDIENCE}"
        );
        assert!((400..500).contains(&forged), "{name}: forged, {forged}");
        let passed = material.wrong.iter().filter(|(_, token)| ask(token) == 200);
        passed.map(|(claim, _)| claim.clone()).collect()
    }

    pub(crate) fn case(&self, tokens: &[&str], name: Name) -> Case {
        let requests: Requests = tokens.iter().map(|token| request(token)).collect();
        Case {
            name,
            run: (self.through)(requests.clone()),
            bare: Some((self.bare)(requests)),
        }
    }
}

/// What is measured, and of whom.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Name {
    /// An algorithm, or [`REFUSED`].
    pub(crate) group: String,
    pub(crate) contender: String,
    /// Whose cryptography.
    pub(crate) backend: String,
}

impl Name {
    pub(crate) fn is_of_a_peer(&self) -> bool {
        ![RAW, FLOOR].contains(&&*self.contender) && !self.contender.starts_with("tower-auth,")
    }
}

pub(crate) const REFUSED: &str = "HS256, forged";

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.group, self.contender, self.backend)
    }
}

pub(crate) struct Case {
    pub(crate) name: Name,
    pub(crate) run: Run,
    /// The same requests through the bare service.
    pub(crate) bare: Option<Run>,
}

type Requests = Rc<[Request<()>]>;

/// Requests through a service; every template in turn.
fn through<S, Q, R>(mut service: S, requests: Requests, body: fn() -> Q) -> impl FnMut() + 'static
where
    S: Service<Request<Q>, Response = Response<R>, Error = Infallible> + 'static,
    Q: 'static,
{
    let mut next = 0;
    let many = requests.len() > 1;
    move || {
        let template = &requests[next];
        next = (next + 1) % requests.len();
        if many {
            arrive(template);
        }
        black_box(call(&mut service, template.clone().map(|()| body())));
    }
}

/// Reads the token, since what a server has just read from a socket is in the processor's cache,
/// and of ten thousand templates hardly one is.
fn arrive(template: &Request<()>) {
    let token = &template.headers()[header::AUTHORIZATION];
    let sum = token.as_bytes().iter().fold(0_u8, |sum, byte| sum ^ byte);
    black_box(sum);
}

fn call<S, Q, R>(service: &mut S, request: Request<Q>) -> Response<R>
where
    S: Service<Request<Q>, Response = Response<R>, Error = Infallible>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    let Poll::Ready(response) = pin!(service.call(request)).poll(&mut context) else {
        panic!("a request had to wait");
    };
    let Ok(response) = response;
    response
}

fn request(token: &str) -> Request<()> {
    let mut request = Request::builder().uri("/orders/42");
    let fields = [
        ("host", "api.example.com"),
        ("user-agent", "bench"),
        ("accept", "*/*"),
        ("authorization", &format!("Bearer {token}")),
    ];
    for (name, value) in fields {
        // Part of a larger buffer, as hyper's values are.
        let line = Bytes::from(format!("{name}: {value}\r\n"));
        let value = line.slice(name.len() + 2..line.len() - 2);
        request = request.header(name, HeaderValue::from_maybe_shared(value).unwrap());
    }
    request.body(()).unwrap()
}

/// The signature alone, with the key prepared and the signature decoded.
pub(crate) fn raw(material: &Material) -> Run {
    let (message, signature) = material.token.rsplit_once('.').unwrap();
    let message = message.as_bytes().to_vec();
    let signature = decode(signature);
    match material.verification() {
        None => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, material.secret.as_bytes());
            Box::new(move || assert!(hmac::verify(&key, &message, &signature).is_ok()))
        }
        Some(algorithm) => {
            let key = ParsedPublicKey::new(algorithm, &material.public).unwrap();
            Box::new(move || assert!(key.verify_sig(&message, &signature).is_ok()))
        }
    }
}
