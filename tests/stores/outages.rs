//! Stores whose server or process is killed, hangs, is emptied, or runs several times.

use crate::{
    Folder, Postgres, Redis,
    suite::{
        accounts::account,
        at, at_once, ephemeral,
        tokens::{family, revocations, rotation},
    },
};
use std::{
    future::Future,
    io::{BufRead, BufReader},
    pin::Pin,
    process::{Command, Stdio},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tower_auth::{
    RejectionKind, Verdict,
    store::{
        AccountStore, EphemeralStore, PostgresStore, Raise, RedisStore, Revocation, SqliteStore,
        TokenStore,
    },
};

const LONG: Duration = Duration::from_secs(600);

/// Nobody can tell, and says so within three seconds.
async fn is_unavailable<T>(answer: Verdict<T>) {
    let asked = Instant::now();
    let kind = answer.await.map(drop).unwrap_err().kind();
    assert_eq!(kind, RejectionKind::Unavailable);
    assert!(
        asked.elapsed() < Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
}

/// Asks until there is an answer; a few connections may have to be found broken before.
async fn recovers<T>(ask: impl Fn() -> Verdict<T>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(Instant::now() < until, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// --- SQLite

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_make_one_sqlite_file() {
    let folder = Folder::new("sqlite");
    let path = folder.0.join("auth.db");
    let opened: Vec<_> = (0..8)
        .map(|_| tokio::spawn(SqliteStore::open(path.clone())))
        .collect();
    let mut stores = Vec::new();
    for opened in opened {
        stores.push(opened.await.unwrap().unwrap());
    }
    #[cfg(unix)]
    for name in ["auth.db", "auth.db-wal", "auth.db-shm"] {
        use std::os::unix::fs::PermissionsExt;
        let file = std::fs::metadata(folder.0.join(name)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
    // Each sees at once what another has written.
    for (number, writer) in stores.iter().enumerate() {
        let subject = format!("s{number}");
        let added = writer.add_account(&account("i", &subject, &subject));
        assert!(added.await.unwrap());
        for reader in &stores {
            assert!(reader.account("i", &subject).await.unwrap().is_some());
        }
    }
    // And one winner among all of them.
    stores[0]
        .begin_family(&family("i", "s1", "f1"))
        .await
        .unwrap();
    let rotated: Vec<_> = (0..100)
        .map(|number| {
            let successor = [number as u8 + 2; 32];
            let store = &stores[number % stores.len()];
            tokio::spawn(store.rotate(rotation("i/f1", &[1; 32], &successor)))
        })
        .collect();
    let mut winners = 0;
    for rotated in rotated {
        winners += usize::from(rotated.await.unwrap().unwrap());
    }
    assert_eq!(winners, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_is_there_after_it_was_closed() {
    let folder = Folder::new("sqlite");
    let path = folder.0.join("auth.db");
    {
        let store = SqliteStore::open(&path).await.unwrap();
        assert!(store.add_account(&account("i", "s1", "ada")).await.unwrap());
        store.put("k", b"x", LONG).await.unwrap();
    }
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(
        store.account("i", "s1").await.unwrap(),
        Some(account("i", "s1", "ada"))
    );
    assert_eq!(
        store.read(&["k"]).await.unwrap().values,
        [Some(b"x".to_vec())]
    );
}

#[tokio::test]
async fn files_that_are_not_sqlite_are_rejected_at_start() {
    let folder = Folder::new("sqlite");
    assert!(
        SqliteStore::open(folder.0.join("no/folder.db"))
            .await
            .is_err()
    );
    assert!(SqliteStore::open(&folder.0).await.is_err());
    let path = folder.0.join("letter.txt");
    std::fs::write(&path, "Dear reader, ".repeat(1000)).unwrap();
    assert!(SqliteStore::open(&path).await.is_err());
    assert_eq!(std::fs::read(&path).unwrap().len(), 13_000);
}

const FILE: &str = "TOWER_AUTH_TEST_FILE";

/// The process that the next test kills; by itself it does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_adds_accounts_until_it_is_killed() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let store = SqliteStore::open(path).await.unwrap();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    let subject = format!("{worker}-{number}");
                    let added = store.add_account(&account("i", &subject, &subject));
                    assert!(added.await.unwrap());
                    println!("\nadded {subject}");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_account() {
    let folder = Folder::new("sqlite");
    let mut added = Vec::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("outages::child_that_adds_accounts_until_it_is_killed")
            .env(FILE, folder.0.join(format!("{round}.db")))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("added ").map(str::to_owned));
        added.clear();
        added.extend(lines.by_ref().take(100 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // Up to the last that was told before it died.
        added.extend(lines);
        assert!(added.len() >= 100 * round);
        let store = SqliteStore::open(folder.0.join(format!("{round}.db")));
        let store = store.await.unwrap();
        for subject in &added {
            let found = store.account("i", subject).await.unwrap();
            assert!(found.is_some(), "{subject} of {}", added.len());
        }
        assert!(
            store
                .add_account(&account("i", "next", "next"))
                .await
                .unwrap()
        );
    }
}

#[test]
fn outside_of_a_runtime_a_store_is_unavailable() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sqlite = runtime.block_on(SqliteStore::in_memory()).unwrap();
    let redis = RedisStore::open("redis://127.0.0.1:1/").unwrap();
    fn polled<T>(mut verdict: Verdict<T>) {
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(rejection)) = Pin::new(&mut verdict).poll(&mut cx) else {
            panic!("not refused at once");
        };
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    }
    polled(sqlite.family("f"));
    polled(sqlite.put("k", b"", LONG));
    polled(redis.take("k"));
}

// --- PostgreSQL

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_start_at_once_make_one_set_of_tables_in_postgres() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let connected: Vec<_> = (0..8)
        .map(|_| {
            let url = server.url.clone();
            tokio::spawn(async move { PostgresStore::connect(&url).await })
        })
        .collect();
    let mut stores = Vec::new();
    for connected in connected {
        stores.push(connected.await.unwrap().unwrap());
    }
    assert_eq!(server.sql("SELECT max(version) FROM auth_migrations"), "2");
    for (number, writer) in stores.iter().enumerate() {
        let id = format!("t{number}");
        let revocation = Revocation::Token {
            issuer: "i".to_owned(),
            id,
            until: at(4_000_000_000),
        };
        writer.revoke(&revocation).await.unwrap();
        for reader in &stores {
            let known = revocations(reader, at(0)).await;
            assert!(known.contains(&revocation));
        }
    }

    // One that may not make tables starts where they are.
    server.sql(
        "CREATE ROLE app LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app",
    );
    let url = server.url.replace("postgres@", "app@");
    let app = PostgresStore::connect(&url).await.unwrap();
    assert!(app.add_account(&account("i", "s1", "ada")).await.unwrap());

    // A newer version's tables are left alone.
    server.sql("INSERT INTO auth_migrations VALUES (1000, 0)");
    let error = PostgresStore::connect(&server.url).await.unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");

    server.sql("CREATE DATABASE odd ENCODING 'SQL_ASCII' TEMPLATE template0");
    let url = format!("{}odd", server.url.trim_end_matches("postgres"));
    let error = PostgresStore::connect(&url).await.unwrap_err();
    assert!(error.to_string().contains("UTF8"), "{error}");
    assert!(
        PostgresStore::connect("postgres://127.0.0.1:1/x")
            .await
            .is_err()
    );
    assert!(PostgresStore::connect("no url").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_first_version_are_migrated_with_what_is_in_them() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql(include_str!(
        "../../src/store/sql/migrations/postgres/0001_tables.sql"
    ));
    server.sql(
        "INSERT INTO auth_migrations VALUES (1, 0); \
         INSERT INTO auth_families VALUES ('f', 'i', 's', '{}', decode(repeat('01', 32), 'hex'), \
         1000, 4000000000, 4000000000, false)",
    );
    let store = PostgresStore::connect(&server.url).await.unwrap();
    assert_eq!(store.family("f").await.unwrap().unwrap().begun, 0);
    let ended = store.end_families_of("i", "s", at(2), at(4_000_000_000));
    assert_eq!(ended.await.unwrap(), 2_000);
    assert!(store.family("f").await.unwrap().unwrap().ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_killed_or_hangs_is_unavailable_until_it_is_back() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let store = PostgresStore::connect(&server.url).await.unwrap();
    let store = Arc::new(store.with_max_connections(4));
    assert!(store.add_account(&account("i", "s1", "ada")).await.unwrap());
    store.begin_family(&family("i", "s1", "f1")).await.unwrap();
    // Several connections, all of which are about to break.
    let counted = at_once(&store, |store, _| store.count("before", LONG)).await;
    assert_eq!(counted.into_iter().max(), Some(100));

    server.kill();
    for _ in 0..6 {
        is_unavailable(store.account("i", "s1")).await;
        is_unavailable(store.rotate(rotation("i/f1", &[1; 32], &[2; 32]))).await;
        is_unavailable(store.end_family("i", "i/f1", at(1))).await;
    }
    server.restart();
    let found = recovers(|| store.account("i", "s1")).await;
    assert_eq!(found, Some(account("i", "s1", "ada")));
    assert!(
        store
            .rotate(rotation("i/f1", &[1; 32], &[2; 32]))
            .await
            .unwrap()
    );
    assert_eq!(store.count("before", LONG).await.unwrap(), 101);

    for idle in [Duration::ZERO, Duration::from_millis(1_200)] {
        tokio::time::sleep(idle).await;
        server.hang();
        let hung: Vec<_> = (0..20)
            .map(|_| tokio::spawn(is_unavailable(store.account("i", "s1"))))
            .collect();
        for hung in hung {
            hung.await.unwrap();
        }
        is_unavailable(store.begin_family(&family("i", "s1", "f2"))).await;
        server.go_on();
        assert!(recovers(|| store.account("i", "s1")).await.is_some());
    }
    let counted = at_once(&store, |store, _| store.count("after", LONG)).await;
    assert_eq!(counted.into_iter().max(), Some(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_reached_over_tls_if_the_url_requires_it() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let url = |host: &str, query: &str| {
        let url = server.url.replace("127.0.0.1", host);
        format!("{url}?{query}")
    };
    assert!(
        PostgresStore::connect(&url("localhost", "sslmode=require"))
            .await
            .is_err()
    );
    let Some(certificate) = server.certify() else {
        return;
    };
    let root = format!("sslmode=verify-full&sslrootcert={}", certificate.display());
    let until = Instant::now() + Duration::from_secs(10);
    let store = loop {
        match PostgresStore::connect(&url("localhost", &root)).await {
            Ok(store) => break store,
            // It takes a moment to read its configuration again.
            Err(error) => assert!(Instant::now() < until, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(store.add_account(&account("i", "s1", "ada")).await.unwrap());
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE ssl AND pid <> pg_backend_pid()";
    assert_ne!(server.sql(encrypted), "0");
    // Another name than the certificate's, and a certificate that nobody has vouched for.
    assert!(
        PostgresStore::connect(&url("127.0.0.1", &root))
            .await
            .is_err()
    );
    let unknown = url("localhost", "sslmode=verify-full");
    assert!(PostgresStore::connect(&unknown).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_postgres_cannot_store_are_rejected_without_a_query() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = PostgresStore::connect(&server.url).await.unwrap();
    is_unavailable(store.add_account(&account("i", "s1", "a\0da"))).await;
    is_unavailable(store.begin_family(&family("i", "s\0", "f1"))).await;
    assert!(store.add_account(&account("i", "s1", "ada")).await.unwrap());
    let shown = format!("{store:?}");
    assert_eq!(shown, "PostgresStore");
}

// --- Redis

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_evicts_values_is_rejected() {
    let options = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(server) = Redis::start_with(&options) else {
        return;
    };
    let error = RedisStore::connect(&server.url).await.unwrap_err();
    let cause = std::error::Error::source(&error).and_then(std::error::Error::source);
    let cause = cause.expect("a cause").to_string();
    assert!(cause.contains("noeviction, and is allkeys-lru"), "{cause}");
    let store = RedisStore::open(&server.url).unwrap();
    is_unavailable(store.put("k", b"x", LONG)).await;
    let store = store.dangerous_allow_eviction();
    store.put("k", b"x", LONG).await.unwrap();
    assert!(RedisStore::connect("no url").await.is_err());
    assert!(RedisStore::connect("redis://127.0.0.1:1/").await.is_err());
    // TLS where there is none: an error, whatever cryptography the process has.
    let url = server.url.replace("redis:", "rediss:");
    assert!(RedisStore::connect(&url).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_cluster_and_a_sentinel_are_errors_at_start_up() {
    let reason = async |url: &str| {
        let error = RedisStore::connect(url).await.unwrap_err();
        let cause = std::error::Error::source(&error).and_then(std::error::Error::source);
        cause.expect("a cause").to_string()
    };
    let Some(cluster) = Redis::start_with(&["--cluster-enabled", "yes"]) else {
        return;
    };
    let cluster = reason(&cluster.url).await;
    assert!(cluster.contains("part of a cluster"), "{cluster}");
    let Some(sentinel) = Redis::start_sentinel() else {
        return;
    };
    let sentinel = reason(&sentinel.url).await;
    assert!(sentinel.contains("Redis Sentinel"), "{sentinel}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_whose_policy_cannot_be_read_is_checked_otherwise() {
    let renamed = ["--rename-command", "CONFIG", ""];
    let Some(server) = Redis::start_with(&renamed) else {
        return;
    };
    RedisStore::connect(&server.url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_restarted_has_another_history() {
    let Some(mut server) = Redis::start() else {
        return;
    };
    let store = Arc::new(RedisStore::connect(&server.url).await.unwrap());
    ephemeral::has_one_history(&store).await;
    let before = store.read(&[]).await.unwrap().history;
    assert!(!before.is_empty());
    server.command("SAVE");
    store.put("history/later", b"x", LONG).await.unwrap();
    server.kill();
    server.restart();
    let keys = ["history/1", "history/later"];
    let read = recovers(|| store.read(&keys)).await;
    assert_eq!(read.values, [Some(b"x".to_vec()), None]);
    assert_ne!(read.history, before);
    ephemeral::has_one_history(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_or_hangs_is_unavailable_until_it_is_back() {
    let Some(mut server) = Redis::start() else {
        return;
    };
    let store = Arc::new(RedisStore::open(&server.url).unwrap());
    server.kill();
    // It need not be there at start.
    for _ in 0..20 {
        is_unavailable(store.count("k", LONG)).await;
    }
    server.restart();
    assert_eq!(recovers(|| store.count("k", LONG)).await, 1);
    store.check().await.unwrap();

    server.kill();
    for _ in 0..20 {
        is_unavailable(store.take("k")).await;
        is_unavailable(store.read(&["k"])).await;
    }
    server.restart();
    assert_eq!(recovers(|| store.take("k")).await, None);

    server.hang();
    let hung: Vec<_> = (0..20)
        .map(|_| tokio::spawn(is_unavailable(store.add("hung", b"x", LONG))))
        .collect();
    for hung in hung {
        hung.await.unwrap();
    }
    server.go_on();
    recovers(|| store.put("k", b"x", LONG)).await;

    // Many callers that went away do not cost the others their connection.
    for _ in 0..200 {
        let mut left = store.count("left", LONG);
        let mut cx = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut left).poll(&mut cx);
        drop(left);
        store.put("k", b"x", LONG).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_the_replica_of_another_has_another_history() {
    let (Some(one), Some(two)) = (Redis::start(), Redis::start()) else {
        return;
    };
    let store = Arc::new(RedisStore::connect(&one.url).await.unwrap());
    ephemeral::has_one_history(&store).await;
    let before = store.read(&[]).await.unwrap().history;
    let replicates = async |replica: &Redis, primary: &Redis| {
        replica.command(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
        let until = Instant::now() + Duration::from_secs(30);
        while !replica
            .command("INFO replication")
            .contains("master_link_status:up")
        {
            assert!(Instant::now() < until, "no replication");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // The other has a copy of everything, and takes over; what is written to the first is lost.
    replicates(&two, &one).await;
    let other = RedisStore::connect(&two.url).await.unwrap();
    let read = other.read(&["history/1"]).await.unwrap();
    assert_eq!(read.values, [Some(b"x".to_vec())]);
    assert_ne!(read.history, before);
    two.command("REPLICAOF NO ONE");
    store.put("lost", b"x", LONG).await.unwrap();
    replicates(&one, &two).await;
    one.command("REPLICAOF NO ONE");
    // The same process as before, on a connection that never broke.
    let until = Instant::now() + Duration::from_secs(20);
    while recovers(|| store.read(&["lost"])).await.history == before {
        assert!(
            Instant::now() < until,
            "the same history without what was lost"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_begins_to_evict_values_is_rejected() {
    let Some(server) = Redis::start() else {
        return;
    };
    let store = RedisStore::connect(&server.url).await.unwrap();
    store.put("k", b"x", LONG).await.unwrap();
    server.command("CONFIG SET maxmemory-policy volatile-lru");
    let until = Instant::now() + Duration::from_secs(5);
    while store.read(&["k"]).await.is_ok() {
        assert!(Instant::now() < until, "still used");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.command("CONFIG SET maxmemory-policy noeviction");
    recovers(|| store.read(&["k"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_with_full_memory_is_unavailable_for_writes_and_loses_nothing() {
    let Some(server) = Redis::start() else {
        return;
    };
    let store = RedisStore::connect(&server.url).await.unwrap();
    store.put("k", b"x", LONG).await.unwrap();
    server.command("CONFIG SET maxmemory 1");
    is_unavailable(store.put("more", b"x", LONG)).await;
    is_unavailable(store.add("more", b"x", LONG)).await;
    is_unavailable(store.count("more", LONG)).await;
    let raised = Raise {
        key: "k",
        number: 1,
        lifetime: LONG,
    };
    is_unavailable(store.raise(&[raised])).await;
    let read = store.read(&["k", "more"]).await.unwrap();
    assert_eq!(read.values, [Some(b"x".to_vec()), None]);
    server.command("CONFIG SET maxmemory 0");
    assert!(store.add("more", b"x", LONG).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_requests_do_not_use_up_the_connections_of_postgres() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = PostgresStore::connect(&server.url).await.unwrap();
    let store = store.with_max_connections(4);
    let server = Arc::new(server);
    let locker = std::thread::spawn({
        let server = Arc::clone(&server);
        move || server.sql("BEGIN; LOCK TABLE auth_families; SELECT pg_sleep(6); COMMIT")
    });
    let locked = "SELECT count(*) FROM pg_locks \
         WHERE relation = 'auth_families'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    let started = Instant::now();
    while server.sql(locked) != "1" {
        assert!(started.elapsed() < Duration::from_secs(20), "never locked");
    }
    let backends = "SELECT count(*) FROM pg_stat_activity \
         WHERE backend_type = 'client backend' AND application_name <> 'psql'";
    let until = Instant::now() + Duration::from_secs(4);
    let mut most = 0_u32;
    while Instant::now() < until {
        // Clients that give up and try again.
        let calls =
            (0..10).map(|_| tokio::time::timeout(Duration::from_millis(30), store.family("f")));
        let calls: Vec<_> = calls.map(tokio::spawn).collect();
        for call in calls {
            let _ = call.await.unwrap();
        }
        most = most.max(server.sql(backends).parse().unwrap());
    }
    assert!((1..=4).contains(&most), "{most} connections");
    locker.join().unwrap();
    assert!(recovers(|| store.family("f")).await.is_none());
}
