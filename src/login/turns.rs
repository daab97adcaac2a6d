//! Coordination of the refreshes of a session among servers that share a store.
//!
//! 1. A server takes the turn by adding a key of the refresh token to the store, for fifteen
//!    seconds. All waiting during a turn takes less time.
//! 2. The server stores the result for the others, for a minute. If the store fails meanwhile, a
//!    session in a cookie is refreshed nevertheless.
//! 3. If the store fails, a session in the store is written several times, because the previous
//!    refresh token is spent. Until the session is written, this server keeps it in memory, for a
//!    minute.

use super::{
    LoginError, fields,
    refresh::KEPT,
    session::{Fresh, Session},
    sessions::key,
    state::Inner,
};
use crate::{Rejection, RejectionKind, store::EphemeralStore};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// The time for which a request waits for another server while its access token is valid.
const PATIENCE: Duration = Duration::from_secs(2);

/// The time for which one server waits for another, and the length of a turn.
const TURN: Duration = Duration::from_secs(15);

/// The time limit for writing a session to the store in a flight, and for one attempt.
const WRITING: Duration = Duration::from_secs(3);

/// The pause between two attempts to write a session.
const BETWEEN: Duration = Duration::from_millis(250);

impl Inner {
    /// Refreshes the session by this server, or waits for another one that shares the store.
    pub(super) async fn refresh_in_turn(
        self: &Arc<Self>,
        session: &Session,
    ) -> Result<Fresh, Rejection> {
        let Some(store) = &self.store else {
            return self.refresh(session).await;
        };
        // Discovery may take longer than a turn.
        self.provider.endpoints().await?;
        let token = session.tokens.refresh_token().unwrap_or_default();
        let (turn, done) = (key(self, "refresh", token), key(self, "refreshed", token));
        if store.add(&turn, b"1", TURN).await? {
            if let Some(fresh) = self.told(&**store, &done, token).await? {
                return fresh;
            }
            let result = self.refresh(session).await;
            let value = match &result {
                Ok(fresh) => {
                    self.write(&fresh.session).await;
                    let sealed = fresh.sealed.as_deref().unwrap_or_default();
                    let plain = fresh.session.write();
                    let plain = fields::write(&[&plain, sealed.as_bytes()]);
                    let until = self.now().saturating_add(KEPT.as_secs());
                    self.stored.seal(&done, &plain, self.now(), until)
                }
                Err(rejection) if rejection.kind() == RejectionKind::Unavailable => {
                    // The next server tries it.
                    drop(store.take(&turn).await);
                    return result;
                }
                Err(_) => Ok(String::new()),
            };
            // Only for the other servers. If this fails, the tokens that the provider has rotated
            // are kept.
            let told = match value {
                Ok(value) => store.put(&done, value.as_bytes(), KEPT).await,
                Err(rejection) => Err(rejection),
            };
            match told {
                Ok(()) => drop(store.take(&turn).await),
                Err(rejection) => super::log::not_shared(&self.issuer, &rejection),
            }
            return result;
        }
        // If the access token is still valid for a while, the wait is short.
        let patience = match session.is_stale(self.now()) {
            true => TURN,
            false => PATIENCE,
        };
        let started = Instant::now();
        while started.elapsed() < patience {
            if let Some(fresh) = self.told(&**store, &done, token).await? {
                return fresh;
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(LoginError::provider("another server does not refresh").into())
    }

    /// Returns the result of another server's refresh by this token, if there is one. A result that
    /// is due again is ignored, unless the token has been rotated.
    async fn told(
        &self,
        store: &dyn EphemeralStore,
        done: &str,
        token: &str,
    ) -> Result<Option<Result<Fresh, Rejection>>, Rejection> {
        let read = store.read(&[done]).await?.values;
        let Some(value) = read.into_iter().next().flatten() else {
            return Ok(None);
        };
        if value.is_empty() {
            return Ok(Some(Err(LoginError::Ended.into())));
        }
        // A result of another time is ignored. The clocks of a fleet differ, and the store has one
        // of its own.
        let fresh = self.stored.open(done, &value, self.now());
        let fresh = fresh.and_then(|opened| {
            let [session, sealed] = fields::read(&opened.plain)?;
            let sealed = fields::text(sealed)?;
            Some(Fresh {
                session: self.read_session(session)?,
                sealed: (!sealed.is_empty()).then(|| sealed.to_owned()),
            })
        });
        let serves = |Fresh { session, .. }: &Fresh| {
            !session.is_due(self.now(), self.refresh_before)
                || session.tokens.refresh_token() != Some(token)
        };
        Ok(fresh.filter(serves).map(Ok))
    }

    /// Returns the session as another server has renewed it, if one has.
    pub(super) async fn renewed_elsewhere(
        &self,
        session: &Session,
    ) -> Result<Option<Fresh>, Rejection> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let token = session.tokens.refresh_token().unwrap_or_default();
        let done = key(self, "refreshed", token);
        if let Some(Ok(fresh)) = self.told(&**store, &done, token).await? {
            return Ok(Some(fresh));
        }
        if !self.in_store {
            return Ok(None);
        }
        let stored = self.stored_session(&**store, &session.id).await?;
        let other = stored.filter(|other| other.tokens.refresh_token() != Some(token));
        Ok(other.map(|session| Fresh {
            session,
            sealed: None,
        }))
    }

    /// Writes a session to the store, if sessions are in a store. Continues in the background if
    /// that takes too long.
    async fn write(self: &Arc<Self>, session: &Session) {
        if !self.in_store {
            return;
        }
        if timeout(WRITING, self.write_until_kept(session))
            .await
            .is_ok()
        {
            return;
        }
        let (inner, session) = (Arc::clone(self), session.clone());
        tokio::spawn(async move {
            if timeout(KEPT, inner.write_until_kept(&session))
                .await
                .is_err()
            {
                super::log::not_kept(&inner.issuer, &Rejection::unavailable("the store fails"));
            }
        });
    }

    async fn write_until_kept(&self, session: &Session) {
        loop {
            match timeout(WRITING, self.keep(session)).await {
                Ok(Ok(())) => return,
                _ => sleep(BETWEEN).await,
            }
        }
    }
}
