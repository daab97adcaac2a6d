//! PostgreSQL as the durable store.

use crate::{
    harness::{Hand, ISSUER, Server, Stores, answered, is_unavailable, rounds, shown},
    load::Load,
    proxy::Proxy,
    servers::{Postgres, Redis},
};
use std::time::Duration;
use tokio::task::block_in_place;
use tower_auth::{
    RejectionKind,
    account::Accounts,
    store::{PostgresStore, RedisStore},
};

const CLIENTS: usize = 16;

/// The limit of connections of each of two servers; ten is the default.
const CONNECTIONS: usize = 10;

async fn server(url: &str) -> Server {
    let stores = Stores::new(PostgresStore::connect(url).await.unwrap());
    Server::new(&stores, &Hand::running())
}

async fn pair(url: &str) -> [Server; 2] {
    [server(url).await, server(url).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_postgres_that_is_killed() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let load = Load::start(pair(&postgres.url).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        block_in_place(|| postgres.kill());
        load.work("killed", 600).await;
        block_in_place(|| postgres.restart());
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("PostgreSQL, killed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_postgres_that_is_killed_together_with_redis() {
    let (Some(mut postgres), Some(mut redis)) = (Postgres::start(), Redis::start()) else {
        return;
    };
    let server = async || {
        let durable = PostgresStore::connect(&postgres.url).await.unwrap();
        let lookup = RedisStore::connect(&redis.url).await.unwrap();
        let stores = Stores::new(durable).with_lookup(lookup);
        Server::new(&stores, &Hand::running())
    };
    let load = Load::start([server().await, server().await], CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        block_in_place(|| {
            redis.kill();
            postgres.kill();
        });
        load.work("both killed", 400).await;
        block_in_place(|| redis.restart());
        load.work("PostgreSQL killed, Redis empty", 400).await;
        block_in_place(|| postgres.restart());
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("PostgreSQL and Redis, both killed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_postgres_that_hangs() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let load = Load::start(pair(&postgres.url).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        postgres.hang();
        // Longer than the deadline of the store.
        load.work("hung", 3_200).await;
        postgres.go_on();
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("PostgreSQL, hung").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_postgres_that_is_slow_or_cut_off() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let port = postgres.url.rsplit([':', '/']).nth(1).unwrap();
    let proxy = Proxy::before(port.parse().unwrap()).await;
    let url = postgres.url.replace(port, &proxy.port.to_string());
    let load = Load::start(pair(&url).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 300).await;
        proxy.slow_down(Duration::from_millis(50));
        load.work("slow", 1_000).await;
        // Too slow for most operations, whose last message may still arrive.
        proxy.slow_down(Duration::from_millis(900));
        load.work("too slow", 2_500).await;
        proxy.slow_down(Duration::ZERO);
        load.recovers().await;
        for _ in 0..3 {
            proxy.cut();
            load.work("cut off", 250).await;
            proxy.mend();
            load.recovers().await;
            load.work("between", 200).await;
        }
    }
    load.settle("PostgreSQL, slow, and cut off").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_postgres_connections_that_are_terminated() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let load = Load::start(pair(&postgres.url).await, CLIENTS);
    for _ in 0..rounds() {
        for _ in 0..10 {
            load.work("between", 80).await;
            block_in_place(|| {
                postgres.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
                )
            });
        }
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("PostgreSQL, connections terminated").await;
}

/// A log-in that could not be checked is not counted as a failed one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_does_not_lock_accounts() {
    const PASSWORD: &str = "a quiet harbour at dusk";
    let (Some(mut postgres), Some(redis)) = (Postgres::start(), Redis::start()) else {
        return;
    };
    let durable = PostgresStore::connect(&postgres.url).await.unwrap();
    let attempts = RedisStore::connect(&redis.url).await.unwrap();
    let accounts = Accounts::new(ISSUER, durable).unwrap();
    let accounts = accounts.with_attempt_store(attempts);
    let accounts = accounts.max_attempts(4, Duration::from_secs(3600));
    accounts.register("ada", PASSWORD).await.unwrap();
    let unavailable = async |times| {
        for _ in 0..times {
            let rejection = accounts.log_in("ada", PASSWORD).await.unwrap_err();
            assert!(is_unavailable(&rejection), "{}", shown(&rejection));
        }
    };
    block_in_place(|| postgres.kill());
    unavailable(6).await;
    block_in_place(|| postgres.restart());
    let identity = answered(|| accounts.log_in("ada", PASSWORD)).await;
    assert!(identity.is_ok(), "{identity:?}");
    redis.hang();
    unavailable(2).await;
    redis.go_on();
    let identity = answered(|| accounts.log_in("ada", PASSWORD)).await;
    assert!(identity.is_ok(), "{identity:?}");
    // Guessing is limited as before.
    let mut kind = None;
    for _ in 0..6 {
        kind = accounts
            .log_in("ada", "wrong")
            .await
            .map(drop)
            .err()
            .map(|error| error.kind());
    }
    assert_eq!(kind, Some(RejectionKind::TooMany));
}

/// While a table is locked, requests wait, are answered 503 or are dropped. None of them leaves a
/// connection behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_a_postgres_table_that_is_locked() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    // Some connections are reserved for the role that counts them.
    postgres.sql("CREATE ROLE app LOGIN; GRANT ALL ON SCHEMA public TO app");
    let url = postgres.url.replace("postgres@", "app@");
    let load = Load::start(pair(&url).await, CLIENTS);
    let mut most = 0;
    for _ in 0..rounds() {
        load.work("before", 400).await;
        load.give_up_after(60);
        std::thread::scope(|scope| {
            let lock = scope.spawn(|| {
                postgres.sql("BEGIN; LOCK TABLE auth_families; SELECT pg_sleep(3); COMMIT")
            });
            block_in_place(|| {
                while !lock.is_finished() {
                    let counted =
                        postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'");
                    most = most.max(counted.parse::<usize>().unwrap());
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
        });
        load.give_up_after(u64::MAX);
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("PostgreSQL, table locked").await;
    println!("faults: PostgreSQL, table locked: {most} connections at most");
    // A process of the server may end a moment after its connection.
    assert!(most <= 2 * CONNECTIONS + 5, "{most} connections");
}
