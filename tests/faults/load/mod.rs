//! Clients that record every answer, and compare the servers with the record while a fault happens.
//!
//! Each client acts for subjects of its own, one request after the other, against two servers in
//! turns. An operation that was answered has to be seen by both servers from then on. One that got
//! 503, or was dropped, may be done or not; after the fault it has to be one of the two.

mod client;
mod credentials;
mod settle;

use crate::harness::{Server, answered};
use client::Client;
use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tower_auth::issue::TokenSubject;

/// Counts of the attempts of all clients.
#[derive(Default)]
struct Counts {
    operations: AtomicU64,
    unavailable: AtomicU64,
    dropped: AtomicU64,
    sessions: AtomicU64,
    refreshed: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
    settled: AtomicU64,
    longest: AtomicU64,
    recovered: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        write!(
            f,
            "{} operations, {} answered 503, {} dropped; {} sessions, {} refreshes, {} answered ends, \
             {} attempts with ended credentials; {} unanswered ends settled; longest wait {} ms, \
             recovered within {} ms",
            get(&self.operations),
            get(&self.unavailable),
            get(&self.dropped),
            get(&self.sessions),
            get(&self.refreshed),
            get(&self.ended),
            get(&self.refused),
            get(&self.settled),
            get(&self.longest),
            get(&self.recovered),
        )
    }
}

struct Shared {
    servers: [Server; 2],
    counts: Counts,
    wrong: Mutex<Vec<String>>,
    stop: AtomicBool,
    /// After how long clients give up, in milliseconds.
    patience: AtomicU64,
    begun: Instant,
    /// The current phase, for messages.
    phase: Mutex<&'static str>,
}

impl Shared {
    fn wrong(&self, message: impl fmt::Display) {
        let phase = *self.phase.lock().unwrap();
        let at = self.begun.elapsed().as_millis();
        self.wrong
            .lock()
            .unwrap()
            .push(format!("{at} ms ({phase}): {message}"));
    }
}

/// Clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Client>>,
}

impl Load {
    pub(crate) fn start(servers: [Server; 2], clients: usize) -> Self {
        let shared = Arc::new(Shared {
            servers,
            counts: Counts::default(),
            wrong: Mutex::default(),
            stop: AtomicBool::new(false),
            patience: AtomicU64::new(u64::MAX),
            begun: Instant::now(),
            phase: Mutex::new("before"),
        });
        let clients = (0..clients)
            .map(|number| {
                let mut client = Client::new(&shared, number);
                tokio::spawn(async move {
                    while !client.shared.stop.load(Relaxed) {
                        client.step().await;
                        let pause = client.random(4);
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                    client
                })
            })
            .collect();
        Self { shared, clients }
    }

    /// Lets the clients work for a while.
    pub(crate) async fn work(&self, phase: &'static str, millis: u64) {
        *self.shared.phase.lock().unwrap() = phase;
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// Lets the clients give up after so many milliseconds; by default they wait.
    pub(crate) fn give_up_after(&self, millis: u64) {
        self.shared.patience.store(millis, Relaxed);
    }

    /// Waits until both servers have recovered from the fault, which has ended.
    pub(crate) async fn recovers(&self) {
        *self.shared.phase.lock().unwrap() = "recovery";
        let ended = Instant::now();
        for server in &self.shared.servers {
            let issued =
                answered(|| server.tokens.start_session(TokenSubject::new("recovery"))).await;
            let issued = issued.expect("a log-in after the fault");
            for server in &self.shared.servers {
                let passes = server.passes(issued.access_token().expose()).await;
                assert!(passes, "an access token after the fault");
            }
        }
        let millis = ended.elapsed().as_millis() as u64;
        self.shared.counts.recovered.fetch_max(millis, Relaxed);
    }

    /// Stops the clients, and compares the servers with everything that the clients have recorded.
    pub(crate) async fn settle(self, name: &str) {
        *self.shared.phase.lock().unwrap() = "afterwards";
        self.shared.stop.store(true, Relaxed);
        let mut clients = Vec::new();
        for client in self.clients {
            clients.push(client.await.expect("a client does not panic"));
        }
        let settled: Vec<_> = clients
            .into_iter()
            .map(|client| tokio::spawn(client.settle()))
            .collect();
        for settled in settled {
            settled.await.expect("a client does not panic");
        }
        println!("faults: {name}: {}", self.shared.counts);
        let wrong = self.shared.wrong.lock().unwrap();
        let first: Vec<_> = wrong.iter().take(12).map(String::as_str).collect();
        assert!(
            wrong.is_empty(),
            "{name}: {} violations:\n{}",
            wrong.len(),
            first.join("\n")
        );
    }
}
