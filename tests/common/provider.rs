//! A certified OpenID provider on loopback, out of the shared vectors.

#![allow(dead_code, unreachable_pub, reason = "no test uses everything")]

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

/// A provider of its own for each test; it ends when it is dropped.
pub struct Provider {
    process: Child,
    /// Its issuer, without a slash at the end.
    pub url: String,
}

impl Provider {
    /// `None`, and a line that says why, where it cannot run.
    pub fn start() -> Option<Self> {
        match Self::try_start() {
            Ok(provider) => Some(provider),
            Err(why) => {
                println!("skipped: {why}");
                None
            }
        }
    }

    fn try_start() -> Result<Self, String> {
        let folder = installed()?;
        // Free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .map_err(|error| error.to_string())?
            .port();
        let mut process = Command::new("node")
            .arg("server.mjs")
            .current_dir(folder)
            .env("PORT", port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("node: {error}"))?;
        let output = process.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let started = lines.any(|line| line.starts_with("OP "));
        // Whatever else it prints is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let provider = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        };
        match started {
            true => Ok(provider),
            false => Err("the provider does not start".to_owned()),
        }
    }

    /// The provider's URL, with this path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with the provider and what it needs; installed once for each `package.json`.
fn installed() -> Result<PathBuf, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap();

    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/provider");
    let package = fs::read(source.join("package.json"))
        .map_err(|_| format!("{} is not here", source.display()))?;
    let server = fs::read(source.join("server.mjs")).map_err(|error| error.to_string())?;
    for tool in ["node", "npm"] {
        let mut version = Command::new(tool);
        version
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if !version.status().is_ok_and(|status| status.success()) {
            return Err(format!("{tool} is not installed"));
        }
    }
    let mut hasher = DefaultHasher::new();
    (&package, &server).hash(&mut hasher);
    let name = format!("{:016x}", hasher.finish());
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("provider");
    let folder = all.join(&name);
    if folder.is_dir() {
        return Ok(folder);
    }
    // Made elsewhere and moved, so that no half of it is ever found.
    let new = all.join(format!("{name}-{}", std::process::id()));
    let install = || -> Result<(), String> {
        fs::create_dir_all(&new).map_err(|error| error.to_string())?;
        for (file, text) in [("package.json", &package), ("server.mjs", &server)] {
            fs::write(new.join(file), text).map_err(|error| error.to_string())?;
        }
        let output = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&new)
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let moved = install().and_then(|()| match fs::rename(&new, &folder) {
        Err(error) if !folder.is_dir() => Err(error.to_string()),
        _ => Ok(()),
    });
    let _ = fs::remove_dir_all(&new);
    moved.map_err(|why| format!("npm install failed: {why}"))?;
    Ok(folder)
}
