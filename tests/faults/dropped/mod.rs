//! Requests whose client goes away at any await, and processes that are killed there: an operation is
//! done or not done, on every server, never half.

mod accounts;
mod lookups;
mod pair;
mod sessions;

use crate::{
    harness::Stores,
    servers::{Folder, Postgres, Redis},
};
use pair::Pair;
use tower_auth::store::{MemoryStore, PostgresStore, RedisStore, SqliteStore};

async fn all(pair: &mut Pair) {
    pair.at_every_await("log-in", sessions::log_in).await;
    pair.at_every_await("refresh", sessions::refresh).await;
    pair.at_every_await("log-out", sessions::log_out).await;
    pair.at_every_await(
        "log-out by refresh token",
        sessions::log_out_by_refresh_token,
    )
    .await;
    pair.at_every_await("log-out everywhere", sessions::log_out_everywhere)
        .await;
    pair.at_every_await("revocation of a token", sessions::revoke_token)
        .await;
    pair.at_every_await("revocation of a key", sessions::revoke_key)
        .await;
    pair.at_every_await("registration", accounts::register)
        .await;
    pair.at_every_await("change of password", accounts::change_password)
        .await;
    pair.at_every_await("log-in by password", accounts::log_in)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_requests_are_done_or_not_done_in_memory() {
    let stores = Stores::new(MemoryStore::new());
    let mut pair = Pair::new(&stores, &stores);
    all(&mut pair).await;
    pair.report("requests dropped, memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_requests_are_done_or_not_done_with_a_lookup_store_in_memory() {
    let stores = Stores::new(MemoryStore::new()).with_lookup(MemoryStore::new());
    let mut pair = Pair::new(&stores, &stores);
    all(&mut pair).await;
    pair.report("requests dropped, memory with a lookup store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_requests_are_done_or_not_done_in_sqlite() {
    let folder = Folder::new("dropped");
    let path = folder.0.join("auth.db");
    let one = Stores::new(SqliteStore::open(&path).await.unwrap());
    let other = Stores::new(SqliteStore::open(&path).await.unwrap());
    let mut pair = Pair::new(&one, &other);
    all(&mut pair).await;
    pair.report("requests dropped, SQLite");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_requests_are_done_or_not_done_in_postgres_and_redis() {
    let (Some(postgres), Some(redis)) = (Postgres::start(), Redis::start()) else {
        return;
    };
    let stores = async || {
        let durable = PostgresStore::connect(&postgres.url).await.unwrap();
        let lookup = RedisStore::connect(&redis.url).await.unwrap();
        Stores::new(durable).with_lookup(lookup)
    };
    let mut pair = Pair::new(&stores().await, &stores().await);
    all(&mut pair).await;
    pair.report("requests dropped, PostgreSQL with Redis");
}
