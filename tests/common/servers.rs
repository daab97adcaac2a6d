//! Servers that tests start for themselves: each on a free port, with a folder of its own, stopped
//! and removed when it is dropped. Where the programs are not installed there are none.

#![allow(dead_code, unreachable_pub, reason = "no test uses everything")]

use super::ports::free_port;
use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a server may take to be there.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

/// A Redis server, which keeps nothing on disk unless it is told to `SAVE`.
pub struct Redis {
    pub url: String,
    port: u16,
    program: PathBuf,
    extra: Vec<String>,
    folder: Folder,
    child: Child,
}

impl Redis {
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// With more options, such as `--maxmemory-policy allkeys-lru`.
    pub fn start_with(extra: &[&str]) -> Option<Self> {
        let program = program("redis-server", &[])?;
        let extra: Vec<_> = extra.iter().map(|&option| option.to_owned()).collect();
        let (port, folder) = (free_port(), Folder::new("redis"));
        let child = Self::launch(&program, port, &folder.0, &extra);
        let mut server = Self {
            url: format!("redis://127.0.0.1:{port}/"),
            port,
            program,
            extra,
            folder,
            child,
        };
        server.wait();
        Some(server)
    }

    /// Starts a server that speaks TLS only, and returns the file of its certificate with it.
    pub fn start_with_tls() -> Option<(Self, PathBuf)> {
        let program = program("redis-server", &[])?;
        let (port, folder) = (free_port(), Folder::new("redis-tls"));
        own(&folder.0);
        let certificate = certificate(&folder.0)?;
        let tls_port = port.to_string();
        let child = as_user(&program)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", "0", "--tls-port", &tls_port])
            .args(["--tls-auth-clients", "no", "--tls-cert-file"])
            .arg(&certificate)
            .arg("--tls-key-file")
            .arg(folder.0.join("server.key"))
            .arg("--tls-ca-cert-file")
            .arg(&certificate)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let until = Instant::now() + STARTED_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "redis-server does not listen");
            sleep(Duration::from_millis(20));
        }
        let server = Self {
            url: format!("rediss://localhost:{port}/"),
            port,
            program,
            extra: Vec::new(),
            folder,
            child,
        };
        Some((server, certificate))
    }

    /// Starts a Sentinel, which watches no server.
    pub fn start_sentinel() -> Option<Self> {
        let program = program("redis-server", &[])?;
        let (port, folder) = (free_port(), Folder::new("sentinel"));
        let file = folder.0.join("sentinel.conf");
        fs::write(&file, format!("port {port}\nbind 127.0.0.1\n")).expect("the file is written");
        let child = Command::new(&program)
            .arg(&file)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let mut server = Self {
            url: format!("redis://127.0.0.1:{port}/"),
            port,
            program,
            extra: Vec::new(),
            folder,
            child,
        };
        server.wait();
        Some(server)
    }

    fn launch(program: &Path, port: u16, folder: &Path, extra: &[String]) -> Child {
        Command::new(program)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string(), "--dir"])
            .arg(folder)
            .args(extra)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts")
    }

    fn wait(&mut self) {
        let until = Instant::now() + STARTED_WITHIN;
        while !self
            .try_command("PING")
            .is_some_and(|pong| pong.starts_with("+PONG"))
        {
            assert!(Instant::now() < until, "redis-server does not answer");
            sleep(Duration::from_millis(20));
        }
    }

    /// Sends one command, as words without blanks in them, and gives the raw answer.
    #[track_caller]
    pub fn command(&self, words: &str) -> String {
        self.try_command(words).expect("redis-server answers")
    }

    fn try_command(&self, words: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        socket.write_all(format!("{words}\r\n").as_bytes()).ok()?;
        let mut answer = [0; 4096];
        let length = socket.read(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As by `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("redis-server is killed");
        self.child.wait().expect("redis-server has ended");
    }

    /// Starts it again where it was, with what it has saved.
    pub fn restart(&mut self) {
        self.child = Self::launch(&self.program, self.port, &self.folder.0, &self.extra);
        self.wait();
    }

    /// Makes it hang: connections stay, and nothing answers.
    pub fn hang(&self) {
        signal("-STOP", self.child.id());
    }

    pub fn go_on(&self) {
        signal("-CONT", self.child.id());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A PostgreSQL server with one empty database, in UTF-8.
pub struct Postgres {
    pub url: String,
    port: u16,
    folder: Folder,
    programs: PathBuf,
    child: Child,
}

impl Postgres {
    pub fn start() -> Option<Self> {
        let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let mut folders: Vec<_> = installed
            .filter_map(|version| Some(version.ok()?.path().join("bin")))
            .collect();
        folders.sort();
        // What is in PATH may be a link, or a wrapper that looks for a cluster of the system.
        let initdb = program("initdb", &folders)?.canonicalize().ok()?;
        let programs = initdb.parent()?.to_owned();
        let (port, folder) = (free_port(), Folder::new("postgres"));
        own(&folder.0);
        let made = as_user(programs.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"])
            .arg("--no-sync")
            .arg("-D")
            .arg(&folder.0)
            .current_dir("/")
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("initdb runs").success(), "initdb fails");
        let child = Self::launch(&programs, port, &folder.0);
        let mut server = Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            port,
            folder,
            programs,
            child,
        };
        server.wait();
        Some(server)
    }

    fn launch(programs: &Path, port: u16, folder: &Path) -> Child {
        as_user(programs.join("postgres"))
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "fsync=off", "-p", &port.to_string(), "-D"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres starts")
    }

    fn wait(&mut self) {
        let until = Instant::now() + STARTED_WITHIN;
        while self.try_sql("SELECT 1").is_none() {
            assert!(Instant::now() < until, "postgres does not answer");
            if self.child.try_wait().expect("it is a child").is_some() {
                // What another still holds: its processes end a moment after it was killed.
                self.child = Self::launch(&self.programs, self.port, &self.folder.0);
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Runs statements, and gives what they answer as text.
    #[track_caller]
    pub fn sql(&self, statements: &str) -> String {
        self.try_sql(statements).expect("the statements run")
    }

    fn try_sql(&self, statements: &str) -> Option<String> {
        let ran = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                statements,
            ])
            .arg(&self.url)
            .current_dir("/")
            .output()
            .expect("psql runs");
        let answer = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
        ran.status.success().then_some(answer)
    }

    /// Lets it speak TLS, with a certificate of its own for `localhost`; returns the file of the
    /// certificate. `None` if there is no `openssl`.
    pub fn certify(&self) -> Option<PathBuf> {
        let certificate = certificate(&self.folder.0)?;
        self.sql("ALTER SYSTEM SET ssl = on");
        self.sql("SELECT pg_reload_conf()");
        Some(certificate)
    }

    /// As by a crash: nothing is written any more, and it recovers when it starts again.
    pub fn kill(&mut self) {
        signal("-QUIT", self.child.id());
        self.child.wait().expect("postgres has ended");
    }

    pub fn restart(&mut self) {
        self.child = Self::launch(&self.programs, self.port, &self.folder.0);
        self.wait();
    }

    /// Makes it hang, with every process that serves a connection.
    pub fn hang(&self) {
        self.each("-STOP");
    }

    pub fn go_on(&self) {
        self.each("-CONT");
    }

    fn each(&self, name: &str) {
        let parent = self.child.id();
        signal(name, parent);
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            signal(name, child.parse().expect("a process id"));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.go_on();
        signal("-QUIT", self.child.id());
        let _ = self.child.wait();
    }
}

/// A PgBouncer in front of a PostgreSQL server.
pub struct PgBouncer {
    pub url: String,
    child: Child,
    _folder: Folder,
}

impl PgBouncer {
    /// Starts one that lends connections for as long as the mode says: `session` or `transaction`.
    pub fn start(server: &Postgres, mode: &str) -> Option<Self> {
        let program = program("pgbouncer", &[PathBuf::from("/usr/sbin")])?;
        let (port, folder) = (free_port(), Folder::new("pgbouncer"));
        let configuration = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\nignore_startup_parameters = options,extra_float_digits\n",
            server.port
        );
        let file = folder.0.join("pgbouncer.ini");
        fs::write(&file, configuration).expect("the configuration is written");
        own(&folder.0);
        let child = as_user(program)
            .arg("-q")
            .arg(&file)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer starts");
        let until = Instant::now() + STARTED_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "pgbouncer does not listen");
            sleep(Duration::from_millis(20));
        }
        Some(Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            child,
            _folder: folder,
        })
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes `server.key` and `server.crt` for `localhost` in a folder, and returns the latter.
fn certificate(folder: &Path) -> Option<PathBuf> {
    let openssl = program("openssl", &[])?;
    let certificate = folder.join("server.crt");
    let made = as_user(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(folder.join("server.key"))
        .arg("-out")
        .arg(&certificate)
        .current_dir("/")
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl runs").success(), "openssl fails");
    Some(certificate)
}

fn signal(name: &str, process: u32) {
    let _ = Command::new("kill")
        .args([name, &process.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// PostgreSQL refuses to run as root: who it runs as instead.
fn user() -> Option<String> {
    let id = |arguments: &[&str]| {
        let ran = Command::new("id").args(arguments).output().ok()?;
        let answer = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
        ran.status.success().then_some(answer)
    };
    if id(&["-u"])? != "0" {
        return None;
    }
    let known = id(&["-u", "postgres"]).map(|_| "postgres".to_owned());
    known.or(Some("nobody".to_owned()))
}

/// Gives a folder to the user that servers run as.
fn own(folder: &Path) {
    if let Some(user) = user() {
        let owned = Command::new("chown")
            .args(["-R", &user])
            .arg(folder)
            .status();
        assert!(owned.expect("chown runs").success(), "chown to {user}");
    }
}

fn as_user(program: impl AsRef<OsStr>) -> Command {
    let Some(user) = user() else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}"));
    command.args(["--clear-groups", "--"]).arg(program);
    command
}

fn program(name: &str, elsewhere: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::split_paths(&path);
    let found = (elsewhere.iter().rev().cloned())
        .chain(path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

/// A folder of one's own, removed when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-auth-{name}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder can be made");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
