//! [`RemoteSet`]: the engine as a verifier sees it.

use super::{engine::Engine, failure::Failure, state::Lack};
use crate::{
    ConfigError,
    jwt::{
        Health,
        source::{Answer, Connecting, Remote, Snapshot, Waiting, Want},
    },
};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Owned by one verifier; its tasks end with it.
pub(super) struct RemoteSet {
    pub(super) issuer: Option<Arc<str>>,
    pub(super) engine: Arc<Engine>,
}

impl RemoteSet {
    fn lack(&self, want: &Want<'_>) -> Lack {
        match want {
            Want::Set => Lack::Set,
            Want::Key(id) => Lack::Key(self.engine.hash(id)),
        }
    }
}

impl Remote for RemoteSet {
    fn current(&self, now: u64) -> Option<u64> {
        // In this order: a limit that was moved says that the generation was, too.
        (now < self.engine.good_until()).then(|| self.engine.generation())
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.engine.snapshot()
    }

    fn ask(&self, want: &Want<'_>) -> Answer {
        let lack = self.lack(want);
        self.engine.state().ask(lack, self.engine.now())
    }

    fn fetch(&self, want: &Want<'_>) -> Waiting {
        Box::pin(Arc::clone(&self.engine).obtain(self.lack(want)))
    }

    fn connect(&self) -> Connecting {
        let engine = Arc::clone(&self.engine);
        Box::pin(async move {
            if Handle::try_current().is_err() {
                return Err(ConfigError::new("connecting needs a Tokio runtime"));
            }
            Arc::clone(&engine).obtain(Lack::Set).await;
            let no_keys = engine.snapshot().keys.keys().next().is_none();
            let error = engine.state().last_error();
            match error.or(no_keys.then_some(Failure::Empty.as_str())) {
                None => Ok(()),
                Some(error) => Err(ConfigError::new(format!(
                    "cannot fetch the keys of {}: {error}",
                    engine.name()
                ))),
            }
        })
    }

    fn health(&self) -> Health {
        let set = &self.engine.snapshot().keys;
        let state = self.engine.state();
        let due = state.due();
        Health {
            issuer: self.issuer.clone(),
            is_ready: self.engine.is_good(),
            keys: set.keys().count(),
            left_out: set.left_out().len(),
            age: self.engine.age(),
            last_error: state.last_error(),
            next_refresh: due.map(|due| due.saturating_sub(self.engine.now())),
        }
    }
}

impl Drop for RemoteSet {
    fn drop(&mut self) {
        self.engine.stop();
    }
}
