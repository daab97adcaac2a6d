//! SQLite as the durable store: a file that is locked, a disk that is full, a process that is killed.

use crate::{
    harness::{Hand, Server, Stores, rounds},
    load::Load,
    servers::Folder,
};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tower_auth::{RejectionKind, issue::TokenSubject, store::SqliteStore};

const CLIENTS: usize = 16;

/// Two servers as of two processes: each has opened the file by itself.
async fn pair(path: &Path) -> [Server; 2] {
    let server = async || {
        let stores = Stores::new(SqliteStore::open(path).await.unwrap());
        Server::new(&stores, &Hand::running())
    };
    [server().await, server().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_sqlite_file_that_is_locked() {
    let folder = Folder::new("locked");
    let path = folder.0.join("auth.db");
    let load = Load::start(pair(&path).await, CLIENTS);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .busy_timeout(Duration::from_secs(30));
    let mut other = options.connect().await.unwrap();
    for _ in 0..rounds() {
        load.work("before", 300).await;
        // Shorter than the store waits for another process, and longer.
        for millis in [500, 3_600] {
            let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
            load.work("locked", millis).await;
            lock.rollback().await.unwrap();
            load.recovers().await;
        }
    }
    load.work("after", 300).await;
    load.settle("SQLite, file locked by another process").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_sqlite_file_that_is_slow() {
    let folder = Folder::new("slow");
    let path = folder.0.join("auth.db");
    let load = Load::start(pair(&path).await, CLIENTS);
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .busy_timeout(Duration::from_secs(30));
    let mut other = options.connect().await.unwrap();
    for _ in 0..rounds() {
        load.work("before", 300).await;
        // Another process writes nearly all the time.
        for _ in 0..20 {
            let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
            load.work("slow", 80).await;
            lock.rollback().await.unwrap();
            load.work("slow", 5).await;
        }
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("SQLite, slow: another process writes nearly all the time")
        .await;
}

const FULL: &str = "TOWER_AUTH_FAULTS_FULL";
const KILLED: &str = "TOWER_AUTH_FAULTS_KILLED";

/// This program again, to run one of its tests with a file in an environment variable.
fn again(test: &str, variable: &str, file: &Path) -> Command {
    // The signal that a file has become too large would end the process; ignored, writing fails.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(variable, file);
    command
}

/// Sets the soft limit for the size of files of this process, if the program for it is installed.
fn limit_files(to: &str) -> bool {
    let process = std::process::id().to_string();
    let limit = format!("--fsize={to}:");
    let ran = Command::new("prlimit")
        .args(["--pid", &process, &limit])
        .status();
    ran.is_ok_and(|status| status.success())
}

/// The process of the next test; by itself it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_whose_disk_is_full_for_a_while() {
    let Some(path) = std::env::var_os(FULL) else {
        return;
    };
    if !limit_files("unlimited") {
        println!("SKIPPED: prlimit is not installed");
        return;
    }
    let load = Load::start(pair(Path::new(&path)).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        // Neither the file nor its log can grow; what is in the file can still be read.
        assert!(limit_files("4096"));
        load.work("full", 1_200).await;
        assert!(limit_files("unlimited"));
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("SQLite, disk full").await;
}

#[test]
fn sessions_survive_a_disk_that_is_full() {
    let folder = Folder::new("full");
    let test = "sqlite::child_whose_disk_is_full_for_a_while";
    let child = again(test, FULL, &folder.0.join("auth.db"))
        .output()
        .unwrap();
    let (out, error) = (
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr),
    );
    for line in out.lines().filter(|line| line.starts_with("faults:")) {
        println!("{line}");
    }
    assert!(child.status.success(), "{out}\n{error}");
    assert!(out.contains("SKIPPED") || out.contains("faults: SQLite, disk full"));
}

/// The process that the next test kills; by itself it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_issues_until_it_is_killed() {
    let Some(path) = std::env::var_os(KILLED) else {
        return;
    };
    let stores = Stores::new(SqliteStore::open(path).await.unwrap());
    let server = Server::new(&stores, &Hand::running());
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let server = server.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let subject = format!("{worker}-{number}");
                    let tokens = &server.tokens;
                    let first = tokens
                        .start_session(TokenSubject::new(&subject))
                        .await
                        .unwrap();
                    let session = first.session_id();
                    let token = first.access_token().expose();
                    println!("\nbegun {session} {} {token}", first.refresh_token());
                    let second = tokens.refresh(first.refresh_token()).await.unwrap();
                    let token = second.access_token().expose();
                    println!("\nbegun {session} {} {token}", second.refresh_token());
                    if number % 3 == 0 {
                        continue;
                    }
                    println!("\nending {session} - -");
                    match number % 3 {
                        1 => {
                            let refresh = second.refresh_token();
                            tokens.log_out_by_refresh_token(refresh).await.unwrap();
                        }
                        _ => tokens.end_all_sessions(&subject).await.unwrap(),
                    }
                    println!("\nended {session} - -");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[derive(Default)]
struct Known {
    refresh: String,
    token: String,
    ending: bool,
    ended: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_no_acknowledged_write() {
    let folder = Folder::new("killed");
    let (mut begun, mut ended, mut unanswered) = (0, 0, 0);
    for round in 0..2 + rounds() {
        let path = folder.0.join(format!("{round}.db"));
        let test = "sqlite::child_that_issues_until_it_is_killed";
        let mut child = again(test, KILLED, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok).filter(|line| !line.is_empty());
        let mut said: Vec<String> = lines.by_ref().take(150 + 170 * round).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        said.extend(lines);
        let mut sessions = std::collections::HashMap::<String, Known>::new();
        for line in &said {
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (verb, session, refresh, token) = (word(), word(), word(), word());
            let known = sessions.entry(session).or_default();
            match &*verb {
                "begun" => (known.refresh, known.token) = (refresh, token),
                "ending" => known.ending = true,
                "ended" => known.ended = true,
                _ => {}
            }
        }
        let [one, other] = &pair(&path).await;
        for known in sessions
            .into_values()
            .filter(|known| !known.token.is_empty())
        {
            let passes = one.passes(&known.token).await;
            let renewed = other.tokens.refresh(&known.refresh).await;
            let renewed = match renewed {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.kind(), RejectionKind::Invalid);
                    false
                }
            };
            assert_eq!(passes, renewed, "half ended");
            assert!(!(known.ended && passes), "an answered log-out is lost");
            assert!(known.ending || passes, "an answered log-in is lost");
            begun += 1;
            ended += usize::from(known.ended);
            unanswered += usize::from(known.ending && !known.ended);
        }
    }
    assert!(begun > 100 && ended > 30);
    println!(
        "faults: SQLite, process killed: {begun} sessions, {ended} answered ends, {unanswered} unanswered ends settled"
    );
}
