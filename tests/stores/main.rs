//! Every store of this crate passes the suite in `suite/`, and survives the loss of its server or of
//! this process.
//!
//! A store of another crate can use the suite: see `suite/mod.rs`.

mod outages;
mod poolers;
#[path = "../common/ports.rs"]
mod ports;
mod races;
mod revocations;
#[path = "../common/servers.rs"]
mod servers;
mod suite;

use servers::{Folder, Postgres, Redis};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use suite::{
    accounts, api_keys, at,
    ephemeral::{self, Sleep, Wait},
    tokens,
};
use tower_auth::store::{
    AccountStore, ApiKeyStore, EphemeralStore, MemoryStore, PostgresStore, RedisStore, SqliteStore,
    TokenStore,
};

async fn durable(store: &Arc<impl AccountStore + ApiKeyStore + TokenStore>) {
    accounts::all(store).await;
    api_keys::all(store).await;
    tokens::all(store).await;
}

async fn short_lived(store: &Arc<impl EphemeralStore>, time: &impl Wait) {
    ephemeral::all(store, time).await;
    ephemeral::a_counter_knows_its_end(store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_passes_the_suite() {
    struct Moved(Arc<Mutex<SystemTime>>);

    impl Wait for Moved {
        async fn wait(&self, time: Duration) {
            *self.0.lock().unwrap() += time;
        }
    }

    let now = Arc::new(Mutex::new(at(1_700_000_000)));
    let clock = Arc::clone(&now);
    let store = MemoryStore::new().with_clock(move || *clock.lock().unwrap());
    let store = Arc::new(store);
    durable(&store).await;
    short_lived(&store, &Moved(now)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite() {
    let folder = Folder::new("sqlite");
    let store = SqliteStore::open(folder.0.join("auth.db")).await.unwrap();
    let store = Arc::new(store);
    durable(&store).await;
    short_lived(&store, &Sleep).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_memory_passes_the_suite() {
    let store = Arc::new(SqliteStore::in_memory().await.unwrap());
    durable(&store).await;
    short_lived(&store, &Sleep).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_passes_the_suite() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = PostgresStore::connect(&server.url).await.unwrap();
    let store = Arc::new(store);
    durable(&store).await;
    short_lived(&store, &Sleep).await;
}

/// The variable `SSL_CERT_FILE` names the certificates that are trusted. It belongs to a process, so
/// this test starts itself again.
#[tokio::test(flavor = "multi_thread")]
async fn redis_over_tls_passes_the_suite_for_ephemeral_stores() {
    const URL: &str = "REDIS_OVER_TLS";
    if let Ok(url) = std::env::var(URL) {
        // An error means that a provider is installed already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let store = Arc::new(RedisStore::connect(&url).await.unwrap());
        return short_lived(&store, &Sleep).await;
    }
    let Some((server, certificate)) = Redis::start_with_tls() else {
        return;
    };
    let again = |trusted: Option<&std::path::Path>| {
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        test.args([
            "--exact",
            "redis_over_tls_passes_the_suite_for_ephemeral_stores",
        ]);
        test.env(URL, &server.url);
        if let Some(trusted) = trusted {
            test.env("SSL_CERT_FILE", trusted);
        }
        test.output().unwrap().status.success()
    };
    assert!(again(Some(&certificate)));
    assert!(
        !again(None),
        "a certificate that is not trusted is accepted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_passes_the_suite_for_ephemeral_stores() {
    let Some(server) = Redis::start() else {
        return;
    };
    let store = Arc::new(RedisStore::connect(&server.url).await.unwrap());
    short_lived(&store, &Sleep).await;
    let other = RedisStore::connect(&server.url).await.unwrap();
    let other = Arc::new(other.with_prefix("other:"));
    assert_eq!(other.read(&["history/1"]).await.unwrap().values, [None]);
    ephemeral::has_one_history(&other).await;
}
