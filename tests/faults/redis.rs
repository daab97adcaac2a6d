//! Redis as the lookup store of revocations.

use crate::{
    harness::{Hand, ISSUER, Server, Stores, rounds},
    load::Load,
    proxy::Proxy,
    servers::Redis,
};
use std::time::Duration;
use tokio::task::block_in_place;
use tower_auth::{
    api_key::KeyOptions,
    issue::TokenSubject,
    store::{MemoryStore, RedisStore},
};

const CLIENTS: usize = 16;

/// Two servers that share a durable store, which has no faults, and a Redis server.
async fn pair(url: &str) -> [Server; 2] {
    pair_at([url, url]).await
}

async fn pair_at([one, other]: [&str; 2]) -> [Server; 2] {
    let durable = MemoryStore::new();
    let server = async |url| {
        let redis = RedisStore::connect(url).await.unwrap();
        let stores = Stores::new(durable.clone()).with_lookup(redis);
        Server::new(&stores, &Hand::running())
    };
    [server(one).await, server(other).await]
}

fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_that_is_killed() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let load = Load::start(pair(&redis.url).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        block_in_place(|| redis.kill());
        load.work("killed", 800).await;
        block_in_place(|| redis.restart());
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("Redis, killed, empty afterwards").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_that_hangs() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let load = Load::start(pair(&redis.url).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        redis.hang();
        load.work("hung", 2_400).await;
        redis.go_on();
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("Redis, hung").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_that_is_slow() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let proxy = Proxy::before(redis.port()).await;
    let load = Load::start(pair(&url(proxy.port)).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 300).await;
        // Within the deadline of a second, and past it.
        proxy.slow_down(Duration::from_millis(100));
        load.work("slow", 1_000).await;
        proxy.slow_down(Duration::from_millis(700));
        load.work("too slow", 2_000).await;
        proxy.slow_down(Duration::ZERO);
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("Redis, slow").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_that_is_cut_off() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let proxy = Proxy::before(redis.port()).await;
    let load = Load::start(pair(&url(proxy.port)).await, CLIENTS);
    for _ in 0..rounds() {
        for _ in 0..3 {
            load.work("before", 200).await;
            proxy.cut();
            load.work("cut off", 300).await;
            proxy.mend();
            load.recovers().await;
        }
    }
    load.work("after", 300).await;
    load.settle("Redis, cut off").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_that_restarts_from_an_old_snapshot() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let load = Load::start(pair(&redis.url).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        block_in_place(|| assert!(redis.command("SAVE").starts_with("+OK")));
        load.work("after the snapshot", 500).await;
        block_in_place(|| {
            redis.kill();
            redis.restart();
        });
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("Redis, restarted from an old snapshot").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_that_is_emptied() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let load = Load::start(pair(&redis.url).await, CLIENTS);
    for _ in 0..rounds() {
        for _ in 0..4 {
            load.work("before", 250).await;
            block_in_place(|| redis.command("FLUSHALL"));
            load.recovers().await;
        }
    }
    load.work("after", 300).await;
    load.settle("Redis, emptied").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_failover_to_a_replica_that_lags() {
    let at_once = ["--repl-diskless-sync-delay", "0"];
    let Some(primary) = Redis::start_with(&at_once) else {
        return;
    };
    let replica = Redis::start_with(&at_once).unwrap();
    let proxy = Proxy::before(primary.port()).await;
    let load = Load::start(pair(&url(proxy.port)).await, CLIENTS);
    let (mut from, mut to) = (&primary, &replica);
    for _ in 0..rounds() {
        block_in_place(|| {
            to.command(&format!("REPLICAOF 127.0.0.1 {}", from.port()));
            while !to
                .command("INFO replication")
                .contains("master_link_status:up")
            {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        load.work("replicated", 400).await;
        // The replica misses everything from now on.
        block_in_place(|| to.command("REPLICAOF NO ONE"));
        load.work("the replica lags", 400).await;
        proxy.lead_to(to.port());
        load.recovers().await;
        std::mem::swap(&mut from, &mut to);
    }
    load.work("after", 300).await;
    load.settle("Redis, failover to a replica that lags").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_whose_memory_is_full() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let load = Load::start(pair(&redis.url).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        // Less than is in use: it refuses everything that takes memory, and goes on reading.
        block_in_place(|| redis.command("CONFIG SET maxmemory 1"));
        load.work("full", 800).await;
        block_in_place(|| redis.command("CONFIG SET maxmemory 0"));
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("Redis, memory full").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_survive_a_redis_that_one_server_cannot_reach() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let proxy = Proxy::before(redis.port()).await;
    let load = Load::start(pair_at([&redis.url, &url(proxy.port)]).await, CLIENTS);
    for _ in 0..rounds() {
        load.work("before", 400).await;
        proxy.cut();
        load.work("cut off from one", 1_200).await;
        proxy.mend();
        load.recovers().await;
    }
    load.work("after", 300).await;
    load.settle("Redis, cut off from one of two servers").await;
}

/// The key of the subject is in the snapshot already, with its earlier cut-off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_log_out_everywhere_survives_a_restart_of_redis_from_a_snapshot() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let durable = MemoryStore::new();
    let clock = Hand::running();
    let mut servers = Vec::new();
    for _ in 0..2 {
        let lookup = RedisStore::connect(&redis.url).await.unwrap();
        let stores = Stores::new(durable.clone()).with_lookup(lookup);
        servers.push(Server::new(&stores, &clock));
    }
    let [one, other] = &servers[..] else {
        unreachable!()
    };
    one.tokens.end_all_sessions("ada").await.unwrap();
    clock.pass(Duration::from_secs(3600));
    // Older than what is revoked session by session.
    let grant = TokenSubject::new("ada").with_lifetime(Duration::from_secs(3600));
    let issued = one.tokens.start_session(grant).await.unwrap();
    let token = issued.access_token().expose();
    let key = KeyOptions::new(ISSUER, "ada");
    let key = one.keys.create("acme", key).await.unwrap();
    assert!(other.passes(token).await && other.key_passes(key.expose()).await);
    block_in_place(|| assert!(redis.command("SAVE").starts_with("+OK")));
    clock.pass(Duration::from_secs(600));
    one.tokens.end_all_sessions("ada").await.unwrap();
    for _ in 0..2 {
        for server in [one, other] {
            assert!(!server.passes(token).await, "an access token came back");
            assert!(
                !server.key_passes(key.expose()).await,
                "an API key came back"
            );
        }
        block_in_place(|| {
            redis.kill();
            redis.restart();
        });
    }
    for server in [one, other] {
        assert!(!server.passes(token).await, "an access token came back");
        assert!(
            !server.key_passes(key.expose()).await,
            "an API key came back"
        );
    }
}
