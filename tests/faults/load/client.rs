//! One client: what it does, and what it knows afterwards.

use super::{
    Shared, count,
    credentials::{ApiKey, Session, Unanswered},
};
use crate::{
    harness::{ISSUER, Server, is_unavailable, shown},
    polls::dropped_after,
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout;
use tower_auth::{
    Rejection,
    api_key::{CreateError, KeyOptions},
    issue::{IssuedTokens, TokenSubject},
    store::Revocation,
};

/// The longest wait for an answer, 503 included: an operation asks its stores a few times,
/// each of which has a deadline of at most three seconds.
const WAIT: Duration = Duration::from_secs(20);

/// The number of ended sessions that each client goes on trying.
const ENDED: usize = 24;

enum Called<T> {
    Done(T),
    Refused(Rejection),
    Unanswered,
}

pub(super) struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) number: usize,
    pub(super) generation: usize,
    pub(super) seed: u64,
    pub(super) session: Option<Session>,
    pub(super) key: Option<ApiKey>,
    pub(super) ended: Vec<Session>,
    pub(super) ended_keys: Vec<ApiKey>,
    pub(super) unanswered: Vec<Unanswered>,
    pub(super) cut_off: Option<Instant>,
}

impl Client {
    pub(super) fn new(shared: &Arc<Shared>, number: usize) -> Self {
        Self {
            shared: Arc::clone(shared),
            number,
            generation: 0,
            seed: 0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1),
            session: None,
            key: None,
            ended: Vec::new(),
            ended_keys: Vec::new(),
            unanswered: Vec::new(),
            cut_off: None,
        }
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn subject(&self) -> String {
        format!("u{}.{}", self.number, self.generation)
    }

    fn server(&mut self) -> Server {
        let number = self.random(2) as usize;
        self.shared.servers[number].clone()
    }

    /// Waits for an answer; every tenth request is dropped at some await.
    async fn call<T>(
        &mut self,
        operation: &str,
        request: impl Future<Output = Result<T, Rejection>>,
    ) -> Called<T> {
        let shared = Arc::clone(&self.shared);
        count(&shared.counts.operations);
        let polls = match self.random(10) {
            0 => self.random(8) as usize,
            _ => usize::MAX,
        };
        let asked = Instant::now();
        let patience = Duration::from_millis(shared.patience.load(Relaxed));
        let answer = timeout(patience, dropped_after(polls, request)).await;
        let answer = answer.ok().flatten();
        let waited = asked.elapsed();
        let longest = &shared.counts.longest;
        longest.fetch_max(waited.as_millis() as u64, Relaxed);
        if waited > WAIT {
            shared.wrong(format_args!("{operation} took {waited:?}"));
        }
        match answer {
            Some(Ok(done)) => Called::Done(done),
            Some(Err(rejection)) if is_unavailable(&rejection) => {
                count(&shared.counts.unavailable);
                Called::Unanswered
            }
            Some(Err(rejection)) => Called::Refused(rejection),
            None => {
                count(&shared.counts.dropped);
                Called::Unanswered
            }
        }
    }

    pub(super) async fn step(&mut self) {
        if self.session.is_none() {
            return self.log_in().await;
        }
        match self.random(16) {
            0..4 => self.verify().await,
            4..7 => self.refresh().await,
            7 => self.refresh_twice().await,
            8 => self.log_out().await,
            9 => self.log_out_everywhere().await,
            10 => self.revoke_token().await,
            11..13 => self.api_key().await,
            _ => self.try_ended().await,
        }
    }

    async fn log_in(&mut self) {
        let grant = TokenSubject::new(self.subject());
        let server = self.server();
        let called = self.call("log-in", server.tokens.start_session(grant));
        match called.await {
            Called::Done(issued) => {
                count(&self.shared.counts.sessions);
                let mut session = Session {
                    id: issued.session_id().to_owned(),
                    subject: self.subject(),
                    refresh: String::new(),
                    access: None,
                    earlier: Vec::new(),
                    revoked: None,
                };
                session.renew(&issued);
                self.session = Some(session);
            }
            Called::Refused(rejection) => {
                self.shared
                    .wrong(format_args!("log-in refused: {}", shown(&rejection)));
            }
            Called::Unanswered => {}
        }
    }

    async fn verify(&mut self) {
        let session = self.session.as_ref().expect("a session");
        let Some((token, _)) = session.access.clone() else {
            return;
        };
        let server = self.server();
        let called = self.call("a request", server.verify(&token));
        if let Called::Refused(rejection) = called.await {
            self.shared.wrong(format_args!(
                "{}: an access token that was not revoked is refused: {}",
                self.subject(),
                shown(&rejection)
            ));
        }
    }

    async fn refresh(&mut self) {
        let spent = self.session.as_ref().expect("a session").refresh.clone();
        let server = self.server();
        let called = self.call("refresh", server.tokens.refresh(&spent));
        match called.await {
            Called::Done(issued) => self.renewed(&issued),
            Called::Refused(rejection) => self.lost("refresh", &rejection),
            Called::Unanswered => {}
        }
    }

    /// As of two tabs of one browser.
    async fn refresh_twice(&mut self) {
        let spent = self.session.as_ref().expect("a session").refresh.clone();
        count(&self.shared.counts.operations);
        count(&self.shared.counts.operations);
        let [one, other] = &self.shared.servers;
        let (one, other) = tokio::join!(one.tokens.refresh(&spent), other.tokens.refresh(&spent));
        let mut successor: Option<IssuedTokens> = None;
        for answer in [one, other] {
            match (answer, &successor) {
                (Ok(issued), Some(first)) if first.refresh_token() != issued.refresh_token() => {
                    self.shared.wrong("one refresh token has two successors");
                }
                (Ok(issued), _) => successor = Some(issued),
                (Err(rejection), _) if is_unavailable(&rejection) => {
                    count(&self.shared.counts.unavailable);
                }
                (Err(rejection), _) => return self.lost("refresh of two at once", &rejection),
            }
        }
        if let Some(issued) = successor {
            self.renewed(&issued);
        }
    }

    fn renewed(&mut self, issued: &IssuedTokens) {
        count(&self.shared.counts.refreshed);
        self.session.as_mut().expect("a session").renew(issued);
    }

    /// A session that was not ended, and is.
    pub(super) fn lost(&mut self, operation: &str, rejection: &Rejection) {
        self.shared.wrong(format_args!(
            "{}: {operation} of a session that was not ended: {}",
            self.subject(),
            shown(rejection)
        ));
        self.session = None;
    }

    async fn log_out(&mut self) {
        let session = self.session.take().expect("a session");
        let server = self.server();
        let called = self.call("log-out", async {
            match &session.access {
                Some((token, _)) => {
                    let identity = server.verify(token).await?;
                    server.tokens.end_session(&identity).await
                }
                None => {
                    let tokens = &server.tokens;
                    tokens.log_out_by_refresh_token(&session.refresh).await
                }
            }
        });
        match called.await {
            Called::Done(()) => self.ended(session),
            Called::Refused(rejection) => {
                self.shared
                    .wrong(format_args!("log-out refused: {}", shown(&rejection)));
            }
            Called::Unanswered => self.unanswered.push(Unanswered {
                session: Some(session),
                key: None,
                everywhere: false,
            }),
        }
    }

    async fn log_out_everywhere(&mut self) {
        let subject = self.subject();
        let server = self.server();
        let called = self.call(
            "log-out everywhere",
            server.tokens.end_all_sessions(&subject),
        );
        match called.await {
            Called::Done(()) => {
                self.cut_off = Some(Instant::now());
                let session = self.session.take().expect("a session");
                self.ended(session);
                if let Some(key) = self.key.take() {
                    self.ended_key(key);
                }
            }
            Called::Refused(rejection) => {
                self.shared
                    .wrong(format_args!("log-out refused: {}", shown(&rejection)));
            }
            Called::Unanswered => {
                self.unanswered.push(Unanswered {
                    session: self.session.take(),
                    key: self.key.take(),
                    everywhere: true,
                });
                // It may be done at any time from now on.
                self.generation += 1;
                self.cut_off = None;
            }
        }
    }

    async fn revoke_token(&mut self) {
        let session = self.session.as_mut().expect("a session");
        let Some((text, id)) = session.access.take() else {
            return;
        };
        let revocation = Revocation::Token {
            issuer: ISSUER.to_owned(),
            id,
            until: SystemTime::now() + Duration::from_secs(3600),
        };
        let server = self.server();
        let called = self.call("revocation", server.tokens.revocations().revoke(revocation));
        match called.await {
            Called::Done(()) => {
                count(&self.shared.counts.ended);
                self.session.as_mut().expect("a session").revoked = Some(text);
            }
            Called::Refused(rejection) => {
                self.shared
                    .wrong(format_args!("revocation refused: {}", shown(&rejection)));
            }
            Called::Unanswered => {}
        }
    }

    async fn api_key(&mut self) {
        let Some(key) = self.key.take() else {
            return self.create_key().await;
        };
        if self.random(3) == 0 {
            let server = self.server();
            let called = self.call(
                "revocation of a key",
                server.keys.revoke(ISSUER, &key.subject, &key.id),
            );
            match called.await {
                Called::Done(true) => self.ended_key(key),
                Called::Done(false) => self.shared.wrong("a key that was answered is lost"),
                Called::Refused(rejection) => {
                    self.shared
                        .wrong(format_args!("revocation refused: {}", shown(&rejection)));
                }
                Called::Unanswered => self.unanswered.push(Unanswered {
                    session: None,
                    key: Some(key),
                    everywhere: false,
                }),
            }
            return;
        }
        let server = self.server();
        let called = self.call("a request with a key", server.verify_key(&key.text));
        if let Called::Refused(rejection) = called.await {
            self.shared.wrong(format_args!(
                "{}: an API key that was not revoked is refused: {}",
                key.subject,
                shown(&rejection)
            ));
        }
        self.key = Some(key);
    }

    async fn create_key(&mut self) {
        // A key of the second of a cut-off is refused, as documented.
        if (self.cut_off).is_some_and(|at| at.elapsed() < Duration::from_millis(2_100)) {
            return;
        }
        let subject = self.subject();
        let server = self.server();
        let called = self.call("an API key", async {
            let created = server
                .keys
                .create("acme", KeyOptions::new(ISSUER, &subject))
                .await;
            created.map_err(|error| match error {
                CreateError::Store(rejection) => rejection,
                error => panic!("{error}"),
            })
        });
        if let Called::Done(key) = called.await {
            self.key = Some(ApiKey {
                subject,
                id: key.id().to_owned(),
                text: key.expose().to_owned(),
            });
        }
    }

    /// Uses what was revoked, and that for certain.
    async fn try_ended(&mut self) {
        if let Some(token) = self.session.as_ref().and_then(|it| it.revoked.clone()) {
            self.refuses_token("a revoked access token", &token).await;
        }
        if !self.ended.is_empty() {
            let chosen = self.random(self.ended.len() as u64) as usize;
            let (refresh, tokens) = self.ended[chosen].texts();
            for token in tokens {
                self.refuses_token("an access token of an ended session", &token)
                    .await;
            }
            let server = self.server();
            let called = self.call("refresh", server.tokens.refresh(&refresh));
            let called = called.await;
            self.refused("refresh of an ended session", &called);
        }
        if !self.ended_keys.is_empty() {
            let chosen = self.random(self.ended_keys.len() as u64) as usize;
            let text = self.ended_keys[chosen].text.clone();
            let server = self.server();
            let called = self.call("a key", server.verify_key(&text));
            let called = called.await;
            self.refused("a revoked API key", &called);
        }
    }

    async fn refuses_token(&mut self, what: &str, token: &str) {
        let server = self.server();
        let called = self.call("a request", server.verify(token));
        let called = called.await;
        self.refused(what, &called);
    }

    fn refused<T>(&self, what: &str, called: &Called<T>) {
        match called {
            Called::Done(_) => self
                .shared
                .wrong(format_args!("client {}: {what} is granted", self.number)),
            Called::Refused(_) => count(&self.shared.counts.refused),
            Called::Unanswered => {}
        }
    }

    fn ended(&mut self, session: Session) {
        count(&self.shared.counts.ended);
        if self.ended.len() < ENDED {
            self.ended.push(session);
        } else {
            let place = self.random(ENDED as u64) as usize;
            self.ended[place] = session;
        }
    }

    fn ended_key(&mut self, key: ApiKey) {
        count(&self.shared.counts.ended);
        self.ended_keys.push(key);
    }
}
