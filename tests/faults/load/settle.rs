//! The checks after the fault.

use super::{
    client::Client,
    count,
    credentials::{ApiKey, Session, Unanswered},
};
use crate::harness::{ISSUER, PATIENCE, answered, shown};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

impl Client {
    /// After the fault: nothing is lost, nothing is granted, and what was unanswered is done or not.
    pub(super) async fn settle(mut self) {
        let [one, other] = &Arc::clone(&self.shared).servers;
        for unanswered in std::mem::take(&mut self.unanswered) {
            self.settles(unanswered).await;
        }
        for session in std::mem::take(&mut self.ended) {
            self.stays_ended(&session).await;
        }
        for key in std::mem::take(&mut self.ended_keys) {
            self.key_stays_revoked(&key).await;
        }
        if let Some(key) = &self.key
            && !(one.key_passes(&key.text).await && other.key_passes(&key.text).await)
        {
            self.shared.wrong("an API key is lost");
        }
        let Some(mut session) = self.session.take() else {
            return;
        };
        if let Some(token) = &session.revoked
            && (one.passes(token).await || other.passes(token).await)
        {
            self.shared
                .wrong("a revoked access token passes afterwards");
        }
        let stolen = session.refresh.clone();
        for server in [one, other, one] {
            match answered(|| server.tokens.refresh(&session.refresh)).await {
                Ok(issued) => session.renew(&issued),
                Err(rejection) => return self.lost("refresh afterwards", &rejection),
            }
            let (token, _) = session.access.as_ref().expect("a token");
            if !(one.passes(token).await && other.passes(token).await) {
                self.shared.wrong("an access token is refused afterwards");
            }
        }
        // Reuse is detected still: its successor has been used.
        if answered(|| other.tokens.refresh(&stolen)).await.is_ok() {
            self.shared.wrong("a spent refresh token is granted");
        }
        self.stays_ended(&session).await;
    }

    async fn stays_ended(&self, session: &Session) {
        let (refresh, tokens) = session.texts();
        for server in &self.shared.servers {
            for token in &tokens {
                match server.passes(token).await {
                    true => self.shared.wrong(format_args!(
                        "{}: an access token of an ended session passes afterwards",
                        session.subject
                    )),
                    false => count(&self.shared.counts.refused),
                }
            }
        }
        for server in &self.shared.servers {
            match answered(|| server.tokens.refresh(&refresh)).await {
                Ok(_) => self.shared.wrong("an ended session is renewed afterwards"),
                Err(_) => count(&self.shared.counts.refused),
            }
        }
    }

    async fn key_stays_revoked(&self, key: &ApiKey) {
        for server in &self.shared.servers {
            match server.key_passes(&key.text).await {
                true => self.shared.wrong("a revoked API key passes afterwards"),
                false => count(&self.shared.counts.refused),
            }
        }
    }

    /// Done or not done, and the same on both servers; then it is tried again until it is answered.
    async fn settles(&self, unanswered: Unanswered) {
        let shared = &self.shared;
        count(&shared.counts.settled);
        let Unanswered {
            session,
            key,
            everywhere,
        } = unanswered;
        let subject = match (&session, &key) {
            (Some(session), _) => session.subject.clone(),
            (None, Some(key)) => key.subject.clone(),
            (None, None) => return,
        };
        let [one, _] = &shared.servers;
        let what = match (&session, everywhere) {
            (_, true) => "log-out everywhere",
            (Some(_), false) => "log-out",
            (None, false) => "revocation of a key",
        };
        let until = Instant::now() + PATIENCE / 4;
        loop {
            let seen = self.seen(session.as_ref(), key.as_ref()).await;
            if seen.windows(2).all(|pair| pair[0] == pair[1]) {
                break;
            }
            if Instant::now() > until {
                shared.wrong(format_args!(
                    "{subject}: half of an unanswered {what} is done: {seen:?}"
                ));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let again = answered(|| async {
            match (&session, &key) {
                (Some(session), _) if everywhere => {
                    one.tokens.end_all_sessions(&session.subject).await
                }
                (Some(session), _) => {
                    let tokens = &one.tokens;
                    tokens.log_out_by_refresh_token(&session.refresh).await
                }
                (None, Some(key)) => {
                    let revoked = one.keys.revoke(ISSUER, &key.subject, &key.id).await;
                    revoked.map(drop)
                }
                (None, None) => Ok(()),
            }
        });
        if let Err(rejection) = again.await {
            shared.wrong(format_args!("tried again: {}", shown(&rejection)));
        }
        if let Some(session) = &session {
            self.stays_ended(session).await;
        }
        if let Some(key) = &key {
            self.key_stays_revoked(key).await;
        }
    }

    /// Whether the session is ended in the durable store, and whether its latest access token and the
    /// key are refused by each server.
    async fn seen(&self, session: Option<&Session>, key: Option<&ApiKey>) -> Vec<bool> {
        let mut seen = Vec::new();
        if let Some(session) = session {
            seen.push(self.shared.servers[0].has_ended(&session.id).await);
        }
        for server in &self.shared.servers {
            if let Some((token, _)) = session.and_then(|session| session.access.as_ref()) {
                seen.push(!server.passes(token).await);
            }
            if let Some(key) = key {
                seen.push(!server.key_passes(&key.text).await);
            }
        }
        seen
    }
}
