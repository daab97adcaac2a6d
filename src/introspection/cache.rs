//! Answers that are still fresh.

use super::{IntrospectionError, bounded::Bounded, flights::Answer};
use crate::{
    ConfigError, Identity,
    identity::Prepared,
    util::digest::{Digest, Keyed},
};
use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, SystemTime},
};

/// Answers by a digest of the token, under a key that this process alone knows.
///
/// Good ones and others have a place each: whoever invents tokens fills the second only.
pub(super) struct Cache {
    keyed: Keyed,
    active: RwLock<Bounded<Prepared>>,
    refused: RwLock<Bounded<IntrospectionError>>,
    limits: Limits,
}

#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// How long good answers are kept.
    pub(super) max_age: Duration,
    /// How long others are.
    pub(super) refused_age: Duration,
    /// How many are, of either.
    pub(super) capacity: usize,
    /// The bytes that the entries of either kind may take.
    pub(super) bytes: usize,
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Result<Self, ConfigError> {
        Ok(Self {
            keyed: Keyed::new()?,
            active: RwLock::new(Bounded::new(limits.capacity, limits.bytes)),
            refused: RwLock::new(Bounded::new(limits.capacity, limits.bytes)),
            limits,
        })
    }

    pub(super) fn digest(&self, token: &str) -> Digest {
        self.keyed.digest([token.as_bytes()])
    }

    pub(super) fn get(
        &self,
        digest: &Digest,
        now: SystemTime,
    ) -> Option<Result<Identity, IntrospectionError>> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = active.get(digest, now) {
            return Some(Ok(prepared.identity()));
        }
        drop(active);
        let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner);
        refused.get(digest, now).cloned().map(Err)
    }

    /// Keeps an answer to what was asked at that time, unless it is none.
    pub(super) fn keep(&self, digest: Digest, answer: &Answer, asked: SystemTime) {
        // The builder bounds the age. If the time overflows, the answer is not cached.
        let until = |age| asked.checked_add(age).unwrap_or(asked);
        match answer {
            Ok(prepared) => {
                let end = until(self.limits.max_age);
                let expiry = prepared.identity().expires_at();
                let end = expiry.map_or(end, |expiry| expiry.min(end));
                let active = self.active.write();
                let mut active = active.unwrap_or_else(PoisonError::into_inner);
                active.insert(digest, prepared.clone(), prepared.bytes(), asked, end);
            }
            Err(error) if error.is_unavailable() => {}
            Err(error) => {
                let end = until(self.limits.refused_age);
                let refused = self.refused.write();
                let mut refused = refused.unwrap_or_else(PoisonError::into_inner);
                refused.insert(digest, error.clone(), 0, asked, end);
            }
        }
    }
}
