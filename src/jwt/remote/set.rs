//! [`RemoteSet`]: the published keys, in the form that a verifier uses.

use super::{failure::Failure, key_document::KeyDocument};
use crate::{
    ConfigError, Rejection,
    fetch::on_demand::{Answer, Missing, OnDemand},
    jwt::{
        Health, KeysUnavailable,
        source::{Connecting, Snapshot, Source, Waiting, Want},
    },
};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The key set of one verifier. If the verifier is dropped during a fetch, the fetch ends by
/// itself.
pub(super) struct RemoteSet {
    pub(super) issuer: Option<Arc<str>>,
    pub(super) keys: Arc<OnDemand<KeyDocument>>,
}

impl RemoteSet {
    fn set(&self) -> &KeyDocument {
        &self.keys.document
    }
}

fn missing(want: Want) -> Missing {
    match want {
        Want::Set => Missing::Document,
        Want::Key { .. } => Missing::Entry,
        Want::Replaced => Missing::Match,
    }
}

impl Source for RemoteSet {
    fn current(&self, now: u64) -> Option<u64> {
        if !self.keys.may_be_used(now) {
            return None;
        }
        // The order matters: if the limit was moved, the generation was moved, too.
        (now < self.set().good_until()).then(|| self.set().generation())
    }

    fn is_settled(&self, now: u64) -> bool {
        self.keys.is_settled(now)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.set().snapshot()
    }

    fn ask(&self, want: Want) -> Result<(), Option<Rejection>> {
        let (rejection, wait) = match (self.keys.ask(missing(want)), want) {
            (Answer::Wait, _) => return Ok(()),
            (_, Want::Replaced) => return Err(None),
            (Answer::Unavailable(wait), _) => (KeysUnavailable.into_rejection(), wait),
            // The set may be older than the key. Anybody can name a key and a date, so this is not
            // an alarm.
            (Answer::Missing(wait), Want::Key { issued_at })
                if issued_at.is_some_and(|at| at >= self.set().as_of()) =>
            {
                (Rejection::busy(KeysUnavailable), wait)
            }
            (Answer::Missing(_), _) => return Err(None),
        };
        Err(Some(rejection.with_retry_after(wait)))
    }

    fn fetch(&self, want: Want) -> Waiting {
        let fetching = Arc::clone(&self.keys).obtain(missing(want));
        Box::pin(async { fetching.await.map_err(|_| KeysUnavailable) })
    }

    fn connect(&self) -> Connecting {
        let keys = Arc::clone(&self.keys);
        Box::pin(async move {
            if Handle::try_current().is_err() {
                return Err(ConfigError::new("connecting needs a Tokio runtime"));
            }
            let fetched = Arc::clone(&keys).obtain(Missing::Document).await;
            let no_keys = keys.document.snapshot().keys.keys().next().is_none();
            let error = match fetched {
                Ok(()) => keys.last_error(),
                Err(_) => keys.last_error().or(Some(Failure::TimedOut.as_str())),
            };
            match error.or(no_keys.then_some(Failure::Empty.as_str())) {
                None => Ok(()),
                Some(error) => Err(ConfigError::new(format!(
                    "cannot fetch the keys of {}: {error}",
                    keys.document.name()
                ))),
            }
        })
    }

    fn health(&self) -> Health {
        let snapshot = self.set().snapshot();
        let (keys, last_error) = (snapshot.keys.keys().count(), self.keys.last_error());
        // If a verifier was not used, its old set is fetched again with the next token.
        let is_usable = self.set().is_good() || last_error.is_none();
        Health {
            issuer: self.issuer.clone(),
            is_ready: keys > 0 && is_usable,
            keys,
            skipped_keys: snapshot.keys.skipped_keys().len(),
            age: self.set().age(),
            last_error,
            next_refresh: self.keys.next_fetch(),
        }
    }
}
