//! API keys from clients that send Basic credentials or bearer tokens only: git, curl.

use crate::common::{get, request, through, wire::serve_axum};
use axum::{Router, extract::State, routing::any};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{StatusCode, Uri};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tower_auth::{
    AuthLayer, Identity, Location, Scheme,
    api_key::{ApiKey, ApiKeys, KeysAsTokens},
    bearer::Bearer,
    jwt::{Algorithm, JwtVerifier, Key},
};

fn keys() -> (ApiKeys, String) {
    let keys = ApiKeys::new();
    let key = keys.create("shop", Identity::new("ci")).unwrap();
    let text = key.expose().to_owned();
    (keys, text)
}

/// The ways in which git, docker, npm and the clients of some APIs send a key.
fn userinfo(key: &str) -> [String; 5] {
    [
        format!("x-access-token:{key}"),
        format!("oauth2:{key}"),
        format!(":{key}"),
        format!("{key}:"),
        format!("{key}:x-oauth-basic"),
    ]
}

#[tokio::test]
async fn an_api_key_is_the_password_or_the_user_of_basic_credentials() {
    let (keys, key) = keys();
    let layer = AuthLayer::new(ApiKey::basic(keys));
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for text in userinfo(&key) {
        let reply = through(&layer, get("/", &[("authorization", &basic(&text))])).await;
        assert_eq!(reply.line(), "200 ci by ApiKey", "{text}");
    }
    for (value, line) in [
        (basic("git:wrong"), "401 invalid"),
        (basic(&format!("{key}:wrong")), "401 invalid"),
        (basic(":"), "400 malformed"),
        (basic(&key), "400 malformed"),
        ("Basic %%%".to_owned(), "400 malformed"),
        (format!("Bearer {key}"), "401 missing"),
    ] {
        let reply = through(&layer, get("/", &[("authorization", &value)])).await;
        assert_eq!(reply.line(), line, "{value}");
    }
    let none = through(&layer, get("/", &[])).await;
    assert_eq!(none.challenges(), [r#"Basic realm="api", charset="UTF-8""#]);
    // Browsers send Basic credentials by themselves.
    let sent = basic(&format!("x:{key}"));
    let evil = [
        ("authorization", &*sent),
        ("origin", "https://evil.example"),
    ];
    let reply = through(&layer, request("POST", "/", &evil)).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn api_keys_are_bearer_tokens_alone_and_beside_json_web_tokens() {
    let (keys, key) = keys();
    let sent = format!("Bearer {key}");
    let alone = AuthLayer::new(ApiKey::bearer(keys.clone()));
    let reply = through(&alone, get("/", &[("authorization", &sent)])).await;
    assert_eq!(reply.line(), "200 ci by ApiKey");
    let none = through(&alone, get("/", &[])).await;
    assert_eq!(none.challenges(), [r#"Bearer realm="api""#]);
    let secret = Key::from_secret(Algorithm::HS256, [7; 32]).unwrap();
    let jwt = JwtVerifier::issuer("https://as.example");
    let jwt = jwt.audience("a").keys(secret).build().unwrap();
    let both = AuthLayer::new(Bearer::new(jwt.or_opaque(KeysAsTokens(keys))));
    for (token, line) in [
        (&*key, "200 ci by Bearer"),
        ("shop_wrong", "401 invalid"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "401 invalid"),
        (&"x".repeat(513), "401 invalid"),
    ] {
        let sent = format!("Bearer {token}");
        let reply = through(&both, get("/", &[("authorization", &sent)])).await;
        assert_eq!(reply.line(), line, "{token}");
    }
}

/// Returns the output of a program, or `None` if it is not installed.
async fn run(program: &'static str, arguments: &[&str]) -> Option<Output> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.into()).collect();
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(program);
        command.args(arguments).env("GIT_TERMINAL_PROMPT", "0");
        command.env("NO_PROXY", "127.0.0.1").output()
    });
    let output = output.await.unwrap();
    if output.is_err() {
        println!("skipped: {program} is not installed");
    }
    output.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_sends_a_key_in_every_way() {
    let (keys, key) = keys();
    let scheme = ApiKey::new(
        [
            Location::header("x-api-key"),
            Location::basic(),
            Location::authorization("Bearer"),
        ],
        keys,
    );
    let whoami = |identity: Identity| async move { identity.subject().to_owned() };
    let app = Router::new().route("/", any(whoami));
    let address = serve_axum(app.layer(AuthLayer::new(scheme))).await;
    let url = format!("http://{address}/");
    let field = format!("X-Api-Key: {key}");
    let [a, b, c, d, e] = userinfo(&key);
    let bad = "x:wrong".to_owned();
    for (arguments, expected) in [
        (["-u", &a], "ci 200"),
        (["-u", &b], "ci 200"),
        (["-u", &c], "ci 200"),
        (["-u", &d], "ci 200"),
        (["-u", &e], "ci 200"),
        (["--oauth2-bearer", &key], "ci 200"),
        (["-H", &field], "ci 200"),
        (["-u", &bad], " 401"),
    ] {
        let [option, value] = arguments;
        let all = ["-s", option, value, "-w", " %{http_code}", &url];
        let Some(output) = run("curl", &all).await else {
            return;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.ends_with(expected), "{option}: {text}");
    }
}

/// Makes a repository that is served as plain files. Returns `false` if git is not installed.
fn repository(folder: &Path) -> bool {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "a");
            command.env(format!("GIT_{name}_EMAIL"), "a@example.com");
        }
        let output = command.args(arguments).current_dir(folder).output();
        output.is_ok_and(|output| output.status.success())
    };
    git(&["init", "-q", "work"])
        && git(&["-C", "work", "commit", "-q", "--allow-empty", "-m", "one"])
        && git(&["clone", "-q", "--bare", "work", "repo.git"])
        && git(&["-C", "repo.git", "update-server-info"])
}

async fn file(State(root): State<PathBuf>, uri: Uri) -> Result<Vec<u8>, StatusCode> {
    let path = root.join(uri.path().trim_start_matches('/'));
    std::fs::read(path).map_err(|_| StatusCode::NOT_FOUND)
}

async fn list(address: SocketAddr, userinfo: &str) -> Option<bool> {
    let url = format!("http://{userinfo}@{address}/repo.git");
    // Neither a helper nor a dialog of the machine may answer for the URL.
    let all = ["-c", "credential.helper=", "ls-remote", &url];
    Some(run("git", &all).await?.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_sends_a_key_in_the_url() {
    let folder = std::env::temp_dir().join(format!("tower-auth-git-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    if repository(&folder) {
        let (keys, key) = keys();
        let layer = AuthLayer::new(ApiKey::basic(keys.clone()).or(ApiKey::header("x-key", keys)));
        let app = Router::new().fallback(file).with_state(folder.clone());
        let address = serve_axum(app.layer(layer)).await;
        for userinfo in userinfo(&key) {
            // An empty user name is asked for.
            if !userinfo.starts_with(':') {
                assert_eq!(list(address, &userinfo).await, Some(true), "{userinfo}");
            }
        }
        assert_eq!(list(address, "x:wrong").await, Some(false));
    } else {
        println!("skipped: git is not installed");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
