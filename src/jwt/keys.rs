//! [`Keys`]: what [`JwtVerifierBuilder::keys`](super::JwtVerifierBuilder::keys) takes.

use super::{
    Backend, Key, KeySet,
    source::{Context, Plan, Snapshot, Source},
};
use crate::{ConfigError, clock::Clock};
use std::{fmt, sync::Arc};

/// Where the keys of an issuer come from: a [`Key`], a [`KeySet`], with the feature `jwks`
/// `RemoteKeys`, with the feature `issue` `SigningKeys`.
pub struct Keys(Kind);

enum Kind {
    Fixed(KeySet),
    #[allow(dead_code, reason = "only the features `jwks` and `issue` plan")]
    Planned(Box<dyn Plan>),
}

impl Keys {
    #[allow(dead_code, reason = "only the features `jwks` and `issue` plan")]
    pub(crate) fn planned(plan: impl Plan + 'static) -> Self {
        Self(Kind::Planned(Box::new(plan)))
    }

    pub(super) fn source(
        self,
        issuer: Option<&Arc<str>>,
        backend: Option<Backend>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Source, ConfigError> {
        Ok(match self.0 {
            Kind::Fixed(keys) => Source::Fixed(Box::new(Snapshot::new(keys.on(backend)?, 0))),
            Kind::Planned(plan) => Source::Remote(plan.source(Context {
                issuer: issuer.cloned(),
                backend,
                clock: Arc::clone(clock),
            })?),
        })
    }
}

impl From<Key> for Keys {
    fn from(key: Key) -> Self {
        Self(Kind::Fixed(key.into()))
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self(Kind::Fixed(keys))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Fixed(keys) => keys.fmt(f),
            Kind::Planned(plan) => plan.fmt(f),
        }
    }
}
