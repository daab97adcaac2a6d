//! Login with a certified OpenID Provider, over real sockets, by a client that keeps cookies as a
//! browser does. Skipped with a message if the provider or Node is missing.

use crate::common;
use crate::common::provider::Provider;
use axum::{Extension, Json, Router, routing::get};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::net::TcpListener;
use tower_auth::{
    AuthLayer, Identity, RequireLayer,
    fetch::{Fetch, HttpClient},
    issue::{Signer, SigningKeys},
    jwt::{Algorithm, remote::RemoteKeys},
    login::{Login, LoginBuilder, ProviderToken, Secret},
    role,
    store::MemoryStore,
};
use url::Url;

const SECOND: Duration = Duration::from_secs(1);

/// An application behind a login.
pub(crate) struct App {
    address: SocketAddr,
}

impl App {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(crate) fn secret(byte: u8) -> Secret {
    Secret::new([byte; 32]).unwrap()
}

/// What every test of these has, for the client `web`.
fn builder(provider: &Provider, redirect: &str) -> LoginBuilder {
    let keys = RemoteKeys::discover().cooldown(SECOND);
    Login::builder(provider.issuer.as_str())
        .client_basic("web", "web-secret")
        .redirect_uri(redirect)
        .secret(secret(1))
        .scope("profile email offline_access")
        .prompt("consent")
        // The provider's ID tokens have no claims of the scopes `profile` and `email`.
        .user_info()
        .roles_at("roles")
        .keys(keys.dangerous_allow_http())
        .dangerous_allow_http()
}

pub(crate) fn serve(listener: TcpListener, login: &Login) -> App {
    async fn me(identity: Identity, token: Option<Extension<ProviderToken>>) -> Json<Value> {
        Json(json!({
            "sub": identity.subject(),
            "iss": identity.issuer(),
            "roles": identity.roles().collect::<Vec<_>>(),
            "email": identity.claim::<String>("email"),
            "scheme": identity.scheme(),
            "token": token.map(|Extension(token)| token.expose().to_owned()),
        }))
    }
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/me", get(me).post(me))
        .route(
            "/admin",
            get(|| async { "welcome" }).route_layer(RequireLayer::new(role("admin"))),
        )
        .layer(AuthLayer::new(login.session()))
        .route("/", get(|| async { "home" }))
        .layer(login.layer());
    tokio::spawn(async move { axum::serve(listener, app).await });
    App { address }
}

/// A provider and an application, whose login is changed so.
async fn start(change: impl FnOnce(LoginBuilder) -> LoginBuilder) -> Option<(Provider, App)> {
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let mut provider = Provider::down()?.with("REDIRECT_URIS", redirect.as_str());
    provider.up().await;
    let login = change(builder(&provider, &redirect)).build().unwrap();
    Some((provider, serve(listener, &login)))
}

/// Keeps cookies by host and port, and shows them again.
#[derive(Clone)]
pub(crate) struct Browser {
    client: HttpClient,
    jars: BTreeMap<String, BTreeMap<String, String>>,
    /// Every `Set-Cookie` that came.
    set: Vec<String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self {
            client: HttpClient::new().unwrap(),
            jars: BTreeMap::new(),
            set: Vec::new(),
        }
    }

    pub(crate) async fn ask(
        &mut self,
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Response<Bytes> {
        self.send(method, url, fields, "").await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        url: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Response<Bytes> {
        let place = Url::parse(url).unwrap();
        let place = format!("{}:{:?}", place.host_str().unwrap(), place.port());
        let mut request = Request::builder().method(method).uri(url);
        let jar = self.jars.entry(place.clone()).or_default();
        let cookies: Vec<_> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        let answer = self.client.fetch(request).await.unwrap();
        let jar = self.jars.get_mut(&place).unwrap();
        for field in answer.headers().get_all(header::SET_COOKIE) {
            let text = field.to_str().unwrap();
            self.set.push(text.to_owned());
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').unwrap();
            let attributes = attributes.to_ascii_lowercase();
            let is_over =
                attributes.contains("max-age=0") || attributes.contains("expires=thu, 01 jan 1970");
            match is_over || value.is_empty() {
                true => drop(jar.remove(name)),
                false => drop(jar.insert(name.to_owned(), value.to_owned())),
            }
        }
        answer
    }

    /// Shows a page.
    pub(crate) async fn visit(&mut self, url: &str) -> Response<Bytes> {
        let fields = [
            ("accept", "text/html,*/*;q=0.8"),
            ("sec-fetch-mode", "navigate"),
        ];
        self.ask("GET", url, &fields).await
    }

    /// Follows redirects from here, up to one that leads to this beginning of a URL.
    pub(crate) async fn follow(&mut self, url: &str, until: &str) -> String {
        let mut url = url.to_owned();
        for _ in 0..20 {
            if url.starts_with(until) {
                return url;
            }
            let answer = self.visit(&url).await;
            let location = location(&answer).unwrap_or_else(|| panic!("{url}: {answer:?}"));
            url = Url::parse(&url).unwrap().join(&location).unwrap().into();
        }
        panic!("in circles at {url}");
    }

    /// From a login that begins here up to the callback, which has yet to be visited.
    async fn up_to_callback(&mut self, app: &App, query: &str) -> String {
        let begin = app.url(&format!("/login?{query}"));
        self.follow(&begin, &app.url("/callback")).await
    }

    async fn sign_in(&mut self, app: &App, who: &str) {
        let callback = self.up_to_callback(app, &format!("login_hint={who}")).await;
        let answer = self.visit(&callback).await;
        assert_eq!(answer.status(), 303, "{}", text(&answer));
    }

    pub(crate) async fn me(&mut self, app: &App) -> (StatusCode, Value) {
        let answer = self.ask("GET", &app.url("/me"), &[]).await;
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status(), body)
    }

    /// The application's cookies.
    fn jar(&mut self, app: &App) -> &mut BTreeMap<String, String> {
        let place = format!("127.0.0.1:{:?}", Some(app.address.port()));
        self.jars.entry(place).or_default()
    }
}

pub(crate) fn location(answer: &Response<Bytes>) -> Option<String> {
    let field = answer.headers().get(header::LOCATION)?;
    Some(field.to_str().unwrap().to_owned())
}

pub(crate) fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(other, _)| other == name);
    found.map(|(_, value)| value.into_owned())
}

fn replaced(url: &str, name: &str, value: Option<&str>) -> String {
    let mut url = Url::parse(url).unwrap();
    let pairs: Vec<_> = url
        .query_pairs()
        .into_owned()
        .filter(|(other, _)| other != name)
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    if let Some(value) = value {
        url.query_pairs_mut().append_pair(name, value);
    }
    url.into()
}

#[tokio::test]
async fn a_browser_that_is_rejected_signs_in_and_comes_back_to_where_it_was() {
    let Some((provider, app)) = start(|login| login).await else {
        return;
    };
    let mut browser = Browser::new();
    // A call of an API keeps its 401, with a challenge.
    let answer = browser
        .ask("GET", &app.url("/me"), &[("accept", "application/json")])
        .await;
    assert_eq!(answer.status(), 401);
    assert_eq!(
        answer.headers()["www-authenticate"],
        r#"Cookie realm="api""#
    );
    let answer = browser.visit(&app.url("/me?a=b%20c")).await;
    assert_eq!(answer.status(), 303);
    let login = location(&answer).unwrap();
    assert_eq!(login, "/login?return_to=%2Fme%3Fa%3Db%2520c");
    let login = app.url(&format!("{login}&login_hint=alice"));
    let authorize = browser.follow(&login, &provider.issuer).await;
    for (name, expected) in [
        ("response_type", "code"),
        ("client_id", "web"),
        ("code_challenge_method", "S256"),
        ("scope", "openid profile email offline_access"),
        ("login_hint", "alice"),
    ] {
        assert_eq!(parameter(&authorize, name).as_deref(), Some(expected));
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(parameter(&authorize, name).unwrap().len(), 43, "{name}");
    }
    let callback = browser.follow(&authorize, &app.url("/callback")).await;
    let answer = browser.visit(&callback).await;
    assert_eq!(answer.status(), 303, "{}", text(&answer));
    assert_eq!(location(&answer).unwrap(), "/me?a=b%20c");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    let (status, me) = browser.me(&app).await;
    assert_eq!(status, 200);
    assert_eq!(me["sub"], "alice");
    assert_eq!(me["iss"], provider.issuer.as_str());
    assert_eq!(me["roles"], json!(["user"]));
    assert_eq!(me["email"], "alice@example.com");
    assert_eq!(me["scheme"], "Cookie");
    // The provider knows the token as alice's.
    let bearer = format!("Bearer {}", me["token"].as_str().unwrap());
    let user_info = format!("{}/me", provider.issuer);
    let answer = Browser::new()
        .ask("GET", &user_info, &[("authorization", &bearer)])
        .await;
    assert_eq!(answer.status(), 200);
    let claims: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(claims["sub"], "alice");
    let own: Vec<_> = browser
        .set
        .iter()
        .filter(|field| field.starts_with("__Host-"))
        .collect();
    assert!(own.len() >= 4, "{own:?}");
    for field in own {
        assert!(
            field.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"),
            "{field}"
        );
        assert!(field.contains("; Max-Age="));
    }
    // Nothing of the login under way is left.
    assert!(browser.jar(&app).keys().all(|name| !name.contains("login")));
    // Another site's form comes with the cookie, and is refused.
    let cross = [("sec-fetch-site", "cross-site")];
    assert_eq!(
        browser.ask("POST", &app.url("/me"), &cross).await.status(),
        403
    );
    let own = [("sec-fetch-site", "same-origin")];
    assert_eq!(
        browser.ask("POST", &app.url("/me"), &own).await.status(),
        200
    );
}

#[tokio::test]
async fn roles_of_the_id_token_satisfy_policies() {
    let Some((_provider, app)) = start(|login| login).await else {
        return;
    };
    for (who, status) in [("alice", 403), ("admin", 200)] {
        let mut browser = Browser::new();
        browser.sign_in(&app, who).await;
        let answer = browser.visit(&app.url("/admin")).await;
        assert_eq!(answer.status(), status, "{who}");
    }
}

#[tokio::test]
async fn a_user_who_denies_access_gets_a_page_with_a_fixed_text() {
    let Some((_provider, app)) = start(|login| login).await else {
        return;
    };
    let mut browser = Browser::new();
    let callback = browser.up_to_callback(&app, "login_hint=deny").await;
    assert_eq!(
        parameter(&callback, "error").as_deref(),
        Some("access_denied")
    );
    let mut api = browser.clone();
    let answer = browser.visit(&callback).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = text(&answer);
    assert!(page.contains("the sign-in was refused"), "{page}");
    assert!(!page.contains("the user said no"), "{page}");
    // It is over: the same answer is no answer to anything.
    assert_eq!(browser.visit(&callback).await.status(), 400);
    let answer = api
        .ask("GET", &callback, &[("accept", "application/json")])
        .await;
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn a_callback_that_this_browser_did_not_begin_is_rejected() {
    let Some((_provider, app)) = start(|login| login).await else {
        return;
    };
    let mut browser = Browser::new();
    let callback = browser.up_to_callback(&app, "login_hint=alice").await;
    // Somebody else's browser: login CSRF.
    let mut victim = Browser::new();
    assert_eq!(victim.visit(&callback).await.status(), 400);
    assert_eq!(victim.me(&app).await.0, 401);
    // With a login of its own under way, too.
    victim.up_to_callback(&app, "login_hint=bob").await;
    assert_eq!(victim.visit(&callback).await.status(), 400);
    let other = "A".repeat(43);
    for bad in [
        replaced(&callback, "state", Some(&other)),
        replaced(&callback, "state", None),
        replaced(&callback, "iss", Some("https://evil.example")),
        replaced(&callback, "iss", None),
        replaced(&callback, "code", None),
        format!("{callback}&state={other}"),
        format!("{callback}&code=x"),
    ] {
        let answer = browser.clone().visit(&bad).await;
        assert_eq!(answer.status(), 400, "{bad}");
    }
    let bad = replaced(&callback, "code", Some("x"));
    assert_eq!(browser.clone().visit(&bad).await.status(), 401);
    assert_eq!(browser.visit(&callback).await.status(), 303);
    assert_eq!(browser.me(&app).await.0, 200);
}

#[tokio::test]
async fn a_repeated_callback_is_rejected() {
    // By the provider, which takes a code once.
    let Some((_provider, app)) = start(|login| login).await else {
        return;
    };
    let mut browser = Browser::new();
    let callback = browser.up_to_callback(&app, "login_hint=alice").await;
    let mut thief = browser.clone();
    assert_eq!(browser.visit(&callback).await.status(), 303);
    assert_eq!(thief.visit(&callback).await.status(), 401);
    assert_eq!(thief.me(&app).await.0, 401);
    // By the store, before the provider is asked.
    let Some((provider, app)) = start(|login| login.store(MemoryStore::new())).await else {
        return;
    };
    let mut browser = Browser::new();
    let callback = browser.up_to_callback(&app, "login_hint=alice").await;
    let mut thief = browser.clone();
    assert_eq!(browser.visit(&callback).await.status(), 303);
    let asked = provider.hits("/token").await;
    assert_eq!(thief.visit(&callback).await.status(), 400);
    assert_eq!(provider.hits("/token").await, asked);
    assert_eq!(browser.me(&app).await.0, 200);
}

#[tokio::test]
async fn form_post_is_requested_from_providers_that_support_it() {
    let Some((_provider, app)) = start(LoginBuilder::form_post).await else {
        return;
    };
    let mut browser = Browser::new();
    let mut url = app.url("/login?login_hint=alice");
    // Until the provider shows the page that posts itself.
    let page = loop {
        let answer = browser.visit(&url).await;
        match location(&answer) {
            Some(location) => url = Url::parse(&url).unwrap().join(&location).unwrap().into(),
            None => break text(&answer),
        }
    };
    let action = app.url("/callback");
    assert!(page.contains(&format!("action=\"{action}\"")), "{page}");
    let between = |text: &str, from: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{text}"));
        rest.split('"').next().unwrap().to_owned()
    };
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for input in page.split("<input").skip(1) {
        form.append_pair(&between(input, "name=\""), &between(input, "value=\""));
    }
    let fields = [("content-type", "application/x-www-form-urlencoded")];
    let answer = browser.send("POST", &action, &fields, &form.finish()).await;
    assert_eq!(answer.status(), 303, "{}", text(&answer));
    let (status, me) = browser.me(&app).await;
    assert_eq!(
        (status.as_u16(), &me["sub"]),
        (200, &json!("alice")),
        "{me}"
    );
}

#[tokio::test]
async fn any_server_of_a_fleet_takes_the_callback() {
    let ((first, address), (second, _), (third, _)) =
        (listen().await, listen().await, listen().await);
    let redirect = format!("http://{address}/callback");
    let Some(provider) = Provider::down() else {
        return;
    };
    let mut provider = provider.with("REDIRECT_URIS", redirect.as_str());
    provider.up().await;
    let login = || builder(&provider, &redirect);
    let one = serve(first, &login().build().unwrap());
    // The secret is being changed: the new one first, the old one still counts.
    let base = Login::builder(provider.issuer.as_str())
        .client_basic("web", "web-secret")
        .redirect_uri(redirect.as_str())
        .dangerous_allow_http();
    let two = base.secret(secret(2)).secret(secret(1)).build().unwrap();
    let two = serve(second, &two);
    let stranger = Login::builder(provider.issuer.as_str())
        .client_basic("web", "web-secret")
        .redirect_uri(redirect.as_str())
        .dangerous_allow_http();
    let stranger = serve(third, &stranger.secret(secret(3)).build().unwrap());
    let mut browser = Browser::new();
    let callback = browser.up_to_callback(&one, "login_hint=alice").await;
    let cookies = browser.jar(&one).clone();
    let path = callback.strip_prefix(&one.url("")).unwrap();
    *browser.jar(&two) = cookies.clone();
    *browser.jar(&stranger) = cookies;
    assert_eq!(browser.visit(&stranger.url(path)).await.status(), 400);
    assert_eq!(browser.visit(&two.url(path)).await.status(), 303);
    assert_eq!(browser.me(&two).await.1["sub"], "alice");
    // What the new secret has encrypted, the server without it does not know.
    let cookies = browser.jar(&two).clone();
    *browser.jar(&one) = cookies;
    assert_eq!(browser.me(&one).await.0, 401);
}

#[tokio::test]
async fn every_kind_of_client_signs_in() {
    type Change = fn(LoginBuilder) -> LoginBuilder;
    let clients: [(&str, Change); 4] = [
        ("spa", |login| login.public_client("spa")),
        ("web-post", |login| {
            login.client_post("web-post", "web-post-secret")
        }),
        ("web-es256", |login| {
            login.client_basic("web-es256", "web-secret")
        }),
        ("odd", |login| {
            login.client_basic("odd:web+id%20/e", "s3c:r+t%41 &=/~\"")
        }),
    ];
    for (name, change) in clients {
        let Some((_provider, app)) = start(change).await else {
            return;
        };
        let mut browser = Browser::new();
        browser.sign_in(&app, "bob").await;
        assert_eq!(browser.me(&app).await.1["sub"], "bob", "{name}");
    }
    // A wrong secret is this application's mistake, and nobody can sign in now.
    let wrong = start(|login| login.client_basic("web", "wrong")).await;
    let Some((_provider, app)) = wrong else {
        return;
    };
    let mut browser = Browser::new();
    let callback = browser.up_to_callback(&app, "login_hint=alice").await;
    assert_eq!(browser.visit(&callback).await.status(), 503);
}

/// OpenID Connect Core section 9, `private_key_jwt`; RFC 7523 section 2.2.
#[tokio::test]
async fn a_client_proves_its_id_by_a_private_key() {
    let signer = Signer::generate(Algorithm::ES256).unwrap();
    let jwks = SigningKeys::new(signer.clone()).jwks();
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let Some(provider) = Provider::down() else {
        return;
    };
    let mut provider = provider
        .with("REDIRECT_URIS", redirect.as_str())
        .with("CLIENT_JWKS", jwks);
    provider.up().await;
    let login = builder(&provider, &redirect).client_private_key("web-key", signer);
    let app = serve(listener, &login.build().unwrap());
    let mut browser = Browser::new();
    browser.sign_in(&app, "bob").await;
    assert_eq!(browser.me(&app).await.1["sub"], "bob");

    // The provider does not know this key.
    let (listener, other) = listen().await;
    let unknown = Signer::generate(Algorithm::ES256).unwrap();
    let redirect = format!("http://{other}/callback");
    let mut provider = provider.with("REDIRECT_URIS", redirect.as_str());
    provider.stop();
    provider.up().await;
    let login = builder(&provider, &redirect).client_private_key("web-key", unknown);
    let app = serve(listener, &login.build().unwrap());
    let mut browser = Browser::new();
    let callback = browser.up_to_callback(&app, "login_hint=bob").await;
    assert_eq!(browser.visit(&callback).await.status(), 503);
}

#[tokio::test]
async fn a_client_secret_is_made_for_each_request() {
    let made = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&made);
    let secret = move || {
        let made = counted.fetch_add(1, Ordering::SeqCst);
        match made {
            0 => Ok("web-post-secret"),
            _ => Err("the key is gone"),
        }
    };
    let started = start(|login| login.client_secret_from("web-post", secret)).await;
    let Some((_provider, app)) = started else {
        return;
    };
    let mut browser = Browser::new();
    browser.sign_in(&app, "bob").await;
    assert_eq!(made.load(Ordering::SeqCst), 1);
    let mut other = Browser::new();
    let callback = other.up_to_callback(&app, "login_hint=alice").await;
    assert_eq!(other.visit(&callback).await.status(), 503);
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn keys_may_change_while_a_login_is_under_way() {
    let Some((provider, app)) = start(|login| login).await else {
        return;
    };
    let mut browser = Browser::new();
    browser.sign_in(&app, "alice").await;
    // The provider has forgotten who that was.
    let place = format!(
        "127.0.0.1:{:?}",
        Url::parse(&provider.issuer).unwrap().port()
    );
    browser.jars.remove(&place);
    let callback = browser.up_to_callback(&app, "login_hint=admin").await;
    provider.control(json!({ "rotate": "replace" })).await;
    let answer = browser.visit(&callback).await;
    assert_eq!(answer.status(), 303, "{}", text(&answer));
    // And somebody else is signed in now.
    assert_eq!(browser.me(&app).await.1["sub"], "admin");
}

#[tokio::test]
async fn a_provider_that_is_down_is_503() {
    let Some((mut provider, app)) = start(|login| login).await else {
        return;
    };
    provider.stop();
    let mut browser = Browser::new();
    let answer = browser.visit(&app.url("/login")).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(text(&answer).contains("signing in is not possible now"));
    provider.up().await;
    tokio::time::sleep(SECOND + SECOND / 4).await;
    let callback = browser.up_to_callback(&app, "login_hint=alice").await;
    for fault in [
        json!({ "path": "/token", "status": 500 }),
        json!({ "path": "/token", "reset": true }),
        json!({ "path": "/token", "body": "<html>" }),
    ] {
        provider.fault(fault.clone()).await;
        let started = Instant::now();
        let answer = browser.clone().visit(&callback).await;
        assert_eq!(answer.status(), 503, "{fault}");
        assert!(started.elapsed() < 8 * SECOND, "{fault}");
    }
    // The browser of this test is less patient than the application.
    provider
        .fault(json!({ "path": "/token", "hang": true }))
        .await;
    let cookies = browser
        .jar(&app)
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let cookies = cookies.collect::<Vec<_>>().join("; ");
    let path = callback.strip_prefix(&app.url("")).unwrap();
    let started = Instant::now();
    let mut wire = common::wire::Wire::connect(app.address).await;
    let head = format!("GET {path} HTTP/1.1\nHost: a\nCookie: {cookies}");
    assert_eq!(wire.ask(&head).await.status, 503);
    assert!(started.elapsed() < 8 * SECOND);
    provider.fault(json!(null)).await;
    assert_eq!(browser.visit(&callback).await.status(), 303);
}

/// The lifetime of access tokens in tests of refreshes, in seconds.
const AT_TTL: u64 = 40;

/// How far the application's clock is ahead. Access tokens are due after 30 seconds of 40.
#[derive(Clone, Default)]
struct Ahead(Arc<AtomicU64>);

impl Ahead {
    fn make_due(&self) {
        self.0.fetch_add(AT_TTL * 3 / 4, Ordering::SeqCst);
    }

    fn clock(&self, login: LoginBuilder) -> LoginBuilder {
        let ahead = Arc::clone(&self.0);
        login.clock(move || SystemTime::now() + SECOND * ahead.load(Ordering::SeqCst) as u32)
    }
}

#[tokio::test]
async fn requests_of_one_page_refresh_once() {
    let ahead = Ahead::default();
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let Some(provider) = Provider::down() else {
        return;
    };
    let mut provider = provider
        .with("REDIRECT_URIS", redirect.as_str())
        .with("AT_TTL", AT_TTL.to_string());
    provider.up().await;
    let login = ahead.clock(builder(&provider, &redirect)).build().unwrap();
    let app = serve(listener, &login);
    let mut browser = Browser::new();
    browser.sign_in(&app, "alice").await;
    ahead.make_due();
    let before = provider.hits("/token").await;
    let old = browser.clone();
    let mut page = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (mut browser, url) = (old.clone(), app.url("/me"));
        page.spawn(async move {
            let answer = browser.ask("GET", &url, &[]).await;
            (answer.status(), browser)
        });
    }
    let mut browsers = Vec::new();
    while let Some(answer) = page.join_next().await {
        let (status, browser) = answer.unwrap();
        assert_eq!(status, 200);
        browsers.push(browser);
    }
    assert_eq!(provider.hits("/token").await - before, 1);
    // One that was sent with the old cookie and came late.
    let mut late = old.clone();
    let (status, me) = late.me(&app).await;
    assert_eq!((status, &me["sub"]), (StatusCode::OK, &json!("alice")));
    assert_eq!(provider.hits("/token").await - before, 1);
    // The new cookie goes on from there, with tokens that the provider takes.
    ahead.make_due();
    let (status, me) = browsers[0].me(&app).await;
    assert_eq!(status, 200);
    assert_eq!(provider.hits("/token").await - before, 2);
    let bearer = format!("Bearer {}", me["token"].as_str().unwrap());
    let user_info = format!("{}/me", provider.issuer);
    let answer = Browser::new()
        .ask("GET", &user_info, &[("authorization", &bearer)])
        .await;
    assert_eq!(answer.status(), 200);
}

/// Two servers with one secret, and a store they share or none.
async fn fleet(
    store: Option<Arc<MemoryStore>>,
    in_store: bool,
    ahead: &Ahead,
) -> Option<(Provider, App, App)> {
    let ((first, address), (second, _)) = (listen().await, listen().await);
    let redirect = format!("http://{address}/callback");
    let mut provider = Provider::down()?
        .with("REDIRECT_URIS", redirect.as_str())
        .with("AT_TTL", AT_TTL.to_string());
    provider.up().await;
    let serve = |listener| {
        let mut login = ahead.clock(builder(&provider, &redirect));
        if let Some(store) = &store {
            login = login.store(Arc::clone(store));
        }
        if in_store {
            login = login.sessions_in_store();
        }
        serve(listener, &login.build().unwrap())
    };
    let (one, two) = (serve(first), serve(second));
    Some((provider, one, two))
}

#[tokio::test]
async fn a_refresh_token_that_is_used_again_ends_the_session() {
    let ahead = Ahead::default();
    let Some((provider, one, two)) = fleet(None, false, &ahead).await else {
        return;
    };
    let mut browser = Browser::new();
    browser.sign_in(&one, "alice").await;
    ahead.make_due();
    let old = browser.jar(&one).clone();
    assert_eq!(browser.me(&one).await.0, 200);
    *browser.jar(&two) = old;
    let answer = browser.ask("GET", &two.url("/me"), &[]).await;
    assert_eq!(answer.status(), 401);
    // The cookie is taken back.
    assert!(!browser.jar(&two).contains_key("__Host-session"));
    // The provider has ended the family, so that the thief's is over, too.
    ahead.make_due();
    assert_eq!(browser.me(&one).await.0, 401);
    drop(provider);
}

#[tokio::test]
async fn servers_that_share_a_store_refresh_once_between_them() {
    for in_store in [false, true] {
        let store = Some(Arc::new(MemoryStore::new()));
        let ahead = Ahead::default();
        let Some((provider, one, two)) = fleet(store, in_store, &ahead).await else {
            return;
        };
        let mut browser = Browser::new();
        browser.sign_in(&one, "alice").await;
        let cookies = browser.jar(&one).clone();
        *browser.jar(&two) = cookies;
        ahead.make_due();
        let before = provider.hits("/token").await;
        let (mut a, mut b) = (browser.clone(), browser.clone());
        let (a, b) = tokio::join!(a.me(&one), b.me(&two));
        assert_eq!((a.0, b.0), (StatusCode::OK, StatusCode::OK), "{in_store}");
        if !in_store {
            assert_eq!(provider.hits("/token").await - before, 1);
            assert_eq!(a.1["token"], b.1["token"]);
        }
        assert_eq!(browser.me(&two).await.0, 200);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_at_a_refresh_is_503_once_the_token_expired() {
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let Some(provider) = Provider::down() else {
        return;
    };
    let provider = provider.with("REDIRECT_URIS", redirect.as_str());
    let mut provider = provider.with("AT_TTL", "4");
    provider.up().await;
    let login = builder(&provider, &redirect).build().unwrap();
    let app = serve(listener, &login);
    let mut browser = Browser::new();
    browser.sign_in(&app, "alice").await;
    provider
        .fault(json!({ "path": "/token", "status": 503 }))
        .await;
    let (status, me) = browser.me(&app).await;
    assert_eq!((status, &me["sub"]), (StatusCode::OK, &json!("alice")));
    tokio::time::sleep(5 * SECOND).await;
    let answer = browser.ask("GET", &app.url("/me"), &[]).await;
    assert_eq!(answer.status(), 503);
    provider.fault(json!(null)).await;
    tokio::time::sleep(5 * SECOND + SECOND / 4).await;
    assert_eq!(browser.me(&app).await.0, 200);
}

#[tokio::test]
async fn a_log_out_ends_the_session_here_and_there() {
    let store = Arc::new(MemoryStore::new());
    let Some((provider, app)) = start(|login| login.store(store)).await else {
        return;
    };
    let mut browser = Browser::new();
    browser.sign_in(&app, "alice").await;
    let copy = browser.clone();
    // Another site cannot log anybody out, and a link does not.
    for (method, site) in [
        ("GET", Some("cross-site")),
        ("GET", None),
        ("POST", Some("cross-site")),
    ] {
        let fields: Vec<_> = site
            .map(|site| ("sec-fetch-site", site))
            .into_iter()
            .collect();
        let answer = browser.ask(method, &app.url("/logout"), &fields).await;
        assert_eq!(answer.status(), 403, "{method} {site:?}");
    }
    assert_eq!(browser.me(&app).await.0, 200);
    let own = [("sec-fetch-site", "same-origin")];
    let answer = browser.ask("POST", &app.url("/logout"), &own).await;
    assert_eq!(answer.status(), 303);
    let end = location(&answer).unwrap();
    assert!(
        end.starts_with(&format!("{}/session/end?", provider.issuer)),
        "{end}"
    );
    assert_eq!(parameter(&end, "client_id").as_deref(), Some("web"));
    assert_eq!(
        parameter(&end, "id_token_hint").unwrap().split('.').count(),
        3
    );
    // In the background.
    let started = Instant::now();
    while provider.hits("/token/revocation").await != 1 {
        assert!(started.elapsed() < 10 * SECOND, "no token was revoked");
        tokio::time::sleep(SECOND / 20).await;
    }
    assert!(browser.jar(&app).is_empty(), "{:?}", browser.jar(&app));
    assert_eq!(browser.me(&app).await.0, 401);
    // A copy of the cookie is over with it.
    assert_eq!(copy.clone().me(&app).await.0, 401);
    // Without a session here, the one at the provider is ended all the same.
    let answer = browser.ask("POST", &app.url("/logout"), &own).await;
    assert_eq!(answer.status(), 303);
    let end = location(&answer).unwrap();
    assert_eq!(parameter(&end, "client_id").as_deref(), Some("web"));
    assert_eq!(parameter(&end, "id_token_hint"), None);
}

#[tokio::test]
async fn back_channel_log_out_ends_the_session() {
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let Some(provider) = Provider::down() else {
        return;
    };
    let mut provider = provider
        .with("REDIRECT_URIS", redirect.as_str())
        .with("BACKCHANNEL_URI", format!("http://{address}/backchannel"));
    provider.up().await;
    let login = builder(&provider, &redirect)
        .store(MemoryStore::new())
        .backchannel_logout_path("/backchannel")
        .build()
        .unwrap();
    let app = serve(listener, &login);
    let mut browser = Browser::new();
    browser.sign_in(&app, "alice").await;
    let mut other = Browser::new();
    other.sign_in(&app, "alice").await;
    assert_eq!(browser.me(&app).await.0, 200);
    // At the provider itself: its form is confirmed.
    let page = browser
        .visit(&format!("{}/session/end", provider.issuer))
        .await;
    let page = text(&page);
    let xsrf = page.split("name=\"xsrf\" value=\"").nth(1).unwrap();
    let xsrf = xsrf.split('"').next().unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let confirm = format!("{}/session/end/confirm", provider.issuer);
    let answer = browser
        .send("POST", &confirm, &form, &format!("xsrf={xsrf}&logout=yes"))
        .await;
    assert!(
        answer.status().is_redirection() || answer.status() == 200,
        "{answer:?}"
    );
    let started = Instant::now();
    while browser.me(&app).await.0 != 401 {
        assert!(started.elapsed() < 10 * SECOND, "the session lives on");
        tokio::time::sleep(SECOND / 20).await;
    }
    // It was that session, and not the subject.
    assert_eq!(other.me(&app).await.0, 200);
    let url = app.url("/backchannel");
    for body in ["", "logout_token=", "logout_token=a.b.c", "x=y"] {
        assert_eq!(
            browser.send("POST", &url, &form, body).await.status(),
            400,
            "{body}"
        );
    }
    assert_eq!(browser.ask("GET", &url, &[]).await.status(), 405);
}

#[tokio::test]
async fn a_modified_session_cookie_is_rejected() {
    let Some((_provider, app)) = start(|login| login).await else {
        return;
    };
    let mut browser = Browser::new();
    browser.sign_in(&app, "alice").await;
    let value = browser.jar(&app)["__Host-session"].clone();
    for i in (0..value.len()).step_by(97) {
        let mut bytes = value.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let mut forged = browser.clone();
        let flipped = String::from_utf8(bytes).unwrap();
        forged.jar(&app).insert("__Host-session".into(), flipped);
        assert_eq!(forged.me(&app).await.0, 401, "{i}");
    }
    let twice = format!("__Host-session={value}; __Host-session={value}");
    let answer = Browser::new()
        .ask("GET", &app.url("/me"), &[("cookie", &twice)])
        .await;
    assert_eq!(answer.status(), 400);
    assert_eq!(browser.me(&app).await.0, 200);
}
