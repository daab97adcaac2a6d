//! The demo as it runs: processes of its own, over real sockets, that are killed and started again.

mod common;
#[path = "common/servers.rs"]
mod servers;

use common::{
    ports,
    provider::Provider,
    wire::{Answer, Wire},
};
use serde_json::{Value, json};
use servers::{Folder, Postgres, Redis};
use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

const PASSWORD: &str = "a quiet harbour at dusk";
const ADMINS: &str = "two grey herons at the weir";

/// A browser, as far as a login needs one: it keeps cookies by server, and goes where it is sent.
#[derive(Default)]
struct Browser {
    jars: BTreeMap<SocketAddr, BTreeMap<String, String>>,
}

impl Browser {
    /// Shows a page, and says at which URL that ended.
    async fn visit(&mut self, url: &str) -> (String, Answer) {
        let mut url = url.to_owned();
        for _ in 0..20 {
            let answer = self.ask("GET", &url, &[]).await;
            let [location] = answer.all("location")[..] else {
                return (url, answer);
            };
            let here = url::Url::parse(&url).unwrap();
            url = here.join(location).unwrap().into();
        }
        panic!("in circles at {url}");
    }

    async fn ask(&mut self, method: &str, url: &str, fields: &[(&str, &str)]) -> Answer {
        let rest = url.strip_prefix("http://").unwrap();
        let (address, path) = rest.split_once('/').unwrap();
        let address: SocketAddr = address.parse().unwrap();
        let jar = self.jars.entry(address).or_default();
        let mut head = format!("{method} /{path} HTTP/1.1\nHost: {address}\nConnection: close");
        let cookies = jar.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let own = [
            ("Cookie", cookies.as_str()),
            ("Accept", "text/html,*/*;q=0.8"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        let is_own = |name: &str| fields.iter().any(|(other, _)| *other == name);
        let own = own
            .iter()
            .filter(|(name, value)| !value.is_empty() && !is_own(name));
        for (name, value) in own.chain(fields) {
            head.push_str(&format!("\n{name}: {value}"));
        }
        let mut wire = Wire::connect(address).await;
        wire.write(&head, b"").await;
        let answer = wire.read(false).await;
        for line in answer.all("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value.is_empty() || attributes.contains("Max-Age=0") {
                true => drop(jar.remove(name)),
                false => drop(jar.insert(name.to_owned(), value.to_owned())),
            }
        }
        answer
    }
}

/// The example beside this test. `cargo test --test demo` does not build it, so this does.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", "demo"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.unwrap().success());
        let own = env::current_exe().unwrap();
        let folder = own.parent().unwrap().parent().unwrap();
        let name = format!("demo{}", env::consts::EXE_SUFFIX);
        folder.join("examples").join(name)
    })
}

/// A running demo. It is killed when this is dropped.
struct Demo {
    process: Child,
    address: SocketAddr,
}

impl Demo {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program());
        for name in [
            "DATABASE_URL",
            "REDIS_URL",
            "SECRET",
            "ACCESS_SECONDS",
            "ISSUER",
            "CLIENT_ID",
            "CLIENT_SECRET",
            "PUBLIC_URL",
        ] {
            command.env_remove(name);
        }
        let mut process = command
            .env("LISTEN", "127.0.0.1:0")
            .env("ADMIN_PASSWORD", ADMINS)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            let address = line.strip_prefix("listening on http://")?;
            Some(address.parse().unwrap())
        });
        // Whoever writes has to be read.
        std::thread::spawn(move || lines.count());
        let address = address.expect("the demo listens");
        Self { process, address }
    }

    /// With a file in this folder.
    fn on(folder: &Folder) -> Self {
        let file = folder.0.join("demo.db");
        Self::start(&[("DATABASE", file.to_str().unwrap())])
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn send(&self, line: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{line} HTTP/1.1\nHost: {}\nConnection: close", self.address);
        for (name, value) in fields {
            head.push_str(&format!("\n{name}: {value}"));
        }
        if !body.is_empty() {
            head.push_str(&format!("\nContent-Length: {}", body.len()));
        }
        let mut wire = Wire::connect(self.address).await;
        wire.write(&head, body).await;
        wire.read(line.starts_with("HEAD ")).await
    }

    async fn get(&self, path: &str, credentials: (&str, &str)) -> Answer {
        self.send(&format!("GET {path}"), &[credentials], b"").await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_as(path, &[], body).await
    }

    async fn post_as(&self, path: &str, fields: &[(&str, &str)], body: Value) -> Answer {
        let fields = [fields, &[("Content-Type", "application/json")]].concat();
        let body = body.to_string();
        self.send(&format!("POST {path}"), &fields, body.as_bytes())
            .await
    }

    async fn register(&self, name: &str) {
        let account = json!({ "name": name, "password": PASSWORD });
        assert_eq!(self.post("/register", account).await.status, 201);
    }

    async fn log_in(&self, name: &str) -> Pair {
        let credentials = json!({ "name": name, "password": PASSWORD });
        Pair::of(&self.post("/login", credentials).await)
    }

    async fn refresh(&self, refresh_token: &str) -> Answer {
        let body = json!({ "refresh_token": refresh_token });
        self.post("/refresh", body).await
    }

    async fn whoami(&self, access: &str) -> u16 {
        self.get("/whoami", ("Authorization", access)).await.status
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a login answers; the first is the value of `Authorization`.
struct Pair {
    access: String,
    refresh: String,
}

impl Pair {
    #[track_caller]
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.all("cache-control"), ["no-store"]);
        let body = json_of(answer);
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        assert_eq!(text("token_type"), "Bearer");
        Self {
            access: format!("Bearer {}", text("access_token")),
            refresh: text("refresh_token"),
        }
    }
}

#[track_caller]
fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

fn basic(name: &str, password: &str) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{name}:{password}"))
    )
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, what: &str) {
    assert_eq!(answer.status, status, "{what}: {answer:?}");
    let kind = answer.all("content-type");
    assert_eq!(kind, ["application/problem+json"], "{what}");
    assert_eq!(json_of(answer)["status"], status, "{what}");
    let is_challenged = !answer.all("www-authenticate").is_empty();
    assert!(is_challenged || status != 401, "{what}: {answer:?}");
    let is_told = !answer.all("allow").is_empty();
    assert!(is_told || status != 405, "{what}: {answer:?}");
}

#[tokio::test]
async fn an_account_is_registered_used_and_removed() {
    let folder = Folder::new("demo");
    let demo = Demo::on(&folder);
    demo.register("Ada").await;
    let again = json!({ "name": "ADA", "password": PASSWORD });
    assert_problem(&demo.post("/register", again).await, 409, "taken");
    let first = demo.log_in("ada").await;
    let bearer = ("Authorization", first.access.as_str());
    let who = json_of(&demo.get("/whoami", bearer).await);
    assert_eq!(who["name"], "ada");
    assert_eq!(who["claims"]["sub"], who["subject"]);

    // Basic and keys are the same person.
    let password = basic("ada", PASSWORD);
    let password = ("Authorization", password.as_str());
    assert_eq!(
        json_of(&demo.get("/whoami", password).await)["subject"],
        who["subject"]
    );
    let new = json!({ "label": "report", "data": true, "days": 1 });
    let made = demo.post_as("/api-keys", &[bearer], new).await;
    assert_eq!(made.status, 201);
    let made = json_of(&made);
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let key = ("X-Api-Key", key);
    assert_eq!(
        json_of(&demo.get("/whoami", key).await)["subject"],
        who["subject"]
    );
    assert_eq!(demo.get("/data", key).await.status, 200);
    assert_problem(&demo.get("/data", password).await, 403, "no scope");
    assert_problem(&demo.get("/api-keys", key).await, 401, "a key lists none");
    let listed = json_of(&demo.get("/api-keys", password).await);
    assert_eq!(listed["keys"][0]["id"], id);
    assert!(!listed.to_string().contains(key.1));

    // Keys of others cannot be revoked.
    let revoke = format!("DELETE /api-keys/{id}");
    let admin = basic("admin", ADMINS);
    let admin = ("Authorization", admin.as_str());
    assert_problem(&demo.send(&revoke, &[admin], b"").await, 404, "another's");
    assert_eq!(demo.get("/data", key).await.status, 200);
    assert_eq!(demo.send(&revoke, &[bearer], b"").await.status, 204);
    assert_problem(&demo.get("/data", key).await, 401, "revoked");

    // A role counts from the next refresh.
    assert_problem(&demo.get("/admin", bearer).await, 403, "no role");
    let put = ("Content-Type", "application/json");
    let roles = br#"{"roles":["admin"]}"#;
    let put_roles = "PUT /accounts/ada/roles";
    let refused = demo.send(put_roles, &[bearer, put], roles).await;
    assert_problem(&refused, 403, "by oneself");
    let given = demo.send(put_roles, &[admin, put], roles).await;
    assert_eq!(given.status, 200);
    let second = Pair::of(&demo.refresh(&first.refresh).await);
    let promoted = ("Authorization", second.access.as_str());
    assert_eq!(demo.get("/admin", promoted).await.status, 200);

    // Log-out ends both access tokens, and the refresh token.
    assert_eq!(
        demo.send("POST /logout", &[promoted], b"").await.status,
        204
    );
    for pair in [&first, &second] {
        assert_eq!(demo.whoami(&pair.access).await, 401);
        assert_problem(&demo.refresh(&pair.refresh).await, 401, "over");
    }
    // By the refresh token alone.
    let third = demo.log_in("ada").await;
    let body = json!({ "refresh_token": third.refresh });
    assert_eq!(demo.post("/logout", body).await.status, 204);
    assert_eq!(demo.whoami(&third.access).await, 401);
    assert_problem(&demo.send("POST /logout", &[], b"").await, 401, "nobody");
}

#[tokio::test]
async fn a_browser_has_its_tokens_in_cookies() {
    let folder = Folder::new("demo");
    let demo = Demo::on(&folder);
    demo.register("ada").await;
    let login = json!({ "name": "ada", "password": PASSWORD, "cookies": true });
    let answer = demo.post("/login", login).await;
    assert!(!answer.body.contains("token\":\"ey") && !answer.body.contains("rt_"));
    let csrf = json_of(&answer)["csrf_token"].as_str().unwrap().to_owned();
    let set = answer.all("set-cookie");
    assert_eq!(set.len(), 3);
    let pairs = set.iter().map(|line| line.split(';').next().unwrap());
    let cookies = pairs.collect::<Vec<_>>().join("; ");
    let sent = [
        ("Cookie", cookies.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    assert_eq!(demo.send("GET /whoami", &sent, b"").await.status, 200);
    let refused = demo.post_as("/api-keys", &sent, json!({})).await;
    assert_problem(&refused, 403, "without the token");
    let with = [&sent[..], &[("X-CSRF-Token", csrf.as_str())]].concat();
    let made = demo.post_as("/api-keys", &with, json!({})).await;
    assert_eq!(made.status, 201);
    let cross = [sent[0], ("Sec-Fetch-Site", "cross-site"), with[2]];
    for line in ["POST /api-keys", "POST /logout", "POST /refresh"] {
        let refused = demo.send(line, &cross, b"").await;
        assert_problem(&refused, 403, line);
    }
    let renewed = demo.send("POST /refresh", &sent, b"").await;
    assert_eq!(renewed.status, 200);
    assert_eq!(renewed.all("set-cookie").len(), 3);
    let out = demo.send("POST /logout", &sent, b"").await;
    assert_eq!(out.status, 204);
    let cleared = out.all("set-cookie");
    assert_eq!(cleared.len(), 3);
    assert!(cleared.iter().all(|line| line.ends_with("Max-Age=0")));
    assert_problem(&demo.send("GET /whoami", &sent, b"").await, 401, "over");
    // No box for a password opens in front of a page, for whose scripts this is.
    let by_script = [
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let refused = demo.send("GET /whoami", &by_script, b"").await;
    let offered = refused.all("www-authenticate");
    assert_eq!(offered.len(), 2);
    assert!(
        !offered
            .iter()
            .any(|challenge| challenge.starts_with("Basic"))
    );
}

#[tokio::test]
async fn every_error_is_a_problem_document() {
    let folder = Folder::new("demo");
    let demo = Demo::on(&folder);
    demo.register("ada").await;
    let pair = demo.log_in("ada").await;
    let bearer = ("Authorization", pair.access.as_str());
    let kind = ("Content-Type", "application/json");
    let deep = "[".repeat(10_000);
    let long = format!(r#"{{"name":"{}","password":"x"}}"#, "x".repeat(20_000));

    // The same bodies everywhere.
    for path in ["/register", "/login", "/refresh", "/logout", "/api-keys"] {
        let line = format!("POST {path}");
        for (status, body) in [
            (400, b"{".as_slice()),
            (400, b"\xff\xfe"),
            (400, b"{\"name\":\"\\ud800\"}"),
            (400, b"{\"name\":\"\x00\"}"),
            (400, deep.as_bytes()),
            (413, long.as_bytes()),
            (422, b"[]"),
            (422, b"null"),
            (422, b"{\"unknown\":1}"),
            (
                422,
                b"{\"name\":1,\"password\":{},\"refresh_token\":[],\"label\":0}",
            ),
        ] {
            let answer = demo.send(&line, &[bearer, kind], body).await;
            let is_known = [400, 422].contains(&answer.status) && [400, 422].contains(&status);
            let status = if is_known { answer.status } else { status };
            assert_problem(&answer, status, &format!("{path} {body:?}"));
        }
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let answer = demo.send(&line, &[bearer, form], b"name=ada").await;
        assert_problem(&answer, 415, path);
    }

    // Of the right form, and wrong all the same.
    for (status, path, body) in [
        (
            422,
            "/register",
            json!({ "name": "", "password": PASSWORD }),
        ),
        (
            422,
            "/register",
            json!({ "name": "a\0b", "password": PASSWORD }),
        ),
        (
            422,
            "/register",
            json!({ "name": "bob", "password": "short" }),
        ),
        (
            422,
            "/register",
            json!({ "name": "bob", "password": "a\0b a\0b a\0b a\0b" }),
        ),
        (401, "/login", json!({ "name": "ada", "password": "" })),
        (401, "/login", json!({ "name": "a\0b", "password": "\0" })),
        (
            401,
            "/login",
            json!({ "name": "nobody", "password": PASSWORD }),
        ),
        (401, "/refresh", json!({ "refresh_token": "" })),
        (401, "/refresh", json!({ "refresh_token": "rt_\0" })),
        (
            401,
            "/refresh",
            json!({ "refresh_token": "x".repeat(10_000) }),
        ),
        (422, "/api-keys", json!({ "label": "a\0b" })),
        (422, "/api-keys", json!({ "label": "x".repeat(65) })),
        (422, "/api-keys", json!({ "days": -1 })),
        (422, "/api-keys", json!({ "days": 1e300 })),
    ] {
        let fields = if path == "/api-keys" {
            &[bearer][..]
        } else {
            &[]
        };
        let answer = demo.post_as(path, fields, body.clone()).await;
        assert_problem(&answer, status, &format!("{path} {body}"));
    }

    let admin = basic("admin", ADMINS);
    let admin = ("Authorization", admin.as_str());
    for (status, line, body) in [
        (404, "GET /nothing", ""),
        (404, "GET /%ff%00", ""),
        (405, "DELETE /login", ""),
        (405, "POST /", ""),
        (405, "PUT /whoami", ""),
        (404, "DELETE /api-keys/nothing", ""),
        (404, "DELETE /api-keys/%00", ""),
        (404, "DELETE /api-keys/%ff", ""),
        (404, "PUT /accounts/%ff/roles", r#"{"roles":[]}"#),
        (404, "PUT /accounts/%00/roles", r#"{"roles":[]}"#),
        (404, "PUT /accounts/nobody/roles", r#"{"roles":[]}"#),
        (422, "PUT /accounts/ada/roles", r#"{"roles":["\u0000"]}"#),
        (422, "PUT /accounts/ada/roles", r#"{"roles":[""]}"#),
    ] {
        let answer = demo.send(line, &[admin, kind], body.as_bytes()).await;
        assert_problem(&answer, status, line);
    }

    for (status, fields) in [
        (401, &[][..]),
        (400, &[bearer, admin]),
        (400, &[bearer, ("X-Api-Key", "demo_x")]),
        (400, &[("Authorization", "Basic !")]),
        (400, &[("Authorization", "Bearer")]),
        (401, &[("Authorization", "Bearer a.b.c")]),
        (401, &[("Authorization", "Unknown x")]),
        (401, &[("X-Api-Key", "demo_x")]),
        (401, &[("Cookie", "__Host-access=x; __Host-refresh=y")]),
        (400, &[("Cookie", "__Host-access=x; __Host-access=y")]),
    ] {
        let answer = demo.send("GET /whoami", fields, b"").await;
        assert_problem(&answer, status, &format!("{fields:?}"));
    }
    assert_eq!(demo.whoami(&pair.access).await, 200, "nothing is lost");
}

#[tokio::test]
async fn the_openapi_document_lists_the_schemes_of_each_route() {
    let folder = Folder::new("demo");
    let demo = Demo::on(&folder);
    let answer = demo.send("GET /openapi.json", &[], b"").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.all("content-type"), ["application/json"]);
    let document = json_of(&answer);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let schemes = &document["components"]["securitySchemes"];
    let wanted = [
        ("basic", json!({ "type": "http", "scheme": "basic" })),
        ("bearer", json!({ "type": "http", "scheme": "bearer" })),
        (
            "cookie.__Host-access",
            json!({ "type": "apiKey", "in": "cookie", "name": "__Host-access" }),
        ),
        (
            "header.x-api-key",
            json!({ "type": "apiKey", "in": "header", "name": "x-api-key" }),
        ),
    ];
    assert_eq!(schemes.as_object().unwrap().len(), wanted.len());
    for (name, wanted) in wanted {
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(schemes[name][field], *value, "{name}");
        }
    }

    // It is true: what it offers is what the server offers, and what it names is there.
    let names = |operation: &Value| -> Vec<String> {
        let offered = operation["security"].as_array().unwrap().iter();
        let names = offered.flat_map(|one| one.as_object().unwrap().keys().cloned());
        names.collect()
    };
    let anyone = [
        "bearer",
        "cookie.__Host-access",
        "basic",
        "header.x-api-key",
    ];
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let line = format!("{} {path}", method.to_uppercase());
            let offered = names(operation);
            let wanted = match path.as_str() {
                "/register" | "/login" | "/refresh" | "/openapi.json" => &[][..],
                "/logout" => &anyone[..2],
                "/api-keys" | "/api-keys/{id}" | "/accounts/{name}/roles" => &anyone[..3],
                _ => &anyone[..],
            };
            assert_eq!(offered, wanted, "{line}");
            let line = line.replace(['{', '}'], "");
            let answer = demo.send(&line, &[], b"").await;
            assert!(![404, 405].contains(&answer.status), "{line}");
            if wanted.len() > 2 {
                assert_problem(&answer, 401, &line);
            }
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_accounts_sessions_and_keys() {
    let folder = Folder::new("demo");
    let mut demo = Demo::on(&folder);
    demo.register("ada").await;
    let pair = demo.log_in("ada").await;
    let over = demo.log_in("ada").await;
    let out = [("Authorization", over.access.as_str())];
    assert_eq!(demo.send("POST /logout", &out, b"").await.status, 204);
    let bearer = [("Authorization", pair.access.as_str())];
    let made = json_of(&demo.post_as("/api-keys", &bearer, json!({})).await);
    demo.kill();
    let demo = Demo::on(&folder);
    assert_eq!(demo.whoami(&pair.access).await, 200);
    assert_eq!(demo.whoami(&over.access).await, 401);
    let key = ("X-Api-Key", made["key"].as_str().unwrap());
    assert_eq!(demo.get("/whoami", key).await.status, 200);
    Pair::of(&demo.refresh(&pair.refresh).await);
    demo.log_in("ada").await;
    let admin = basic("admin", ADMINS);
    let admin = ("Authorization", admin.as_str());
    assert_eq!(demo.get("/admin", admin).await.status, 200);
    #[cfg(unix)]
    for name in ["demo.db", "demo.secret"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = folder.0.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Whatever a client was told before counts afterwards, and what it was not told may be tried
/// again.
#[tokio::test]
async fn a_kill_at_any_moment_of_a_refresh_loses_no_session() {
    let folder = Folder::new("demo");
    let mut demo = Demo::on(&folder);
    demo.register("ada").await;
    let mut pair = demo.log_in("ada").await;
    let mut cut_off = 0;
    for round in 0..12 {
        let body = json!({ "refresh_token": pair.refresh }).to_string();
        let head = format!(
            "POST /refresh HTTP/1.1\nHost: demo\nContent-Type: application/json\nContent-Length: {}",
            body.len()
        );
        let mut wire = Wire::connect(demo.address).await;
        wire.write(&head, body.as_bytes()).await;
        // Between nothing and more than a rotation takes.
        tokio::time::sleep(Duration::from_micros(round * 400)).await;
        demo.kill();
        let answer = tokio::spawn(async move { wire.read(false).await }).await;
        demo = Demo::on(&folder);
        match answer {
            Ok(answer) => pair = Pair::of(&answer),
            // The client has no answer, and asks again.
            Err(_) => {
                cut_off += 1;
                pair = Pair::of(&demo.refresh(&pair.refresh).await);
            }
        }
        assert_eq!(demo.whoami(&pair.access).await, 200, "round {round}");
    }
    println!("{cut_off} of 12 were without an answer");
    demo.log_in("ada").await;
    let name = json!({ "name": "ada", "password": PASSWORD });
    assert_problem(&demo.post("/register", name).await, 409, "still there");
}

#[tokio::test]
async fn two_servers_share_one_database() {
    let (Some(postgres), Some(redis)) = (Postgres::start(), Redis::start()) else {
        eprintln!("SKIPPED: PostgreSQL or Redis is not installed");
        return;
    };
    let secret = "of servers that share what they keep, in tests";
    let variables = [
        ("DATABASE_URL", postgres.url.as_str()),
        ("REDIS_URL", redis.url.as_str()),
        ("SECRET", secret),
    ];
    let (a, b) = (Demo::start(&variables), Demo::start(&variables));
    a.register("ada").await;
    let again = json!({ "name": "ada", "password": PASSWORD });
    assert_problem(&b.post("/register", again).await, 409, "taken on A");
    let pair = b.log_in("ada").await;
    assert_eq!(a.whoami(&pair.access).await, 200);
    assert_eq!(b.whoami(&pair.access).await, 200);
    let renewed = Pair::of(&a.refresh(&pair.refresh).await);
    let out = [("Authorization", renewed.access.as_str())];
    assert_eq!(a.send("POST /logout", &out, b"").await.status, 204);
    for access in [&pair.access, &renewed.access] {
        assert_eq!(b.whoami(access).await, 401);
    }
    assert_problem(&b.refresh(&renewed.refresh).await, 401, "over on A");
    // Attempts are counted together; 429 comes after a hundred, which would take too long here.
    assert_problem(
        &b.post("/register", json!({ "name": "a\0", "password": "\0" }))
            .await,
        422,
        "what PostgreSQL cannot keep",
    );
    let pair = a.log_in("ada").await;
    let bearer = [("Authorization", pair.access.as_str())];
    for line in ["DELETE /api-keys/%00", "DELETE /api-keys/%ff"] {
        assert_problem(&b.send(line, &bearer, b"").await, 404, line);
    }
    // Where nobody can tell, nobody is let in, and nobody is told that it was done.
    drop(postgres);
    drop(redis);
    for line in ["GET /whoami", "POST /logout"] {
        assert_problem(&a.send(line, &bearer, b"").await, 503, line);
    }
}

/// A demo that knows this provider, which may be down.
fn with_issuer(folder: &Folder, provider: &Provider) -> Demo {
    let file = folder.0.join("demo.db");
    Demo::start(&[
        ("DATABASE", file.to_str().unwrap()),
        ("ISSUER", provider.issuer.as_str()),
        ("CLIENT_ID", "web"),
        ("CLIENT_SECRET", "web-secret"),
    ])
}

/// A demo and a provider that know each other, where that can be had.
async fn with_provider(folder: &Folder) -> Option<(Provider, Demo)> {
    let provider = Provider::down()?;
    let demo = with_issuer(folder, &provider);
    let callback = format!("http://{}/callback", demo.address);
    let mut provider = provider.with("REDIRECT_URIS", callback);
    provider.up().await;
    Some((provider, demo))
}

#[tokio::test]
async fn a_login_with_a_provider_begins_an_ordinary_session() {
    let folder = Folder::new("demo");
    let Some((provider, demo)) = with_provider(&folder).await else {
        return;
    };
    let url = |path: &str| format!("http://{}{path}", demo.address);
    let by_script = [("Sec-Fetch-Mode", "cors")];
    let config = json_of(&demo.send("GET /config", &[], b"").await);
    assert_eq!(config, json!({ "sign_in": "127.0.0.1" }));

    // Alice has no role there, and so none here.
    let mut alice = Browser::default();
    let (end, page) = alice.visit(&url("/sign-in?login_hint=alice")).await;
    assert_eq!((end, page.status), (url("/"), 200));
    let names = ["__Host-access", "__Host-refresh", "__Host-csrf"];
    for name in names {
        assert!(alice.jars[&demo.address].contains_key(name), "{name}");
    }
    let who = json_of(&alice.ask("GET", &url("/whoami"), &[]).await);
    assert_eq!((&who["name"], &who["roles"]), (&json!("alice"), &json!([])));
    assert_eq!(who["issuer"], "https://demo.example/");
    let subject = who["subject"].as_str().unwrap();
    assert!(subject.starts_with("elsewhere-") && !subject.contains("alice"));
    let refused = alice.ask("GET", &url("/admin"), &[]).await;
    assert_problem(&refused, 403, "no role");

    // It is renewed, and is still the same person.
    let renewed = alice.ask("POST", &url("/refresh"), &by_script).await;
    assert_eq!(renewed.status, 200);
    // It is over within twelve hours, whatever is renewed: the provider is to be asked again.
    let lines = renewed.all("set-cookie");
    let line = lines
        .iter()
        .find(|line| line.starts_with("__Host-refresh="));
    let (_, seconds) = line.unwrap().rsplit_once("Max-Age=").unwrap();
    let seconds: u64 = seconds.parse().unwrap();
    assert!((43_000..=43_200).contains(&seconds), "{seconds}");
    let again = json_of(&alice.ask("GET", &url("/whoami"), &[]).await);
    assert_eq!(again["subject"], who["subject"]);
    assert_ne!(again["claims"]["jti"], who["claims"]["jti"]);

    // Changes take the double-submit token, and keys are made.
    let body = ("Content-Type", "application/json");
    let change = [by_script[0], body];
    let refused = alice.ask("POST", &url("/api-keys"), &change).await;
    assert_problem(&refused, 403, "without the token");
    let csrf = alice.jars[&demo.address]["__Host-csrf"].clone();
    let cookies = &alice.jars[&demo.address];
    let cookies = names
        .map(|name| format!("{name}={}", cookies[name]))
        .join("; ");
    let fields = [
        ("Cookie", cookies.as_str()),
        ("X-CSRF-Token", csrf.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let made = demo
        .post_as("/api-keys", &fields, json!({ "data": true }))
        .await;
    assert_eq!(made.status, 201);
    let made = json_of(&made);
    let key = ("X-Api-Key", made["key"].as_str().unwrap());
    let by_key = json_of(&demo.get("/whoami", key).await);
    assert_eq!(by_key["subject"], who["subject"]);
    // Without an account whose end would end it, it has an end of its own.
    assert!(by_key["expires_at"].is_number(), "{by_key}");

    // An administrator there is one here, and another person; an account of that name is a third.
    let mut admin = Browser::default();
    admin.visit(&url("/sign-in?login_hint=admin")).await;
    let other = json_of(&admin.ask("GET", &url("/whoami"), &[]).await);
    assert_eq!(other["roles"], json!(["admin"]));
    assert_ne!(other["subject"], who["subject"]);
    assert_eq!(admin.ask("GET", &url("/admin"), &[]).await.status, 200);
    let password = basic("admin", ADMINS);
    let password = ("Authorization", password.as_str());
    let third = json_of(&demo.get("/whoami", password).await);
    assert_ne!(third["subject"], other["subject"]);

    // Log-out ends it for whoever kept a copy, too; the provider is not asked.
    let asked = provider.hits("/session/end").await;
    let out = alice.ask("POST", &url("/logout"), &by_script).await;
    assert_eq!(out.status, 204);
    let over = demo.send("GET /whoami", &fields[..1], b"").await;
    assert_problem(&over, 401, "over");
    for name in names {
        assert!(!alice.jars[&demo.address].contains_key(name), "{name}");
    }
    assert_eq!(provider.hits("/session/end").await, asked);

    // A browser that is refused where it navigates to signs in, and comes back; a script does not.
    let refused = alice.ask("GET", &url("/whoami"), &by_script).await;
    assert_problem(&refused, 401, "by a script");
    alice.jars.get_mut(&demo.address).unwrap().clear();
    let (end, page) = alice.visit(&url("/whoami")).await;
    assert_eq!((end, page.status), (url("/whoami"), 200));
    assert_eq!(json_of(&page)["subject"], who["subject"]);
}

#[tokio::test]
async fn the_same_subject_of_two_providers_is_two_people() {
    let folder = Folder::new("demo");
    let mut subjects = Vec::new();
    for _ in 0..2 {
        let Some((_provider, demo)) = with_provider(&folder).await else {
            return;
        };
        let mut alice = Browser::default();
        let url = format!("http://{}/", demo.address);
        alice.visit(&format!("{url}sign-in?login_hint=alice")).await;
        let who = json_of(&alice.ask("GET", &format!("{url}whoami"), &[]).await);
        subjects.push(who["subject"].as_str().unwrap().to_owned());
    }
    assert_ne!(subjects[0], subjects[1]);
}

#[tokio::test]
async fn a_failed_login_with_a_provider_does_not_begin_a_session() {
    let folder = Folder::new("demo");
    let Some((mut provider, demo)) = with_provider(&folder).await else {
        return;
    };
    let url = |path: &str| format!("http://{}{path}", demo.address);
    let mut browser = Browser::default();
    let (end, page) = browser.visit(&url("/sign-in?login_hint=deny")).await;
    assert!(end.starts_with(&url("/callback?")));
    assert_eq!(page.status, 403);
    let jar = &browser.jars[&demo.address];
    assert!(!jar.contains_key("__Host-access"), "{jar:?}");
    for (status, line) in [
        (400, "GET /callback"),
        (400, "GET /callback?code=x&state=y"),
        (400, "GET /callback?code=%00&code=%ff&state=%"),
        (400, "GET /sign-in?return_to=https://evil.example/"),
        (400, "GET /sign-in?return_to=//evil.example"),
    ] {
        let answer = demo.send(line, &[], b"").await;
        assert_problem(&answer, status, line);
        assert!(answer.all("set-cookie").is_empty(), "{line}");
    }
    for line in ["POST /sign-in", "DELETE /callback"] {
        assert_eq!(demo.send(line, &[], b"").await.status, 405, "{line}");
    }
    // Passwords work all the same while the provider is down.
    provider.stop();
    drop(demo);
    let demo = with_issuer(&folder, &provider);
    let answer = demo.send("GET /sign-in", &[], b"").await;
    assert_problem(&answer, 503, "down");
    demo.register("ada").await;
    demo.log_in("ada").await;
}
