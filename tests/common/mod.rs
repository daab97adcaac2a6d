//! What the tests of the core share: a toy scheme whose credentials say what becomes of them, a
//! probe for the inner service, and short ways to send requests.

#![allow(dead_code, unreachable_pub, reason = "no test uses everything")]

pub mod events;
pub mod origin;
pub mod passwords;
pub mod ports;
pub mod provider;
pub mod signer;
pub mod wire;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Empty, Full};
use std::{
    borrow::Cow,
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service, ServiceExt};
use tower_auth::{
    Anonymous, Identity, Location, Rejection, RejectionKind, Scheme, Verdict,
    credential::{Credential, Found, Place},
    rejection::{Challenge, Challenges, Scope},
    scheme::Attempt,
};

/// Installs the provider of TLS, as an application does at the beginning of `main`.
pub fn install_tls() {
    // An error means that another test has done it already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A scheme whose credentials say themselves what becomes of them; see [`judge`].
#[derive(Clone)]
pub struct Toy {
    pub name: &'static str,
    locations: Vec<Location>,
    later: bool,
    realm: Option<&'static str>,
    by_browser: bool,
    judge: fn(&str) -> Result<Identity, Rejection>,
    judged: Arc<AtomicUsize>,
}

/// The client certificate that a toy finds in the request's extensions.
#[derive(Clone)]
pub struct Certificate(pub &'static str);

impl Toy {
    pub fn at(name: &'static str, locations: impl IntoIterator<Item = Location>) -> Self {
        Self {
            name,
            locations: locations.into_iter().collect(),
            later: false,
            realm: None,
            by_browser: false,
            judge,
            judged: Arc::default(),
        }
    }

    /// `Authorization: NAME …`
    pub fn authorization(name: &'static str) -> Self {
        Self::at(name, [Location::authorization(name)])
    }

    pub fn header(name: &'static str, field: &str) -> Self {
        Self::at(name, [Location::header(field)])
    }

    pub fn cookie(name: &'static str, cookie: &str) -> Self {
        Self::at(name, [Location::cookie(cookie)])
    }

    pub fn query(name: &'static str, parameter: &str) -> Self {
        Self::at(name, [Location::query(parameter)])
    }

    pub fn connection(name: &'static str) -> Self {
        Self::at(name, [Location::connection()])
    }

    /// Answers after the task has been woken once.
    pub fn later(mut self, later: bool) -> Self {
        self.later = later;
        self
    }

    /// Judges in another way than [`judge`].
    pub fn judging(mut self, judge: fn(&str) -> Result<Identity, Rejection>) -> Self {
        self.judge = judge;
        self
    }

    pub fn realm(mut self, realm: &'static str) -> Self {
        self.realm = Some(realm);
        self
    }

    pub fn sent_by_browsers(mut self) -> Self {
        self.by_browser = true;
        self
    }

    /// How often the toy has judged a credential.
    pub fn judged(&self) -> usize {
        self.judged.load(Ordering::SeqCst)
    }

    fn credentials(&self, head: &Parts, location: &Location) -> Vec<String> {
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let fields = |name: header::HeaderName| head.headers.get_all(name).iter().map(text);
        let name = location.name();
        match location.place() {
            Place::Authorization => fields(header::AUTHORIZATION)
                .filter_map(|value| {
                    let (scheme, rest) = value.split_once(' ')?;
                    scheme.eq_ignore_ascii_case(name).then(|| rest.to_owned())
                })
                .collect(),
            Place::Header => fields(name.parse().unwrap()).collect(),
            Place::Cookie => fields(header::COOKIE)
                .flat_map(|value| value.split(';').map(str::to_owned).collect::<Vec<_>>())
                .filter_map(|pair| {
                    let (key, value) = pair.trim().split_once('=')?;
                    (key == name).then(|| value.to_owned())
                })
                .collect(),
            Place::Query => head
                .uri
                .query()
                .into_iter()
                .flat_map(|query| query.split('&'))
                .filter_map(|pair| pair.split_once('='))
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
                .collect(),
            Place::Connection => head
                .extensions
                .get::<Certificate>()
                .map(|certificate| certificate.0.to_owned())
                .into_iter()
                .collect(),
            other => panic!("the toy does not look into {other:?}"),
        }
    }
}

impl Scheme for Toy {
    fn name(&self) -> &'static str {
        self.name
    }

    fn locations(&self) -> Vec<Location> {
        self.locations.clone()
    }

    fn realm(&self) -> Option<Cow<'static, str>> {
        self.realm.map(Cow::Borrowed)
    }

    fn find(&self, head: &Parts) -> Found {
        self.locations
            .iter()
            .fold(Found::nothing(), |found, location| {
                let place = location.place();
                let mut credentials = self.credentials(head, location);
                let here = match (credentials.pop(), credentials.len()) {
                    (None, _) => Found::nothing(),
                    (Some(one), 0) => Found::one(Credential::new(place, one)),
                    _ => Found::ambiguous(place),
                };
                let here = match self.by_browser {
                    true => here.sent_by_browsers(),
                    false => here,
                };
                found.and(here)
            })
    }

    fn authenticate(&self, _: &Parts, credential: Credential) -> Attempt {
        let credential = String::from_utf8(credential.as_bytes().to_vec()).unwrap();
        self.judged.fetch_add(1, Ordering::SeqCst);
        let judge = self.judge;
        Attempt::new(match self.later {
            true => Verdict::pending(async move {
                tokio::task::yield_now().await;
                judge(&credential)
            }),
            false => Verdict::ready(judge(&credential)),
        })
    }

    /// As RFC 6750 section 3 has it.
    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        let judged = rejection.scheme() == Some(self.name);
        let error = match rejection.kind() {
            RejectionKind::Missing => None,
            RejectionKind::Invalid if judged => Some("invalid_token"),
            RejectionKind::InsufficientAuthentication if judged => {
                Some("insufficient_user_authentication")
            }
            RejectionKind::Invalid | RejectionKind::InsufficientAuthentication => None,
            RejectionKind::Malformed if judged => Some("invalid_request"),
            // A policy belongs to no scheme.
            RejectionKind::Forbidden
                if !rejection.scopes().is_empty() && (judged || rejection.scheme().is_none()) =>
            {
                Some("insufficient_scope")
            }
            _ => return,
        };
        let realm = self.realm.unwrap_or(challenges.realm());
        let mut challenge = Challenge::new(self.name).param("realm", realm);
        if let Some(error) = error {
            challenge = challenge.param("error", error);
        }
        if !rejection.scopes().is_empty() {
            let scopes: Vec<_> = rejection.scopes().iter().map(Scope::as_str).collect();
            challenge = challenge.param("scope", &scopes.join(" "));
        }
        challenges.push(challenge);
    }
}

/// Finds a credential and has it verified as a layer does.
pub fn attempt(scheme: &impl Scheme, head: &Parts) -> Option<Attempt> {
    let found = scheme.find(head);
    let place = found.place()?;
    Some(match found.into_credential() {
        Some(credential) => scheme.authenticate(head, credential),
        None => scheme.reject(head, place),
    })
}

/// What a toy's credential says: one of six words, or `SUBJECT:ROLE+ROLE:SCOPE+SCOPE`.
pub fn judge(credential: &str) -> Result<Identity, Rejection> {
    match credential {
        "bad" => Err(Rejection::invalid()),
        "malformed" => Err(Rejection::malformed()),
        "unavailable" => Err(Rejection::unavailable("the store is down")),
        "weak" => Err(Rejection::insufficient_authentication()),
        "forbidden" => Err(Rejection::forbidden()),
        "many" => Err(Rejection::too_many(Duration::from_millis(1500))),
        _ => {
            let mut parts = credential.splitn(3, ':');
            let identity = Identity::new(parts.next().unwrap_or_default());
            let mut names = || {
                parts
                    .next()
                    .into_iter()
                    .flat_map(|names| names.split('+').filter(|name| !name.is_empty()))
            };
            let identity = identity.with_roles(names());
            Ok(identity.with_scopes(names()))
        }
    }
}

/// Who the extensions say is calling.
pub fn caller(head: &Parts) -> String {
    let identity = head.extensions.get::<Identity>();
    let anonymous = head.extensions.get::<Anonymous>();
    match (identity, anonymous) {
        (Some(identity), None) => format!("{} by {}", identity.subject(), identity.scheme()),
        (None, Some(_)) => "anonymous".to_owned(),
        (None, None) => "nobody".to_owned(),
        (Some(_), Some(_)) => "both".to_owned(),
    }
}

/// An inner service that answers with who is calling, and panics when it is called without
/// having been polled ready (tower's contract).
#[derive(Default)]
pub struct Probe {
    ready: bool,
    heads: Arc<Mutex<Vec<Parts>>>,
    answer: Answer,
}

type Answer = Option<Arc<dyn Fn(&Parts) -> Response<Full<Bytes>> + Send + Sync>>;

impl Probe {
    pub fn new() -> Self {
        Self::default()
    }

    /// A probe with an answer of its own.
    pub fn answering(
        answer: impl Fn(&Parts) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answer: Some(Arc::new(answer)),
            ..Self::default()
        }
    }

    /// How many requests came through.
    pub fn calls(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    /// The head of the last request that came through.
    #[track_caller]
    pub fn last(&self) -> Parts {
        let heads = self.heads.lock().unwrap();
        heads.last().expect("no request came through").clone()
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            heads: self.heads.clone(),
            answer: self.answer.clone(),
        }
    }
}

impl<B> Service<Request<B>> for Probe {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(self.ready, "called without having been polled ready");
        self.ready = false;
        let (head, _) = request.into_parts();
        let response = match &self.answer {
            Some(answer) => answer(&head),
            None => Response::new(Full::from(caller(&head))),
        };
        self.heads.lock().unwrap().push(head);
        ready(Ok(response))
    }
}

/// A response that has been read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub rejection: Option<Rejection>,
    pub body: String,
}

impl Reply {
    /// The values of one field, a line each.
    pub fn all(&self, name: impl header::AsHeaderName) -> Vec<&str> {
        let values = self.headers.get_all(name);
        values.iter().map(|value| value.to_str().unwrap()).collect()
    }

    pub fn challenges(&self) -> Vec<&str> {
        self.all(header::WWW_AUTHENTICATE)
    }

    pub fn kind(&self) -> Option<RejectionKind> {
        self.rejection.as_ref().map(Rejection::kind)
    }

    /// Status and body in one line, for tables.
    pub fn line(&self) -> String {
        match &self.rejection {
            None => format!("{} {}", self.status.as_u16(), self.body),
            Some(rejection) => {
                let (status, kind) = (self.status.as_u16(), rejection.kind().as_str());
                format!("{status} {kind}")
            }
        }
    }
}

/// Sends one request through a clone of the service.
pub async fn send<S, B, R>(service: &S, request: Request<B>) -> Reply
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
    R: http_body::Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    let response = service.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: head.status,
        headers: head.headers,
        rejection: head.extensions.get::<Rejection>().cloned(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// Sends one request through a layer in front of a fresh [`Probe`].
pub async fn through<L>(layer: &L, request: Request<Empty<Bytes>>) -> Reply
where
    L: Layer<Probe>,
    L::Service: Service<Request<Empty<Bytes>>> + Clone + Answers,
{
    layer.layer(Probe::new()).answer(request).await
}

/// Any service in front of a [`Probe`], without its type's bounds.
pub trait Answers {
    fn answer(&self, request: Request<Empty<Bytes>>) -> impl Future<Output = Reply>;
}

impl<S, R> Answers for S
where
    S: Service<Request<Empty<Bytes>>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
    R: http_body::Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    async fn answer(&self, request: Request<Empty<Bytes>>) -> Reply {
        send(self, request).await
    }
}

/// A `GET` with these header fields.
pub fn get(uri: &str, fields: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    request("GET", uri, fields)
}

pub fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Empty::new()).unwrap()
}

/// The problem document of this status and text.
pub fn problem(status: u16, title: &str, detail: &str) -> String {
    format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}"#)
}

/// Runs a future on a runtime of its own, for property tests.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// The message of the panic in `f`.
#[track_caller]
pub fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(f())))
        .expect_err("it did not panic");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&'static str>().unwrap()).to_owned(),
    }
}
