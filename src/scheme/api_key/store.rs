//! [`ApiKeys`]: keys in memory.

use super::{
    GeneratedKey, PresentedKey,
    form::{self, Form},
    key::digest,
    new_key,
    scheme::{MAX_SIZE, is_key},
    table::Table,
};
use crate::{
    ConfigError, Identity, Rejection, Verdict, Verify,
    clock::{self, Clock, SystemClock},
    util::{
        bounded_cache::Limits,
        digest::{Digest, Ends, MIN_SECRET},
        lane_lock::LaneLock,
        near_cache::NearCache,
    },
};
use std::{fmt, sync::Arc};

/// The number of keys of which a lane has copies.
const COPIES: usize = 1024;

/// API keys in memory: a verifier for [`ApiKey`](super::ApiKey).
///
/// Clones share the keys, which may be changed while requests are served. A key is found by its
/// SHA-256 digest, so a request costs the same however many there are; the keys themselves are
/// not kept.
///
/// The identity given with a key is what its requests get: subject, roles, scopes, data, and
/// the time from which the key is refused ([`Identity::with_expiry`]). The id of the key becomes
/// its [`token_id`](Identity::token_id).
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_auth::{ConfigError, Identity, api_key::ApiKeys};
///
/// let keys = ApiKeys::new();
/// let in_90_days = SystemTime::now() + Duration::from_secs(90 * 86_400);
/// let ci = Identity::new("ci").with_role("deployer").with_expiry(in_90_days);
/// let new = keys.create("acme", ci)?;
/// # let _ = new;
///
/// // One that somebody else made:
/// # let from_the_environment = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
/// let id = keys.register(from_the_environment, Identity::new("partner"))?;
/// # let _ = id;
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ApiKeys {
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
}

struct Keys {
    table: LaneLock<Table>,
    /// Keys that are used often, with identities that have reference counts of their own.
    near: NearCache<Digest, (Identity, Ends)>,
}

impl ApiKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        let copies = Limits {
            entries: COPIES,
            bytes: usize::MAX,
        };
        Self {
            keys: Arc::new(Keys {
                table: LaneLock::new(Table::default()),
                near: NearCache::new(copies),
            }),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the clock that decides about expiry, for this handle and the clones made of it; the
    /// system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Generates a key for this identity.
    ///
    /// # Errors
    ///
    /// If the prefix is not of [its form](super#generated-keys), the subject is empty, or the
    /// operating system has no randomness to give.
    pub fn create(&self, prefix: &str, identity: Identity) -> Result<GeneratedKey, ConfigError> {
        let key = GeneratedKey::generate(prefix)?;
        self.insert(key.id(), key.digest(), identity)?;
        Ok(key)
    }

    /// Takes over a key that was made elsewhere, and says under which id.
    ///
    /// A generated key keeps its id, any other gets a random one.
    ///
    /// # Errors
    ///
    /// If the key is shorter than 22 characters (too few for 128 bits), longer than 512, not
    /// visible ASCII, a generated key with the wrong checksum, or there already; or if the
    /// subject is empty.
    pub fn register(&self, key: &str, identity: Identity) -> Result<String, ConfigError> {
        if key.len() < MIN_SECRET {
            return Err(ConfigError::new(
                "an API key shorter than 22 characters can be guessed",
            ));
        }
        if !is_key(key.as_bytes()) {
            return Err(ConfigError::new(format!(
                "an API key is at most {MAX_SIZE} characters of visible ASCII without space"
            )));
        }
        let key = PresentedKey::new(key);
        let id = match form::read(key.as_bytes()) {
            Form::Generated(parsed) => parsed.id.to_owned(),
            Form::Other => new_key::random_text(form::ID)?.as_str().to_owned(),
            // Requests with such keys are refused without a lookup.
            Form::Mistyped => {
                return Err(ConfigError::new(
                    "the API key has the form of a generated one, but its checksum is wrong",
                ));
            }
        };
        self.insert(&id, key.digest(), identity)?;
        Ok(id)
    }

    /// Refuses the key from now on, and says whether there is one of this id.
    ///
    /// It stays in the [list](Self::list), and cannot be registered again.
    pub fn revoke(&self, id: &str) -> bool {
        // Bound, so that the application's data is dropped when the lock is free again.
        let copies = {
            let mut table = self.keys.table.write();
            table
                .revoke(id)
                .map(|digest| self.keys.near.remove(&digest))
        };
        copies.is_some()
    }

    /// Forgets the key, and says whether there was one of this id.
    ///
    /// What its identity carries is dropped as soon as the requests that are under way have ended.
    pub fn remove(&self, id: &str) -> bool {
        // Bound, as above.
        let gone = {
            let mut table = self.keys.table.write();
            let gone = table.remove(id);
            gone.map(|(digest, identity)| (identity, self.keys.near.remove(&digest)))
        };
        gone.is_some()
    }

    /// All keys, those that are revoked or expired too, in no particular order.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        let info = |(identity, ends): (Identity, Ends)| KeyInfo {
            identity,
            revoked: ends == Ends::REVOKED,
        };
        self.keys.table.read().all().map(info).collect()
    }

    fn insert(&self, id: &str, digest: [u8; 32], identity: Identity) -> Result<(), ConfigError> {
        if identity.subject().is_empty() {
            return Err(ConfigError::new("an API key needs a subject"));
        }
        let ends = Ends::of(identity.expires_at());
        // Lent, so that what is refused is dropped when the lock is free again.
        let identity = identity.without_request().with_token_id(id);
        let digest = Digest(digest);
        match self.keys.table.write().insert(id, digest, ends, &identity) {
            true => Ok(()),
            false => Err(ConfigError::new(
                "this API key, or its id, is there already",
            )),
        }
    }

    fn check(&self, key: &[u8]) -> Result<Identity, Rejection> {
        if form::read(key) == Form::Mistyped {
            return Err(Rejection::invalid().with_source("the checksum of the key is wrong"));
        }
        // The application's clock is not called under the lock.
        let found = self.keys.find(&Digest(digest(key)));
        // The client is told the same each time; who looks after the server is told why.
        let Some((identity, ends)) = found else {
            return Err(Rejection::invalid().with_source("there is no such key"));
        };
        if !ends.is_over(|| clock::now(&*self.clock)) {
            return Ok(identity);
        }
        let id = identity.token_id().unwrap_or_default();
        let state = if ends == Ends::REVOKED {
            "revoked"
        } else {
            "expired"
        };
        Err(Rejection::invalid().with_source(format!("the key {id} is {state}")))
    }
}

impl Keys {
    fn find(&self, digest: &Digest) -> Option<(Identity, Ends)> {
        let miss = match self.near.get(digest, |copy| Some(copy.clone())) {
            Ok(found) => return Some(found),
            Err(miss) => miss,
        };
        // Copied while the table is locked: see `NearCache`.
        let (found, _dropped) = {
            let table = self.table.read();
            let found = table.get(digest)?;
            let copied = miss.is_sampled.then(|| {
                let copy = (found.0.unshared(), found.1);
                self.near.insert(*digest, copy, 0, |_| true)
            });
            (found, copied)
        };
        Some(found)
    }
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl Verify<PresentedKey> for ApiKeys {
    fn verify(&self, key: PresentedKey) -> Verdict<Identity> {
        Verdict::ready(self.check(key.as_bytes()))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({} keys)", self.keys.table.read().len())
    }
}

/// What may be shown of a key of [`ApiKeys`].
#[derive(Clone, Debug)]
pub struct KeyInfo {
    identity: Identity,
    revoked: bool,
}

impl KeyInfo {
    /// The id, by which the key can be revoked.
    #[must_use]
    pub fn id(&self) -> &str {
        self.identity.token_id().unwrap_or_default()
    }

    /// Whose key it is, what it allows, and until when.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it has been revoked.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }
}
