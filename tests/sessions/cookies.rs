//! Tokens in cookies: attributes, clearing, renewal, and protection from other sites.

use crate::common::events;
use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, Method, Request, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower::ServiceExt;
use tower_auth::{
    AuthLayer, Identity, Rejection, RequireLayer,
    authz::{authenticated_within, fresh},
    clock::Clock,
    issue::{
        BrowserSessions, Cookies, CredentialEndpointLayer, RenewLayer, SameSite, Signer,
        SigningKeys, TokenIssuer, TokenSubject,
    },
    jwt::Algorithm,
    store::MemoryStore,
};

const ISSUER: &str = "https://api.example.com/";

#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(SeqCst))
    }
}

/// A browser, as far as cookies go.
#[derive(Default)]
struct Jar(Mutex<Vec<(String, String)>>);

impl Jar {
    fn header(&self) -> String {
        let jar = self.0.lock().unwrap();
        let pairs = jar.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn get(&self, name: &str) -> Option<String> {
        let jar = self.0.lock().unwrap();
        jar.iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    }

    fn keep(&self, headers: &HeaderMap) {
        let mut jar = self.0.lock().unwrap();
        for line in headers.get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            let (name, rest) = line.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            jar.retain(|(n, _)| n != name);
            if !line.contains("Max-Age=0") {
                jar.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

struct App {
    router: Router,
    tokens: TokenIssuer,
    hand: Hand,
    jar: Jar,
}

#[derive(Clone)]
struct Shared {
    tokens: TokenIssuer,
    cookies: Cookies,
}

async fn login(State(app): State<Shared>) -> Result<Response, Rejection> {
    let issued = app.tokens.start_session(TokenSubject::new("42")).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    app.cookies.set(&issued, response.headers_mut())?;
    Ok(response)
}

async fn refresh(State(app): State<Shared>, request: Request<Body>) -> Result<Response, Rejection> {
    let (head, _): (Parts, _) = request.into_parts();
    let token = app
        .cookies
        .refresh_token(&head)?
        .ok_or_else(Rejection::missing)?;
    let issued = app.tokens.refresh(&token).await?;
    let mut response = issued.clone().into_response();
    app.cookies.set(&issued, response.headers_mut())?;
    Ok(response)
}

async fn logout(State(app): State<Shared>, identity: Identity) -> Result<Response, Rejection> {
    app.tokens.end_session(&identity).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    app.cookies.clear(response.headers_mut());
    Ok(response)
}

async fn form(State(app): State<Shared>, identity: Identity) -> String {
    app.tokens.csrf().token_for(&identity).unwrap_or_default()
}

/// The form is in the query, which is shorter to write than a body.
async fn submit(
    State(app): State<Shared>,
    identity: Identity,
    RawQuery(form): RawQuery,
) -> Result<(), Rejection> {
    let token = form.unwrap_or_default();
    app.tokens.csrf().verify(&identity, &token)
}

/// A sign-in, a renewal and a log-out by one object.
async fn one_object(
    State(app): State<Shared>,
    Path(action): Path<String>,
    head: Parts,
) -> Result<Response, Rejection> {
    let sessions = BrowserSessions::new(app.tokens, app.cookies);
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    match action.as_str() {
        "begin" => drop(
            sessions
                .begin(TokenSubject::new("42"), &head, headers)
                .await?,
        ),
        "refresh" => drop(sessions.refresh(&head, headers).await?),
        _ => sessions.end(&head, headers).await?,
    }
    Ok(response)
}

async fn whoami(identity: Identity) -> String {
    identity.subject().to_owned()
}

impl App {
    fn new(cookies: &Cookies) -> Self {
        let hand = Hand(Arc::new(AtomicU64::new(1_800_000_000)));
        let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap());
        let tokens = TokenIssuer::issuer(ISSUER, keys)
            .audience(ISSUER)
            .store(MemoryStore::new(), [7; 32])
            .clock(hand.clone())
            .build()
            .unwrap();
        let clock = hand.clone();
        let recent = authenticated_within(Duration::from_secs(300));
        let cookies = cookies.clone().with_csrf(&tokens);
        let shared = Shared {
            tokens: tokens.clone(),
            cookies: cookies.clone(),
        };
        let inside = Router::new()
            .route("/whoami", get(whoami).post(whoami))
            .route("/logout", post(logout))
            .route(
                "/csrf",
                get(whoami)
                    .post(whoami)
                    .route_layer(RequireLayer::new(tokens.csrf())),
            )
            .route("/inside/{action}", post(one_object))
            .route("/form", get(form).post(submit))
            .route(
                "/fresh",
                get(whoami).route_layer(RequireLayer::new(fresh())),
            )
            .route(
                "/recent",
                get(whoami).route_layer(RequireLayer::new(recent.with_clock(clock))),
            )
            .layer(AuthLayer::new(cookies.bearer(tokens.verifier().unwrap())));
        let outside = Router::new()
            .route("/login", post(login))
            .route("/sessions/{action}", post(one_object))
            .route("/refresh", post(refresh))
            .layer(CredentialEndpointLayer::new());
        Self {
            router: inside.merge(outside).with_state(shared),
            tokens,
            hand,
            jar: Jar::default(),
        }
    }

    fn renewing(cookies: Cookies) -> Self {
        let app = Self::new(&cookies);
        let renew = RenewLayer::new(app.tokens.clone(), cookies.with_csrf(&app.tokens));
        Self {
            router: app.router.layer(renew),
            ..app
        }
    }

    async fn send(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api.example.com")
            .header("sec-fetch-site", "same-origin");
        let cookies = self.jar.header();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies);
        }
        let mut request = request.body(Body::empty()).unwrap();
        for (name, value) in fields {
            let name = header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        self.jar.keep(response.headers());
        response
    }

    async fn get(&self, path: &str) -> StatusCode {
        self.send(Method::GET, path, &[]).await.status()
    }

    async fn post(&self, path: &str) -> StatusCode {
        self.send(Method::POST, path, &[]).await.status()
    }
}

fn set_cookies(response: &Response) -> Vec<String> {
    let lines = response.headers().get_all(header::SET_COOKIE).iter();
    lines
        .map(|line| line.to_str().unwrap().to_owned())
        .collect()
}

/// RFC 6265bis sections 4.1.2 and 4.1.3.
#[tokio::test]
async fn cookies_cannot_be_read_by_scripts_nor_set_by_other_hosts() {
    let app = App::new(&Cookies::new());
    let response = app.send(Method::POST, "/login", &[]).await;
    let lines = set_cookies(&response);
    assert!(lines[0].starts_with("__Host-access=ey"));
    assert!(lines[0].ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=900"));
    assert!(lines[1].starts_with("__Host-refresh=rt_"));
    assert!(lines[1].ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000"));
    assert!(lines[2].starts_with("__Host-csrf="));
    assert!(lines[2].ends_with("; Path=/; Secure; SameSite=Lax; Max-Age=2592000"));
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(app.get("/whoami").await, 200);
}

#[tokio::test]
async fn names_paths_and_lifetimes_can_be_set() {
    let cookies = Cookies::new()
        .named("shop")
        .refresh_path("/refresh")
        .same_site(SameSite::Strict)
        .lifetime(Duration::from_secs(3600));
    let app = App::new(&cookies);
    let lines = set_cookies(&app.send(Method::POST, "/login", &[]).await);
    assert!(lines[0].starts_with("__Host-shop-access=ey"));
    assert!(lines[0].ends_with("; SameSite=Strict; Max-Age=900"));
    assert!(lines[1].starts_with("__Secure-shop-refresh=rt_"));
    assert!(lines[1].ends_with("; Path=/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=3600"));
    let app = App::new(&Cookies::new().path("/api").until_browser_closes());
    let lines = set_cookies(&app.send(Method::POST, "/login", &[]).await);
    assert!(lines[0].starts_with("__Secure-access=ey"));
    assert!(lines[0].ends_with("; Path=/api; Secure; HttpOnly; SameSite=Lax"));
    // The double-submit token lives as long as its session.
    assert!(lines[2].starts_with("__Secure-csrf="));
    assert!(lines[2].ends_with("; Path=/api; Secure; SameSite=Lax"));
}

#[test]
fn cookies_without_secure_are_for_http_on_loopback_only() {
    for url in [
        "http://localhost",
        "http://localhost:3000/app",
        "http://127.0.0.1:3000",
        "http://[::1]:3000",
    ] {
        let cookies = Cookies::new().dangerous_insecure_cookies_on_loopback(url);
        let mut headers = HeaderMap::new();
        cookies
            .named("shop")
            .refresh_path("/refresh")
            .clear(&mut headers);
        let lines = headers.get_all(header::SET_COOKIE).iter();
        let lines: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
        assert_eq!(
            lines,
            [
                "shop-access=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0",
                "shop-refresh=; Path=/refresh; HttpOnly; SameSite=Lax; Max-Age=0",
            ]
        );
    }
    for url in [
        "",
        "localhost:3000",
        "https://localhost",
        "http://example.com",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
    ] {
        let insecure = || Cookies::new().dangerous_insecure_cookies_on_loopback(url);
        assert!(std::panic::catch_unwind(insecure).is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_browser_stays_signed_in_by_cookies_without_secure() {
    let cookies = Cookies::new().dangerous_insecure_cookies_on_loopback("http://localhost:3000");
    let app = App::renewing(cookies);
    app.post("/login").await;
    assert!(app.jar.get("csrf").is_some());
    assert_eq!(app.get("/whoami").await, 200);
    app.hand.pass(675);
    let response = app.send(Method::GET, "/whoami", &[]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(set_cookies(&response).len(), 3);
    assert_eq!(app.post("/logout").await, 204);
    assert_eq!(app.jar.header(), "");
}

#[tokio::test]
async fn an_access_token_that_browsers_would_drop_is_an_error_at_login() {
    let app = App::new(&Cookies::new());
    let issued = async |bytes: usize| {
        let grant = TokenSubject::new("42").with_claim("long", "x".repeat(bytes));
        app.tokens.start_session(grant.unwrap()).await.unwrap()
    };
    let name = "__Host-access".len();
    let mut bytes = 2_000;
    while name + issued(bytes).await.access_token().expose().len() <= 4096 {
        bytes += 1;
    }
    for (bytes, is_set) in [(bytes - 1, true), (bytes, false)] {
        let mut headers = HeaderMap::new();
        let set = Cookies::new().set(&issued(bytes).await, &mut headers);
        assert_eq!(set.is_ok(), is_set);
        assert_eq!(headers.len(), if is_set { 2 } else { 0 });
    }
}

/// The roles of a session may grow while it lives.
#[tokio::test]
async fn a_session_continues_if_its_access_token_grows_too_long() {
    let hand = Hand(Arc::new(AtomicU64::new(1_800_000_000)));
    let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap());
    let tokens = TokenIssuer::issuer(ISSUER, keys)
        .audience(ISSUER)
        .reload(|grant: TokenSubject| Ok(Some(grant.with_role("r".repeat(4_000)))))
        .clock(hand.clone())
        .build()
        .unwrap();
    let cookies = Cookies::new();
    let router = Router::new()
        .route("/whoami", get(whoami))
        .layer(AuthLayer::new(cookies.bearer(tokens.verifier().unwrap())))
        .layer(RenewLayer::new(tokens.clone(), cookies.clone()));
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let mut headers = HeaderMap::new();
    cookies.set(&issued, &mut headers).unwrap();
    let app = App {
        router,
        tokens,
        hand,
        jar: Jar::default(),
    };
    app.jar.keep(&headers);
    for _ in 0..3 {
        app.hand.pass(2_000);
        let response = app.send(Method::GET, "/whoami", &[]).await;
        assert_eq!(response.status(), 200);
        let lines = set_cookies(&response);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("__Host-refresh=rt_"));
    }
}

#[tokio::test]
async fn a_session_lives_by_its_cookies_and_ends_with_log_out() {
    let app = App::new(&Cookies::new());
    assert_eq!(app.get("/whoami").await, 401);
    assert_eq!(app.post("/login").await, 204);
    let first = app.jar.header();
    assert_eq!(app.get("/whoami").await, 200);
    app.hand.pass(10);
    let response = app.send(Method::POST, "/refresh", &[]).await;
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["token_type"], "Bearer");
    assert_ne!(app.jar.header(), first);
    assert_eq!(app.get("/whoami").await, 200);
    let kept = app.jar.header();
    assert_eq!(app.post("/logout").await, 204);
    assert_eq!(app.jar.get("__Host-access"), None);
    assert_eq!(app.jar.get("__Host-refresh"), None);
    // Whoever kept them has nothing.
    for path in ["/whoami", "/refresh"] {
        let method = if path == "/refresh" {
            Method::POST
        } else {
            Method::GET
        };
        let response = app.send(method, path, &[("cookie", &kept)]).await;
        assert_eq!(response.status(), 401, "{path}");
        assert!(
            response.headers().contains_key(header::WWW_AUTHENTICATE),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_cookie_that_is_permanently_invalid_is_cleared() {
    let app = App::new(&Cookies::new());
    app.post("/login").await;
    app.hand.pass(2000);
    let response = app.send(Method::GET, "/whoami", &[]).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        set_cookies(&response),
        ["__Host-access=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"]
    );
    assert_eq!(
        app.post("/refresh").await,
        200,
        "the refresh token is good all the same"
    );
    // A token in `Authorization` clears nothing.
    let response = app
        .send(Method::GET, "/whoami", &[("authorization", "Bearer x.y.z")])
        .await;
    assert_eq!(response.status(), 401);
    assert!(set_cookies(&response).is_empty());
}

#[tokio::test]
async fn an_explicit_token_goes_before_the_cookie() {
    let app = App::new(&Cookies::new());
    app.post("/login").await;
    let token = app.tokens.access_token(TokenSubject::new("43")).unwrap();
    let field = format!("bearer {}", token.expose());
    let response = app
        .send(Method::GET, "/whoami", &[("authorization", &field)])
        .await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "43");
}

#[tokio::test]
async fn other_sites_can_neither_log_in_nor_use_the_cookies() {
    let app = App::new(&Cookies::new());
    app.post("/login").await;
    let cross = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    for path in ["/login", "/refresh", "/logout", "/whoami"] {
        let response = app.send(Method::POST, path, &cross).await;
        assert_eq!(response.status(), 403, "{path}");
        assert!(set_cookies(&response).is_empty(), "{path}");
    }
    assert_eq!(app.send(Method::GET, "/whoami", &cross).await.status(), 200);
    let bearer = app.tokens.access_token(TokenSubject::new("43")).unwrap();
    let field = format!("Bearer {}", bearer.expose());
    let explicit = [cross[0], cross[1], ("authorization", &field)];
    assert_eq!(
        app.send(Method::POST, "/whoami", &explicit).await.status(),
        200
    );
}

#[tokio::test]
async fn the_double_submit_token_is_bound_to_its_session() {
    let app = App::new(&Cookies::new());
    app.post("/login").await;
    let token = app.jar.get("__Host-csrf").unwrap();
    assert_eq!(app.get("/csrf").await, 200);
    assert_eq!(app.post("/csrf").await, 403);
    let with = |token: &str| [("x-csrf-token", token.to_owned())];
    for (token, status) in [
        (token.as_str(), 200),
        ("", 403),
        ("AAAA", 403),
        (&token[1..], 403),
    ] {
        let [(name, value)] = with(token);
        let response = app.send(Method::POST, "/csrf", &[(name, &value)]).await;
        assert_eq!(response.status(), status, "{token}");
    }
    // Another session's token.
    app.post("/login").await;
    let response = app
        .send(Method::POST, "/csrf", &[("x-csrf-token", &token)])
        .await;
    assert_eq!(response.status(), 403);
    // A renewed session keeps its token.
    let token = app.jar.get("__Host-csrf").unwrap();
    app.post("/refresh").await;
    let response = app
        .send(Method::POST, "/csrf", &[("x-csrf-token", &token)])
        .await;
    assert_eq!(response.status(), 200);
    // An explicit credential needs none.
    let bearer = app.tokens.access_token(TokenSubject::new("43")).unwrap();
    let field = format!("Bearer {}", bearer.expose());
    let response = app
        .send(Method::POST, "/csrf", &[("authorization", &field)])
        .await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_form_carries_the_double_submit_token_of_its_session() {
    let app = App::new(&Cookies::new());
    app.post("/login").await;
    let response = app.send(Method::GET, "/form", &[]).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let token = String::from_utf8(body.into()).unwrap();
    assert_eq!(app.jar.get("__Host-csrf").unwrap(), token);
    for (query, status) in [
        (token.clone(), 200),
        (String::new(), 403),
        ("AAAA".to_owned(), 403),
        (token[1..].to_owned(), 403),
    ] {
        let path = format!("/form?{query}");
        assert_eq!(app.post(&path).await, status, "{path}");
    }
    app.post("/refresh").await;
    assert_eq!(app.post(&format!("/form?{token}")).await, 200);
    app.post("/login").await;
    assert_eq!(app.post(&format!("/form?{token}")).await, 403);
    // An explicit credential needs no token, and has none without a session.
    let bearer = app.tokens.access_token(TokenSubject::new("43")).unwrap();
    let field = format!("Bearer {}", bearer.expose());
    let fields = [("authorization", field.as_str())];
    let response = app.send(Method::POST, "/form", &fields).await;
    assert_eq!(response.status(), 200);
    let response = app.send(Method::GET, "/form", &fields).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.is_empty());
    // A session of another issuer has the same id by chance, or by intent.
    let session = "x";
    let foreign = Identity::new("42").with_session_id(session);
    let own = foreign.clone().with_issuer(ISSUER);
    let foreign = foreign.with_issuer("https://other.example/");
    assert!(app.tokens.csrf().token_for(&own).is_some());
    assert_eq!(app.tokens.csrf().token_for(&foreign), None);
}

#[tokio::test]
async fn the_choice_to_be_remembered_survives_renewals() {
    for (remember, configured, is_kept) in [
        (Some(false), Cookies::new(), false),
        (Some(true), Cookies::new(), true),
        (None, Cookies::new(), true),
        (Some(false), Cookies::new().until_browser_closes(), false),
        (Some(true), Cookies::new().until_browser_closes(), true),
        (None, Cookies::new().until_browser_closes(), false),
        (
            Some(false),
            Cookies::new().lifetime(Duration::from_secs(9)),
            false,
        ),
    ] {
        let app = App::renewing(configured.clone());
        let mut subject = TokenSubject::new("42");
        if let Some(remember) = remember {
            subject = subject.with_remember(remember);
        }
        let issued = app.tokens.start_session(subject).await.unwrap();
        let mut response = ().into_response();
        let cookies = configured.with_csrf(&app.tokens);
        cookies.set(&issued, response.headers_mut()).unwrap();
        app.jar.keep(response.headers());
        let mut responses = vec![response];
        for _ in 0..2 {
            app.hand.pass(14 * 60);
            responses.push(app.send(Method::GET, "/whoami", &[]).await);
        }
        for response in responses {
            assert_eq!(response.status(), 200);
            let lines = set_cookies(&response);
            // The double-submit token lives as long as the session.
            assert_eq!(lines.len(), 3, "{lines:?}");
            for line in lines {
                assert_eq!(line.contains("; Max-Age="), is_kept, "{remember:?} {line}");
            }
        }
    }
}

#[tokio::test]
async fn one_object_begins_renews_and_ends_the_session_of_a_browser() {
    let app = App::new(&Cookies::new());
    assert_eq!(app.post("/sessions/refresh").await, 401);
    assert_eq!(app.post("/sessions/begin").await, 204);
    assert_eq!(app.get("/whoami").await, 200);
    let earlier = app.jar.header();
    // Another sign-in ends the session whose cookies it replaces.
    assert_eq!(app.post("/sessions/begin").await, 204);
    assert_eq!(app.get("/whoami").await, 200);
    assert_eq!(app.tokens.sessions("42").await.unwrap().sessions().len(), 1);
    let fields = [("cookie", earlier.as_str())];
    let response = app.send(Method::GET, "/whoami", &fields).await;
    assert_eq!(response.status(), 401);
    // That response has cleared the cookie of the browser.
    assert_eq!(app.post("/sessions/refresh").await, 204);
    assert_eq!(app.get("/whoami").await, 200);
    // By the refresh token, as where no layer stands in front.
    let kept = app.jar.header();
    assert_eq!(app.post("/sessions/end").await, 204);
    assert_eq!(app.jar.header(), "");
    let fields = [("cookie", kept.as_str())];
    let response = app.send(Method::GET, "/whoami", &fields).await;
    assert_eq!(response.status(), 401);
    assert_eq!(app.post("/sessions/end").await, 204);
    // By the identity and the refresh token of one session: once.
    events::record();
    app.post("/sessions/begin").await;
    let id = app.tokens.sessions("42").await.unwrap().sessions()[0]
        .id()
        .to_owned();
    assert_eq!(app.post("/inside/end").await, 204);
    let lines = events::LINES.lock().unwrap().join("\n");
    let is_it = |line: &&str| line.contains("a session was ended") && line.contains(&id);
    assert_eq!(lines.lines().filter(is_it).count(), 1, "{lines}");
    // By the access token.
    let subject = TokenSubject::new("42");
    let issued = app.tokens.start_session(subject).await.unwrap();
    let field = format!("Bearer {}", issued.access_token().expose());
    let fields = [("authorization", field.as_str())];
    for status in [204, 401] {
        let response = app.send(Method::POST, "/inside/end", &fields).await;
        assert_eq!(response.status(), status);
    }
    assert!(
        app.tokens
            .sessions("42")
            .await
            .unwrap()
            .sessions()
            .is_empty()
    );
}

/// RFC 9470 section 3.
#[tokio::test]
async fn a_login_that_is_too_old_must_be_repeated() {
    let app = App::new(&Cookies::new());
    app.post("/login").await;
    assert_eq!(app.get("/fresh").await, 200);
    assert_eq!(app.get("/recent").await, 200);
    app.hand.pass(300);
    assert_eq!(app.get("/recent").await, 200);
    app.hand.pass(1);
    let response = app.send(Method::GET, "/recent", &[]).await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()[header::WWW_AUTHENTICATE],
        r#"Bearer realm="api", error="insufficient_user_authentication", error_description="a stronger or more recent login is required", max_age="300""#
    );
    assert_eq!(app.get("/fresh").await, 200);
    app.post("/refresh").await;
    let response = app.send(Method::GET, "/fresh", &[]).await;
    assert_eq!(response.status(), 401);
    let challenge = response.headers()[header::WWW_AUTHENTICATE]
        .to_str()
        .unwrap();
    assert!(challenge.contains("insufficient_user_authentication"));
    // Its cookie is good: it is not cleared.
    assert!(set_cookies(&response).is_empty());
}

#[tokio::test]
async fn a_session_renews_itself_transparently() {
    let app = App::renewing(Cookies::new());
    app.post("/login").await;
    app.hand.pass(674);
    let response = app.send(Method::GET, "/whoami", &[]).await;
    assert!(set_cookies(&response).is_empty(), "there is time");
    app.hand.pass(1);
    let response = app.send(Method::GET, "/whoami", &[]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(set_cookies(&response).len(), 3);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    // Also when it is over, and when the browser has dropped it.
    app.hand.pass(5000);
    assert_eq!(app.get("/whoami").await, 200);
    app.jar
        .0
        .lock()
        .unwrap()
        .retain(|(name, _)| name != "__Host-access");
    assert_eq!(app.get("/whoami").await, 200);
    // Not for who brings a token, though it is bad.
    app.hand.pass(5000);
    let response = app
        .send(Method::GET, "/whoami", &[("authorization", "Bearer x.y.z")])
        .await;
    assert_eq!(response.status(), 401);
    assert!(set_cookies(&response).is_empty());
}

#[tokio::test]
async fn a_log_out_that_renews_stays_a_log_out() {
    let app = App::renewing(Cookies::new());
    app.post("/login").await;
    app.hand.pass(2000);
    let response = app.send(Method::POST, "/logout", &[]).await;
    assert_eq!(response.status(), 204);
    let lines = set_cookies(&response);
    assert!(
        lines.iter().all(|line| line.contains("Max-Age=0")),
        "{lines:?}"
    );
    assert_eq!(app.get("/whoami").await, 401);
}

#[tokio::test]
async fn an_ended_session_is_cleared_once() {
    let app = App::renewing(Cookies::new());
    app.post("/login").await;
    app.hand.pass(31 * 24 * 3600);
    let response = app.send(Method::GET, "/whoami", &[]).await;
    assert_eq!(response.status(), 401);
    assert_eq!(set_cookies(&response).len(), 3);
    assert_eq!(app.jar.header(), "");
}

/// The endpoint sees the new refresh token, as if the browser had sent it.
#[tokio::test]
async fn a_refresh_inside_of_a_renewing_layer_is_one_more() {
    let app = App::renewing(Cookies::new());
    app.post("/login").await;
    app.hand.pass(2000);
    assert_eq!(app.post("/refresh").await, 200);
    assert_eq!(app.get("/whoami").await, 200);
    app.hand.pass(2000);
    assert_eq!(app.post("/refresh").await, 200);
}

#[tokio::test]
async fn requests_sent_at_once_renew_to_one_refresh_token() {
    let app = App::renewing(Cookies::new());
    app.post("/login").await;
    app.hand.pass(2000);
    let sent = app.jar.header();
    let mut refreshed = std::collections::HashSet::new();
    for _ in 0..10 {
        let response = app.send(Method::GET, "/whoami", &[("cookie", &sent)]).await;
        assert_eq!(response.status(), 200);
        refreshed.insert(app.jar.get("__Host-refresh").unwrap());
    }
    assert_eq!(refreshed.len(), 1);
}

/// An application behind a `RenewLayer` whose handler takes as long as the test wants.
fn slow(app: &App, cookies: Cookies, gate: &Arc<tokio::sync::Semaphore>) -> Router {
    let gate = Arc::clone(gate);
    let slow = move |_: Identity| {
        let gate = Arc::clone(&gate);
        async move { gate.acquire().await.unwrap().forget() }
    };
    Router::new()
        .route("/slow", get(slow))
        .route("/whoami", get(whoami))
        .layer(AuthLayer::new(
            cookies.bearer(app.tokens.verifier().unwrap()),
        ))
        .layer(RenewLayer::new(app.tokens.clone(), cookies))
}

#[tokio::test]
async fn a_slow_handler_does_not_end_a_session_renewed_meanwhile() {
    let app = App::new(&Cookies::new());
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let router = slow(&app, Cookies::new(), &gate);
    let app = App { router, ..app };
    let issued = app
        .tokens
        .start_session(TokenSubject::new("42"))
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    Cookies::new().set(&issued, &mut headers).unwrap();
    app.jar.keep(&headers);
    app.hand.pass(675);
    let sent = app.jar.header();
    let begun = Request::get("/slow")
        .header("cookie", &sent)
        .header("sec-fetch-site", "same-origin")
        .body(Body::empty())
        .unwrap();
    let begun = tokio::spawn(app.router.clone().oneshot(begun));
    tokio::task::yield_now().await;
    // Within the retry window: the same tokens again. After it: as the request came.
    for (seconds, cookies) in [(110, 2), (20, 0), (94, 0)] {
        app.hand.pass(seconds);
        let response = app.send(Method::GET, "/whoami", &[("cookie", &sent)]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(set_cookies(&response).len(), cookies, "{seconds}");
    }
    gate.add_permits(1);
    let response = begun.await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    app.jar.keep(response.headers());
    assert_ne!(app.jar.header(), sent);
    app.hand.pass(675);
    let response = app.send(Method::GET, "/whoami", &[]).await;
    assert_eq!(
        (response.status(), set_cookies(&response).len()),
        (StatusCode::OK, 2)
    );
}

/// A page that is open to anonymous callers, whose handler takes as long as the test wants, beside
/// `/whoami`; with or without a `RenewLayer`.
fn open_page(
    app: &App,
    cookies: &Cookies,
    renews: bool,
    gate: &Arc<tokio::sync::Semaphore>,
) -> Router {
    let gate = Arc::clone(gate);
    let page = move |identity: Option<Identity>| async move {
        gate.acquire().await.unwrap().forget();
        identity.map_or("anonymous".to_owned(), |identity| {
            identity.subject().to_owned()
        })
    };
    let auth = AuthLayer::new(cookies.bearer(app.tokens.verifier().unwrap())).optional();
    let router = Router::new()
        .route("/page", get(page))
        .route("/whoami", get(whoami))
        .layer(auth);
    match renews {
        true => router.layer(RenewLayer::new(app.tokens.clone(), cookies.clone())),
        false => router,
    }
}

const NAVIGATION: [(&str, &str); 3] = [
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "same-origin"),
];

fn navigation(path: &str, cookies: &str) -> Request<Body> {
    let request = Request::get(path).header("cookie", cookies);
    let request = NAVIGATION
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, *value));
    request.body(Body::empty()).unwrap()
}

async fn text(response: Response) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn an_expired_cookie_on_an_open_page_is_cleared_by_a_navigation_only() {
    let cookies = Cookies::new();
    let app = App::new(&cookies);
    let gate = Arc::new(tokio::sync::Semaphore::new(9));
    let router = open_page(&app, &cookies, false, &gate);
    app.post("/login").await;
    app.hand.pass(2000);
    let sent = app.jar.header();
    let script = Request::get("/page")
        .header("cookie", &sent)
        .header("sec-fetch-mode", "cors");
    let response = router
        .clone()
        .oneshot(script.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert!(set_cookies(&response).is_empty());
    assert_eq!(text(response).await, "anonymous");
    let response = router
        .clone()
        .oneshot(navigation("/page", &sent))
        .await
        .unwrap();
    // The refresh token is valid.
    assert_eq!(
        set_cookies(&response),
        ["__Host-access=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"]
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(text(response).await, "anonymous");
    // A cookie that another application of the host may have set.
    let foreign = navigation("/page", "__Host-access=eyJhbGciOiJIUzI1NiJ9.e30.AAAA");
    let response = router.oneshot(foreign).await.unwrap();
    assert!(set_cookies(&response).is_empty());
    assert_eq!(text(response).await, "anonymous");
}

#[tokio::test]
async fn a_log_in_during_a_slow_page_with_old_cookies_loses_nothing() {
    for renews in [false, true] {
        let cookies = Cookies::new();
        let app = App::new(&cookies);
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let router = open_page(&app, &cookies, renews, &gate);
        app.post("/login").await;
        // Both tokens have expired, and the browser has kept them.
        app.hand.pass(31 * 24 * 3600);
        let page = router
            .clone()
            .oneshot(navigation("/page", &app.jar.header()));
        let page = tokio::spawn(page);
        tokio::task::yield_now().await;
        app.post("/login").await;
        let new = app.jar.header();
        gate.add_permits(1);
        let response = page.await.unwrap().unwrap();
        app.jar.keep(response.headers());
        assert_eq!(text(response).await, "anonymous");
        assert_eq!(app.jar.header(), new, "renews={renews}");
        let response = router.oneshot(navigation("/whoami", &new)).await.unwrap();
        assert_eq!(text(response).await, "42");
    }
}

#[tokio::test]
async fn a_renewal_during_a_slow_page_with_an_expired_token_loses_nothing() {
    let cookies = Cookies::new();
    let app = App::new(&cookies);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    // The page is on a part of the site without a `RenewLayer`.
    let router = open_page(&app, &cookies, false, &gate);
    let renewing = open_page(&app, &cookies, true, &gate);
    app.post("/login").await;
    app.hand.pass(2000);
    let sent = app.jar.header();
    let page = tokio::spawn(router.oneshot(navigation("/page", &sent)));
    tokio::task::yield_now().await;
    let response = renewing
        .clone()
        .oneshot(navigation("/whoami", &sent))
        .await
        .unwrap();
    assert_eq!(set_cookies(&response).len(), 2);
    app.jar.keep(response.headers());
    let new = app.jar.header();
    gate.add_permits(1);
    let response = page.await.unwrap().unwrap();
    app.jar.keep(response.headers());
    assert_eq!(app.jar.header(), new);
    // Another server has cleared the access token: the refresh token continues the session.
    let refresh = app.jar.get("__Host-refresh").unwrap();
    let sent = format!("__Host-refresh={refresh}");
    let response = renewing
        .oneshot(navigation("/whoami", &sent))
        .await
        .unwrap();
    assert_eq!(
        (response.status(), set_cookies(&response).len()),
        (StatusCode::OK, 2)
    );
}

#[tokio::test]
async fn a_late_refresh_token_ends_its_session_once_its_access_token_expired_or_its_successor_was_used()
 {
    for is_over in [true, false] {
        let app = App::renewing(Cookies::new());
        app.post("/login").await;
        app.hand.pass(675);
        let late = app.jar.header();
        assert_eq!(app.get("/whoami").await, 200);
        if is_over {
            app.hand.pass(225);
        } else {
            // The successor is spent.
            assert_eq!(app.post("/refresh").await, 200);
            app.hand.pass(130);
        }
        let current = app.jar.header();
        let response = app.send(Method::GET, "/whoami", &[("cookie", &late)]).await;
        let lines = set_cookies(&response);
        let cleared = |line: &&String| line.starts_with("__Host-refresh=;");
        assert_eq!(lines.iter().filter(cleared).count(), 1, "{lines:?}");
        let response = app
            .send(Method::GET, "/whoami", &[("cookie", &current)])
            .await;
        assert_eq!(response.status(), 401);
    }
}

#[tokio::test]
async fn a_token_that_lives_for_a_minute_is_not_renewed_by_every_request() {
    let app = App::new(&Cookies::new());
    let router = slow(
        &app,
        Cookies::new(),
        &Arc::new(tokio::sync::Semaphore::new(1)),
    );
    let app = App { router, ..app };
    let grant = TokenSubject::new("42").with_lifetime(Duration::from_secs(60));
    let issued = app.tokens.start_session(grant).await.unwrap();
    let mut headers = HeaderMap::new();
    Cookies::new().set(&issued, &mut headers).unwrap();
    app.jar.keep(&headers);
    for (seconds, cookies) in [(0, 0), (44, 0), (1, 2), (44, 0), (1, 2)] {
        app.hand.pass(seconds);
        let response = app.send(Method::GET, "/whoami", &[]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(set_cookies(&response).len(), cookies);
    }
}

#[tokio::test]
async fn a_session_that_is_not_renewed_is_logged() {
    events::record();
    let app = App::renewing(Cookies::new());
    let login = app
        .tokens
        .start_session(TokenSubject::new("42"))
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    Cookies::new().set(&login, &mut headers).unwrap();
    app.jar.keep(&headers);
    app.tokens
        .log_out_by_refresh_token(login.refresh_token())
        .await
        .unwrap();
    app.hand.pass(2000);
    assert_eq!(app.get("/whoami").await, 401);
    let lines = events::LINES.lock().unwrap().join("\n");
    let is_it = |line: &str| {
        line.starts_with("INFO")
            && line.contains("a session was not renewed: it is over")
            && line.contains("the session was ended")
    };
    assert!(lines.lines().any(is_it), "{lines}");
}

/// RFC 7517 section 5, RFC 9110 section 13.1.2.
#[tokio::test]
async fn the_public_keys_are_served_to_everybody() {
    let keys = SigningKeys::new(Signer::generate(Algorithm::ES256).unwrap());
    let app = Router::new()
        .route("/", get(whoami))
        .layer(tower_auth::well_known::JwksLayer::new(keys.clone()));
    let ask = |tag: Option<&str>| {
        let mut request = Request::get("/.well-known/jwks.json?x")
            .body(Body::empty())
            .unwrap();
        if let Some(tag) = tag {
            request
                .headers_mut()
                .insert("if-none-match", tag.parse().unwrap());
        }
        app.clone().oneshot(request)
    };
    let response = ask(None).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()[header::CACHE_CONTROL],
        "public, max-age=300"
    );
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    let tag = response.headers()[header::ETAG]
        .to_str()
        .unwrap()
        .to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let set: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(set["keys"][0]["crv"], "P-256");
    assert!(set["keys"][0].get("d").is_none());
    assert_eq!(ask(Some(&tag)).await.unwrap().status(), 304);
    keys.rotate(Signer::generate(Algorithm::EdDSA).unwrap())
        .unwrap();
    assert_eq!(ask(Some(&tag)).await.unwrap().status(), 200);
    let other = Request::get("/jwks.json").body(Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(other).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_rejected_endpoint_request_is_logged() {
    events::record();
    let app = App::new(&Cookies::new());
    let field = [("cookie", "__Host-refresh=rt_x")];
    let response = app.send(Method::POST, "/refresh", &field).await;
    assert_eq!(response.status(), 401);
    let lines = events::LINES.lock().unwrap().join("\n");
    let text = "the refresh token was not issued here, or is long over";
    assert!(
        lines
            .lines()
            .any(|line| line.contains("rejected") && line.contains(text)),
        "{lines}"
    );
}
