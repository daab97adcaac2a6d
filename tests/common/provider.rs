//! A certified OpenID Provider on loopback, with faults on demand: other people's software.

use super::ports::free_port;
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};
use tower_auth::fetch::{Fetch, HttpClient};

/// The longest time that a test waits for the provider to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running provider; it is killed when this is dropped.
pub struct Provider {
    pub issuer: String,
    port: u16,
    process: Option<Child>,
    settings: Vec<(&'static str, String)>,
    client: HttpClient,
}

/// A copy with what it depends on; `None`, and a word about it, where that cannot be had.
fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/provider");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("provider");
    if !source.is_dir() {
        eprintln!("skipped: the provider is not here");
        return None;
    }
    fs::create_dir_all(&folder).unwrap();
    for name in ["package.json", "server.mjs"] {
        // Written anew: a copy would be read-only like its source.
        fs::write(folder.join(name), fs::read(source.join(name)).unwrap()).unwrap();
    }
    if !folder.join("node_modules/oidc-provider").is_dir() {
        let install = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .status();
        if !install.is_ok_and(|status| status.success()) {
            eprintln!("skipped: npm is not here, or cannot install the provider");
            return None;
        }
    }
    Some(folder)
}

impl Provider {
    /// Starts one, or says why it is skipped.
    pub async fn start() -> Option<Self> {
        let mut provider = Self::down()?;
        provider.up().await;
        Some(provider)
    }

    /// One that has yet to be started.
    pub fn down() -> Option<Self> {
        folder()?;
        super::install_tls();
        let port = free_port();
        Some(Self {
            issuer: format!("http://127.0.0.1:{port}"),
            port,
            process: None,
            settings: Vec::new(),
            client: HttpClient::new().unwrap(),
        })
    }

    /// Sets a variable of its environment, before it is started.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// Ends it; it can be started again.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub async fn up(&mut self) {
        self.process = Some(self.spawn());
        let started = Instant::now();
        let mut spawned = started;
        while self.get("/__ctl").await.is_none() {
            // A busy machine takes its time to start many of them at once.
            if started.elapsed() > PATIENCE {
                let said = fs::read_to_string(self.log()).unwrap_or_default();
                panic!("no provider at {}: {said}", self.issuer);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            // Its port may have been somebody else's for a moment; one that hangs is given up.
            let ended = self.process.as_mut().map(Child::try_wait);
            let has_ended = matches!(ended, Some(Ok(Some(_))));
            if has_ended || spawned.elapsed() > Duration::from_secs(30) {
                self.stop();
                self.process = Some(self.spawn());
                spawned = Instant::now();
            }
        }
    }

    /// What it says of itself.
    fn log(&self) -> PathBuf {
        folder().unwrap().join(format!("{}.log", self.port))
    }

    fn spawn(&self) -> Child {
        Command::new("node")
            .arg("server.mjs")
            .current_dir(folder().unwrap())
            .env("PORT", self.port.to_string())
            .env("NODE_NO_WARNINGS", "1")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.log()).unwrap())
            .spawn()
            .expect("where npm is, node is")
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let request = Request::get(format!("{}{path}", self.issuer));
        let answer = self.client.fetch(request.body(Bytes::new()).unwrap()).await;
        serde_json::from_slice(answer.ok()?.body()).ok()
    }

    /// Repeats the request until it is answered: a busy machine may take longer than the client waits.
    async fn post(&self, path: &str, kind: &str, authorization: &str, body: String) -> Value {
        let body = Bytes::from(body);
        let started = Instant::now();
        loop {
            let request = Request::post(format!("{}{path}", self.issuer))
                .header("content-type", kind)
                .header("authorization", authorization)
                .body(body.clone())
                .unwrap();
            match self.client.fetch(request).await {
                Ok(answer) => return serde_json::from_slice(answer.body()).unwrap_or_default(),
                Err(error) => assert!(started.elapsed() < PATIENCE, "{path}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Rotates keys, injects faults.
    pub async fn control(&self, command: Value) {
        let command = command.to_string();
        self.post("/__ctl", "application/json", "none", command)
            .await;
    }

    /// Answers this path so; `null` in the place of a fault ends it.
    pub async fn fault(&self, fault: Value) {
        self.control(json!({ "fault": fault })).await;
    }

    /// Returns the number of requests for a path.
    pub async fn hits(&self, path: &str) -> u64 {
        let started = Instant::now();
        loop {
            if let Some(state) = self.get("/__ctl").await {
                return state["hits"][path].as_u64().unwrap_or(0);
            }
            assert!(started.elapsed() < PATIENCE, "no answer of {}", self.issuer);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// An access token for `https://rs.example/NAME`, for the client `svc`.
    pub async fn token(&self, name: &str) -> String {
        let form = "application/x-www-form-urlencoded";
        let body = format!(
            "grant_type=client_credentials&scope=api%3Aread&resource=https%3A%2F%2Frs.example%2F{name}"
        );
        let svc = "Basic c3ZjOnN2Yy1zZWNyZXQ="; // svc:svc-secret
        let answer = self.post("/token", form, svc, body).await;
        let token = answer["access_token"].as_str();
        token.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop();
    }
}
