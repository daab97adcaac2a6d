//! Refreshing tokens (RFC 6749 section 6): once, however many requests of a page ask at a time.
//!
//! 1. Requests whose sessions hold the same refresh token wait for one refresh together. It is a
//!    task of its own: whoever goes away neither ends it nor loses its result.
//! 2. The result is kept for a minute, for requests that were sent with the old cookie: with a
//!    provider that rotates refresh tokens, a second use would end the session.
//! 3. With a store one server of a fleet refreshes, and the others read what came of it. Where the
//!    store fails meanwhile, a session in a cookie is fresh all the same.
//! 4. A provider that cannot be reached is tried again after five seconds; until the access token
//!    is over nobody else notices, then it is 503. One that refuses the refresh token ends the
//!    session.

use super::{
    Inner, LoginError, fields,
    form::Body,
    id_token::{self, Expected},
    session::Session,
    sessions::{Mark, key},
    tokens::Tokens,
};
use crate::{
    Rejection, RejectionKind,
    digest::{Digest, DigestMap},
};
use sha2::{Digest as _, Sha256};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep},
};

/// For how long a result is kept.
const KEPT: Duration = Duration::from_secs(60);

/// For how long a failure is.
const PAUSE: Duration = Duration::from_secs(5);

/// How many results are kept.
const CAPACITY: usize = 10_000;

/// How long a request waits for another server while its access token is good.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long one server waits for another, and how long that one has.
const TURN: Duration = Duration::from_secs(15);

/// What came of a refresh, and when.
type Outcome = Option<(Result<Arc<Session>, Rejection>, Instant)>;

struct Flight(watch::Receiver<Outcome>);

impl Flight {
    fn is_over(&self) -> bool {
        match &*self.0.borrow() {
            Some((Err(rejection), at)) if rejection.kind() == RejectionKind::Unavailable => {
                at.elapsed() >= PAUSE
            }
            Some((_, at)) => at.elapsed() >= KEPT,
            // Its task has ended without a result, with its runtime.
            None => self.0.has_changed().is_err(),
        }
    }
}

/// Refreshes under way, and what came of the last ones.
#[derive(Default)]
pub(super) struct Flights(Mutex<Table>);

#[derive(Default)]
struct Table {
    flights: DigestMap<Flight>,
    /// At how many those that are over are looked for.
    sweep_at: usize,
}

impl Table {
    /// Forgets what is over, so that no token is kept for longer than it serves; at a cost that
    /// does not grow with their number. Says whether there is room for one more.
    fn sweep(&mut self) -> bool {
        if self.flights.len() >= self.sweep_at {
            self.flights.retain(|_, flight| !flight.is_over());
            self.sweep_at = self.flights.len().saturating_mul(2).clamp(8, CAPACITY);
        }
        self.flights.len() < CAPACITY
    }
}

impl Inner {
    /// The session with an access token that is good for a while; and whether it is another.
    pub(super) async fn fresh(
        self: &Arc<Self>,
        session: Session,
    ) -> Result<(Session, bool), Rejection> {
        if !session.is_due(self.now().saturating_add(self.refresh_before)) {
            return Ok((session, false));
        }
        match self.refreshed(&session).await {
            Ok(fresh) => Ok(((*fresh).clone(), true)),
            Err(rejection)
                if rejection.kind() == RejectionKind::Unavailable
                    && !session.is_stale(self.now()) =>
            {
                Ok((session, false))
            }
            Err(rejection) => Err(rejection),
        }
    }

    async fn refreshed(self: &Arc<Self>, session: &Session) -> Result<Arc<Session>, Rejection> {
        if Handle::try_current().is_err() {
            return Err(Rejection::unavailable("refreshing needs a Tokio runtime"));
        }
        let token = session.tokens.refresh_token().unwrap_or_default();
        let parts = [session.id.as_bytes(), token.as_bytes()];
        let name = Digest(Sha256::digest(&*fields::write(&parts)).into());
        let mut outcome = self.flight(name, session)?;
        let outcome = outcome.wait_for(Option::is_some).await;
        let outcome = outcome.map_err(Rejection::unavailable)?;
        match &*outcome {
            Some((result, _)) => result.clone(),
            None => Err(Rejection::unavailable("no refresh")),
        }
    }

    fn flight(
        self: &Arc<Self>,
        name: Digest,
        session: &Session,
    ) -> Result<watch::Receiver<Outcome>, Rejection> {
        let mut table = self
            .flights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(Flight(outcome)) = table.flights.get(&name).filter(|one| !one.is_over()) {
            return Ok(outcome.clone());
        }
        if !table.sweep() {
            return Err(Rejection::unavailable("too many refreshes at once"));
        }
        let (sender, outcome) = watch::channel(None);
        let (inner, session) = (Arc::clone(self), session.clone());
        tokio::spawn(async move {
            let result = inner.refresh_once(&session).await;
            sender.send_replace(Some((result.map(Arc::new), Instant::now())));
        });
        table.flights.insert(name, Flight(outcome.clone()));
        Ok(outcome)
    }

    /// By this server, or by another one that shares the store.
    async fn refresh_once(&self, session: &Session) -> Result<Session, Rejection> {
        let Some(store) = &self.store else {
            return self.refresh(session).await;
        };
        let token = session.tokens.refresh_token().unwrap_or_default();
        let (turn, done) = (key(self, "refresh", token), key(self, "refreshed", token));
        if store.add(&turn, b"1", TURN).await? {
            let read = store.read(&[&done]).await?.values;
            if let Some(Some(value)) = read.into_iter().next() {
                return self.others(&done, &value);
            }
            let result = self.refresh(session).await;
            let value = match &result {
                Ok(fresh) => {
                    // Nothing to keep where sessions are cookies.
                    self.keep(fresh).await?;
                    let until = self.now().saturating_add(KEPT.as_secs());
                    self.stored.seal(&done, &fresh.write(), self.now(), until)
                }
                Err(rejection) if rejection.kind() == RejectionKind::Unavailable => {
                    // The next one tries it.
                    drop(store.take(&turn).await);
                    return result;
                }
                Err(_) => Ok(String::new()),
            };
            // For the others only: what the provider has rotated is not lost over them.
            let told = match value {
                Ok(value) => store.put(&done, value.as_bytes(), KEPT).await,
                Err(rejection) => Err(rejection),
            };
            if let Err(rejection) = told {
                super::log::not_shared(&self.issuer, &rejection);
            }
            return result;
        }
        // What is good for a while need not wait for long.
        let patience = match session.is_stale(self.now()) {
            true => TURN,
            false => PATIENCE,
        };
        let started = Instant::now();
        while started.elapsed() < patience {
            let read = store.read(&[&done]).await?.values;
            if let Some(Some(value)) = read.into_iter().next() {
                return self.others(&done, &value);
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(Rejection::unavailable("another server does not refresh"))
    }

    /// What came of the refresh by another server.
    fn others(&self, key: &str, value: &[u8]) -> Result<Session, Rejection> {
        let opened = self.stored.open(key, value, self.now());
        let session = opened.and_then(|opened| Session::read(&opened.plain));
        session.ok_or_else(|| LoginError::Ended.into())
    }

    async fn refresh(&self, session: &Session) -> Result<Session, Rejection> {
        let mut form = Body::default();
        form.push("grant_type", "refresh_token");
        let token = session.tokens.refresh_token().unwrap_or_default();
        form.push("refresh_token", token);
        let answer = match self.provider.tokens(&self.client, form).await {
            Err(LoginError::Code) => {
                self.end(Mark::Session(&session.id)).await?;
                return Err(LoginError::Ended.into());
            }
            answer => answer?,
        };
        let mut tokens = Tokens::read(&answer, self.now())?;
        if let (Some(token), Some(jwt)) = (tokens.id_token(), &self.jwt) {
            let expected = Expected {
                client: &self.client.id,
                access_token: tokens.access_token(),
                nonce: None,
                max_age: None,
                leeway: self.leeway,
                now: self.now(),
            };
            id_token::verify(jwt, token, &expected).await?;
        } else {
            tokens.id = session.tokens.id.clone();
        }
        // A provider that does not rotate says nothing of the old one.
        tokens.refresh = tokens.refresh.or_else(|| session.tokens.refresh.clone());
        Ok(session.with_tokens(self, tokens)?)
    }
}
