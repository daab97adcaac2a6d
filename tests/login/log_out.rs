//! Log-out together with what the application keeps, and refreshes outside of requests.

use crate::scripted::*;
use axum::{Router, routing::get};
use http::HeaderMap;
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tower_auth::{
    Rejection, RejectionKind,
    login::{LoggedIn, LoggedOut, LoggingOut},
};

fn fields(line: &'static str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert("set-cookie", line.parse().unwrap());
    fields
}

#[tokio::test]
async fn the_application_ends_what_it_keeps_at_a_log_out() {
    let op = Op::new();
    let (ended, is_down) = (
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(AtomicBool::new(true)),
    );
    let (log, down) = (Arc::clone(&ended), Arc::clone(&is_down));
    let login = op.builder().on_logout(move |request: LoggingOut| {
        let (log, down) = (Arc::clone(&log), down.load(SeqCst));
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if down {
                return Err(Rejection::unavailable("the database is down"));
            }
            let subject = request
                .identity
                .map(|identity| identity.subject().to_owned());
            log.lock().unwrap().push(subject);
            Ok(LoggedOut::new().with_fields(fields("__Host-own=; Max-Age=0;")))
        }
    });
    let mut site = Site::new(&op, login);
    assert_eq!(site.sign_in().await.status, 303);
    site.cookies.insert("__Host-own".to_owned(), "x".to_owned());
    // Nothing ends, and the user can try again.
    assert_eq!(site.send("POST", "/logout", &[], "").await.status, 503);
    assert_eq!(site.get("/").await.status, 200);
    is_down.store(false, SeqCst);
    let answer = site.send("POST", "/logout", &[], "").await;
    assert!(
        answer
            .location()
            .starts_with("https://login.example/end?id_token_hint=")
    );
    assert!(site.cookies.is_empty(), "{:?}", site.cookies);
    // Also after the session has ended.
    assert_eq!(site.send("POST", "/logout", &[], "").await.status, 303);
    assert_eq!(*ended.lock().unwrap(), [Some("alice".to_owned()), None]);
    // Another site cannot have it called.
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(site.send("POST", "/logout", &foreign, "").await.status, 403);
    assert_eq!(ended.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn an_application_with_sessions_of_its_own_logs_out_at_the_provider() {
    let op = Op::new();
    let kept = Arc::new(Mutex::new(None));
    let (keep, take) = (Arc::clone(&kept), Arc::clone(&kept));
    let login = op
        .builder()
        .on_login(move |login: LoggedIn| {
            *keep.lock().unwrap() = Some(login.tokens);
            Ok(fields("__Host-session=own;"))
        })
        .on_logout(move |request: LoggingOut| {
            assert!(request.identity.is_none());
            let cookies = request.headers["cookie"].to_str().unwrap().to_owned();
            assert!(cookies.contains("__Host-session=own"), "{cookies}");
            let tokens = take.lock().unwrap().take().unwrap();
            let done = LoggedOut::new().with_id_token(tokens.id_token().unwrap());
            let done = done.revoking(tokens.refresh_token().unwrap());
            Ok(done.with_fields(fields("__Host-session=; Max-Age=0;")))
        });
    let login = login.logout_path("/out").build().unwrap();
    let app = Router::new()
        .route("/", get(|| async { "home" }))
        .layer(login.layer());
    let mut site = Site::with(&op, app);
    assert_eq!(site.sign_in().await.status, 303);
    let hint = kept.lock().unwrap().clone().unwrap();
    let hint = hint.id_token().unwrap().to_owned();
    let answer = site.send("POST", "/out", &[], "").await;
    let asked = parameters(&answer.location());
    assert_eq!(asked["id_token_hint"], hint);
    let lines = answer.headers.get_all("set-cookie").iter();
    let own = lines.filter(|line| line.to_str().unwrap().starts_with("__Host-session="));
    assert_eq!(own.count(), 1, "the cookie is the application's own");
    for _ in 0..1000 {
        if !op.asked("/revoke").is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(op.asked("/revoke")[0].starts_with("token=provider-refresh&"));
}

#[tokio::test]
async fn a_browser_without_fetch_metadata_is_a_browser() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let answer = site.send("GET", "/", &[html], "").await;
    assert_eq!(answer.location(), "/login?return_to=%2F");
    for (method, more) in [("GET", ("sec-fetch-dest", "image")), ("POST", ("x", "y"))] {
        let answer = site.send(method, "/", &[html, more], "").await;
        assert_eq!(answer.status, 401, "{method} {more:?}");
    }
    assert_eq!(site.sign_in().await.status, 303);
    // A link to the log-out shows a button, which sends an `Origin`.
    let answer = site.send("GET", "/logout", &[html], "").await;
    assert!(
        answer
            .body
            .contains(r#"<form method="post" action="/logout">"#)
    );
    assert_eq!(site.get("/").await.status, 200);
    let fields = [html, ("origin", "https://evil.example")];
    assert_eq!(site.send("POST", "/logout", &fields, "").await.status, 403);
    let fields = [html, ("origin", APP)];
    assert_eq!(site.send("POST", "/logout", &fields, "").await.status, 303);
    assert!(site.cookies.is_empty());
}

#[tokio::test]
async fn a_refusal_without_a_state_says_that_it_was_refused() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder());
    for (error, status) in [
        ("access_denied", 403),
        ("login_required", 401),
        ("user_cancelled_authorize", 401),
        ("consent_required", 401),
    ] {
        site.begin("").await;
        let before = site.cookies.clone();
        let target = format!("/callback?error={error}&error_description=%3Cb%3E");
        let answer = site.visit(&target).await;
        assert_eq!(answer.status, status, "{error}");
        assert!(!answer.body.contains("was not begun") && !answer.body.contains("<b>"));
        assert_eq!(site.cookies, before, "nothing is changed");
    }
    // Any site can send a browser here, so these are no outages.
    for error in ["server_error", "temporarily_unavailable", "invalid_scope"] {
        let answer = site.visit(&format!("/callback?error={error}")).await;
        assert_eq!(answer.status, 400, "{error}");
    }
    assert_eq!(site.visit("/callback").await.status, 400);
    assert_eq!(site.visit("/callback?error=a&error=b").await.status, 400);
}

#[tokio::test]
async fn a_callback_without_a_state_leads_on_if_there_is_a_session() {
    let op = Op::new();
    let mut site = Site::new(&op, op.builder().after_login("/welcome"));
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.visit("/callback").await.location(), "/welcome");
    // With sessions of the application's own, for as long as the login is known.
    let login = op.builder().after_login("/welcome");
    let login = login.on_login(|_| Ok(HeaderMap::new())).build().unwrap();
    let app = Router::new()
        .route("/", get(|| async {}))
        .layer(login.layer());
    let mut site = Site::with(&op, app);
    let asked = site.begin("").await;
    op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
    let target = format!("/callback?code=c&state={}", asked["state"]);
    assert_eq!(site.visit(&target).await.status, 303);
    assert_eq!(site.visit(&target).await.location(), "/welcome");
    site.cookies.clear();
    assert_eq!(site.visit(&target).await.status, 400);
}

#[tokio::test]
async fn a_job_refreshes_tokens_and_receives_the_rotated_one() {
    let op = Op::new();
    let login = op
        .builder()
        .resource("https://api.example/")
        .build()
        .unwrap();
    op.script(|script| script.tokens = json!({ "refresh_token": "rotated" }));
    let tokens = login.refresh("first").await.unwrap();
    assert_eq!(tokens.refresh_token(), Some("rotated"));
    assert_eq!(tokens.access_token(), "provider-token");
    assert!(tokens.id_token().is_some() && tokens.expires_at().is_some());
    let form = op.asked("/token").pop().unwrap();
    let expected =
        "grant_type=refresh_token&refresh_token=first&resource=https%3A%2F%2Fapi.example%2F";
    assert_eq!(form, expected);
    // A provider that does not rotate.
    op.script(|script| script.tokens = json!({ "refresh_token": null, "id_token": null }));
    let tokens = login.refresh("first").await.unwrap();
    assert_eq!(
        (tokens.refresh_token(), tokens.id_token()),
        (Some("first"), None)
    );
    assert!(!format!("{tokens:?}").contains("first"));
}

#[tokio::test]
async fn a_job_tells_a_rejected_refresh_token_from_an_outage() {
    let op = Op::new();
    let login = op.builder().build().unwrap();
    for (status, body, kind) in [
        (400, r#"{"error":"invalid_grant"}"#, RejectionKind::Invalid),
        (
            200,
            r#"{"error":"bad_refresh_token"}"#,
            RejectionKind::Invalid,
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#,
            RejectionKind::Unavailable,
        ),
        (503, "", RejectionKind::Unavailable),
        (200, "<html>", RejectionKind::Unavailable),
    ] {
        op.script(|script| {
            script
                .raw
                .insert("/token".into(), (status, body.to_owned()))
        });
        assert_eq!(login.refresh("r").await.unwrap_err().kind(), kind, "{body}");
    }
    // An ID token of somebody else's client.
    op.script(|script| {
        script.raw.clear();
        script.claims = json!({ "aud": "other" });
    });
    assert_eq!(
        login.refresh("r").await.unwrap_err().kind(),
        RejectionKind::Invalid
    );
    // The tokens are kept although their ID token cannot be verified now.
    let op = Op::new();
    let login = op.builder().build().unwrap();
    login.connect().await.unwrap();
    op.script(|script| script.raw.insert("/jwks".into(), (503, String::new())));
    let tokens = login.refresh("r").await.unwrap();
    assert_eq!(
        (tokens.access_token(), tokens.id_token()),
        ("provider-token", None)
    );
}

#[tokio::test]
async fn cookies_without_secure_are_for_loopback_only() {
    let op = Op::new();
    let local = |op: &Op| {
        let login = op.builder().redirect_uri("http://localhost:3000/callback");
        login.dangerous_insecure_cookies_on_loopback()
    };
    for name in ["__Host-session", "session"] {
        let mut site = Site::new(&op, local(&op).cookie_name(name));
        let answer = site.get("/login").await;
        let line = answer.headers["set-cookie"].to_str().unwrap();
        assert!(line.starts_with("session-login-"), "{line}");
        assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{line}");
        site.cookies.clear();
        let answer = site.sign_in().await;
        assert_eq!(answer.status, 303);
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            assert!(
                !line.contains("Secure") && !line.contains("__Host-"),
                "{line}"
            );
        }
        assert_eq!(site.get("/").await.status, 200);
        assert_eq!(site.send("POST", "/logout", &[], "").await.status, 303);
        assert!(site.cookies.is_empty());
    }
    for uri in [
        "http://127.0.0.1:3000/callback",
        "http://[::1]:3000/callback",
    ] {
        assert!(local(&op).redirect_uri(uri).build().is_ok(), "{uri}");
    }
    for login in [
        local(&op).redirect_uri("https://app.example.com/callback"),
        local(&op).redirect_uri("https://localhost/callback"),
        local(&op).redirect_uri("http://app.example.com/callback"),
        local(&op).form_post(),
        local(&op).cookie_name("a b"),
        op.builder()
            .redirect_uri("http://localhost:3000/callback")
            .cookie_name("session"),
    ] {
        assert!(login.build().is_err());
    }
}
