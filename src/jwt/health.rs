//! [`Health`]: what readiness probes want to know about an issuer's keys.

use super::KeySet;
use std::{sync::Arc, time::Duration};

/// How an issuer's keys are, see [`JwtVerifier::health`](super::JwtVerifier::health). Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whose keys they are.
    pub issuer: Option<Arc<str>>,
    /// Whether tokens can be verified. A set with keys must be known, and one of two conditions
    /// must hold. Either the set is inside its stale limit, or no fetch has failed since it was
    /// fetched. In the second case the set has not been used for long, and is fetched again with
    /// the next token.
    pub is_ready: bool,
    /// How many keys are known.
    pub keys: usize,
    /// How many more the issuer publishes that cannot be used.
    pub skipped_keys: usize,
    /// How old the set is: the time since it was last fetched. `None` for fixed keys, and before
    /// the first success. The age of an unused set grows without an error.
    pub age: Option<Duration>,
    /// The reason for which the last fetch failed, in a fixed text; `None` if it did not fail. Base
    /// alarms on this field.
    pub last_error: Option<&'static str>,
    /// The time after which the next use starts another fetch. `None` for fixed keys, before the
    /// first fetch, and during a fetch.
    pub next_refresh: Option<Duration>,
}

impl Health {
    pub(crate) fn fixed(issuer: Option<&Arc<str>>, keys: &KeySet) -> Self {
        Self {
            issuer: issuer.cloned(),
            is_ready: true,
            keys: keys.keys().count(),
            skipped_keys: keys.skipped_keys().len(),
            age: None,
            last_error: None,
            next_refresh: None,
        }
    }
}
