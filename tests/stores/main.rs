//! Every store, through the same cases; and what becomes of it when its server, or this process,
//! is killed.

mod accounts;
mod api_keys;
mod outages;
#[path = "../common/ports.rs"]
mod ports;
mod revocations;
#[path = "../common/servers.rs"]
mod servers;
mod short_lived;
mod tokens;

use servers::{Folder, Postgres, Redis};
use short_lived::{Really, Wait};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Verdict,
    store::{
        AccountStore, ApiKeyStore, EphemeralStore, MemoryStore, PostgresStore, RedisStore,
        SqliteStore, TokenStore,
    },
};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A hundred tasks that ask at the same time; their answers in order.
async fn at_once<S, T>(store: &Arc<S>, ask: impl Fn(&S, usize) -> Verdict<T>) -> Vec<T>
where
    T: Send + 'static,
{
    let asked: Vec<_> = (0..100).map(|number| ask(store, number)).collect();
    let tasks: Vec<_> = asked.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap().unwrap());
    }
    answers
}

async fn durable(store: &Arc<impl AccountStore + ApiKeyStore + TokenStore>) {
    accounts::all(store).await;
    api_keys::all(store).await;
    tokens::all(store).await;
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
    short_lived::all(&store, &Moved(now)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite() {
    let folder = Folder::new("sqlite");
    let store = SqliteStore::open(folder.0.join("auth.db")).await.unwrap();
    let store = Arc::new(store);
    durable(&store).await;
    short_lived::all(&store, &Really).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_memory_passes_the_suite() {
    let store = Arc::new(SqliteStore::in_memory().await.unwrap());
    durable(&store).await;
    short_lived::all(&store, &Really).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_passes_the_suite() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = PostgresStore::connect(&server.url).await.unwrap();
    let store = Arc::new(store);
    durable(&store).await;
    short_lived::all(&store, &Really).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_passes_the_suite_for_ephemeral_stores() {
    let Some(server) = Redis::start() else {
        return;
    };
    let store = Arc::new(RedisStore::connect(&server.url).await.unwrap());
    short_lived::all(&store, &Really).await;
    let other = RedisStore::connect(&server.url).await.unwrap();
    let other = Arc::new(other.with_prefix("other:"));
    assert_eq!(other.read(&["history/1"]).await.unwrap().values, [None]);
    short_lived::has_one_history(&other).await;
}
