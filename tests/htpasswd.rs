//! Users of an `htpasswd` file (`basic::Htpasswd`), with real files.

#[path = "common/passwords.rs"]
mod passwords;

use passwords::cheap;
use std::{
    error::Error,
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant, SystemTime},
};
use tower_auth::basic::{Credentials, Htpasswd};
use tower_auth::password::HashPool;
use tower_auth::{Identity, Rejection, RejectionKind, Verify};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Apache's documentation; the password is `myPassword`.
const BCRYPT: &str = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC";
/// Drepper's; the password is `Hello world!`.
const SHA_CRYPT: &str = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";

/// A folder of its own, gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, SeqCst);
        let name = format!("tower-auth-htpasswd-{}-{number}", process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join("users");
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Replaces the file as careful programs do.
fn rename_over(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

async fn ask(users: &Htpasswd, name: &str, password: &str) -> Result<Identity, Rejection> {
    users
        .verify(Credentials::new(name, password).unwrap())
        .await
}

#[track_caller]
fn invalid(result: Result<Identity, Rejection>) {
    assert_eq!(result.unwrap_err().kind(), RejectionKind::Invalid);
}

/// Waits until it is so, for as long as it may take a busy machine.
async fn until(so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !so().await {
        assert!(start.elapsed() < Duration::from_secs(20), "never");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The warnings of all threads.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Those about this file so far.
fn warnings(path: &Path) -> Vec<String> {
    static ONCE: Once = Once::new();
    static ALL: Mutex<Option<Warnings>> = Mutex::new(None);
    ONCE.call_once(|| {
        let warnings = Warnings::default();
        *ALL.lock().unwrap() = Some(warnings.clone());
        tracing::subscriber::set_global_default(warnings).unwrap();
    });
    let all = ALL.lock().unwrap().clone().unwrap();
    let lines = all.0.lock().unwrap();
    let path = path.display().to_string();
    lines
        .iter()
        .filter(|line| line.contains(&path))
        .cloned()
        .collect()
}

#[tokio::test]
async fn users_in_the_file_log_in_with_their_password_and_roles() {
    let folder = Folder::new();
    let text = format!(
        "# made by htpasswd\nbob:{BCRYPT}\nann:{SHA_CRYPT}:a comment\n\ncy:{}\n",
        cheap("open sesame").as_str()
    );
    let users = Htpasswd::open(folder.file(text))
        .unwrap()
        .with_roles(|name| match name {
            "bob" => vec!["admin", "staff"],
            _ => vec![],
        });
    assert_eq!(users.len(), 3);
    assert_eq!(format!("{users:?}"), "Htpasswd { len: 3, .. }");
    let bob = ask(&users, "bob", "myPassword").await.unwrap();
    assert_eq!(bob.subject(), "bob");
    assert_eq!(bob.roles().collect::<Vec<_>>(), ["admin", "staff"]);
    let ann = ask(&users, "ann", "Hello world!").await.unwrap();
    assert_eq!(ann.roles().count(), 0);
    ask(&users, "cy", "open sesame").await.unwrap();
    invalid(ask(&users, "bob", "Hello world!").await);
    invalid(ask(&users, "Bob", "myPassword").await);
    invalid(ask(&users, "dan", "myPassword").await);
    invalid(ask(&users, "# made by htpasswd", "").await);
}

#[tokio::test]
async fn a_changed_file_changes_the_users_and_a_broken_one_does_not() {
    let folder = Folder::new();
    let path = folder.file(format!("bob:{BCRYPT}\n"));
    assert!(warnings(&path).is_empty());
    let users = Htpasswd::open(&path)
        .unwrap()
        .with_roles(|name| [name.to_owned()]);
    ask(&users, "bob", "myPassword").await.unwrap();
    invalid(ask(&users, "ann", "Hello world!").await);

    // In place, as `htpasswd` does.
    fs::write(&path, format!("ann:{SHA_CRYPT}\n")).unwrap();
    until(async || ask(&users, "ann", "Hello world!").await.is_ok()).await;
    invalid(ask(&users, "bob", "myPassword").await);
    assert!(
        ask(&users, "ann", "Hello world!")
            .await
            .unwrap()
            .has_role("ann")
    );

    // By another file, of the same length and time.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    rename_over(&path, &format!("eve:{SHA_CRYPT}\n"));
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    until(async || ask(&users, "eve", "Hello world!").await.is_ok()).await;
    assert_eq!(users.len(), 1);
    assert!(warnings(&path).is_empty());

    // Broken ones: each is told once, however often it is looked at.
    fs::write(&path, "eve:secret\n").unwrap();
    until(async || warnings(&path).len() == 1).await;
    fs::remove_file(&path).unwrap();
    until(async || warnings(&path).len() == 2).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let told = warnings(&path);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("tower_auth ")
            && told[0].contains("line 1: plain text or DES is too weak: set the password again"),
        "{told:?}"
    );
    assert!(!told[0].contains("secret"), "{told:?}");
    assert!(told[1].contains("it cannot be read"), "{told:?}");
    ask(&users, "eve", "Hello world!").await.unwrap();

    // And back again.
    fs::write(&path, format!("bob:{BCRYPT}\n")).unwrap();
    until(async || ask(&users, "bob", "myPassword").await.is_ok()).await;
    invalid(ask(&users, "eve", "Hello world!").await);
}

#[tokio::test]
async fn a_file_that_is_changed_twice_within_the_same_moment_is_read_again() {
    let folder = Folder::new();
    let path = folder.file(format!("bob:{SHA_CRYPT}\n"));
    let users = Htpasswd::open(&path).unwrap();
    // The same inode, length and time, as a coarse clock would have it.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, format!("ann:{SHA_CRYPT}\n")).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    until(async || ask(&users, "ann", "Hello world!").await.is_ok()).await;
    assert!(modified <= SystemTime::now());
}

#[test]
fn an_unusable_file_is_rejected_at_start_up() {
    let folder = Folder::new();
    #[track_caller]
    fn refused(path: &Path, message: &str) {
        let error = Htpasswd::open(path).unwrap_err();
        assert_eq!(error.to_string(), format!("{}: {message}", path.display()));
    }
    let path = folder.file(format!(
        "bob:{BCRYPT}\nann:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/\n"
    ));
    refused(
        &path,
        "line 2: MD5 (`$apr1$`, `$1$`) is too weak: set the password again with `htpasswd -B`",
    );
    refused(
        &folder.0.join("absent"),
        "it cannot be read: No such file or directory (os error 2)",
    );
    refused(&folder.0, "it cannot be read: it is no file");

    let path = folder.file(vec![b'\n'; 4 * 1024 * 1024 + 1]);
    let error = Htpasswd::open(&path).unwrap_err();
    assert_eq!(
        error.source().unwrap().to_string(),
        "it is larger than 4 MiB"
    );
    let path = folder.file(vec![b'\n'; 4 * 1024 * 1024]);
    assert!(Htpasswd::open(&path).unwrap().is_empty());
}

#[tokio::test]
async fn a_file_of_users_shares_a_pool_and_caches_as_users_do() {
    let folder = Folder::new();
    let path = folder.file(format!("bob:{BCRYPT}\n"));
    let pool = HashPool::new().unwrap().with_threads(1);
    let users = Htpasswd::open(&path).unwrap().with_pool(pool);
    let verdict = |users: &Htpasswd| users.verify(Credentials::new("bob", "myPassword").unwrap());
    verdict(&users).await.unwrap();
    assert!(verdict(&users).now().unwrap().is_ok(), "remembered");
    let short = users.clone().with_cache_time_to_live(Duration::ZERO);
    verdict(&short).await.unwrap();
    assert!(verdict(&short).now().is_err());
    let none = users.clone().without_cache();
    verdict(&none).await.unwrap();
    assert!(verdict(&none).now().is_err());
}

#[tokio::test]
async fn a_panic_in_with_roles_keeps_the_users_and_the_next_file_is_read() {
    let folder = Folder::new();
    let path = folder.file(format!("bob:{BCRYPT}\n"));
    assert!(warnings(&path).is_empty());
    let users = Htpasswd::open(&path).unwrap().with_roles(|name| {
        assert_ne!(name, "eve");
        ["some"]
    });
    fs::write(&path, format!("eve:{SHA_CRYPT}\n")).unwrap();
    until(async || warnings(&path).len() == 1).await;
    ask(&users, "bob", "myPassword").await.unwrap();
    fs::write(&path, format!("ann:{SHA_CRYPT}\n")).unwrap();
    until(async || ask(&users, "ann", "Hello world!").await.is_ok()).await;
}

/// The thread that looks at the file ends with the last handle.
#[cfg(target_os = "linux")]
#[test]
fn the_watching_thread_ends_with_the_last_handle() {
    // In a process of its own: other tests have such threads too.
    const CHILD: &str = "TOWER_AUTH_HTPASSWD_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let status = process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "the_watching_thread_ends_with_the_last_handle",
                "--test-threads=1",
            ])
            .env(CHILD, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let watching = || {
        fs::read_dir("/proc/self/task")
            .unwrap()
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|name| name.starts_with("tower-auth-htpa"))
            .count()
    };
    let folder = Folder::new();
    let path = folder.file(format!("bob:{BCRYPT}\n"));
    let users = Htpasswd::open(&path).unwrap();
    let clone = users.clone();
    drop(users);
    // A thread gives itself its name.
    let start = Instant::now();
    while watching() != 1 {
        assert!(start.elapsed() < Duration::from_secs(10), "never");
    }
    drop(clone);
    let start = Instant::now();
    while watching() > 0 {
        assert!(start.elapsed() < Duration::from_millis(900), "at once");
        std::thread::sleep(Duration::from_millis(5));
    }
}
