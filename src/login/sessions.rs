//! Sessions, which are kept in sealed cookies, or in a store with their sealed name in a cookie.
//!
//! With a store a session can be ended before its time: by log-out, by the provider, or because
//! somebody else signs in. What ended it is a mark under the session's id, the provider's session
//! or the subject. The marks of a session's id and of a session of the provider are permanent.
//! The mark of a subject holds the time of issue of the logout token. Such a mark ends the sessions
//! whose ID token was issued up to that second. Both times are by the provider's clock.
//!
//! A session ends at the latest when the currently configured lifetime has passed since it was
//! made, and marks last as long.

use super::{LoginError, cookies, fields, session::Session, state::Inner};
use crate::{
    Rejection, clock,
    store::{EphemeralStore, Raise},
};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use std::{error::Error as _, time::Duration};

/// The content of a session cookie.
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
    /// The sessions of a subject up to this second of the provider's clock.
    Subject(&'a str, u64),
}

/// The time by which a mark outlasts a session, in seconds. The clocks of a fleet differ.
const LONGER: u64 = 120;

/// A key of the store that tells nobody what it is about.
pub(super) fn key(inner: &Inner, kind: &str, name: &str) -> String {
    let parts = [&*inner.issuer, &inner.client.id, name].map(str::as_bytes);
    let digest = Sha256::digest(&*fields::write(&parts));
    format!("oauth2/{kind}/{}", base16ct::lower::encode_string(&digest))
}

impl Inner {
    pub(super) fn now(&self) -> u64 {
        clock::now(&*self.clock)
    }

    /// Reads a session. The session ends by the currently configured lifetime, so that a mark
    /// outlasts it even if the lifetime was longer when the session was made.
    pub(super) fn read_session(&self, plain: &[u8]) -> Option<Session> {
        let mut session = Session::read(plain)?;
        session.ends = session.ends.min(session.made.saturating_add(self.lifetime));
        Some(session)
    }

    /// Returns whether this application has sealed the request's cookie, whether or not the cookie
    /// has expired. A cookie that cannot be decrypted may belong to another application, because
    /// ports do not separate cookies.
    pub(super) fn has_sealed_cookie(&self, headers: &HeaderMap) -> bool {
        cookies::joined(headers, &self.cookie)
            .is_some_and(|value| self.sessions.is_own(&self.cookie, &value))
    }

    /// Returns the content of the request's cookie, or `None` if the cookie is not valid.
    pub(super) fn carried(&self, headers: &HeaderMap) -> Option<Carried> {
        let value = cookies::joined(headers, &self.cookie)?;
        let opened = self.sessions.open(&self.cookie, &value, self.now())?;
        match opened.plain.split_first()? {
            (b's', rest) => Some(Carried::Whole(self.read_session(rest)?)),
            (b'n', rest) => Some(Carried::Name(fields::text(rest)?.to_owned())),
            _ => None,
        }
    }

    /// Returns the name by which the request's cookie is known to have been replaced or cleared: the
    /// id of its session, or its whole value if it is not valid.
    pub(super) fn name_of_cookie(
        &self,
        headers: &HeaderMap,
        carried: Option<&Carried>,
    ) -> Option<Vec<u8>> {
        match carried {
            Some(Carried::Whole(Session { id, .. }) | Carried::Name(id)) => {
                Some(id.as_bytes().to_vec())
            }
            None => cookies::joined(headers, &self.cookie),
        }
    }

    /// The session itself, if nothing has ended it.
    pub(super) async fn load(&self, carried: Carried) -> Result<Session, Rejection> {
        let ended = || Rejection::from(LoginError::Ended);
        let session = match (carried, &self.store) {
            (Carried::Whole(session), _) => session,
            (Carried::Name(id), Some(store)) => self
                .stored_session(&**store, &id)
                .await?
                .ok_or_else(ended)?,
            (Carried::Name(_), None) => return Err(ended()),
        };
        if self.now() >= session.ends || self.is_ended(&session).await? {
            return Err(ended());
        }
        Ok(session)
    }

    pub(super) async fn stored_session(
        &self,
        store: &dyn EphemeralStore,
        id: &str,
    ) -> Result<Option<Session>, Rejection> {
        let key = key(self, "session", id);
        let read = store.read(&[&key]).await?;
        let value = read.values.into_iter().next().flatten();
        Ok(value.and_then(|value| {
            let opened = self.stored.open(&key, &value, self.now())?;
            self.read_session(&opened.plain)
        }))
    }

    /// Returns whether a log-out, another login or the provider has ended a session.
    pub(super) async fn is_ended(&self, session: &Session) -> Result<bool, Rejection> {
        let Some(store) = &self.store else {
            return Ok(false);
        };
        let mut keys = vec![
            self.mark(Mark::Session(&session.id)),
            self.mark(Mark::Subject(&session.sub, 0)),
        ];
        if let Some(sid) = &session.sid {
            keys.push(self.mark(Mark::ProvidersSession(sid)));
        }
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let marks = store.read(&keys).await?.values;
        let is_over = |mark: Option<Vec<u8>>| {
            // A mark that cannot be read is one all the same.
            mark.is_some_and(|mark| {
                let mark = std::str::from_utf8(&mark).ok();
                let until = mark.and_then(|mark| mark.parse().ok());
                until.unwrap_or(clock::LAST_SECOND) >= session.issued
            })
        };
        Ok(marks.into_iter().any(is_over))
    }

    fn mark(&self, mark: Mark<'_>) -> String {
        match mark {
            Mark::Session(id) => key(self, "ended", id),
            Mark::ProvidersSession(sid) => key(self, "ended-sid", sid),
            Mark::Subject(subject, _) => key(self, "ended-sub", subject),
        }
    }

    /// Ends sessions, on every server that shares the store; without one it does nothing.
    pub(super) async fn end(&self, mark: Mark<'_>) -> Result<(), Rejection> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let lifetime = Duration::from_secs(self.lifetime.saturating_add(LONGER));
        let at = match mark {
            // There is one session of this id.
            Mark::Session(id) => {
                drop(store.take(&key(self, "session", id)).await?);
                clock::LAST_SECOND
            }
            // An ended session of the provider does not become valid again.
            Mark::ProvidersSession(_) => clock::LAST_SECOND,
            Mark::Subject(_, at) => at,
        };
        // Logout tokens may come in any order.
        let raise = Raise {
            key: &self.mark(mark),
            number: at.min(clock::LAST_SECOND),
            lifetime,
        };
        store.raise(&[raise]).await
    }

    /// Ends a session because its browser has logged out, or has signed in again. If a refresh of
    /// the session is under way in this process, that refresh does not set cookies. Returns whether
    /// the session had not ended here before. Without a store, a copy of its cookie can still be
    /// decrypted.
    pub(super) async fn end_in_browser(&self, id: &str) -> Result<bool, Rejection> {
        self.end(Mark::Session(id)).await?;
        Ok(self.ended.insert(id.as_bytes(), ()).is_none())
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

    /// Returns the value of a session's cookie. Fails if the value is too long.
    pub(super) fn seal_cookie(&self, session: &Session) -> Result<String, Rejection> {
        let plain = match self.in_store {
            true => fields_of(b'n', session.id.as_bytes()),
            false => fields_of(b's', &session.write()),
        };
        let sealed = self
            .sessions
            .seal(&self.cookie, &plain, self.now(), session.ends)?;
        match cookies::fits(&sealed) {
            true => Ok(sealed),
            false => Err(LoginError::TooLong.into()),
        }
    }

    /// Returns the value of a refreshed session's cookie, if sessions are cookies.
    pub(super) fn seal_session(&self, session: &Session) -> Result<Option<String>, Rejection> {
        match self.in_store {
            true => Ok(None),
            false => self.seal_cookie(session).map(Some),
        }
    }

    /// Returns the cookies of a session, given its sealed value. `before` is the previous number of
    /// cookies.
    pub(super) fn set_session(
        &self,
        session: &Session,
        sealed: &str,
        before: usize,
    ) -> Result<Vec<HeaderValue>, Rejection> {
        let seconds = session.ends.saturating_sub(self.now());
        self.jar
            .set_joined(&self.cookie, sealed, before, seconds)
            .ok_or_else(|| LoginError::TooLong.into())
    }
}

/// Returns whether a session was rejected because it does not fit into cookies.
pub(super) fn is_too_long(rejection: &Rejection) -> bool {
    let source = rejection.source().and_then(|error| error.downcast_ref());
    matches!(source, Some(LoginError::TooLong))
}

fn fields_of(kind: u8, rest: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(rest.len().saturating_add(1)));
    plain.push(kind);
    plain.extend_from_slice(rest);
    plain
}
