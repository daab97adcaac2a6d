//! Login with Glewlwyd, over real sockets, and its access tokens, which are JWTs by RFC 9068.
//! Skipped with a message if it is not installed.

use crate::{
    certified_provider::{Browser, listen, location, parameter, secret, serve, text},
    scripted_server::ScriptedServer,
};
use http::StatusCode;
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tower_auth::{
    RejectionKind, Verify,
    bearer::Token,
    introspection::Introspection,
    jwt::{JwtVerifier, remote::RemoteKeys},
    login::Login,
};

async fn start(redirect_uri: &str) -> Option<ScriptedServer> {
    if !Path::new("/usr/bin/glewlwyd").is_file() {
        eprintln!("SKIPPED: glewlwyd is not installed");
        return None;
    }
    let issuer = |port| format!("http://localhost:{port}/api/oidc");
    Some(ScriptedServer::start("python3", "glewlwyd.py", issuer, redirect_uri).await)
}

/// Signs alice in as the page of Glewlwyd does, which is a script.
async fn sign_in(issuer: &str, browser: &mut Browser, login: &str, callback: &str) {
    let api = issuer.strip_suffix("/oidc").unwrap();
    let page = browser
        .follow(
            login,
            &format!("{}/login.html", api.strip_suffix("/api").unwrap()),
        )
        .await;
    let json = [("content-type", "application/json")];
    let password = json!({"username": "alice", "password": "a long password"}).to_string();
    let answer = browser
        .send("POST", &format!("{api}/auth/"), &json, &password)
        .await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    let scope = json!({"scope": "openid orders"}).to_string();
    let answer = browser
        .send("PUT", &format!("{api}/auth/grant/web"), &json, &scope)
        .await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    let next = format!("{}&g_continue", parameter(&page, "callback_url").unwrap());
    let callback = browser.follow(&next, callback).await;
    let answer = browser.visit(&callback).await;
    assert_eq!(answer.status(), 303, "{}", text(&answer));
}

#[tokio::test]
async fn users_of_glewlwyd_sign_in_are_refreshed_and_log_out() {
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let Some(server) = start(&redirect).await else {
        return;
    };
    let keys = || RemoteKeys::discover().dangerous_allow_http();
    let login = Login::builder(server.issuer.as_str())
        .client_basic("web", "web-secret")
        .redirect_uri(redirect.as_str())
        .post_logout_redirect_uri(format!("http://{address}/"))
        .secret(secret(1))
        .scope("orders")
        .keys(keys())
        .dangerous_allow_http()
        .build()
        .unwrap();
    let app = serve(listener, &login);
    let mut browser = Browser::new();
    let begin = app.url("/login");
    sign_in(&server.issuer, &mut browser, &begin, &redirect).await;
    let (status, me) = browser.me(&app).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(me["iss"], server.issuer.as_str());
    assert_eq!(me["email"], "alice@example.com");

    // The access token is a JWT. Its audience is the list of its scopes.
    let token = me["token"].as_str().unwrap().to_owned();
    let jwt = JwtVerifier::issuer(server.issuer.as_str())
        .audience("openid orders")
        .keys(keys())
        .access_token_profile()
        .build()
        .unwrap();
    let identity = jwt.verify(Token::new(token.as_str())).await.unwrap();
    assert_eq!(identity.subject(), me["sub"].as_str().unwrap());
    assert!(identity.has_scope("orders"));
    let introspection = Introspection::endpoint(format!("{}/introspect", server.issuer))
        .client_basic("web", "web-secret")
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .dangerous_allow_http()
        .max_age(Duration::ZERO)
        .build()
        .unwrap();
    let introspected = introspection.verify(Token::new(token.as_str())).await;
    assert_eq!(introspected.unwrap().subject(), identity.subject());
    let unknown = introspection.verify(Token::new("x".repeat(30))).await;
    assert_eq!(unknown.unwrap_err().kind(), RejectionKind::Invalid);

    // The token ends after six seconds, and is replaced before that.
    let started = Instant::now();
    loop {
        let (status, me) = browser.me(&app).await;
        assert_eq!(status, StatusCode::OK);
        if me["token"] != token.as_str() {
            break;
        }
        assert!(
            started.elapsed().as_secs() < 60,
            "the token is not replaced"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    let own = [("sec-fetch-site", "same-origin")];
    let answer = browser.ask("POST", &app.url("/logout"), &own).await;
    assert_eq!(answer.status(), 303);
    let end = location(&answer).unwrap();
    assert!(
        end.starts_with(&format!("{}/end_session", server.issuer)),
        "{end}"
    );
    let answer = browser.visit(&end).await;
    assert!(answer.status().is_redirection(), "{}", text(&answer));
    assert_eq!(browser.me(&app).await.0, StatusCode::UNAUTHORIZED);
}
