//! Login with django-oauth-toolkit, over real sockets: another authorization server, whose access
//! tokens are opaque. Skipped with a message if Python or the package is missing.

use crate::{
    certified_provider::{Browser, listen, location, parameter, secret, serve, text},
    scripted_server::ScriptedServer,
};
use http::StatusCode;
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tower_auth::{
    RejectionKind, Verify, bearer::Token, introspection::Introspection, jwt::remote::RemoteKeys,
    login::Login,
};

async fn start(redirect_uri: &str) -> Option<ScriptedServer> {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python/bin/python");
    let has_package = Command::new(&python)
        .args(["-c", "import oauth2_provider"])
        .stderr(Stdio::null())
        .status();
    if !has_package.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: django-oauth-toolkit is not installed");
        return None;
    }
    let issuer = |port| format!("http://127.0.0.1:{port}/o");
    Some(ScriptedServer::start(&python, "oauth_toolkit.py", issuer, redirect_uri).await)
}

/// Signs alice in with her password, at the page that the server shows.
async fn sign_in(issuer: &str, browser: &mut Browser, login: &str, callback: &str) {
    let site = issuer.strip_suffix("/o").unwrap();
    let page = browser.follow(login, &format!("{site}/login/")).await;
    let form = text(&browser.visit(&page).await);
    let token = form.split("csrfmiddlewaretoken\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap();
    let next = parameter(&page, "next").unwrap();
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("csrfmiddlewaretoken", token)
        .append_pair("username", "alice")
        .append_pair("password", "a long password")
        .append_pair("next", &next)
        .finish();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = browser.send("POST", &page, &form, &body).await;
    assert_eq!(answer.status(), 302, "{}", text(&answer));
    let next = format!("{site}{}", location(&answer).unwrap());
    let callback = browser.follow(&next, callback).await;
    let answer = browser.visit(&callback).await;
    assert_eq!(answer.status(), 303, "{}", text(&answer));
}

#[tokio::test]
async fn users_of_django_oauth_toolkit_sign_in_are_refreshed_and_log_out() {
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let Some(server) = start(&redirect).await else {
        return;
    };
    let login = Login::builder(server.issuer.as_str())
        .client_basic("web", "web-secret")
        .redirect_uri(redirect.as_str())
        .secret(secret(1))
        .post_logout_redirect_uri(format!("http://{address}/"))
        .scope("orders")
        .keys(RemoteKeys::discover().dangerous_allow_http())
        .dangerous_allow_http()
        .build()
        .unwrap();
    let app = serve(listener, &login);
    let mut browser = Browser::new();
    let begin = app.url("/login");
    sign_in(&server.issuer, &mut browser, &begin, &redirect).await;
    let (status, me) = browser.me(&app).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&me["sub"], &me["iss"]),
        (&"1".into(), &server.issuer.as_str().into())
    );

    // The access token is opaque, and the server says for whom it is.
    let token = me["token"].as_str().unwrap().to_owned();
    let introspection = Introspection::endpoint(format!("{}/introspect/", server.issuer))
        .client_basic("web", "web-secret")
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .dangerous_allow_http()
        .subject_at("username")
        .max_age(Duration::ZERO)
        .build()
        .unwrap();
    let identity = introspection.verify(Token::new(token.as_str())).await;
    let identity = identity.unwrap();
    assert_eq!(identity.subject(), "alice");
    assert!(identity.has_scope("orders"));
    let unknown = introspection.verify(Token::new("x".repeat(30))).await;
    assert_eq!(unknown.unwrap_err().kind(), RejectionKind::Invalid);

    // The token ends after six seconds, and is replaced before that.
    let started = Instant::now();
    let refreshed = loop {
        let (status, me) = browser.me(&app).await;
        assert_eq!(status, StatusCode::OK);
        if me["token"] != token.as_str() {
            break me["token"].as_str().unwrap().to_owned();
        }
        assert!(
            started.elapsed().as_secs() < 60,
            "the token is not replaced"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(introspection.verify(Token::new(refreshed)).await.is_ok());

    // The log-out ends the session at the server as well: the next sign-in asks for the password.
    let own = [("sec-fetch-site", "same-origin")];
    let answer = browser.ask("POST", &app.url("/logout"), &own).await;
    assert_eq!(answer.status(), 303);
    let end = location(&answer).unwrap();
    assert!(
        end.starts_with(&format!("{}/logout/", server.issuer)),
        "{end}"
    );
    browser.follow(&end, &format!("http://{address}/")).await;
    assert_eq!(browser.me(&app).await.0, StatusCode::UNAUTHORIZED);
    sign_in(&server.issuer, &mut browser, &begin, &redirect).await;
    assert_eq!(browser.me(&app).await.0, StatusCode::OK);
}
