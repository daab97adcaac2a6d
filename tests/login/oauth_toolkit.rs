//! Login with django-oauth-toolkit, over real sockets: another authorization server, whose access
//! tokens are opaque. Skipped with a message if Python or the package is missing.

use crate::{
    certified_provider::{Browser, listen, location, parameter, secret, serve, text},
    common::{self, ports::free_port},
};
use http::StatusCode;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tower_auth::{
    RejectionKind, Verify,
    bearer::Token,
    fetch::{Fetch, HttpClient},
    introspection::Introspection,
    jwt::remote::RemoteKeys,
    login::Login,
};

/// A running server; it is killed when this is dropped.
struct Server {
    issuer: String,
    process: Child,
    folder: PathBuf,
}

impl Server {
    async fn start(redirect_uri: &str) -> Option<Self> {
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python/bin/python");
        let has_package = Command::new(&python)
            .args(["-c", "import oauth2_provider"])
            .stderr(Stdio::null())
            .status();
        if !has_package.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: django-oauth-toolkit is not installed");
            return None;
        }
        common::install_tls();
        let port = free_port();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oauth-toolkit-{port}"));
        fs::create_dir_all(&folder).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/login/providers");
        let process = Command::new(&python)
            .arg(script.join("oauth_toolkit.py"))
            .args([&port.to_string(), redirect_uri])
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self {
            issuer: format!("http://127.0.0.1:{port}/o"),
            process,
            folder,
        };
        server.wait().await;
        Some(server)
    }

    async fn wait(&self) {
        let client = HttpClient::new().unwrap();
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let started = Instant::now();
        loop {
            let request = http::Request::get(&url).body(bytes::Bytes::new()).unwrap();
            if client.fetch(request).await.is_ok() {
                return;
            }
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed().as_secs() < 120, "{}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Signs alice in with her password, at the page that the server shows.
    async fn sign_in(&self, browser: &mut Browser, login: &str, callback: &str) {
        let site = self.issuer.strip_suffix("/o").unwrap();
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
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn users_of_django_oauth_toolkit_sign_in_are_refreshed_and_log_out() {
    let (listener, address) = listen().await;
    let redirect = format!("http://{address}/callback");
    let Some(server) = Server::start(&redirect).await else {
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
    server.sign_in(&mut browser, &begin, &redirect).await;
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
    server.sign_in(&mut browser, &begin, &redirect).await;
    assert_eq!(browser.me(&app).await.0, StatusCode::OK);
}
