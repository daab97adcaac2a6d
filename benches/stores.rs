//! What the stores do per second: `cargo bench --bench stores`.
//!
//! Each case runs for a second with 1, 16 and 256 tasks that each wait for their answer before
//! they ask again; a rate is the number of answers. SQLite has its file in the target folder
//! (`FOLDER` sets another), since a temporary one may be in memory. PostgreSQL and Redis are
//! started if they are installed; PostgreSQL without `fsync`, so that its writes say what the
//! store costs, not the disk.

#[path = "../tests/common/ports.rs"]
mod ports;
#[path = "../tests/common/servers.rs"]
mod servers;

use servers::{Postgres, Redis};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tower_auth::{
    Verdict,
    issue::{Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::Algorithm,
    store::{
        EphemeralStore, MemoryStore, PostgresStore, RedisStore, RefreshRotation,
        RefreshTokenFamily, RevocationQuery, SqliteStore, TokenStore,
    },
};

const LIFETIME: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() {
    println!(
        "{:<40} {:>9} {:>9} {:>9}",
        "answers per second, by tasks", 1, 16, 256
    );
    tokens("memory", MemoryStore::new()).await;

    let folder = std::env::var_os("FOLDER").map_or("target".into(), PathBuf::from);
    let path = folder.join(format!("bench-{}.db", std::process::id()));
    let store = SqliteStore::open(&path).await.expect("a file");
    tokens("SQLite", store.clone()).await;
    refreshes("SQLite", store.clone()).await;
    short_lived("SQLite", store).await;
    for end in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(end);
        let _ = std::fs::remove_file(file);
    }

    if let Some(server) = Postgres::start() {
        let store = PostgresStore::connect(&server.url).await.expect("a server");
        tokens("PostgreSQL", store.clone()).await;
        refreshes("PostgreSQL", store.clone()).await;
        short_lived("PostgreSQL", store).await;
    }
    if let Some(server) = Redis::start() {
        let store = RedisStore::connect(&server.url).await.expect("a server");
        short_lived("Redis", store).await;
    }
}

async fn tokens(name: &str, store: impl TokenStore) {
    let store = Arc::new(store);
    for task in 0..256 {
        let now = SystemTime::now();
        let family = RefreshTokenFamily {
            id: format!("family {task}"),
            issuer: "https://login.example.com/".to_owned(),
            subject: format!("subject {task}"),
            grant: r#"{"roles":["clerk"]}"#.to_owned(),
            begun: 0,
            current: digest(0),
            rotated_at: now,
            expires_at: now + LIFETIME,
            ends_at: now + LIFETIME,
            ended: false,
        };
        store.begin_family(&family).await.expect("an answer");
    }
    let mut next = [0; 256];
    row(&format!("{name}: rotate"), &store, async |store, tasks| {
        let each: Vec<_> = next[..tasks].to_vec();
        let ended = repeat(store, each, |store, task, turn| {
            let rotated = store.rotate(RefreshRotation {
                family: &format!("family {task}"),
                spent: &digest(turn),
                successor: &digest(turn + 1),
                at: SystemTime::now(),
                expires_at: SystemTime::now() + LIFETIME,
            });
            rotated.map(|rotated| assert!(rotated))
        });
        let ended = ended.await;
        let answers = ended
            .iter()
            .zip(&next)
            .map(|(end, begin)| end - begin)
            .sum();
        next[..tasks].copy_from_slice(&ended);
        answers
    })
    .await;
    row(
        &format!("{name}: what is revoked"),
        &store,
        async |store, tasks| {
            let ended = repeat(store, vec![0; tasks], |store, task, _| {
                store.revoked(RevocationQuery {
                    issuer: "https://login.example.com/",
                    subject: &format!("subject {task}"),
                    token: Some("token"),
                    session: Some("session"),
                })
            });
            ended.await.iter().sum()
        },
    )
    .await;
}

/// The whole of a refresh: read, spend, sign (ES256).
async fn refreshes(name: &str, store: impl TokenStore) {
    let keys = SigningKeys::new(Signer::generate(Algorithm::ES256).expect("a key"));
    let tokens = TokenIssuer::issuer("https://login.example.com/", keys)
        .audience("https://api.example.com/")
        .store(store, [7; 32])
        .build()
        .expect("an issuer");
    let tokens = Arc::new(tokens);
    row(
        &format!("{name}: refresh"),
        &tokens,
        async |tokens, tasks| {
            let until = Instant::now() + Duration::from_secs(1);
            let each = (0..tasks).map(|task| {
                let tokens = Arc::clone(tokens);
                tokio::spawn(async move {
                    let grant = TokenSubject::new(format!("subject {task}")).with_role("clerk");
                    let mut issued = tokens.start_session(grant).await.expect("a session");
                    let mut answers = 0;
                    while Instant::now() < until {
                        let renewed = tokens.refresh(issued.refresh_token()).await;
                        issued = renewed.expect("a pair");
                        answers += 1;
                    }
                    answers
                })
            });
            let mut answers = 0;
            for task in each.collect::<Vec<_>>() {
                answers += task.await.expect("a task");
            }
            answers
        },
    )
    .await;
}

async fn short_lived(name: &str, store: impl EphemeralStore) {
    let store = Arc::new(store);
    row(&format!("{name}: count"), &store, async |store, tasks| {
        let ended = repeat(store, vec![0; tasks], |store, task, _| {
            store.count(&format!("login/{task}"), LIFETIME)
        });
        ended.await.iter().sum()
    })
    .await;
    row(
        &format!("{name}: read three keys"),
        &store,
        async |store, tasks| {
            let ended = repeat(store, vec![0; tasks], |store, task, _| {
                store.read(&["one", "two", &format!("login/{task}")])
            });
            ended.await.iter().sum()
        },
    )
    .await;
}

/// Prints the rates of one case.
async fn row<S>(name: &str, store: &Arc<S>, mut run: impl AsyncFnMut(&Arc<S>, usize) -> u64) {
    print!("{name:<40}");
    for tasks in [1, 16, 256] {
        let begun = Instant::now();
        let answers = run(store, tasks).await;
        print!(" {:>9.0}", answers as f64 / begun.elapsed().as_secs_f64());
    }
    println!();
}

/// Lets each task ask for a second, from its turn on; gives the turns after the last.
async fn repeat<S, T>(
    store: &Arc<S>,
    turns: Vec<u64>,
    ask: impl Fn(&S, usize, u64) -> Verdict<T> + Copy + Send + Sync + 'static,
) -> Vec<u64>
where
    S: Send + Sync + 'static,
    T: Send + 'static,
{
    let until = Instant::now() + Duration::from_secs(1);
    let tasks = turns.into_iter().enumerate().map(|(task, mut turn)| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            while Instant::now() < until {
                ask(&store, task, turn).await.expect("an answer");
                turn += 1;
            }
            turn
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut turns = Vec::new();
    for task in tasks {
        turns.push(task.await.expect("a task"));
    }
    turns
}

fn digest(turn: u64) -> [u8; 32] {
    let mut digest = [7; 32];
    digest[..8].copy_from_slice(&turn.to_be_bytes());
    digest
}
