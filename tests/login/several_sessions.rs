//! Several sessions in one browser: of two providers, and of the application's own cookies.

use crate::scripted::*;
use axum::{Router, routing::get};
use http::HeaderMap;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use tower_auth::{
    AuthLayer, Scheme,
    issue::{Cookies, Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::Algorithm,
    login::{Login, LoginBuilder},
    scheme::{Attempt, Schemes},
    store::MemoryStore,
};

const FIRST: &str = "__Host-session";
const SECOND: &str = "__Host-second";

fn second(op: &Op) -> LoginBuilder {
    op.builder()
        .redirect_uri(format!("{APP}/second/callback"))
        .login_path("/second/login")
        .logout_path("/second/logout")
        .cookie_name(SECOND)
}

fn app(first: &Login, second: &Login, schemes: Schemes) -> Router {
    Router::new()
        .route("/", get(whoami))
        .layer(AuthLayer::new(schemes))
        .layer(first.layer())
        .layer(second.layer())
}

async fn sign_in(site: &mut Site, below: &str, subject: &str) {
    let answer = site.get(&format!("{below}/login")).await;
    let asked = parameters(&answer.location());
    site.op.script(|script| {
        script.claims = json!({ "nonce": asked["nonce"], "sub": subject });
    });
    let target = format!("{below}/callback?code=c&state={}", asked["state"]);
    assert_eq!(site.get(&target).await.status, 303);
}

#[tokio::test]
async fn the_last_sign_in_displaces_the_others() {
    for store in [false, true] {
        for in_order in [true, false] {
            let op = Op::new();
            let shared = Arc::new(MemoryStore::new());
            let with = |login: LoginBuilder| match store {
                true => login.store(Arc::clone(&shared)).build().unwrap(),
                false => login.build().unwrap(),
            };
            let (first, second) = (with(op.builder()), with(second(&op)));
            let schemes = match in_order {
                true => first.session().or(second.session()),
                false => second.session().or(first.session()),
            };
            let mut site = Site::with(&op, app(&first, &second, schemes));
            for (below, subject) in [
                ("", "a"),
                ("/second", "b"),
                ("", "c"),
                ("", "d"),
                ("/second", "e"),
            ] {
                let before = site.clone();
                sign_in(&mut site, below, subject).await;
                assert_eq!(
                    site.get("/").await.body,
                    format!("{subject} provider-token")
                );
                let has = |name| site.cookies.contains_key(name);
                assert!(has(FIRST) != has(SECOND), "{:?}", site.cookies.keys());
                // With a store the session that was displaced is over for every copy of its cookie.
                let mut before = before;
                if store && !before.cookies.is_empty() {
                    assert_eq!(before.get("/").await.status, 401, "{subject}");
                }
            }
        }
    }
}

/// A scheme that wraps another one.
struct Wrapped(Box<dyn Scheme>);

impl Scheme for Wrapped {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn locations(&self) -> Vec<tower_auth::Location> {
        self.0.locations()
    }
    fn inner(&self) -> Option<&dyn Scheme> {
        Some(&*self.0)
    }
    fn find(&self, head: &http::request::Parts) -> tower_auth::credential::Found {
        self.0.find(head)
    }
    fn authenticate(
        &self,
        head: &http::request::Parts,
        credential: tower_auth::credential::Credential,
    ) -> Attempt {
        self.0.authenticate(head, credential)
    }
    fn challenge(
        &self,
        rejection: &tower_auth::Rejection,
        challenges: &mut tower_auth::rejection::Challenges<'_>,
    ) {
        self.0.challenge(rejection, challenges);
    }
}

#[tokio::test]
async fn a_decorator_does_not_hide_sessions_from_each_other() {
    let op = Op::new();
    let (first, second) = (op.builder().build().unwrap(), second(&op).build().unwrap());
    let schemes = first.session().or(second.session()).map(Wrapped);
    let mut site = Site::with(&op, app(&first, &second, schemes));
    sign_in(&mut site, "", "a").await;
    sign_in(&mut site, "/second", "b").await;
    assert_eq!(site.get("/").await.body, "b provider-token");
}

#[tokio::test]
async fn a_sign_in_displaces_the_applications_own_cookies() {
    let op = Op::new();
    let login = op.builder().build().unwrap();
    let signer = Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap();
    let tokens = TokenIssuer::issuer("own", SigningKeys::new(signer))
        .audience("own")
        .store(MemoryStore::new(), [7; 32])
        .build()
        .unwrap();
    let cookies = Cookies::new();
    let bearer = cookies.bearer(tokens.verifier().unwrap());
    let app = Router::new()
        .route("/", get(whoami))
        .layer(AuthLayer::new(bearer.or(login.session())))
        .layer(login.layer());
    let mut site = Site::with(&op, app);
    let issued = tokens
        .start_session(TokenSubject::new("own"))
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    cookies.set(&issued, &mut headers).unwrap();
    for field in headers.get_all("set-cookie") {
        let (pair, _) = field.to_str().unwrap().split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        site.cookies.insert(name.to_owned(), value.to_owned());
    }
    assert_eq!(site.get("/").await.body, "own none");
    let asked = site.begin("").await;
    op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
    let target = format!("/callback?code=c&state={}", asked["state"]);
    let answer = site.get(&target).await;
    let cleared: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    for name in ["__Host-access", "__Host-refresh"] {
        let is_cleared = |field: &&http::HeaderValue| {
            let field = field.to_str().unwrap();
            field.starts_with(&format!("{name}=;")) && field.ends_with("Max-Age=0")
        };
        assert_eq!(
            cleared.iter().filter(|field| is_cleared(field)).count(),
            1,
            "{cleared:?}"
        );
        site.cookies.remove(name);
    }
    assert_eq!(site.get("/").await.body, "alice provider-token");
    // And the other way round, whatever the order of the schemes is.
    let subject = TokenSubject::new("own again");
    let issued = tokens.start_session(subject).await.unwrap();
    let mut headers = HeaderMap::new();
    cookies.set(&issued, &mut headers).unwrap();
    take_cookies(&mut site.cookies, &headers);
    let lines = headers.get_all("set-cookie").iter();
    let is_cleared =
        |line: &http::HeaderValue| line.to_str().unwrap().starts_with("__Host-session=;");
    assert_eq!(lines.filter(|line| is_cleared(line)).count(), 1);
    assert_eq!(site.get("/").await.body, "own again none");
}

#[tokio::test]
async fn sessions_of_separate_layers_do_not_end_each_other() {
    let op = Op::new();
    let (first, second) = (op.builder().build().unwrap(), second(&op).build().unwrap());
    let one = Router::new()
        .route("/one", get(whoami))
        .layer(AuthLayer::new(first.session()));
    let two = Router::new()
        .route("/two", get(whoami))
        .layer(AuthLayer::new(second.session()));
    let app = one.merge(two).layer(first.layer()).layer(second.layer());
    let mut site = Site::with(&op, app);
    sign_in(&mut site, "", "a").await;
    sign_in(&mut site, "/second", "b").await;
    assert_eq!(site.get("/one").await.body, "a provider-token");
    assert_eq!(site.get("/two").await.body, "b provider-token");
}

#[tokio::test]
async fn a_cookie_of_another_application_is_not_displaced() {
    let op = Op::new();
    let (first, second) = (op.builder().build().unwrap(), second(&op).build().unwrap());
    let schemes = second.session().or(first.session());
    let mut site = Site::with(&op, app(&first, &second, schemes));
    site.cookies
        .insert(FIRST.to_owned(), "1.foreign".to_owned());
    sign_in(&mut site, "/second", "b").await;
    assert_eq!(site.cookies[FIRST], "1.foreign");
}

#[tokio::test(start_paused = true)]
async fn a_pending_refresh_does_not_bring_a_displaced_session_back() {
    let op = Op::new();
    op.script(|script| script.expires_in = 100);
    let (first, second) = (op.builder().build().unwrap(), second(&op).build().unwrap());
    let schemes = first.session().or(second.session());
    let mut site = Site::with(&op, app(&first, &second, schemes));
    sign_in(&mut site, "", "a").await;
    op.forward(90).await;
    let gate = Arc::new(Notify::new());
    op.script(|script| script.gates.insert("/token".into(), Arc::clone(&gate)));
    let mut slow = site.clone();
    let slow = tokio::spawn(async move { slow.get("/").await });
    while op.asked("/token").len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    op.script(|script| script.gates.clear());
    sign_in(&mut site, "/second", "b").await;
    gate.notify_waiters();
    gate.notify_one();
    let late = slow.await.unwrap();
    take_cookies(&mut site.cookies, &late.headers);
    assert_eq!(site.get("/").await.body, "b provider-token");
}

/// Apple's form comes without the cookies of this site.
#[tokio::test]
async fn a_sign_in_by_form_displaces_sessions_that_it_does_not_see() {
    let op = Op::new();
    op.script(|script| script.metadata["response_modes_supported"] = json!(["form_post"]));
    let (first, second) = (
        op.builder().build().unwrap(),
        second(&op).form_post().build().unwrap(),
    );
    let schemes = first.session().or(second.session());
    let mut site = Site::with(&op, app(&first, &second, schemes));
    sign_in(&mut site, "", "a").await;
    let asked = parameters(&site.get("/second/login").await.location());
    op.script(|script| script.claims = json!({ "nonce": asked["nonce"], "sub": "b" }));
    let hidden = site.cookies.remove(FIRST).unwrap();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("code=c&state={}", asked["state"]);
    let answer = site.send("POST", "/second/callback", &form, &body).await;
    assert_eq!(answer.status, 303);
    site.cookies.insert(FIRST.to_owned(), hidden);
    take_cookies(&mut site.cookies, &answer.headers);
    assert_eq!(site.get("/").await.body, "b provider-token");
}

#[tokio::test]
async fn two_cookies_of_one_name_do_not_keep_a_browser_from_the_login() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    let twice = [("cookie", "__Host-session=1.a; __Host-session=1.b")];
    let answer = site.send("GET", "/login", &twice, "").await;
    let asked = parameters(&answer.location());
    op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
    let target = format!("/callback?code=c&state={}", asked["state"]);
    let answer = site.send("GET", &target, &twice, "").await;
    assert_eq!((answer.status, &*answer.location()), (303, "/"));
    let answer = site.send("POST", "/logout", &twice, "").await;
    assert_eq!(answer.status, 303);
    assert!(site.cookies.is_empty());
}
