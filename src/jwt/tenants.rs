//! [`Tenants`]: issuers whose verifiers are made when they are needed.

use super::{Health, Jwt, JwtBuilder};
use crate::{ConfigError, Rejection};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

type Allowed = Box<dyn Fn(&str) -> bool + Send + Sync>;
type Configure = Box<dyn Fn(&str) -> JwtBuilder + Send + Sync>;

pub(super) struct Tenants {
    allowed: Allowed,
    configure: Configure,
    limit: usize,
    made: RwLock<Made>,
}

#[derive(Default)]
struct Made {
    by_issuer: HashMap<Arc<str>, (u64, Jwt)>,
    /// How many were made so far.
    count: u64,
}

impl Tenants {
    pub(super) fn new(limit: usize, allowed: Allowed, configure: Configure) -> Self {
        Self {
            allowed,
            configure,
            limit,
            made: RwLock::default(),
        }
    }

    /// The verifier of this issuer; `None` if it is not allowed.
    pub(super) fn of(&self, issuer: &str) -> Option<Result<Jwt, Rejection>> {
        if let Some(jwt) = self.find(issuer) {
            return Some(Ok(jwt));
        }
        if self.limit == 0 || !(self.allowed)(issuer) {
            return None;
        }
        // A mistake in the configuration is none of the client's.
        Some(self.make(issuer).map_err(Rejection::unavailable))
    }

    fn find(&self, issuer: &str) -> Option<Jwt> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        Some(made.by_issuer.get(issuer)?.1.clone())
    }

    fn make(&self, issuer: &str) -> Result<Jwt, ConfigError> {
        let jwt = (self.configure)(issuer).build()?;
        let Some(name) = jwt.0.rules.issuer.clone().filter(|name| **name == *issuer) else {
            return Err(ConfigError::new(
                "the verifier of a tenant is for that tenant's issuer",
            ));
        };
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, other)) = made.by_issuer.get(&name) {
            return Ok(other.clone());
        }
        let given_up = match made.by_issuer.len() >= self.limit {
            true => made.give_up(),
            false => None,
        };
        made.count = made.count.wrapping_add(1);
        let entry = (made.count, jwt.clone());
        made.by_issuer.insert(name, entry);
        drop(made);
        drop(given_up); // It ends its tasks: not under the lock.
        Ok(jwt)
    }

    pub(super) fn health(&self) -> Vec<Health> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let made = made.by_issuer.values();
        made.map(|(_, jwt)| jwt.health()).collect()
    }
}

impl Made {
    /// Takes out one whose keys cannot be had, or else the oldest.
    fn give_up(&mut self) -> Option<Jwt> {
        let worth = |(number, jwt): &(u64, Jwt)| (jwt.health().is_ready, *number);
        let least = self.by_issuer.iter().min_by_key(|(_, entry)| worth(entry));
        let name = Arc::clone(least?.0);
        self.by_issuer.remove(&name).map(|(_, jwt)| jwt)
    }
}
