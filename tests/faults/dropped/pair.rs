//! Two servers, of which one loses its clients.

use crate::harness::{Durable, Hand, ISSUER, PATIENCE, Server, Stores, is_unavailable, shown};
use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};
use tower_auth::{
    Rejection, RejectionKind,
    account::Accounts,
    issue::{IssuedTokens, TokenSubject},
    password::HashPool,
    store::{EphemeralStore, MemoryStore},
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The server whose requests are dropped, with stores in steps; and another one.
pub(super) struct Pair {
    pub(super) dropping: Server,
    pub(super) other: Server,
    pub(super) durable: Arc<dyn Durable>,
    pub(super) attempts: Arc<dyn EphemeralStore>,
    pub(super) accounts: [Accounts; 2],
    pub(super) clock: Hand,
    /// While this is set, the dropping server cannot write to the lookup store.
    pub(super) broken: Arc<AtomicBool>,
    pub(super) failed: Vec<String>,
    pub(super) points: usize,
}

impl Pair {
    pub(super) fn new(dropping: &Stores, other: &Stores) -> Self {
        let clock = Hand::fixed();
        let broken = Arc::new(AtomicBool::new(false));
        let stepped = dropping.breakable(&broken);
        let pool = HashPool::new().unwrap();
        let accounts = |stores: &Stores| {
            let accounts = Accounts::new(ISSUER, Arc::clone(&stores.durable)).unwrap();
            accounts.pool(pool.clone()).clock(clock.clone())
        };
        let attempts: Arc<dyn EphemeralStore> = match &stepped.lookup {
            Some(lookup) => Arc::clone(lookup),
            None => Arc::new(MemoryStore::new()),
        };
        Self {
            dropping: Server::new(&stepped, &clock),
            other: Server::new(other, &clock),
            durable: Arc::clone(&other.durable),
            attempts,
            accounts: [accounts(&stepped), accounts(other)],
            clock,
            broken,
            failed: Vec::new(),
            points: 0,
        }
    }

    /// Drops one operation after no poll, after one, after two, until it completes.
    pub(super) async fn at_every_await(
        &mut self,
        name: &str,
        operation: impl AsyncFn(&Self, usize, &str) -> Result<bool, Failed>,
    ) {
        let (mut polls, mut tries) = (0, 0);
        loop {
            let subject = format!("{name} {polls} {tries}").replace(' ', "-");
            match operation(self, polls, &subject).await {
                Ok(true) => return,
                Ok(false) => {}
                // On a machine that is busy, a store may miss its deadline.
                Err(Failed::Unavailable(_)) if tries < 5 => {
                    tries += 1;
                    continue;
                }
                Err(failed) => self
                    .failed
                    .push(format!("{name}, dropped after {polls} polls: {failed}")),
            }
            self.points += 1;
            (polls, tries) = (polls + 1, 0);
            assert!(polls < 500, "{name} does not complete");
        }
    }

    pub(super) async fn session(&self, subject: &str) -> Result<IssuedTokens, Failed> {
        Ok(self
            .other
            .tokens
            .start_session(TokenSubject::new(subject))
            .await?)
    }

    /// Whether a session was ended durably, and its access token is refused by each server.
    pub(super) async fn ended(&self, session: &IssuedTokens) -> Vec<bool> {
        let token = session.access_token().expose();
        vec![
            self.other.has_ended(session.session_id()).await,
            !self.dropping.passes(token).await,
            !self.other.passes(token).await,
        ]
    }

    pub(super) async fn is_ended(&self, session: &IssuedTokens) -> Result<(), Failed> {
        same(async || self.ended(session).await, Some(true)).await?;
        for server in [&self.dropping, &self.other] {
            match server.tokens.refresh(session.refresh_token()).await {
                Ok(_) => return Err(wrong("an ended session is renewed")),
                Err(rejection) if rejection.kind() == RejectionKind::Invalid => {}
                Err(rejection) => return Err(rejection.into()),
            }
        }
        Ok(())
    }

    pub(super) async fn is_alive(&self, session: &IssuedTokens) -> Result<(), Failed> {
        same(async || self.ended(session).await, Some(false)).await
    }

    pub(super) fn report(self, name: &str) {
        println!("faults: {name}: dropped at {} awaits", self.points);
        assert!(
            self.failed.is_empty(),
            "{name}: {} of {} awaits:\n{}",
            self.failed.len(),
            self.points,
            self.failed.join("\n")
        );
    }
}

/// Waits until everything that is seen is the same, and this if it is given.
pub(super) async fn same(
    see: impl AsyncFn() -> Vec<bool>,
    wanted: Option<bool>,
) -> Result<(), Failed> {
    let until = Instant::now() + PATIENCE / 10;
    loop {
        let seen = see().await;
        let first = wanted.unwrap_or(seen[0]);
        if seen.iter().all(|&one| one == first) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(wrong(format!("half done: {seen:?}")));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether an operation that was perhaps dropped has completed, as it has to.
pub(super) fn completed<T>(dropped: Option<Result<T, Rejection>>) -> Result<bool, Failed> {
    Ok(dropped.transpose()?.is_some())
}

/// Why a case did not go as it has to.
#[derive(Debug)]
pub(super) enum Failed {
    Unavailable(String),
    Wrong(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unavailable(reason) | Self::Wrong(reason)) = self;
        f.write_str(reason)
    }
}

impl From<Rejection> for Failed {
    fn from(rejection: Rejection) -> Self {
        match is_unavailable(&rejection) {
            true => Self::Unavailable(shown(&rejection)),
            false => Self::Wrong(shown(&rejection)),
        }
    }
}

pub(super) fn wrong(reason: impl Into<String>) -> Failed {
    Failed::Wrong(reason.into())
}
