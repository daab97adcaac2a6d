//! A scripted provider, an application, and a browser in front of it.
#![allow(dead_code, unreachable_pub, reason = "no test uses everything")]

use crate::common::signer::Signer;
use axum::{Extension, Router, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;
use tower::ServiceExt;
use tower_auth::{
    AuthLayer, Identity, Rejection, Verdict,
    fetch::{Fetch, FetchError, fetch_fn},
    login::{Login, LoginBuilder, ProviderToken, Secret},
    store::{BatchRead, EphemeralStore, MemoryStore, Raise},
};
use url::Url;

pub const ISSUER: &str = "https://login.example";
pub const APP: &str = "https://app.example.com";
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// What the provider answers with; a test changes it.
pub struct Script {
    pub metadata: Value,
    pub signer: Signer,
    /// Changes the claims of ID tokens; `null` removes one.
    pub claims: Value,
    /// Replaces members of the answer of the token endpoint.
    pub tokens: Value,
    pub status: u16,
    pub user_info: Value,
    /// Answers user information by this token instead.
    pub user_info_token: Option<String>,
    pub asked: Vec<(String, String)>,
    /// Answers a path by this status and body instead.
    pub raw: BTreeMap<String, (u16, String)>,
    /// Answers a path only once this is notified.
    pub gates: BTreeMap<String, Arc<Notify>>,
    /// The lifetime of access tokens.
    pub expires_in: u64,
    /// Refresh tokens, if each is good once.
    pub spent: Option<BTreeSet<String>>,
}

#[derive(Clone)]
pub struct Op(pub Arc<Mutex<Script>>, Arc<AtomicU64>);

pub fn merge(mut base: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(base.as_object_mut().unwrap().remove(name)),
            value => base[name] = value.clone(),
        }
    }
    base
}

impl Op {
    pub fn new() -> Self {
        let url = |path: &str| format!("{ISSUER}{path}");
        Self(
            Arc::new(Mutex::new(Script {
                metadata: json!({
                    "issuer": ISSUER,
                    "jwks_uri": url("/jwks"),
                    "authorization_endpoint": url("/auth?tenant=1"),
                    "token_endpoint": url("/token"),
                    "userinfo_endpoint": url("/me"),
                    "revocation_endpoint": url("/revoke"),
                    "end_session_endpoint": url("/end"),
                }),
                signer: Signer::new("a"),
                claims: json!({}),
                tokens: json!({}),
                status: 200,
                user_info: json!({ "id": 42, "login": "octo" }),
                user_info_token: None,
                asked: Vec::new(),
                raw: BTreeMap::new(),
                gates: BTreeMap::new(),
                expires_in: 3600,
                spent: None,
            })),
            Arc::default(),
        )
    }

    pub fn script<T>(&self, f: impl FnOnce(&mut Script) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    pub fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut script = self.0.lock().unwrap();
        let path = request.uri().path().to_owned();
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        script.asked.push((path.clone(), body.clone()));
        let respond = |status: u16, body: String| {
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        };
        if let Some((status, body)) = script.raw.get(&path) {
            return respond(*status, body.clone());
        }
        if path == "/token"
            && let Some(spent) = &mut script.spent
            && let Some(token) = body.strip_prefix("grant_type=refresh_token&refresh_token=")
            && !spent.insert(token.split('&').next().unwrap().to_owned())
        {
            return respond(400, json!({ "error": "invalid_grant" }).to_string());
        }
        if path == "/me"
            && let Some(token) = &script.user_info_token
        {
            let mut response = respond(200, token.clone());
            let kind = "application/jwt; charset=utf-8".parse().unwrap();
            response.headers_mut().insert("content-type", kind);
            return response;
        }
        let (status, body) = match path.as_str() {
            "/.well-known/openid-configuration" => (200, script.metadata.clone()),
            "/jwks" => (200, json!({ "keys": [script.signer.jwk()] })),
            "/token" => (script.status, self.tokens(&script)),
            "/me" => (200, script.user_info.clone()),
            "/revoke" => (200, json!({})),
            _ => (404, json!({})),
        };
        respond(status, body.to_string())
    }

    pub fn tokens(&self, script: &Script) -> Value {
        let claims = json!({
            "iss": ISSUER, "sub": "alice", "aud": "app", "exp": now() + 36_000, "iat": now(),
        });
        let claims = merge(claims, &script.claims);
        let tokens = json!({
            "access_token": "provider-token",
            "token_type": "Bearer",
            "expires_in": script.expires_in,
            "refresh_token": "provider-refresh",
            "id_token": script.signer.sign(&claims),
        });
        merge(tokens, &script.tokens)
    }

    /// Moves the application's clock, and time as Tokio sees it where that is paused.
    pub async fn forward(&self, seconds: u64) {
        self.1.fetch_add(seconds, Ordering::SeqCst);
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    /// Moves the application's clock only.
    pub fn shift(&self, seconds: u64) {
        self.1.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn builder(&self) -> LoginBuilder {
        self.login(ISSUER).redirect_uri(format!("{APP}/callback"))
    }

    /// A login of an application at this URL.
    pub fn builder_at(&self, url: &str) -> LoginBuilder {
        self.login(ISSUER).public_url(url)
    }

    /// The client of an application, which this provider answers.
    pub fn client(&self) -> impl Fetch + use<> {
        let op = self.clone();
        fetch_fn(move |request: Request<Bytes>| {
            let answer = op.answer(&request);
            let gate = op.script(|script| script.gates.get(request.uri().path()).cloned());
            async move {
                if let Some(gate) = gate {
                    gate.notified().await;
                }
                Ok::<_, FetchError>(answer)
            }
        })
    }

    /// A login with this issuer, of an application without an address.
    pub fn login(&self, issuer: &str) -> LoginBuilder {
        let ahead = Arc::clone(&self.1);
        Login::builder(issuer)
            .client_basic("app", "app-secret")
            .secret(Secret::new([1; 32]).unwrap())
            .clock(move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::SeqCst)))
            .fetch_with(self.client())
    }

    pub fn asked(&self, path: &str) -> Vec<String> {
        let script = self.0.lock().unwrap();
        let asked = script.asked.iter().filter(|(other, _)| other == path);
        asked.map(|(_, body)| body.clone()).collect()
    }
}

/// An application, and a browser in front of it.
#[derive(Clone)]
pub struct Site {
    pub op: Op,
    pub app: Router,
    pub cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    pub rejection: Option<Rejection>,
}

impl Answer {
    pub fn location(&self) -> String {
        self.headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    /// Why it was refused, as logs see it.
    pub fn why(&self) -> String {
        let rejection = self
            .rejection
            .as_ref()
            .unwrap_or_else(|| panic!("{self:?}"));
        assert_eq!(rejection.status(), self.status);
        let source = rejection.source().unwrap();
        source.to_string()
    }
}

pub async fn whoami(identity: Identity, token: Option<Extension<ProviderToken>>) -> String {
    let token = token.map_or("none".to_owned(), |Extension(token)| {
        token.expose().to_owned()
    });
    format!("{} {token}", identity.subject())
}

/// Takes the cookies that these fields set, as a browser does.
pub fn take_cookies(jar: &mut BTreeMap<String, String>, headers: &HeaderMap) {
    for field in headers.get_all(header::SET_COOKIE) {
        let (pair, rest) = field.to_str().unwrap().split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        match rest.contains("Max-Age=0;") {
            true => drop(jar.remove(name)),
            false => drop(jar.insert(name.to_owned(), value.to_owned())),
        }
    }
}

pub fn parameters(url: &str) -> BTreeMap<String, String> {
    Url::parse(url)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

/// A browser that navigates.
pub const NAVIGATE: [(&str, &str); 2] = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];

impl Site {
    pub fn new(op: &Op, login: LoginBuilder) -> Self {
        let login = login.build().unwrap();
        let app = Router::new()
            .route("/", get(whoami))
            .route(
                "/strong",
                get(|| async { Rejection::insufficient_authentication() }),
            )
            .route("/own", get(|| async { StatusCode::UNAUTHORIZED }))
            .layer(AuthLayer::new(login.session()))
            .layer(login.layer());
        Self::with(op, app)
    }

    pub fn with(op: &Op, app: Router) -> Self {
        Self {
            op: op.clone(),
            app,
            cookies: BTreeMap::new(),
        }
    }

    pub async fn send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(target);
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies);
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request
            .body(axum::body::Body::from(body.to_owned()))
            .unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        take_cookies(&mut self.cookies, &parts.headers);
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
            rejection: parts.extensions.get().cloned(),
        }
    }

    pub async fn get(&mut self, target: &str) -> Answer {
        self.send("GET", target, &[], "").await
    }

    pub async fn visit(&mut self, target: &str) -> Answer {
        self.send("GET", target, &NAVIGATE, "").await
    }

    /// Where the browser is sent from `/login`, with the parameters.
    pub async fn begin(&mut self, query: &str) -> BTreeMap<String, String> {
        let answer = self.get(&format!("/login?{query}")).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let url = Url::parse(&answer.location()).unwrap();
        assert!(
            url.as_str()
                .starts_with("https://login.example/auth?tenant=1&")
        );
        url.query_pairs().into_owned().collect()
    }

    /// A login up to its end, whose ID token has the right nonce unless the test has its own.
    pub async fn sign_in(&mut self) -> Answer {
        let asked = self.begin("").await;
        self.op.script(|script| {
            if script.claims.get("nonce").is_none() {
                let nonce = asked.get("nonce").cloned();
                script.claims = merge(script.claims.clone(), &json!({ "nonce": nonce }));
            }
        });
        let answer = self
            .get(&format!("/callback?code=c&state={}", asked["state"]))
            .await;
        self.op.script(|script| script.claims = json!({}));
        answer
    }
}

/// Has the provider post a logout token.
pub async fn end_at_provider(site: &mut Site, names: Value) -> u16 {
    let claims = json!({
        "iss": ISSUER, "aud": "app", "iat": now(), "exp": now() + 100,
        "jti": names.to_string(), "events": { EVENT: {} },
    });
    let token = site
        .op
        .script(|script| script.signer.sign(&merge(claims, &names)));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("logout_token={token}");
    site.send("POST", "/ended", &form, &body).await.status
}

/// A store that can be unplugged, or keep nothing more.
#[derive(Clone)]
pub struct Plug(
    pub Arc<MemoryStore>,
    pub Arc<AtomicBool>,
    pub Arc<AtomicBool>,
);

impl Default for Plug {
    fn default() -> Self {
        Self(
            Arc::default(),
            Arc::new(AtomicBool::new(true)),
            Arc::default(),
        )
    }
}

impl Plug {
    fn or<T>(&self, f: impl FnOnce(&MemoryStore) -> Verdict<T>) -> Verdict<T> {
        match self.1.load(Ordering::SeqCst) {
            true => f(&self.0),
            false => Verdict::ready(Err(Rejection::unavailable("the store is down"))),
        }
    }
}

impl EphemeralStore for Plug {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        assert!(key.starts_with("oauth2/") && key.bytes().all(|byte| byte.is_ascii_graphic()));
        self.or(|store| store.add(key, value, lifetime))
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        // Nothing readable is kept.
        let text = String::from_utf8_lossy(value);
        assert!(
            !text.contains("provider-") && !text.contains("alice"),
            "{text}"
        );
        if self.2.load(Ordering::SeqCst) {
            return Verdict::ready(Err(Rejection::unavailable("the store is full")));
        }
        self.or(|store| store.put(key, value, lifetime))
    }

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.or(|store| store.read(keys))
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.or(|store| store.take(key))
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.or(|store| store.count(key, window))
    }

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        if self.2.load(Ordering::SeqCst) {
            return Verdict::ready(Err(Rejection::unavailable("the store is full")));
        }
        self.or(|store| store.raise(raised))
    }
}
