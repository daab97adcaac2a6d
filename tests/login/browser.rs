//! Login and log-out as browsers and applications see them, with a scripted provider.

use crate::common::events;
use crate::common::signer::Signer;
use crate::scripted::*;
use axum::{Router, routing::get};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{sync::Notify, time::Instant};
use tower_auth::{
    AuthLayer, RequireLayer,
    authz::authenticated_within,
    login::{Login, Secret},
    store::MemoryStore,
};

const SESSION: &str = "__Host-session";
const JUST_NOW: &str = "__Host-session-just-now";

fn metadata(op: &Op, status: u16, body: &str) {
    let path = "/.well-known/openid-configuration".to_owned();
    op.script(|script| script.raw.insert(path, (status, body.to_owned())));
}

#[tokio::test]
async fn configured_endpoints_override_discovered_ones() {
    let op = Op::new();
    let login = op
        .builder()
        .token_endpoint("https://login.example/other/token")
        .end_session_endpoint("https://login.example/other/end")
        .revocation_endpoint("https://login.example/other/revoke");
    let token = op.script(|script| script.signer.sign(&json!({})));
    let mut site = Site::new(&op, login);
    let asked = site.begin("").await;
    op.script(|script| {
        let id_token = script.signer.sign(&json!({
            "iss": ISSUER, "sub": "alice", "aud": "app", "exp": now() + 600, "iat": now(),
            "nonce": asked["nonce"],
        }));
        let tokens = json!({ "access_token": token, "id_token": id_token });
        let answer = (200, tokens.to_string());
        script.raw.insert("/other/token".into(), answer);
    });
    let target = format!("/callback?code=c&state={}", asked["state"]);
    assert_eq!(site.get(&target).await.status, 303);
    let end = site.send("POST", "/logout", &[], "").await.location();
    assert!(end.starts_with("https://login.example/other/end?"), "{end}");
    assert!(op.asked("/token").is_empty());
}

#[tokio::test]
async fn an_issuer_parameter_is_required_also_with_discovery() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder().require_issuer_parameter());
    assert_eq!(site.sign_in().await.status, 400);
    assert!(op.asked("/token").is_empty());
    let asked = site.begin("").await;
    op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
    let issuer = "https%3A%2F%2Flogin.example";
    let target = format!("/callback?code=c&state={}&iss={issuer}", asked["state"]);
    assert_eq!(site.get(&target).await.status, 303);
}

#[tokio::test]
async fn a_log_out_by_the_provider_does_not_depend_on_the_clocks_of_a_fleet() {
    for names in [json!({ "sid": "s1" }), json!({ "sub": "alice" })] {
        let op = Op::new();
        let store = Arc::new(MemoryStore::new());
        let server = |ahead: u64| {
            let login = op
                .builder()
                .store(Arc::clone(&store))
                .backchannel_logout_path("/ended")
                .clock(move || SystemTime::now() + Duration::from_secs(ahead));
            Site::new(&op, login)
        };
        let (mut one, mut two) = (server(20), server(0));
        op.script(|script| script.claims = json!({ "sid": "s1" }));
        assert_eq!(one.sign_in().await.status, 303);
        assert_eq!(end_at_provider(&mut two, names.clone()).await, 200);
        assert_eq!(one.get("/").await.status, 401, "{names}");
        // A later login, by the provider's clock, is another session.
        op.script(|script| script.claims = json!({ "sid": "s2", "iat": now() + 2 }));
        assert_eq!(two.sign_in().await.status, 303);
        assert_eq!(two.get("/").await.status, 200, "{names}");
    }
    // The logout token is faster than the browser with the code.
    for names in [json!({ "sid": "s1" }), json!({ "sub": "alice" })] {
        let op = Op::new();
        let login = op.builder().store(MemoryStore::new());
        let mut site = Site::new(&op, login.backchannel_logout_path("/ended"));
        let asked = site.begin("").await;
        op.script(|script| {
            script.claims = json!({ "nonce": asked["nonce"], "sid": "s1", "iat": now() });
        });
        assert_eq!(end_at_provider(&mut site, names.clone()).await, 200);
        op.shift(1);
        let target = format!("/callback?code=c&state={}", asked["state"]);
        site.get(&target).await;
        assert_eq!(site.get("/").await.status, 401, "{names}");
    }
}

#[tokio::test]
async fn a_log_out_outlasts_a_session_with_a_longer_lifetime() {
    let op = Op::new();
    let store = Arc::new(MemoryStore::new());
    let server = |minutes: u64| {
        let login = op.builder().store(Arc::clone(&store));
        Site::new(
            &op,
            login.session_lifetime(Duration::from_secs(minutes * 60)),
        )
    };
    let (mut long, mut short) = (server(60), server(10));
    assert_eq!(long.sign_in().await.status, 303);
    short.cookies = long.cookies.clone();
    assert_eq!(short.get("/").await.status, 200);
    op.shift(10 * 60);
    // What is longer than the lifetime of today is over, log-out or not.
    assert_eq!(long.get("/").await.status, 200);
    assert_eq!(short.get("/").await.status, 401);
}

#[tokio::test]
async fn a_login_requests_the_maximum_age_of_the_policy() {
    let op = Op::new();
    let login = op.builder().build().unwrap();
    let policy = RequireLayer::new(authenticated_within(Duration::from_secs(300)));
    let mut site = Site::new(&op, op.builder());
    site.app = Router::new()
        .route("/pay", get(whoami).route_layer(policy))
        .layer(AuthLayer::new(login.session()))
        .layer(login.layer());
    assert_eq!(site.sign_in().await.status, 303);
    site.cookies.remove(JUST_NOW);
    let answer = site.visit("/pay").await;
    let target = "/login?return_to=%2Fpay&prompt=login&max_age=300";
    assert_eq!(answer.location(), target);
    for (auth_time, status) in [(None, 401), (Some(now() - 1000), 401), (Some(now()), 303)] {
        let answer = site.visit(target).await;
        let asked = parameters(&answer.location());
        assert_eq!((&*asked["prompt"], &*asked["max_age"]), ("login", "300"));
        op.script(|script| {
            script.claims = json!({ "nonce": asked["nonce"], "auth_time": auth_time });
        });
        let target = format!("/callback?code=c&state={}", asked["state"]);
        assert_eq!(site.visit(&target).await.status, status, "{auth_time:?}");
    }
    assert_eq!(site.visit("/pay").await.status, 200);
    // A time in the future is none.
    op.script(|script| script.claims = json!({ "auth_time": now() + 1000 }));
    assert_eq!(site.sign_in().await.status, 401);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_handler_that_takes_the_providers_token_is_401_once_it_has_ended() {
    use tower_auth::{Identity, Scheme, bearer::Bearer, login::ProviderToken};
    async fn invoices(token: ProviderToken) -> String {
        token.expose().to_owned()
    }
    async fn maybe(token: Option<ProviderToken>) -> String {
        format!("{}", token.is_some())
    }
    let op = Op::new();
    let login = op.builder().build().unwrap();
    let mut site = Site::new(&op, op.builder());
    let other = tower_auth::verify_fn(|_: tower_auth::bearer::Token| Ok(Identity::new("x")));
    site.app = Router::new()
        .route("/invoices", get(invoices))
        .route("/maybe", get(maybe))
        .layer(AuthLayer::new(login.session().or(Bearer::new(other))).optional())
        .layer(login.layer())
        .route("/bare", get(invoices));
    op.script(|script| script.tokens = json!({ "refresh_token": null }));
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.get("/invoices").await.body, "provider-token");
    assert_eq!(site.get("/maybe").await.body, "true");
    op.shift(3601);
    site.cookies.remove(JUST_NOW);
    let answer = site.get("/invoices").await;
    assert_eq!(answer.status, 401);
    assert!(answer.headers.contains_key("www-authenticate"));
    assert_eq!(site.get("/maybe").await.body, "false");
    assert!(site.cookies.contains_key(SESSION));
    let answer = site.visit("/invoices").await;
    assert_eq!(answer.location(), "/login?return_to=%2Finvoices");
    // Whoever has not signed in here has none.
    site.cookies.clear();
    assert_eq!(site.get("/invoices").await.status, 401);
    assert_eq!(site.get("/maybe").await.body, "false");
    let bearer = [("authorization", "Bearer x")];
    assert_eq!(site.send("GET", "/invoices", &bearer, "").await.status, 403);
    assert_eq!(site.get("/bare").await.status, 500);
}

#[tokio::test]
async fn only_a_navigation_on_this_origin_logs_out_with_get() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    let fields = |site, mode, dest| {
        [
            ("sec-fetch-site", site),
            ("sec-fetch-mode", mode),
            ("sec-fetch-dest", dest),
        ]
    };
    let page = fields("same-origin", "navigate", "document");
    let prefetch = [&page[..], &[("sec-purpose", "prefetch")]].concat();
    for refused in [
        &fields("same-origin", "no-cors", "image")[..],
        &fields("same-origin", "navigate", "iframe"),
        &fields("same-origin", "cors", "empty"),
        &fields("same-site", "navigate", "document"),
        &fields("cross-site", "navigate", "document"),
        &prefetch,
        &page[..1],
        &[],
    ] {
        let answer = site.send("GET", "/logout", refused, "").await;
        assert_eq!(answer.status, 403, "{refused:?}");
    }
    // A bookmark, or a link in a mail program.
    let none = fields("none", "navigate", "document");
    let answer = site.send("GET", "/logout", &none, "").await;
    assert_eq!(answer.status, 200);
    let form = r#"<form method="post" action="/logout">"#;
    assert!(answer.body.contains(form), "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(site.get("/").await.status, 200);
    assert_eq!(site.send("GET", "/logout", &page, "").await.status, 303);
    assert!(site.cookies.is_empty());
}

#[tokio::test]
async fn a_front_end_of_a_trusted_origin_logs_out() {
    let op = Op::new();
    let front = "https://front.example.com";
    let mut site = Site::new(&op, op.builder().trust_origin(front));
    assert_eq!(site.sign_in().await.status, 303);
    let from = |origin| [("origin", origin), ("sec-fetch-site", "same-site")];
    let answer = site
        .send("POST", "/logout", &from("https://evil.example.com"), "")
        .await;
    assert_eq!(answer.status, 403);
    let answer = site.send("POST", "/logout", &from(front), "").await;
    assert_eq!(answer.status, 303);
    assert!(site.cookies.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_logged_out_again_is_not_revoked_again() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    for _ in 0..20 {
        let mut copy = site.clone();
        assert_eq!(copy.send("POST", "/logout", &[], "").await.status, 303);
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(op.asked("/revoke").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_out_does_not_wait_for_revocation_and_little_for_metadata() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    let never = Arc::new(Notify::new());
    op.script(|script| script.gates.insert("/revoke".into(), Arc::clone(&never)));
    let started = Instant::now();
    let answer = site.send("POST", "/logout", &[], "").await;
    assert!(answer.location().starts_with("https://login.example/end?"));
    assert!(started.elapsed() < Duration::from_millis(10));
    while op.asked("/revoke").is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // A server that has just been started.
    let mut other = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    other.cookies = site.cookies.clone();
    let path = "/.well-known/openid-configuration".to_owned();
    op.script(|script| script.gates.insert(path, never));
    let started = Instant::now();
    let answer = other.send("POST", "/logout", &[], "").await;
    assert_eq!((answer.status, answer.location().as_str()), (303, "/"));
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(other.cookies.is_empty());
}

#[tokio::test]
async fn a_log_out_after_the_session_has_ended_goes_on_to_the_provider() {
    let op = Op::new();
    let login = op.builder().post_logout_redirect_uri(format!("{APP}/bye"));
    let mut site = Site::new(&op, login);
    let end = site.send("POST", "/logout", &[], "").await.location();
    assert!(end.starts_with("https://login.example/end?"), "{end}");
    let sent = parameters(&end);
    assert_eq!(sent["client_id"], "app");
    assert_eq!(sent["post_logout_redirect_uri"], format!("{APP}/bye"));
    assert!(!sent.contains_key("id_token_hint"));
}

#[tokio::test]
async fn a_return_address_that_is_too_long_is_dropped() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder().after_login("/welcome"));
    // Quotes triple when they are normalised.
    let long = format!("/?{}", "'".repeat(1500));
    let answer = site.visit(&long).await;
    assert_eq!((answer.status, answer.location().as_str()), (303, "/login"));
    for wanted in [long, format!("/{}", "a".repeat(3000))] {
        let asked = site.begin(&format!("return_to={wanted}")).await;
        for (name, value) in &site.cookies {
            assert!(name.len() + value.len() < 4000);
        }
        op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
        let target = format!("/callback?code=c&state={}", asked["state"]);
        assert_eq!(site.get(&target).await.location(), "/welcome");
    }
}

#[tokio::test]
async fn a_repeated_callback_redirects_if_there_is_a_session() {
    for store in [false, true] {
        let op = Op::new();
        let mut login = op.builder().after_login("/welcome");
        if store {
            login = login.store(MemoryStore::new());
        }
        let mut site = Site::new(&op, login);
        let asked = site.begin("").await;
        op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
        let target = format!("/callback?code=c&state={}", asked["state"]);
        let before = site.cookies.clone();
        assert_eq!(site.get(&target).await.status, 303);
        let session = site.cookies[SESSION].clone();
        let answer = site.get(&target).await;
        assert_eq!((answer.status, &*answer.location()), (303, "/welcome"));
        assert_eq!(site.cookies[SESSION], session);
        // Without a session it is refused, also where its cookie comes back with it.
        site.cookies.clear();
        assert_eq!(site.get(&target).await.status, 400);
        // So it is where its cookie comes back with it: by the store, or by the provider.
        let refused = (400, r#"{"error":"invalid_grant"}"#.to_owned());
        op.script(|script| script.raw.insert("/token".into(), refused));
        site.cookies = before;
        let status = if store { 400 } else { 401 };
        assert_eq!(site.get(&target).await.status, status);
    }
}

#[tokio::test]
async fn errors_of_the_authorization_endpoint_are_classified() {
    events::record();
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    for (error, status) in [
        ("access_denied", 403),
        ("login_required", 401),
        ("some_code_of_its_own", 401),
        ("server_error", 503),
        ("temporarily_unavailable", 503),
        ("invalid_scope", 503),
        ("invalid_request", 503),
        ("unauthorized_client", 503),
        ("unsupported_response_type", 503),
        ("invalid_target", 503),
    ] {
        let state = site.begin("").await["state"].clone();
        let answer = site
            .visit(&format!("/callback?error={error}&state={state}"))
            .await;
        assert_eq!(answer.status, status, "{error}");
        assert!(answer.why().contains(error), "{}", answer.why());
        let loops = answer.body.contains("the provider asks for a sign-in");
        assert_eq!(loops, status == 401, "{error}");
    }
    let lines = events::LINES.lock().unwrap().join("\n");
    assert!(
        lines
            .lines()
            .any(|line| { line.starts_with("WARN") && line.contains("unsupported_response_type") })
    );
    // Some providers leave out the state.
    for (error, status) in [("access_denied", 403), ("server_error", 400)] {
        let answer = site.visit(&format!("/callback?error={error}")).await;
        assert_eq!(answer.status, status, "{error}");
    }
    // The token endpoint: a used code by another name, with 200.
    let answer = (200, r#"{"error":"bad_verification_code"}"#.to_owned());
    op.script(|script| script.raw.insert("/token".into(), answer));
    let answer = site.sign_in().await;
    assert_eq!(answer.status, 401);
    assert!(answer.why().contains("bad_verification_code"));
}

#[tokio::test]
async fn any_2xx_with_an_access_token_is_a_token_response() {
    let op = Op::new();
    op.script(|script| {
        script.status = 201;
        script.tokens = json!({ "token_type": null, "refresh_token": "", "expires_in": "" });
    });
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.get("/").await.body, "alice provider-token");
}

#[tokio::test(start_paused = true)]
async fn known_endpoints_serve_while_metadata_is_bad_or_slow() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.get("/login").await.status, 303);
    op.forward(3601).await;
    for (status, body) in [
        (503, "<html>"),
        (200, "<html>maintenance</html>"),
        (200, "{}"),
        (200, r#"{"issuer":"https://login.example"}"#),
    ] {
        metadata(&op, status, body);
        op.forward(61).await;
        for _ in 0..2 {
            assert_eq!(site.get("/login").await.status, 303, "{status} {body}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    op.script(|script| script.raw.clear());
    let path = "/.well-known/openid-configuration".to_owned();
    let gate = Arc::new(Notify::new());
    op.script(|script| script.gates.insert(path.clone(), Arc::clone(&gate)));
    op.forward(61).await;
    let before = op.asked(&path).len();
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(site.get("/login").await.status, 303);
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(started.elapsed() < Duration::from_millis(10));
    assert_eq!(op.asked(&path).len() - before, 1);
    // Metadata of another issuer is worse than none.
    op.script(|script| script.gates.clear());
    // The hanging fetch has its time-out, and then there is a pause.
    for _ in 0..2 {
        op.forward(66).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    metadata(&op, 200, r#"{"issuer":"https://evil.example"}"#);
    site.get("/login").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(site.get("/login").await.status, 503);
    op.script(|script| script.raw.clear());
    op.forward(61).await;
    assert_eq!(site.get("/login").await.status, 303);
}

#[tokio::test(start_paused = true)]
async fn dropped_requests_do_not_restart_the_metadata_fetch() {
    let op = Op::new();
    let path = "/.well-known/openid-configuration".to_owned();
    let gate = Arc::new(Notify::new());
    op.script(|script| script.gates.insert(path.clone(), Arc::clone(&gate)));
    let site = Site::new(&op, op.builder());
    for _ in 0..5 {
        let mut site = site.clone();
        let visit = tokio::time::timeout(Duration::from_millis(100), async move {
            site.get("/login").await
        });
        assert!(visit.await.is_err());
    }
    assert_eq!(op.asked(&path).len(), 1);
    gate.notify_one();
    op.script(|script| script.gates.clear());
    assert_eq!(site.clone().get("/login").await.status, 303);
}

/// An old session, on a page that is open to anonymous callers and whose handler is slow.
#[tokio::test]
async fn a_login_during_a_slow_page_with_an_old_session_loses_nothing() {
    use tower_auth::Identity;
    for expires in [false, true] {
        let op = Op::new();
        let login = op.builder().store(MemoryStore::new());
        let login = login.backchannel_logout_path("/ended");
        let login = login.session_lifetime(Duration::from_secs(3600));
        let login = login.build().unwrap();
        let begun = Arc::new(Notify::new());
        let gate = Arc::new(Notify::new());
        let (signal, wait) = (Arc::clone(&begun), Arc::clone(&gate));
        let page = move |identity: Option<Identity>| async move {
            assert!(identity.is_none());
            signal.notify_one();
            wait.notified().await;
        };
        let app = Router::new()
            .route("/", get(whoami))
            .route("/page", get(page))
            .layer(AuthLayer::new(login.session()).optional())
            .layer(login.layer());
        let mut site = Site::with(&op, app);
        assert_eq!(site.sign_in().await.status, 303);
        // Either it has expired, or the provider has ended it.
        match expires {
            true => op.shift(4000),
            false => assert_eq!(
                end_at_provider(&mut site, json!({ "sub": "alice" })).await,
                200
            ),
        }
        let navigation = [
            ("accept", "text/html"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        let mut other_tab = site.clone();
        let late =
            tokio::spawn(async move { other_tab.send("GET", "/page", &navigation, "").await });
        begun.notified().await;
        if !expires {
            // Its logout token ends sessions of that second.
            op.shift(2);
        }
        assert_eq!(site.sign_in().await.status, 303);
        gate.notify_one();
        let late = late.await.unwrap();
        assert_eq!(late.status, 200);
        assert!(!late.headers.contains_key("set-cookie"), "{late:?}");
        // Without a login meanwhile, the navigation clears the old cookie.
        if expires {
            op.shift(4000);
            gate.notify_one();
            let answer = site.send("GET", "/page", &navigation, "").await;
            assert_eq!(answer.headers["cache-control"], "no-store");
            assert!(!site.cookies.contains_key(SESSION));
        }
    }
}

#[tokio::test]
async fn a_cookie_of_another_application_is_rejected_and_not_cleared() {
    let op = Op::new();
    let mut one = Site::new(&op, op.builder());
    assert_eq!(one.sign_in().await.status, 303);
    // On another port of the same host, with the same names.
    let mut two = one.clone();
    let other = Login::builder(ISSUER)
        .client_basic("two", "s")
        .redirect_uri("https://app.example.com:8443/callback")
        .secret(Secret::new([9; 32]).unwrap())
        .fetch_with(tower_auth::fetch::fetch_fn(|_| async {
            Err::<http::Response<bytes::Bytes>, _>("nothing is asked")
        }))
        .build()
        .unwrap();
    two.app = Router::new()
        .route("/", get(whoami))
        .layer(AuthLayer::new(other.session()))
        .layer(other.layer());
    assert_eq!(two.get("/").await.status, 401);
    one.cookies = two.cookies;
    assert_eq!(one.get("/").await.status, 200);
}

#[tokio::test]
async fn an_outage_at_the_callback_is_repaired_by_a_reload() {
    for store in [false, true] {
        let op = Op::new();
        let mut login = op.builder();
        if store {
            login = login.store(MemoryStore::new());
        }
        let mut site = Site::new(&op, login);
        let asked = site.begin("return_to=/a%3Fb%26c").await;
        op.script(|script| {
            script.claims = json!({ "nonce": asked["nonce"] });
            script.raw.insert("/token".into(), (503, String::new()));
        });
        let target = format!("/callback?code=c&state={}", asked["state"]);
        let answer = site.visit(&target).await;
        assert_eq!(answer.status, 503);
        let link = r#"<a href="/login?return_to=%2Fa%3Fb%26c">"#;
        assert!(answer.body.contains(link), "{}", answer.body);
        op.script(|script| script.raw.clear());
        let answer = site.visit(&target).await;
        assert_eq!((answer.status, &*answer.location()), (303, "/a?b&c"));
        site.cookies.remove(SESSION);
        assert_eq!(site.visit(&target).await.status, 400);
    }
}

#[tokio::test]
async fn a_silent_sign_in_that_fails_continues_without_a_session() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    for (query, status) in [("prompt=none&return_to=/a", 303), ("return_to=/a", 401)] {
        let state = site.begin(query).await["state"].clone();
        let target = format!("/callback?error=login_required&state={state}");
        let answer = site.get(&target).await;
        assert_eq!(answer.status, status, "{query}");
        if status == 303 {
            assert_eq!(answer.location(), "/a");
            // And is not sent round in circles.
            assert_eq!(site.visit("/").await.status, 401);
        }
    }
}

#[tokio::test]
async fn browsers_are_sent_below_the_prefix_that_a_proxy_removes() {
    let op = Op::new();
    let login = op
        .builder()
        .redirect_uri(format!("{APP}/shop/callback"))
        .callback_path("/callback");
    // The application sees `/` for `/shop/`.
    let mut site = Site::new(&op, login);
    let answer = site.visit("/?a=b").await;
    let target = "/login?return_to=%2Fshop%2F%3Fa%3Db";
    assert_eq!(answer.location(), format!("/shop{target}"));
    let answer = site.visit(target).await;
    let asked = parameters(&answer.location());
    op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
    let target = format!("/callback?code=c&state={}", asked["state"]);
    assert_eq!(site.visit(&target).await.location(), "/shop/?a=b");
    let answer = site.visit("/callback?code=c&state=x").await;
    assert_eq!(answer.location(), "/shop/");
    for own in ["/shop/login", "/shop/logout", "/shop/callback"] {
        let answer = site.get(&format!("/login?return_to={own}")).await;
        assert_eq!(answer.status, 400, "{own}");
    }
    site.cookies.clear();
    let answer = site.visit("/callback?code=c&state=x").await;
    assert!(
        answer.body.contains(r#"href="/shop/login""#),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn a_session_trusts_the_origin_of_the_redirect_uri() {
    let op = Op::new();
    let login = op.builder().build().unwrap();
    let mut site = Site::new(&op, op.builder());
    site.app = Router::new()
        .route("/", get(whoami).post(whoami))
        .layer(AuthLayer::new(login.session()))
        .layer(login.layer());
    assert_eq!(site.sign_in().await.status, 303);
    // Behind a proxy that changes the host.
    for (origin, status) in [
        (APP, 200),
        ("https://evil.example.com", 403),
        ("https://app.example.com.evil.example", 403),
        ("http://app.example.com", 403),
        ("null", 403),
    ] {
        let fields = [("host", "127.0.0.1:3000"), ("origin", origin)];
        let answer = site.send("POST", "/", &fields, "").await;
        assert_eq!(answer.status, status, "{origin}");
    }
    let twice = [("origin", APP), ("origin", "https://evil.example.com")];
    assert_eq!(site.send("POST", "/", &twice, "").await.status, 403);
}

#[tokio::test]
async fn user_info_does_not_set_the_authentication_time() {
    let op = Op::new();
    let login = op
        .builder()
        .without_openid()
        .subject_at("id")
        .build()
        .unwrap();
    let policy = RequireLayer::new(authenticated_within(Duration::from_secs(60)));
    let mut site = Site::new(&op, op.builder());
    site.app = Router::new()
        .route("/", get(whoami))
        .route("/pay", get(whoami).route_layer(policy))
        .layer(AuthLayer::new(login.session()))
        .layer(login.layer());
    op.script(|script| {
        script.user_info = json!({ "id": 42, "auth_time": now(), "sid": "s" });
    });
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.get("/").await.status, 200);
    assert_eq!(site.get("/pay").await.status, 401);
}

#[tokio::test]
async fn an_id_token_of_a_refresh_has_the_nonce_of_the_login_or_none() {
    let op = Op::new();
    op.script(|script| {
        script.expires_in = 4;
        script.signer = Signer::new("a");
    });
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    op.script(|script| script.claims = json!({ "nonce": "another" }));
    op.shift(3);
    let answer = site.get("/").await;
    assert_eq!((answer.status, answer.why().contains("nonce")), (401, true));
}
