//! [`Tenants`]: issuers whose verifiers are made when they are needed.

use super::{Health, JwtVerifier, JwtVerifierBuilder};
use crate::{ConfigError, Rejection};
use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The time for which a new verifier keeps its place. Anybody can name an issuer, and each new
/// verifier fetches keys. The time is as long as the cooldown of a key set. A configuration that
/// fails is tried again after the same time.
const KEPT: Duration = Duration::from_secs(30);

/// The time after a verified token for which a verifier is in use and keeps its place.
const IN_USE: Duration = Duration::from_secs(300);

/// The origin of all times.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

type Allowed = Box<dyn Fn(&str) -> bool + Send + Sync>;
type Configure = Box<dyn Fn(&str) -> JwtVerifierBuilder + Send + Sync>;

pub(super) struct Tenants {
    allowed: Allowed,
    configure: Configure,
    limit: usize,
    made: RwLock<HashMap<Arc<str>, Arc<Tenant>>>,
}

/// A place for the verifier of one issuer.
pub(super) struct Tenant {
    /// The verifier. The cell is empty until the first token creates the verifier; other tokens
    /// wait.
    jwt: OnceLock<Result<JwtVerifier, Arc<ConfigError>>>,
    /// The time of creation, in seconds since [`START`].
    made: u64,
    /// The time of the last verified token, in seconds since [`START`], plus one; 0 is never.
    verified: AtomicU64,
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

    /// Returns the place of this issuer, or `None` if the issuer is not allowed.
    pub(super) fn of(&self, issuer: &str) -> Option<Result<Arc<Tenant>, Rejection>> {
        let now = now();
        if let Some(tenant) = self.find(issuer, now) {
            return Some(Ok(tenant));
        }
        if self.limit == 0 || !(self.allowed)(issuer) {
            return None;
        }
        Some(self.make(issuer, now))
    }

    /// Returns the verifier of a tenant. One thread creates the verifier. The others wait, which
    /// takes them as long as creating it themselves.
    pub(super) fn jwt(&self, issuer: &str, tenant: &Tenant) -> Result<JwtVerifier, Rejection> {
        let made = tenant
            .jwt
            .get_or_init(|| self.configured(issuer).map_err(Arc::new));
        // A mistake in the configuration is not a mistake of the client.
        made.clone()
            .map_err(|error| Rejection::unavailable(error).with_retry_after(KEPT))
    }

    fn find(&self, issuer: &str, now: u64) -> Option<Arc<Tenant>> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let tenant = made.get(issuer)?;
        (!tenant.is_to_be_tried_again(now)).then(|| Arc::clone(tenant))
    }

    fn make(&self, issuer: &str, now: u64) -> Result<Arc<Tenant>, Rejection> {
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        let mut given_up = None;
        match made.get(issuer) {
            Some(tenant) if !tenant.is_to_be_tried_again(now) => return Ok(Arc::clone(tenant)),
            Some(_) => {}
            None if made.len() < self.limit => {}
            None => {
                let name = least(&made, now).ok_or_else(no_room)?;
                given_up = made.remove(&name);
            }
        }
        let tenant = Arc::new(Tenant {
            jwt: OnceLock::new(),
            made: now,
            verified: AtomicU64::new(0),
        });
        made.insert(issuer.into(), Arc::clone(&tenant));
        drop(made);
        drop(given_up); // Dropped outside of the lock, with its keys and cache.
        Ok(tenant)
    }

    fn configured(&self, issuer: &str) -> Result<JwtVerifier, ConfigError> {
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
        let made = made.values().filter_map(|tenant| tenant.ready());
        made.map(JwtVerifier::health).collect()
    }
}

impl Tenant {
    /// Records that the verifier has verified a token.
    pub(super) fn verified(&self) {
        let now = now().saturating_add(1);
        // Written only if the value changes, because all readers share the cache line.
        if self.verified.load(Ordering::Relaxed) != now {
            self.verified.store(now, Ordering::Relaxed);
        }
    }

    fn ready(&self) -> Option<&JwtVerifier> {
        self.jwt.get()?.as_ref().ok()
    }

    fn is_to_be_tried_again(&self, now: u64) -> bool {
        matches!(self.jwt.get(), Some(Err(_))) && now >= self.made.saturating_add(KEPT.as_secs())
    }

    /// Returns whether another issuer may take this place.
    fn is_dispensable(&self, now: u64) -> bool {
        let verified = self.verified.load(Ordering::Relaxed);
        let is_in_use = verified > 0 && now < verified.saturating_add(IN_USE.as_secs());
        now >= self.made.saturating_add(KEPT.as_secs()) && !is_in_use
    }

    /// Returns the rank of the place; the lowest is given up first. Verifiers that never verified a
    /// token rank below all others, and among these the ones without keys rank lowest. Then the
    /// time decides.
    fn worth(&self) -> (u64, bool, u64) {
        let is_ready = self.ready().is_some_and(|jwt| jwt.health().is_ready);
        (self.verified.load(Ordering::Relaxed), is_ready, self.made)
    }
}

/// Returns the issuer whose place is given to the next one, or `None` if every issuer keeps its
/// own.
fn least(made: &HashMap<Arc<str>, Arc<Tenant>>, now: u64) -> Option<Arc<str>> {
    let dispensable = made.iter().filter(|(_, tenant)| tenant.is_dispensable(now));
    let least = dispensable.min_by_key(|(_, tenant)| tenant.worth());
    Some(Arc::clone(least?.0))
}

fn now() -> u64 {
    START.elapsed().as_secs()
}

fn no_room() -> Rejection {
    Rejection::busy("more tenants than there is room for, within a short time")
        .with_retry_after(KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Algorithm, Key};

    fn tenants(limit: usize) -> Tenants {
        let configure = |issuer: &str| {
            let key = Key::from_secret(Algorithm::HS256, [7; 32]).unwrap();
            JwtVerifier::issuer(issuer).audience("api").keys(key)
        };
        Tenants::new(limit, Box::new(|_| true), Box::new(configure))
    }

    impl Tenants {
        /// Processes a token of this issuer at this second, signed or not.
        fn token(&self, issuer: &str, now: u64, is_signed: bool) -> Result<(), Rejection> {
            let tenant = match self.find(issuer, now) {
                Some(tenant) => tenant,
                None => self.make(issuer, now)?,
            };
            self.jwt(issuer, &tenant)?;
            if is_signed {
                tenant.verified.store(now + 1, Ordering::Relaxed);
            }
            Ok(())
        }

        fn holds(&self, issuer: &str) -> bool {
            self.made.read().unwrap().contains_key(issuer)
        }
    }

    #[test]
    fn a_new_verifier_is_not_given_up_for_another_and_an_old_one_is() {
        let tenants = tenants(2);
        let at = |issuer, seconds| tenants.token(issuer, seconds, false);
        assert!(at("a", 0).is_ok() && at("b", 10).is_ok());
        for n in 0..100 {
            let refused = at(if n % 2 == 0 { "c" } else { "d" }, 29).unwrap_err();
            assert_eq!(refused.status(), 503);
        }
        assert!(tenants.holds("a") && tenants.holds("b"));
        assert!(at("c", 30).is_ok());
        assert!(!tenants.holds("a") && tenants.holds("b"));
        assert!(at("a", 31).is_err(), "one of them is new");
        assert_eq!(tenants.health().len(), 2);
    }

    #[test]
    fn unsigned_tokens_never_take_the_place_of_a_verifier_in_use() {
        let tenants = tenants(3);
        for second in 0..1000 {
            if second % 100 == 0 {
                assert!(tenants.token("busy", second, true).is_ok(), "{second}");
                assert!(tenants.token("rare", second, true).is_ok(), "{second}");
            }
            // One unknown issuer per second.
            let _ = tenants.token(&format!("forged{second}"), second, false);
            assert!(tenants.holds("busy") && tenants.holds("rare"), "{second}");
        }
    }

    #[test]
    fn a_verifier_that_never_verified_anything_goes_first_and_then_the_one_used_least_recently() {
        let tenants = tenants(3);
        for (issuer, second, is_signed) in [
            ("old", 0, true),
            ("stranger", 50, false),
            ("newer", 100, true),
        ] {
            tenants.token(issuer, second, is_signed).unwrap();
        }
        tenants.token("old", 200, true).unwrap();
        tenants.token("next", 1000, true).unwrap();
        assert!(!tenants.holds("stranger"));
        tenants.token("last", 1000, true).unwrap();
        assert!(!tenants.holds("newer") && tenants.holds("old"));
        // From here on, all verifiers are in use or new.
        tenants.token("old", 1000, true).unwrap();
        assert_eq!(tenants.token("more", 1200, true).unwrap_err().status(), 503);
        assert!(tenants.token("more", 1301, true).is_ok());
    }

    #[test]
    fn one_verifier_is_made_for_however_many_first_tokens() {
        let made = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&made);
        let configure = move |issuer: &str| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            let key = Key::from_secret(Algorithm::HS256, [7; 32]).unwrap();
            JwtVerifier::issuer(issuer).audience("api").keys(key)
        };
        let tenants = Tenants::new(2, Box::new(|_| true), Box::new(configure));
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    tenants.token("a", 0, false).unwrap();
                });
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_configuration_that_fails_is_tried_again_after_a_while_and_holds_one_place() {
        let made = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&made);
        let configure = move |issuer: &str| {
            let key = Key::from_secret(Algorithm::HS256, [7; 32]).unwrap();
            let builder = JwtVerifier::issuer(issuer).keys(key);
            match counted.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => builder, // without an audience
                _ => builder.audience("api"),
            }
        };
        let tenants = Tenants::new(1, Box::new(|_| true), Box::new(configure));
        for (second, calls, is_made) in [
            (0, 1, false),
            (29, 1, false),
            (30, 2, false),
            (59, 2, false),
            (60, 3, true),
            (1000, 3, true),
        ] {
            for _ in 0..10 {
                match tenants.token("a", second, false) {
                    Ok(()) => assert!(is_made, "{second}"),
                    Err(rejection) => {
                        assert!(!is_made, "{second}");
                        assert_eq!(rejection.status(), 503);
                        assert_eq!(rejection.retry_after(), Some(KEPT));
                    }
                }
            }
            assert_eq!(made.load(Ordering::SeqCst), calls, "{second}");
            assert_eq!(tenants.health().len(), usize::from(is_made));
        }
    }
}
