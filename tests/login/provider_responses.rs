//! Responses of a scripted provider, which certified providers do not send.

use crate::common::events;
use crate::common::signer::Signer;
use crate::scripted::*;
use axum::{
    Router,
    routing::{get, post},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower::ServiceExt;
use tower_auth::{
    AuthLayer, Identity, Rejection, RejectionKind,
    fetch::{FetchError, FetchErrorKind, fetch_fn},
    login::{LoggedIn, Login, LoginBuilder, LoginError, Secret},
    store::MemoryStore,
};
use url::Url;

#[tokio::test]
async fn a_login_follows_the_specifications() {
    let op = Op::new();
    let mut site = Site::new(
        &op,
        op.builder()
            .scope("profile")
            .resource("https://api.example"),
    );
    let asked = site.begin("").await;
    let mut names: Vec<_> = asked.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "client_id",
            "code_challenge",
            "code_challenge_method",
            "nonce",
            "redirect_uri",
            "resource",
            "response_type",
            "scope",
            "state",
            "tenant",
        ]
    );
    assert_eq!(asked["redirect_uri"], "https://app.example.com/callback");
    let answer = site.sign_in().await;
    assert_eq!((answer.status, answer.location().as_str()), (303, "/"));
    let form = op.asked("/token").pop().unwrap();
    let form: BTreeMap<_, _> = url::form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "c");
    assert_eq!(form["redirect_uri"], "https://app.example.com/callback");
    assert_eq!(form["resource"], "https://api.example");
    assert_eq!(form["code_verifier"].len(), 43);
    // Credentials are in the head, and nowhere else.
    assert!(!form.contains_key("client_secret") && !form.contains_key("client_id"));
    assert_eq!(site.get("/").await.body, "alice provider-token");
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_login_is_rejected() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    for (claims, why) in [
        (json!({ "nonce": "other" }), "nonce is another"),
        (
            json!({ "iss": "https://evil.example" }),
            "the issuer is \"https://evil.example\", expected \"https://login.example\"",
        ),
        (
            json!({ "aud": "other" }),
            "the audience is \"other\", expected \"app\"",
        ),
        (json!({ "aud": ["app", "other"] }), "several audiences"),
        (json!({ "azp": "other" }), "azp is another"),
        (json!({ "exp": now() - 600 }), "expired"),
        (json!({ "exp": null }), "the claim \"exp\" is missing"),
        (json!({ "iat": null }), "no iat"),
        (json!({ "sub": null }), "the claim \"sub\" is missing"),
        (json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" }), "at_hash"),
        (json!({ "cnf": { "jkt": "x" } }), "bound to a key"),
        (
            json!({ "events": { EVENT: {} } }),
            "makes the token an event",
        ),
    ] {
        op.script(|script| script.claims = claims.clone());
        let answer = site.sign_in().await;
        assert_eq!(answer.status, 401, "{claims}");
        assert!(answer.headers.contains_key("www-authenticate"));
        let rejection = answer.rejection.unwrap();
        let mut source = rejection.source();
        let mut found = String::new();
        while let Some(error) = source {
            found += &format!("{error}; ");
            source = error.source();
        }
        assert!(found.contains(why), "{claims}: {found}");
        assert_eq!(site.get("/").await.status, 401, "{claims}");
        // Not even a cookie of a session.
        assert!(
            site.cookies.keys().all(|name| !name.contains("session")),
            "{claims}"
        );
    }
    for tokens in [
        json!({ "id_token": null }),
        json!({ "id_token": "a.b.c" }),
        json!({ "id_token": Signer::new("a").sign(&json!({ "iss": ISSUER })) }),
    ] {
        op.script(|script| script.tokens = tokens.clone());
        assert_eq!(site.sign_in().await.status, 401, "{tokens}");
    }
    op.script(|script| script.tokens = json!({}));
    assert_eq!(site.sign_in().await.status, 303);
}

#[tokio::test]
async fn a_requested_maximum_age_is_checked() {
    let op = Op::new();
    let login = op.builder().max_age(Duration::from_secs(300));
    let mut site = Site::new(&op, login);
    assert_eq!(site.begin("max_age=900").await["max_age"], "300");
    assert_eq!(site.sign_in().await.status, 401);
    op.script(|script| script.claims = json!({ "auth_time": now() - 1000 }));
    assert_eq!(site.sign_in().await.status, 401);
    op.script(|script| script.claims = json!({ "auth_time": now() - 100 }));
    assert_eq!(site.sign_in().await.status, 303);
}

#[tokio::test]
async fn issuers_are_not_mixed_up() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    let state = site.begin("").await["state"].clone();
    let target = format!("/callback?code=c&state={state}&iss=https%3A%2F%2Fevil.example");
    let answer = site.get(&target).await;
    assert_eq!(
        (answer.status, answer.why()),
        (400, "the answer is of another issuer".into())
    );
    assert!(op.asked("/token").is_empty());
    // One that promises to name itself, and does not.
    let op = Op::new();
    let promise = json!({ "authorization_response_iss_parameter_supported": true });
    op.script(|script| script.metadata = merge(script.metadata.clone(), &promise));
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 400);
    let state = site.begin("").await["state"].clone();
    let target = format!("/callback?error=access_denied&state={state}");
    assert_eq!(site.get(&target).await.status, 400);
    // Metadata of somebody else. The log shows both sides.
    let op = Op::new();
    op.script(|script| script.metadata["issuer"] = json!("https://login.example/"));
    let mut site = Site::new(&op, op.builder());
    let answer = site.get("/login").await;
    assert_eq!(answer.status, 503);
    let why = r#"another issuer: "https://login.example/" instead of "https://login.example""#;
    assert!(answer.why().contains(why), "{}", answer.why());
    // Endpoints that are not https.
    let op = Op::new();
    op.script(|script| script.metadata["token_endpoint"] = json!("http://login.example/token"));
    assert_eq!(Site::new(&op, op.builder()).get("/login").await.status, 503);
}

#[tokio::test]
async fn texts_of_the_provider_are_never_passed_on() {
    events::record();
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    for (error, status, kind) in [
        ("access_denied", 403, RejectionKind::Forbidden),
        ("login_required", 401, RejectionKind::Invalid),
        ("interaction_required", 401, RejectionKind::Invalid),
        ("temporarily_unavailable", 503, RejectionKind::Unavailable),
        ("server_error", 503, RejectionKind::Unavailable),
        (
            "<script>malicious-code</script>",
            401,
            RejectionKind::Invalid,
        ),
    ] {
        for html in [false, true] {
            let state = site.begin("").await["state"].clone();
            let error: String = url::form_urlencoded::byte_serialize(error.as_bytes()).collect();
            let target =
                format!("/callback?error={error}&error_description=malicious-text&state={state}");
            let fields = [("accept", if html { "text/html" } else { "*/*" })];
            let answer = site.send("GET", &target, &fields, "").await;
            assert_eq!(answer.status, status, "{error}");
            assert_eq!(answer.rejection.as_ref().unwrap().kind(), kind);
            let all = format!("{answer:?}");
            assert!(!all.contains("malicious"), "{all}");
            let kind = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
            assert_eq!(kind.starts_with("text/html"), html);
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }
    for (status, tokens, expected) in [
        (
            400,
            json!({ "error": "invalid_grant", "error_description": "malicious" }),
            401,
        ),
        (
            401,
            json!({ "error": "invalid_client", "error_description": "malicious" }),
            503,
        ),
        (400, json!({ "error": "malicious.code" }), 401),
        (500, json!({ "error": "invalid_request" }), 503),
        (200, json!({ "token_type": "malicious" }), 503),
        (200, json!({ "access_token": null }), 503),
    ] {
        op.script(|script| (script.status, script.tokens) = (status, tokens.clone()));
        let answer = site.sign_in().await;
        assert_eq!(answer.status, expected, "{tokens}");
        assert!(!format!("{answer:?}").contains("malicious"), "{answer:?}");
    }
    op.script(|script| (script.status, script.tokens) = (200, json!({})));
    assert_eq!(site.sign_in().await.status, 303);
    let lines = events::LINES.lock().unwrap().join("\n");
    for secret in [
        "malicious",
        "provider-token",
        "provider-refresh",
        "app-secret",
        "code=c",
    ] {
        assert!(!lines.contains(secret), "{secret}: {lines}");
    }
}

#[tokio::test]
async fn redirects_stay_on_this_origin() {
    let op = Op::new();
    let login = op.builder().allow_return_to("https://other.example");
    let mut site = Site::new(&op, login.after_login("/welcome"));
    for bad in [
        "//evil.example",
        "%2F%2Fevil.example",
        "/%5Cevil.example",
        "/%09/evil.example",
        "https://evil.example",
        "https://other.example.evil/",
        "/login",
        "/callback?code=x",
        "javascript:alert(1)",
        "/%2F%2Fevil.example",
        "/%252F/../%2Fevil.example&return_to=/",
    ] {
        let answer = site.get(&format!("/login?return_to={bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    for (wanted, lands) in [
        ("return_to=%2Fa%3Fb%3Dc", "/a?b=c"),
        (
            "return_to=https%3A%2F%2Fother.example%2Fx",
            "https://other.example/x",
        ),
        ("return_to=", "/welcome"),
        ("", "/welcome"),
    ] {
        let asked = site.begin(wanted).await;
        op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
        let answer = site
            .get(&format!("/callback?code=c&state={}", asked["state"]))
            .await;
        assert_eq!(answer.location(), lands);
    }
}

#[tokio::test]
async fn logins_begun_by_another_site_do_not_make_the_cookie_header_too_large() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    op.script(|script| script.tokens = json!({ "access_token": "t".repeat(9600) }));
    assert_eq!(site.sign_in().await.status, 303);
    let length = |site: &Site| {
        let pairs = site.cookies.iter();
        pairs
            .map(|(name, value)| name.len() + value.len() + 3)
            .sum::<usize>()
    };
    assert!(length(&site) > 13_000);
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    let address = format!("/login?return_to=/{}", "a".repeat(500));
    for _ in 0..4 {
        let answer = site.send("GET", &address, &foreign, "").await;
        assert_eq!(answer.status, 303);
        assert!(length(&site) < 15_000, "{}", length(&site));
    }
    assert_eq!(site.get("/").await.status, 200);
    // The last login is remembered.
    let logins = site.cookies.keys().filter(|name| name.contains("-login-"));
    assert_eq!(logins.count(), 1);
}

#[tokio::test]
async fn several_tabs_sign_in_at_once_and_too_many_give_up_the_oldest() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    let mut tabs = Vec::new();
    for _ in 0..8 {
        tabs.push(site.begin("").await);
        assert!(site.cookies.len() <= 5, "{:?}", site.cookies.keys());
    }
    site.cookies
        .insert("__Host-session-login-junk".into(), "junk".into());
    tabs.push(site.begin("").await);
    assert_eq!(site.cookies.len(), 5);
    for tab in &tabs {
        op.script(|script| script.claims = json!({ "nonce": tab["nonce"] }));
        let target = format!("/callback?code=c&state={}", tab["state"]);
        // Those that were given up lead on, since there is a session by then, or are refused.
        let is_known = op.asked("/token").len();
        let answer = site.get(&target).await;
        let is_known = op.asked("/token").len() > is_known;
        assert!(answer.status == 303 || !is_known, "{answer:?}");
    }
    assert_eq!(op.asked("/token").len(), 5);
    // The last one could finish, whatever became of the others.
    let states = tabs
        .iter()
        .map(|tab| &tab["state"])
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(states.len(), tabs.len());
}

#[tokio::test]
async fn another_site_cannot_fill_the_browser_with_cookies() {
    let op = Op::new();
    let fresh = || Site::new(&op, op.builder().after_login("/welcome"));
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    let lands = |mut site: Site, fields: &'static [(&str, &str)], path: String| async move {
        let target = format!("/login?return_to={path}");
        let answer = site.send("GET", &target, fields, "").await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let url = Url::parse(&answer.location()).unwrap();
        let asked: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        let claims = json!({ "nonce": asked["nonce"] });
        site.op.script(|script| script.claims = claims);
        let target = format!("/callback?code=c&state={}", asked["state"]);
        site.get(&target).await.location()
    };
    for own in [
        &[][..],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ] {
        assert_eq!(lands(fresh(), own, path(2048)).await, path(2048));
    }
    for foreign in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(lands(fresh(), foreign, path(512)).await, path(512));
        assert_eq!(lands(fresh(), foreign, path(513)).await, "/welcome");
        let mut site = fresh();
        for wanted in [path(2048), path(2048), path(1000)] {
            site.begin(&format!("return_to={wanted}")).await;
        }
        let length = |cookies: &BTreeMap<String, String>| -> usize {
            cookies
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum()
        };
        // The bound is on what an address grows to when it is normalised.
        for wanted in [path(2048), path(512), format!("/?{}", "'".repeat(400))] {
            let target = format!("/login?return_to={wanted}");
            for _ in 0..3 {
                assert_eq!(site.send("GET", &target, foreign, "").await.status, 303);
                assert!(site.cookies.len() <= 5);
                assert!(length(&site.cookies) <= 6000, "{}", length(&site.cookies));
            }
        }
        // Five short ones have room.
        assert_eq!(site.cookies.len(), 5);
        // It is not allowed to lead elsewhere for that.
        let target = format!("/login?return_to=https://evil.example{}", path(600));
        assert_eq!(site.send("GET", &target, foreign, "").await.status, 400);
    }
}

#[tokio::test]
async fn a_login_has_ten_minutes_and_a_session_its_lifetime() {
    let op = Op::new();
    let hand = Arc::new(Mutex::new(SystemTime::now()));
    let clock = Arc::clone(&hand);
    let forward = |seconds| *hand.lock().unwrap() += Duration::from_secs(seconds);
    let login = op.builder().clock(move || *clock.lock().unwrap());
    let mut site = Site::new(&op, login.session_lifetime(Duration::from_secs(900)));
    let asked = site.begin("").await;
    forward(601);
    let target = format!("/callback?code=c&state={}", asked["state"]);
    assert_eq!(site.get(&target).await.status, 400);
    op.script(|script| script.claims = json!({ "exp": now() + 10_000, "iat": now() }));
    assert_eq!(site.sign_in().await.status, 303);
    forward(899);
    assert_eq!(site.get("/").await.status, 200);
    forward(1);
    let answer = site.get("/").await;
    assert_eq!(answer.status, 401);
    // Its cookie is taken back.
    assert!(answer.headers.contains_key(header::SET_COOKIE));
}

#[tokio::test]
async fn long_tokens_use_several_cookies_and_longer_ones_are_dropped() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    op.script(|script| script.tokens = json!({ "access_token": "t".repeat(7000) }));
    assert_eq!(site.sign_in().await.status, 303);
    let session = |site: &Site| {
        let names = site
            .cookies
            .keys()
            .filter(|name| !name.contains("just-now"));
        names.cloned().collect::<Vec<_>>()
    };
    let three = ["__Host-session", "__Host-session.1", "__Host-session.2"];
    assert_eq!(session(&site), three);
    assert!(site.cookies.values().all(|value| value.len() <= 3600));
    assert_eq!(site.get("/").await.status, 200);
    // A shorter one takes the others back.
    op.script(|script| script.tokens = json!({}));
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(session(&site), ["__Host-session"]);
    op.script(|script| script.tokens = json!({ "access_token": "t".repeat(20_000) }));
    let answer = site.sign_in().await;
    assert_eq!(answer.status, 503);
    assert!(answer.why().contains("keep it in a store"));
    // In a store they may be long.
    let login = op.builder().store(MemoryStore::new()).sessions_in_store();
    let mut site = Site::new(&op, login);
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(session(&site), ["__Host-session"]);
    assert!(site.cookies["__Host-session"].len() < 250);
    assert_eq!(site.get("/").await.body.len(), "alice ".len() + 20_000);
}

#[tokio::test]
async fn without_openid_the_identity_comes_from_user_info() {
    let op = Op::new();
    let endpoints = |login: LoginBuilder| {
        login
            .without_openid()
            .authorization_endpoint("https://login.example/auth?tenant=1")
            .token_endpoint("https://login.example/token")
    };
    assert!(endpoints(op.builder()).build().is_err());
    let login = endpoints(op.builder()).user_info_endpoint("https://login.example/me");
    let mut site = Site::new(&op, login.subject_at("id"));
    let asked = site.begin("").await;
    assert!(!asked.contains_key("nonce") && !asked.contains_key("scope"));
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.get("/").await.body, "42 provider-token");
    assert!(op.asked("/.well-known/openid-configuration").is_empty());
    assert!(op.asked("/jwks").is_empty());
    for user_info in [
        json!({}),
        json!({ "id": null }),
        json!({ "id": "" }),
        json!([42]),
        json!({ "id": -1 }),
    ] {
        op.script(|script| script.user_info = user_info.clone());
        assert_eq!(site.sign_in().await.status, 401, "{user_info}");
    }
}

#[tokio::test]
async fn an_application_can_handle_a_login_itself() {
    let op = Op::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&seen);
    let login = op.builder().on_login(move |login: LoggedIn| {
        let seen = Arc::clone(&hook);
        async move {
            let subject = login.identity.subject().to_owned();
            if login.identity.claim::<String>("email").is_none() {
                return Err(Rejection::forbidden());
            }
            seen.lock()
                .unwrap()
                .push((subject, login.tokens.access_token().to_owned()));
            assert!(!format!("{login:?}").contains("provider-"));
            let mut fields = HeaderMap::new();
            fields.append(header::SET_COOKIE, "own=1; Path=/".parse().unwrap());
            Ok(fields)
        }
    });
    let login = login.build().unwrap();
    let mut site = Site::new(&op, op.builder());
    site.app = Router::new()
        .route("/logout", post(|| async { "own" }))
        .layer(login.layer());
    assert_eq!(site.sign_in().await.status, 403);
    op.script(|script| script.claims = json!({ "email": "a@b" }));
    let answer = site.sign_in().await;
    assert_eq!((answer.status, answer.location().as_str()), (303, "/"));
    assert_eq!(site.cookies["own"], "1");
    assert!(!site.cookies.contains_key("__Host-session"));
    assert_eq!(
        *seen.lock().unwrap(),
        [("alice".to_owned(), "provider-token".to_owned())]
    );
    // The log-out is the application's.
    assert_eq!(site.send("POST", "/logout", &[], "").await.body, "own");
    site.app = Router::new().layer(login.layer());
    assert_eq!(site.send("POST", "/logout", &[], "").await.status, 404);
    // A scheme that lets nobody pass is noticed at once.
    let session = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| login.session()));
    let message = session.unwrap_err();
    let message = message.downcast_ref::<&str>().unwrap();
    assert!(message.contains("on_login"), "{message}");
}

#[tokio::test]
async fn only_navigations_are_redirected_to_the_login() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    for fields in [
        vec![],
        vec![("accept", "application/json")],
        vec![("accept", "text/html"), ("sec-fetch-dest", "empty")],
        vec![
            ("accept", "application/json"),
            ("sec-fetch-mode", "navigate"),
        ],
        vec![("accept", "text/html"), ("sec-fetch-mode", "cors")],
    ] {
        assert_eq!(
            site.send("GET", "/", &fields, "").await.status,
            401,
            "{fields:?}"
        );
    }
    let browser = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    assert_eq!(site.send("POST", "/", &browser, "").await.status, 401);
    // An old browser sends no Fetch Metadata at all.
    let answer = site
        .send("GET", "/?a=1", &[("accept", "text/html")], "")
        .await;
    assert_eq!(answer.location(), "/login?return_to=%2F%3Fa%3D1");
    let answer = site.visit("/?a=1").await;
    assert_eq!(answer.location(), "/login?return_to=%2F%3Fa%3D1");
    assert!(!answer.headers.contains_key("www-authenticate"));
    assert!(answer.body.is_empty());
    // Where nobody may return to, nobody is promised to.
    assert_eq!(site.visit("//evil.example").await.location(), "/login");
    assert_eq!(site.sign_in().await.status, 303);
    // An application that refuses whoever has just logged in would have them go in circles.
    assert_eq!(site.visit("/strong").await.status, 401);
    site.cookies.remove("__Host-session-just-now");
    assert_eq!(
        site.visit("/strong").await.location(),
        "/login?return_to=%2Fstrong&prompt=login"
    );
    // Not this crate's refusal.
    assert_eq!(site.visit("/own").await.status, 401);
    // A cookie that does not open may be another application's on this host.
    site.cookies
        .insert("__Host-session".into(), "1.junk".into());
    assert_eq!(site.visit("/").await.status, 303);
    assert!(site.cookies.contains_key("__Host-session"));
}

#[tokio::test]
async fn a_user_rejected_by_the_application_keeps_the_session_and_gets_401() {
    let op = Op::new();
    let login = op.builder().build().unwrap();
    let mut site = Site::new(&op, op.builder());
    site.app = Router::new()
        .route("/", get(whoami))
        .layer(AuthLayer::new(login.session()).load(|_: Identity| Ok(None::<u8>)))
        .layer(login.layer());
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.visit("/").await.status, 401);
    assert!(site.cookies.contains_key("__Host-session"));
}

#[tokio::test]
async fn a_new_login_is_a_new_session() {
    let op = Op::new();
    let store = Arc::new(MemoryStore::new());
    let login = op.builder().store(Arc::clone(&store)).sessions_in_store();
    let mut site = Site::new(&op, login);
    assert_eq!(site.sign_in().await.status, 303);
    let before = site.clone();
    // A cookie that was planted becomes nobody's session.
    op.script(|script| script.claims = json!({ "sub": "bob" }));
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.get("/").await.body, "bob provider-token");
    assert_ne!(
        site.cookies["__Host-session"],
        before.cookies["__Host-session"]
    );
    assert_eq!(before.clone().get("/").await.status, 401);
}

#[tokio::test]
async fn a_log_out_by_the_provider_ends_the_named_sessions() {
    let op = Op::new();
    let login = op
        .builder()
        .store(MemoryStore::new())
        .backchannel_logout_path("/ended");
    let mut site = Site::new(&op, login);
    let token = |op: &Op, changes: Value| {
        let claims = json!({
            "iss": ISSUER, "aud": "app", "iat": now(), "exp": now() + 100,
            "jti": "1", "events": { EVENT: {} },
        });
        op.script(|script| script.signer.sign(&merge(claims, &changes)))
    };
    let session = |sub: &'static str, sid: &'static str| {
        op.script(|script| script.claims = json!({ "sub": sub, "sid": sid }));
        let mut site = site.clone();
        async move {
            assert_eq!(site.sign_in().await.status, 303);
            site
        }
    };
    let mut one = session("alice", "s1").await;
    let mut two = session("alice", "s2").await;
    let mut bob = session("bob", "s3").await;
    let form = [(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    let evil = Signer::new("a").sign(&json!({ "iss": ISSUER, "sub": "alice" }));
    for bad in [
        token(&op, json!({ "sub": "alice", "nonce": "n" })),
        token(&op, json!({ "sub": "alice", "events": null })),
        token(&op, json!({ "sub": "alice", "aud": "other" })),
        token(&op, json!({ "sub": "alice", "iat": now() - 1000 })),
        token(&op, json!({})),
        evil,
        "x".into(),
    ] {
        let answer = site
            .send("POST", "/ended", &form, &format!("logout_token={bad}"))
            .await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    assert_eq!(one.get("/").await.status, 200);
    let body = format!("logout_token={}", token(&op, json!({ "sid": "s1" })));
    assert_eq!(site.send("POST", "/ended", &[], &body).await.status, 400);
    let answer = site.send("POST", "/ended", &form, &body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        (one.get("/").await.status, two.get("/").await.status),
        (401, 200)
    );
    // It was used.
    assert_eq!(site.send("POST", "/ended", &form, &body).await.status, 400);
    let body = format!(
        "logout_token={}",
        token(&op, json!({ "sub": "alice", "jti": "2" }))
    );
    assert_eq!(site.send("POST", "/ended", &form, &body).await.status, 200);
    assert_eq!(
        (two.get("/").await.status, bob.get("/").await.status),
        (401, 200)
    );
    let long = format!("logout_token={}", "x".repeat(70_000));
    assert_eq!(site.send("POST", "/ended", &form, &long).await.status, 400);
}

#[tokio::test]
async fn an_id_token_of_a_refresh_is_of_the_same_user() {
    let op = Op::new();
    op.script(|script| script.expires_in = 4);
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    op.script(|script| script.claims = json!({ "sub": "bob" }));
    op.shift(3);
    let answer = site.get("/").await;
    assert_eq!(answer.status, 401);
    assert!(answer.why().contains("subject is another"), "{answer:?}");
    assert!(!site.cookies.contains_key("__Host-session"));
    // A provider that does not rotate, and sends no ID token.
    let mut site = Site::new(&op, op.builder());
    op.script(|script| script.claims = json!({}));
    assert_eq!(site.sign_in().await.status, 303);
    op.script(|script| {
        script.tokens = json!({
            "id_token": null, "refresh_token": null, "access_token": "fresh",
        });
    });
    op.shift(3);
    assert_eq!(site.get("/").await.body, "alice fresh");
    assert_eq!(site.get("/").await.body, "alice fresh");
    let form = op.asked("/token").pop().unwrap();
    assert_eq!(
        form,
        "grant_type=refresh_token&refresh_token=provider-refresh"
    );
}

#[tokio::test]
async fn a_refresh_changes_neither_the_providers_session_nor_its_age() {
    async fn about(identity: Identity) -> String {
        let at = identity.authenticated_at();
        let at = at.map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs());
        format!("{:?} {at:?}", identity.session_id())
    }
    for in_store in [false, true] {
        // The ID token of a refresh says nothing of it, or makes it later.
        for later in [json!({}), json!({ "sid": "s1", "auth_time": now() })] {
            let op = Op::new();
            op.script(|script| script.expires_in = 4);
            let mut login = op
                .builder()
                .store(MemoryStore::new())
                .backchannel_logout_path("/ended");
            if in_store {
                login = login.sessions_in_store();
            }
            let mut site = Site::new(&op, op.builder());
            let login = login.build().unwrap();
            site.app = Router::new()
                .route("/", get(whoami))
                .route("/about", get(about))
                .layer(AuthLayer::new(login.session()))
                .layer(login.layer());
            op.script(|script| script.claims = json!({ "sid": "s1", "auth_time": 1000 }));
            assert_eq!(site.sign_in().await.status, 303);
            // Twice, so that nothing of the login's own ID token is left.
            for token in ["one", "two"] {
                op.script(|script| {
                    script.claims = later.clone();
                    script.tokens = json!({ "access_token": token, "refresh_token": token });
                });
                op.shift(3);
                assert_eq!(site.get("/").await.body, format!("alice {token}"));
            }
            assert_eq!(site.get("/about").await.body, "Some(\"s1\") Some(1000)");
            assert_eq!(
                end_at_provider(&mut site, json!({ "sid": "s2" })).await,
                200
            );
            assert_eq!(site.get("/").await.status, 200);
            assert_eq!(
                end_at_provider(&mut site, json!({ "sid": "s1" })).await,
                200
            );
            assert_eq!(site.get("/").await.status, 401, "{in_store} {later}");
        }
    }
    // One that is said late counts from then on.
    let op = Op::new();
    op.script(|script| script.expires_in = 4);
    let login = op
        .builder()
        .store(MemoryStore::new())
        .backchannel_logout_path("/ended");
    let mut site = Site::new(&op, login);
    assert_eq!(site.sign_in().await.status, 303);
    for (claims, token) in [(json!({ "sid": "s1" }), "one"), (json!({}), "two")] {
        op.script(|script| {
            script.claims = claims;
            script.tokens = json!({ "access_token": token, "refresh_token": token });
        });
        op.shift(3);
        assert_eq!(site.get("/").await.body, format!("alice {token}"));
    }
    let status = end_at_provider(&mut site, json!({ "sid": "s1" })).await;
    assert_eq!((status, site.get("/").await.status), (200, 401));
}

#[tokio::test]
async fn an_id_token_of_a_refresh_is_of_the_same_login() {
    for (claims, why) in [
        (json!({ "sid": "s2" }), "session is another"),
        (json!({ "sid": "s1", "sub": "bob" }), "subject is another"),
        (
            json!({ "iss": "https://evil.example" }),
            "the issuer is \"https://evil.example\", expected \"https://login.example\"",
        ),
    ] {
        let op = Op::new();
        op.script(|script| script.expires_in = 4);
        let mut site = Site::new(&op, op.builder());
        op.script(|script| script.claims = json!({ "sid": "s1" }));
        assert_eq!(site.sign_in().await.status, 303);
        op.shift(3);
        op.script(|script| script.claims = claims.clone());
        let answer = site.get("/").await;
        assert_eq!(answer.status, 401, "{claims}");
        assert!(answer.why().contains(why), "{claims}: {answer:?}");
        assert_eq!(site.get("/").await.status, 401);
    }
}

#[tokio::test]
async fn an_unreachable_store_is_503_and_rejects_everyone() {
    for in_store in [false, true] {
        let op = Op::new();
        let plug = Plug::default();
        let mut login = op.builder().store(plug.clone());
        if in_store {
            login = login.sessions_in_store();
        }
        let mut site = Site::new(&op, login);
        assert_eq!(site.sign_in().await.status, 303);
        assert_eq!(site.get("/").await.status, 200);
        plug.1.store(false, Ordering::SeqCst);
        assert_eq!(site.get("/").await.status, 503);
        // The session is not given up for that.
        assert!(site.cookies.contains_key("__Host-session"));
        assert_eq!(site.clone().sign_in().await.status, 503);
        let (mut copy, before) = (site.clone(), site.cookies.clone());
        let answer = site.send("POST", "/logout", &[], "").await;
        assert_eq!(answer.status, 503);
        // Nothing has ended yet: the browser can try again.
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        assert_eq!(site.cookies, before);
        plug.1.store(true, Ordering::SeqCst);
        assert_eq!(site.get("/").await.status, 200);
        let answer = site.send("POST", "/logout", &[], "").await;
        assert_eq!(answer.status, 303);
        assert!(site.cookies.is_empty());
        assert_eq!(copy.get("/").await.status, 401);
    }
}

#[tokio::test]
async fn a_log_out_that_cannot_be_stored_keeps_the_cookies() {
    let op = Op::new();
    let plug = Plug::default();
    let mut site = Site::new(&op, op.builder().store(plug.clone()));
    assert_eq!(site.sign_in().await.status, 303);
    // It can be read, and not written.
    plug.2.store(true, Ordering::SeqCst);
    let mut copy = site.clone();
    let answer = site.send("POST", "/logout", &[], "").await;
    assert_eq!(answer.status, 503);
    assert!(!answer.headers.contains_key(header::SET_COOKIE));
    assert_eq!(copy.get("/").await.status, 200);
    plug.2.store(false, Ordering::SeqCst);
    assert_eq!(site.send("POST", "/logout", &[], "").await.status, 303);
    assert_eq!(copy.get("/").await.status, 401);
}

#[tokio::test]
async fn a_refresh_that_cannot_be_stored_is_not_lost() {
    let op = Op::new();
    let plug = Plug::default();
    op.script(|script| script.expires_in = 4);
    let mut site = Site::new(&op, op.builder().store(plug.clone()));
    assert_eq!(site.sign_in().await.status, 303);
    op.shift(3);
    plug.2.store(true, Ordering::SeqCst);
    op.script(|script| {
        script.tokens = json!({ "access_token": "fresh", "refresh_token": "rotated" });
    });
    let answer = site.get("/").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "alice fresh"),
        "{answer:?}"
    );
    // The browser has the new refresh token, which is the next that is used.
    op.shift(3);
    plug.2.store(false, Ordering::SeqCst);
    op.script(|script| script.tokens = json!({ "access_token": "next", "refresh_token": "third" }));
    assert_eq!(site.get("/").await.body, "alice next");
    let form = op.asked("/token").pop().unwrap();
    assert_eq!(form, "grant_type=refresh_token&refresh_token=rotated");
    // What the provider refuses is over, whatever the store says.
    op.shift(3);
    plug.2.store(true, Ordering::SeqCst);
    op.script(|script| script.claims = json!({ "sub": "bob" }));
    assert_eq!(site.get("/").await.status, 401);
    assert!(!site.cookies.contains_key("__Host-session"));
}

#[tokio::test]
async fn a_provider_that_never_answers_is_503() {
    let op = Op::new();
    let fetch =
        fetch_fn(|_| async { Err::<Response<Bytes>, _>(FetchError::of(FetchErrorKind::TimedOut)) });
    let mut site = Site::new(&op, op.builder().fetch_with(fetch));
    let answer = site.get("/login").await;
    assert_eq!(answer.status, 503);
    let source = answer.rejection.as_ref().unwrap().source().unwrap();
    assert!(matches!(
        source.downcast_ref(),
        Some(LoginError::Provider(_))
    ));
}

#[tokio::test]
async fn login_parameters_may_depend_on_the_request() {
    let op = Op::new();
    let login = op.builder().customize(|head, request| {
        assert_eq!(head.uri.path(), "/login");
        let tenant = head.headers["x-tenant"].to_str().unwrap();
        let request = request.param("state", "stolen").scope("orders");
        request.resource(format!("https://{tenant}.example"))
    });
    let mut site = Site::new(&op, login.scope("profile"));
    let fields = [("x-tenant", "t1")];
    let answer = site.send("GET", "/login?prompt=login", &fields, "").await;
    let url = Url::parse(&answer.location()).unwrap();
    let asked: Vec<_> = url.query_pairs().into_owned().collect();
    let all = |name: &str| {
        let found = asked.iter().filter(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(all("scope"), ["openid profile orders"]);
    assert_eq!(all("resource"), ["https://t1.example"]);
    assert_eq!(all("prompt"), ["login"]);
    // What the login sets itself is not for anybody else to set.
    assert_eq!(all("state").len(), 1);
    assert_ne!(all("state"), ["stolen"]);
    op.script(|script| script.claims = json!({ "nonce": all("nonce")[0] }));
    let answer = site
        .get(&format!("/callback?code=c&state={}", all("state")[0]))
        .await;
    assert_eq!(answer.status, 303);
    // The code is exchanged for the same.
    let form = op.asked("/token").pop().unwrap();
    assert!(
        form.ends_with("&resource=https%3A%2F%2Ft1.example"),
        "{form}"
    );
}

#[tokio::test]
async fn login_paths_reserve_nothing_of_the_inner_service() {
    use tower::{Layer, Service, limit::ConcurrencyLimitLayer, service_fn};
    let op = Op::new();
    let slow = service_fn(|_: Request<axum::body::Body>| async {
        Ok::<_, std::convert::Infallible>(Response::new(axum::body::Body::empty()))
    });
    let one = ConcurrencyLimitLayer::new(1).layer(slow);
    let login = op.builder().build().unwrap();
    let mut service = login.layer().layer(one);
    let get = |target: &str| {
        Request::get(target)
            .body(axum::body::Body::empty())
            .unwrap()
    };
    // Answers that are not polled yet.
    let mut kept = Vec::new();
    for target in ["/login", "/callback", "/logout"] {
        let ready = tokio::time::timeout(Duration::from_secs(1), ServiceExt::ready(&mut service));
        let future = ready.await.expect(target).unwrap().call(get(target));
        kept.push(future);
    }
    let other = service.clone().oneshot(get("/"));
    let answer = tokio::time::timeout(Duration::from_secs(1), other).await;
    assert_eq!(answer.unwrap().unwrap().status(), 200);
    assert_eq!(kept.pop().unwrap().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_subject_chosen_by_the_application_does_not_prevent_back_channel_log_out() {
    let op = Op::new();
    let login = op
        .builder()
        .store(MemoryStore::new())
        .backchannel_logout_path("/ended");
    let mut site = Site::new(&op, login.subject_at("uid"));
    op.script(|script| script.claims = json!({ "uid": 7 }));
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.get("/").await.body, "7 provider-token");
    let token = op.script(|script| {
        script.signer.sign(&json!({
            "iss": ISSUER, "aud": "app", "iat": now(), "exp": now() + 100, "sub": "alice",
            "jti": "1", "events": { EVENT: {} },
        }))
    });
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("logout_token={token}");
    assert_eq!(site.send("POST", "/ended", &form, &body).await.status, 200);
    assert_eq!(site.get("/").await.status, 401);
}

#[test]
fn an_invalid_configuration_fails_at_start_up() {
    let op = Op::new();
    let good = || op.builder();
    assert!(good().build().is_ok());
    let secret = || Secret::new([1; 32]).unwrap();
    let bare = || {
        Login::builder(ISSUER).fetch_with(fetch_fn(|_| async {
            Err::<Response<Bytes>, _>(FetchError::of(FetchErrorKind::TimedOut))
        }))
    };
    let uri = "https://app.example.com/callback";
    assert!(
        bare()
            .public_client("a")
            .redirect_uri(uri)
            .secret(secret())
            .build()
            .is_ok()
    );
    assert!(bare().redirect_uri(uri).secret(secret()).build().is_err());
    assert!(
        bare()
            .public_client("")
            .redirect_uri(uri)
            .secret(secret())
            .build()
            .is_err()
    );
    assert!(bare().public_client("a").secret(secret()).build().is_err());
    assert!(bare().public_client("a").redirect_uri(uri).build().is_err());
    assert!(Secret::new([1; 31]).is_err());
    for uri in [
        "",
        "/callback",
        "http://app.example.com/callback",
        "https://app.example.com/callback#x",
        "https://user@app.example.com/callback",
        "https://app.example.com/a/../callback",
        "https://APP.example.com/callback",
        "https://app.example.com/call back",
        "https://app.example.com/login",
        "https://app.example.com/logout",
        "http://127.0.0.1.evil.example/callback",
        "http://localhost.evil.example/callback",
    ] {
        assert!(good().redirect_uri(uri).build().is_err(), "{uri}");
    }
    for uri in [
        "http://127.0.0.1:3000/callback",
        "http://[::1]/callback",
        "http://localhost/callback",
        "https://app.example.com/callback?x=y",
    ] {
        assert!(good().redirect_uri(uri).build().is_ok(), "{uri}");
    }
    for login in [
        good().login_path("login"),
        good().login_path("//login"),
        good().login_path("/log in"),
        good().login_path("/<b>"),
        good().login_path("/logout"),
        good().callback_path("/logout"),
        good().cookie_name("session"),
        good().cookie_name("__Host-a b"),
        good().session_lifetime(Duration::ZERO),
        good().leeway(Duration::from_secs(3601)),
        good().sessions_in_store(),
        good().backchannel_logout_path("/ended"),
        good().after_login("https://evil.example/"),
        good().after_login("/login"),
        good().after_logout("//evil.example"),
        good().allow_return_to("https://evil.example/path"),
        good().param("state", "x"),
        good().roles_at([""; 0]),
        good().token_endpoint("http://login.example/token"),
        good().post_logout_redirect_uri("javascript:x"),
        good().trust_origin("https://front.example/path"),
        good().redirect_uri("https://app.example.com/callback?state=x"),
        good()
            .on_login(|_| Ok(HeaderMap::new()))
            .logout_path("/out"),
        good()
            .on_login(|_| Ok(HeaderMap::new()))
            .store(MemoryStore::new())
            .backchannel_logout_path("/ended"),
        Login::builder("").client_basic("a", "b"),
        Login::builder("http://login.example").client_basic("a", "b"),
    ] {
        let shown = format!("{login:?}");
        assert!(login.build().is_err(), "{shown}");
        assert!(!shown.contains("app-secret"));
    }
    let login = good().build().unwrap();
    let shown = format!(
        "{login:?} {:?} {:?} {:?}",
        login.layer(),
        login.session(),
        secret()
    );
    assert!(!shown.contains("app-secret"), "{shown}");
}

/// OAuth 2.0 Form Post Response Mode.
#[tokio::test]
async fn form_post_is_used_if_the_provider_supports_it() {
    let op = Op::new();
    let with_modes = |modes: Value| {
        op.script(|script| script.metadata["response_modes_supported"] = modes);
        Site::new(&op, op.builder().form_post())
    };
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let mut site = with_modes(json!(["query", "form_post"]));
    let begun = site.get("/login").await;
    let pending = begun.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(pending.ends_with("SameSite=None"), "{pending}");
    let asked = site.begin("").await;
    assert_eq!(asked["response_mode"], "form_post");
    op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
    let form = format!("code=c&state={}", asked["state"]);
    // As a query, or of another kind, it is none.
    let target = format!("/callback?{form}");
    assert_eq!(site.send("POST", &target, &kind, "").await.status, 400);
    assert_eq!(site.send("POST", "/callback", &[], &form).await.status, 400);
    // Another browser's form.
    let mut other = with_modes(json!(["form_post"]));
    assert_eq!(
        other.send("POST", "/callback", &kind, &form).await.status,
        400
    );
    let from = [
        kind[0],
        ("origin", ISSUER),
        ("sec-fetch-site", "cross-site"),
    ];
    let answer = site.send("POST", "/callback", &from, &form).await;
    assert_eq!(
        (answer.status, answer.location().as_str()),
        (303, "/"),
        "{answer:?}"
    );
    for field in answer.headers.get_all(header::SET_COOKIE) {
        assert!(field.to_str().unwrap().ends_with("SameSite=Lax"));
    }
    assert_eq!(site.get("/").await.body, "alice provider-token");
    // A form of another site comes without the session's cookie.
    site.cookies.remove("__Host-session");
    assert_eq!(
        site.send("POST", "/callback", &kind, &form).await.status,
        400
    );

    // Where the provider does not say that it can, the query has it.
    let mut site = with_modes(json!(["query"]));
    assert!(!site.begin("").await.contains_key("response_mode"));
    // Where it was not asked for, a form is none.
    let mut site = Site::new(&op, op.builder());
    assert_eq!(
        site.send("POST", "/callback", &kind, &form).await.status,
        405
    );
}
