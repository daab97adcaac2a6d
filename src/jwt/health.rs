//! [`Health`]: what readiness probes want to know about an issuer's keys.

use super::KeySet;
use std::{sync::Arc, time::Duration};

/// How an issuer's keys are, see [`Jwt::health`](super::Jwt::health). Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whose keys they are.
    pub issuer: Option<Arc<str>>,
    /// Whether tokens can be verified: a set with keys is known, and is inside its stale limit or
    /// was fetched without a failure since. The latter is a set that has not been used for long.
    /// It is fetched again with the next token.
    pub is_ready: bool,
    /// How many keys are known.
    pub keys: usize,
    /// How many more the issuer publishes that cannot be used.
    pub left_out: usize,
    /// How old the set is: the time since it was last fetched. `None` for fixed keys, and before
    /// the first success. A set that nobody uses grows old without an error.
    pub age: Option<Duration>,
    /// Why the last fetch failed, in a fixed text; `None` if it did not. Alarms go by this.
    pub last_error: Option<&'static str>,
    /// The time after which the next use has the set fetched again. `None` for fixed keys, before
    /// the first fetch, and while one is under way.
    pub next_refresh: Option<Duration>,
}

impl Health {
    pub(crate) fn fixed(issuer: Option<&Arc<str>>, keys: &KeySet) -> Self {
        Self {
            issuer: issuer.cloned(),
            is_ready: true,
            keys: keys.keys().count(),
            left_out: keys.left_out().len(),
            age: None,
            last_error: None,
            next_refresh: None,
        }
    }
}
