//! [`Health`]: what readiness probes want to know about an issuer's keys.

use super::KeySet;
use std::{sync::Arc, time::Duration};

/// How an issuer's keys are, see [`Jwt::health`](super::Jwt::health). Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whose keys they are.
    pub issuer: Option<Arc<str>>,
    /// Whether tokens can be judged now: a set is known and inside its stale limit.
    pub is_ready: bool,
    /// How many keys are known.
    pub keys: usize,
    /// How many more the issuer publishes that cannot be used.
    pub left_out: usize,
    /// How old the set is: the time since it was last fetched. `None` for fixed keys, and before
    /// the first success.
    pub age: Option<Duration>,
    /// Why the last fetch failed, in a fixed text; `None` if it did not.
    pub last_error: Option<&'static str>,
    /// When the set is fetched next, from now. `None` if it never is, or nobody has needed it
    /// yet.
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
