//! Authorization servers that a script in Python sets up and starts.

use crate::common::{self, ports::free_port};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tower_auth::fetch::{Fetch, HttpClient};

/// A running server; it is killed when this is dropped.
pub(crate) struct ScriptedServer {
    pub(crate) issuer: String,
    process: Child,
    folder: PathBuf,
}

impl ScriptedServer {
    /// Starts a script of `providers/` with a port, the redirect URI and an empty folder, and waits
    /// for its metadata.
    pub(crate) async fn start(
        python: impl AsRef<Path>,
        script: &str,
        issuer: impl Fn(u16) -> String,
        redirect_uri: &str,
    ) -> Self {
        common::install_tls();
        let port = free_port();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{script}-{port}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/login/providers");
        let process = Command::new(python.as_ref())
            .arg(scripts.join(script))
            .args([&port.to_string(), redirect_uri])
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self {
            issuer: issuer(port),
            process,
            folder,
        };
        server.wait().await;
        server
    }

    async fn wait(&self) {
        let client = HttpClient::new().unwrap();
        let url = format!("{}/.well-known/openid-configuration", self.issuer);
        let started = Instant::now();
        loop {
            let request = http::Request::get(&url).body(bytes::Bytes::new()).unwrap();
            let answer = client.fetch(request).await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(started.elapsed().as_secs() < 120, "{}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
