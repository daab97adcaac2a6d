//! [`Keys`]: the keys of an issuer, for [`JwtVerifierBuilder::keys`](super::JwtVerifierBuilder::keys).

use super::{
    Backend, Health, Key, KeySet,
    source::{Plan, Snapshot, Source},
};
use crate::{ConfigError, clock::Clock};
use std::{fmt, sync::Arc};

/// Where the keys of an issuer come from: a [`Key`], a [`KeySet`], with the feature `jwks`
/// `RemoteKeys`, with the feature `issue` `SigningKeys`.
pub struct Keys(pub(super) Box<dyn Plan>);

impl Keys {
    pub(crate) fn planned(plan: impl Plan + 'static) -> Self {
        Self(Box::new(plan))
    }
}

impl From<Key> for Keys {
    fn from(key: Key) -> Self {
        Self::planned(KeySet::from(key))
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self::planned(keys)
    }
}

impl Plan for KeySet {
    fn source(
        self: Box<Self>,
        issuer: Option<Arc<str>>,
        backend: Option<Backend>,
        _: &Arc<dyn Clock>,
    ) -> Result<Box<dyn Source>, ConfigError> {
        let (keys, generation) = (self.on(backend)?, 0);
        let snapshot = Arc::new(Snapshot { keys, generation });
        Ok(Box::new(Fixed { issuer, snapshot }))
    }
}

/// Keys that do not change.
struct Fixed {
    issuer: Option<Arc<str>>,
    snapshot: Arc<Snapshot>,
}

impl Source for Fixed {
    fn current(&self, _: u64) -> Option<u64> {
        Some(self.snapshot.generation)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    fn may_change(&self) -> bool {
        false
    }

    fn health(&self) -> Health {
        Health::fixed(self.issuer.as_ref(), &self.snapshot.keys)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
