//! [`Tenants`]: issuers whose verifiers are made when they are needed.

use super::{Health, Jwt, JwtBuilder};
use crate::{ConfigError, Rejection};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// For how long a verifier is kept, whoever wants its room: anybody can name an issuer, and each
/// new verifier fetches keys. As long as the cooldown of a key set.
const KEPT: Duration = Duration::from_secs(30);

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
    /// With the time when each was made.
    by_issuer: HashMap<Arc<str>, (Instant, Jwt)>,
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
        Some(self.make(issuer, Instant::now()))
    }

    fn find(&self, issuer: &str) -> Option<Jwt> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        Some(made.by_issuer.get(issuer)?.1.clone())
    }

    fn make(&self, issuer: &str, now: Instant) -> Result<Jwt, Rejection> {
        let has_room = {
            let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
            made.has_room(self.limit, now)
        };
        if !has_room {
            return Err(no_room());
        }
        // A mistake in the configuration is none of the client's.
        let jwt = self.configured(issuer).map_err(Rejection::unavailable)?;
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, other)) = made.by_issuer.get(issuer) {
            return Ok(other.clone());
        }
        let mut given_up = None;
        if made.by_issuer.len() >= self.limit {
            given_up = made.give_up(now);
            if given_up.is_none() {
                return Err(no_room());
            }
        }
        made.by_issuer.insert(issuer.into(), (now, jwt.clone()));
        drop(made);
        drop(given_up); // It ends its tasks: not under the lock.
        Ok(jwt)
    }

    fn configured(&self, issuer: &str) -> Result<Jwt, ConfigError> {
        let jwt = (self.configure)(issuer).build()?;
        match jwt.0.rules.issuer.as_deref() == Some(issuer) {
            true => Ok(jwt),
            false => Err(ConfigError::new(
                "the verifier of a tenant is for that tenant's issuer",
            )),
        }
    }

    pub(super) fn health(&self) -> Vec<Health> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let made = made.by_issuer.values();
        made.map(|(_, jwt)| jwt.health()).collect()
    }
}

impl Made {
    fn has_room(&self, limit: usize, now: Instant) -> bool {
        let mut all = self.by_issuer.values();
        self.by_issuer.len() < limit || all.any(|(made, _)| is_old(*made, now))
    }

    /// Takes out one whose keys cannot be had, or else the oldest; none that is new.
    fn give_up(&mut self, now: Instant) -> Option<Jwt> {
        let worth = |(made, jwt): &(Instant, Jwt)| (jwt.health().is_ready, *made);
        let old = self
            .by_issuer
            .iter()
            .filter(|(_, entry)| is_old(entry.0, now));
        let least = old.min_by_key(|(_, entry)| worth(entry));
        let name = Arc::clone(least?.0);
        self.by_issuer.remove(&name).map(|(_, jwt)| jwt)
    }
}

fn is_old(made: Instant, now: Instant) -> bool {
    now.saturating_duration_since(made) >= KEPT
}

fn no_room() -> Rejection {
    Rejection::unavailable("more tenants than there is room for, within a short time")
        .with_retry_after(KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Algorithm, Key};

    fn tenants(limit: usize) -> Tenants {
        let configure = |issuer: &str| {
            let key = Key::from_secret(Algorithm::HS256, [7; 32]).unwrap();
            Jwt::issuer(issuer).audience("api").keys(key)
        };
        Tenants::new(limit, Box::new(|_| true), Box::new(configure))
    }

    #[test]
    fn a_new_verifier_is_not_given_up_for_another_and_an_old_one_is() {
        let tenants = tenants(2);
        let start = Instant::now();
        let at = |issuer, seconds| tenants.make(issuer, start + Duration::from_secs(seconds));
        assert!(at("a", 0).is_ok() && at("b", 10).is_ok());
        for n in 0..100 {
            let refused = at(if n % 2 == 0 { "c" } else { "d" }, 29).unwrap_err();
            assert_eq!(refused.status(), 503);
        }
        assert!(tenants.find("a").is_some() && tenants.find("b").is_some());
        assert!(at("c", 30).is_ok());
        assert!(tenants.find("a").is_none() && tenants.find("b").is_some());
        assert!(at("a", 31).is_err(), "one of them is new");
        assert_eq!(tenants.health().len(), 2);
    }
}
