//! Where sessions are: in sealed cookies, or in a store with a sealed name of theirs in a cookie.
//!
//! With a store a session can be ended before its time: by log-out, by the provider, or because
//! somebody else signs in. What ended it is a mark under the session's id, the provider's session
//! or the subject; whatever was made up to the second of the mark is over.

use super::{Inner, LoginError, cookies, fields, session::Session};
use crate::{Rejection, clock, store::ShortLived};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use std::{fmt::Write as _, time::Duration};

/// What a session cookie holds.
pub(super) enum Carried {
    Whole(Session),
    /// Its name in the store.
    Name(String),
}

/// By what a session is ended.
#[derive(Clone, Copy)]
pub(super) enum Mark<'a> {
    Session(&'a str),
    ProvidersSession(&'a str),
    Subject(&'a str),
}

/// A key of the store that tells nobody what it is about.
pub(super) fn key(inner: &Inner, kind: &str, name: &str) -> String {
    let parts = [&*inner.issuer, &inner.client.id, name].map(str::as_bytes);
    let digest = Sha256::digest(&*fields::write(&parts));
    let mut key = format!("oauth2/{kind}/");
    for byte in digest {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

impl Inner {
    pub(super) fn now(&self) -> u64 {
        clock::now(&*self.clock)
    }

    /// What the request's cookie holds; `None` if it is not good.
    pub(super) fn carried(&self, headers: &HeaderMap) -> Option<Carried> {
        let value = cookies::joined(headers, &self.cookie)?;
        let opened = self.sessions.open(&self.cookie, &value, self.now())?;
        match opened.plain.split_first()? {
            (b's', rest) => Some(Carried::Whole(Session::read(rest)?)),
            (b'n', rest) => Some(Carried::Name(fields::text(rest)?.to_owned())),
            _ => None,
        }
    }

    /// The session itself, if nothing has ended it.
    pub(super) async fn load(&self, carried: Carried) -> Result<Session, Rejection> {
        let ended = || Rejection::from(LoginError::Ended);
        let session = match (carried, &self.store) {
            (Carried::Whole(session), _) => session,
            (Carried::Name(id), Some(store)) => {
                self.stored(&**store, &id).await?.ok_or_else(ended)?
            }
            (Carried::Name(_), None) => return Err(ended()),
        };
        if self.now() >= session.ends || self.is_ended(&session).await? {
            return Err(ended());
        }
        Ok(session)
    }

    async fn stored(&self, store: &dyn ShortLived, id: &str) -> Result<Option<Session>, Rejection> {
        let key = key(self, "session", id);
        let read = store.read(&[&key]).await?;
        let value = read.values.into_iter().next().flatten();
        Ok(value.and_then(|value| {
            let opened = self.stored.open(&key, &value, self.now())?;
            Session::read(&opened.plain)
        }))
    }

    async fn is_ended(&self, session: &Session) -> Result<bool, Rejection> {
        let Some(store) = &self.store else {
            return Ok(false);
        };
        let subject = session.subject(self).ok_or(LoginError::Ended)?;
        let mut keys = vec![
            self.mark(Mark::Session(&session.id)),
            self.mark(Mark::Subject(&subject)),
        ];
        if let Some(sid) = &session.sid {
            keys.push(self.mark(Mark::ProvidersSession(sid)));
        }
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let marks = store.read(&keys).await?.values;
        let is_over = |mark: Option<Vec<u8>>| {
            // A mark that cannot be read is one all the same.
            mark.is_some_and(|mark| fields::number(&mark).unwrap_or(u64::MAX) >= session.made)
        };
        Ok(marks.into_iter().any(is_over))
    }

    fn mark(&self, mark: Mark<'_>) -> String {
        match mark {
            Mark::Session(id) => key(self, "ended", id),
            Mark::ProvidersSession(sid) => key(self, "ended-sid", sid),
            Mark::Subject(subject) => key(self, "ended-sub", subject),
        }
    }

    /// Ends sessions, on every server that shares the store; without one it does nothing.
    pub(super) async fn end(&self, mark: Mark<'_>) -> Result<(), Rejection> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let lifetime = Duration::from_secs(self.lifetime.saturating_add(60));
        let at = match mark {
            // There is one session of this id.
            Mark::Session(id) => {
                drop(store.take(&key(self, "session", id)).await?);
                u64::MAX
            }
            _ => self.now(),
        };
        store
            .put(&self.mark(mark), &at.to_be_bytes(), lifetime)
            .await
    }

    /// Keeps a session in the store, if that is where sessions are.
    pub(super) async fn keep(&self, session: &Session) -> Result<(), Rejection> {
        let (Some(store), true) = (&self.store, self.in_store) else {
            return Ok(());
        };
        let now = self.now();
        let key = key(self, "session", &session.id);
        let sealed = self
            .stored
            .seal(&key, &session.write(), now, session.ends)?;
        let lifetime = Duration::from_secs(session.ends.saturating_sub(now));
        store.put(&key, sealed.as_bytes(), lifetime).await
    }

    /// The cookies of a session; `before` is how many there were.
    pub(super) fn session_cookies(
        &self,
        session: &Session,
        before: usize,
    ) -> Result<Vec<HeaderValue>, Rejection> {
        let now = self.now();
        let plain = match self.in_store {
            true => fields_of(b'n', session.id.as_bytes()),
            false => fields_of(b's', &session.write()),
        };
        let sealed = self
            .sessions
            .seal(&self.cookie, &plain, now, session.ends)?;
        let seconds = session.ends.saturating_sub(now);
        cookies::set_joined(&self.cookie, &sealed, before, seconds)
            .ok_or_else(|| LoginError::TooLong.into())
    }
}

fn fields_of(kind: u8, rest: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(rest.len().saturating_add(1)));
    plain.push(kind);
    plain.extend_from_slice(rest);
    plain
}
