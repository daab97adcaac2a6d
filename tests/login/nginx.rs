//! nginx as the proxy in front: it terminates TLS, and serves the application below a path. The
//! client is curl. Skipped with a message if one of them is missing.

use crate::{
    certified_provider::{listen, secret, serve},
    common::{self, ports::free_port, provider::Provider},
};
use axum::{Router, http::HeaderMap, routing::get};
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tower_auth::{
    AuthLayer, Identity, Rejection,
    api_key::{ApiKey, PresentedKey},
    jwt::remote::RemoteKeys,
    login::Login,
    verify_fn,
};

/// A running nginx; it is killed when this is dropped.
struct Nginx {
    port: u16,
    folder: PathBuf,
    process: Child,
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> bool {
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

impl Nginx {
    /// Serves `https://localhost:PORT/` with these locations.
    fn start(locations: &str) -> Option<Self> {
        let program = Path::new("/usr/sbin/nginx");
        if !program.is_file() {
            eprintln!("SKIPPED: nginx is not installed");
            return None;
        }
        let port = free_port();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nginx-{port}"));
        fs::create_dir_all(&folder).unwrap();
        let certificate = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-nodes",
            "-days",
            "2",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ];
        if !run("openssl", &certificate, &folder) {
            eprintln!("SKIPPED: openssl is not installed");
            return None;
        }
        let here = folder.display();
        let configuration = format!(
            "daemon off; pid {here}/pid; error_log {here}/log;\n\
             events {{}}\n\
             http {{\n  access_log off;\n\
               client_body_temp_path {here}/a; proxy_temp_path {here}/b; fastcgi_temp_path {here}/c;\n\
               uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;\n\
               server {{\n    listen 127.0.0.1:{port} ssl;\n\
                 ssl_certificate {here}/cert.pem; ssl_certificate_key {here}/key.pem;\n\
                 {locations}\n\
               }}\n}}\n"
        );
        fs::write(folder.join("nginx.conf"), configuration).unwrap();
        let process = Command::new(program)
            .arg("-e")
            .arg(folder.join("log"))
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let nginx = Self {
            port,
            folder,
            process,
        };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(nginx.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed().as_secs() < 60, "{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(nginx)
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Runs curl with one cookie jar, and returns the status, the last URL and the body.
    async fn curl(&self, arguments: &[&str]) -> Option<(String, String, String)> {
        let jar = self.folder.join("jar");
        let mut curl = Command::new("curl");
        curl.args([
            "-s",
            "-k",
            "-w",
            "\n%{http_code} %{url_effective} %{redirect_url}",
        ])
        .arg("-b")
        .arg(&jar)
        .arg("-c")
        .arg(&jar)
        .args(arguments);
        let ran = tokio::task::spawn_blocking(move || curl.output()).await;
        let Ok(output) = ran.unwrap() else {
            eprintln!("SKIPPED: curl is not installed");
            return None;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, line) = text.rsplit_once('\n').unwrap();
        let (status, urls) = line.split_once(' ').unwrap();
        Some((status.to_owned(), urls.trim().to_owned(), body.to_owned()))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // nginx ends its workers on this signal only.
        run(
            "kill",
            &["-QUIT", &self.process.id().to_string()],
            Path::new("/"),
        );
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn behind_nginx_with_tls_and_a_path_a_browser_stays_below_the_path() {
    common::install_tls();
    let (listener, address) = listen().await;
    // The application receives paths without `/shop`.
    let shop = format!(
        "location /shop/ {{ proxy_pass http://{address}/; proxy_buffer_size 16k; proxy_buffers 8 16k; }}"
    );
    let Some(nginx) = Nginx::start(&shop) else {
        return;
    };
    let redirect = nginx.url("/shop/callback");
    let Some(mut provider) = Provider::down() else {
        return;
    };
    provider = provider.with("REDIRECT_URIS", redirect.as_str());
    provider.up().await;
    let login = Login::builder(provider.issuer.as_str())
        .client_basic("web", "web-secret")
        .redirect_uri(redirect.as_str())
        .public_url(nginx.url("/shop"))
        .secret(secret(1))
        .scope("profile email offline_access")
        .prompt("consent")
        .keys(RemoteKeys::discover().dangerous_allow_http())
        .dangerous_allow_http()
        .build()
        .unwrap();
    serve(listener, &login);

    // A page that needs a user leads to the login below the path, and back.
    let page = ["-H", "accept: text/html", "-H", "sec-fetch-mode: navigate"];
    let me = nginx.url("/shop/me");
    let Some((status, urls, _)) = nginx.curl(&[&page[..], &[&me]].concat()).await else {
        return;
    };
    assert_eq!(status, "303");
    let to_login = urls.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(to_login, nginx.url("/shop/login?return_to=%2Fshop%2Fme"));
    let sign_in = format!("{to_login}&login_hint=alice");
    let follow = [&page[..], &["-L", &sign_in]].concat();
    let (status, urls, body) = nginx.curl(&follow).await.unwrap();
    assert_eq!(status, "200", "{urls} {body}");
    assert_eq!(urls, me);
    assert!(body.contains(r#""sub":"alice""#), "{body}");

    // A form of the application's own origin is accepted, and one of another site is not.
    let own = format!("origin: https://localhost:{}", nginx.port);
    for (origin, expected) in [
        (own.as_str(), "200"),
        ("origin: https://other.example", "403"),
    ] {
        let (status, ..) = nginx
            .curl(&["-X", "POST", "-H", origin, &me])
            .await
            .unwrap();
        assert_eq!(status, expected, "{origin}");
    }

    // The log-out goes to the provider, and removes the cookie. curl 7.88 keeps a cookie with the
    // prefix `__Host-`, so the test reads the field.
    let log_out = nginx.url("/shop/logout");
    let ended = nginx
        .curl(&["-i", "-X", "POST", "-H", &own, &log_out])
        .await;
    let (status, urls, head) = ended.unwrap();
    assert_eq!(status, "303");
    assert!(urls.contains("/session/end?"), "{urls}");
    assert!(
        head.contains("__Host-session=; Max-Age=0; Path=/"),
        "{head}"
    );
}

/// `auth_request` of nginx: each request is verified by another server.
#[tokio::test]
async fn nginx_asks_before_each_request() {
    let keys = verify_fn(|key: PresentedKey| match key.as_bytes() {
        b"right" => Ok(Identity::new("ada")),
        b"down" => Err(Rejection::unavailable("the database is down")),
        b"often" => Err(Rejection::too_many(Duration::from_secs(9))),
        _ => Err(Rejection::invalid()),
    });
    let verify =
        get(|identity: Identity| async move { [("x-user", identity.subject().to_owned())] });
    let auth = AuthLayer::new(ApiKey::header("x-api-key", keys)).forward_auth();
    let (listener, verifier) = listen().await;
    let app = Router::new().route("/verify", verify).layer(auth);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let (listener, inner) = listen().await;
    let hello = |headers: HeaderMap| async move { format!("hello {:?}", headers.get("x-user")) };
    let app = Router::new().route("/", get(hello).post(hello));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let locations = format!(
        "location / {{ auth_request /verify; auth_request_set $user $upstream_http_x_user;\n\
           proxy_set_header X-User $user; proxy_pass http://{inner}; }}\n\
         location = /verify {{ internal; proxy_pass http://{verifier}; proxy_pass_request_body off;\n\
           proxy_set_header Content-Length \"\"; proxy_set_header X-Forwarded-Host $http_host;\n\
           proxy_set_header X-Forwarded-Method $request_method; }}"
    );
    let Some(nginx) = Nginx::start(&locations) else {
        return;
    };
    let url = nginx.url("/");
    for (keys, expected) in [
        (&["x-api-key: right"][..], "200"),
        (&[], "401"),
        (&["x-api-key: wrong"], "401"),
        // nginx knows 401 and 403. It responds with 500 if the verifier has another answer.
        (&["x-api-key: right", "x-api-key: wrong"], "403"),
        (&["x-api-key: often"], "403"),
        (&["x-api-key: down"], "500"),
        // A client cannot name the user.
        (&["x-user: eve"], "401"),
    ] {
        let fields = keys.iter().flat_map(|field| ["-H", field]);
        let arguments: Vec<_> = fields.chain(["-X", "POST", "-i", &url]).collect();
        let Some((status, _, answer)) = nginx.curl(&arguments).await else {
            return;
        };
        assert_eq!(status, expected, "{keys:?}: {answer}");
        assert_eq!(answer.contains("hello Some(\"ada\")"), expected == "200");
        let challenge = answer.to_lowercase().contains("www-authenticate: apikey");
        assert_eq!(challenge, expected == "401", "{keys:?}: {answer}");
    }
}
