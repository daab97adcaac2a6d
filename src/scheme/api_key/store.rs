//! [`ApiKeys`]: keys in memory.

use super::{
    GeneratedKey, PresentedKey,
    form::{self, Form},
    new_key,
    scheme::{MAX_SIZE, is_key},
    table::{KeyInfo, Table},
};
use crate::{
    ConfigError, Identity, Rejection, Verdict, Verify,
    clock::{self, Clock, SystemClock},
    error::fail_if,
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
/// Clones share the keys, which may be changed while requests are served. Keys are found by their
/// SHA-256 digest and are not kept themselves. A key is rejected from the
/// [expiry](Identity::with_expiry) of its identity on. Its id becomes the identity's
/// [`token_id`](Identity::token_id).
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
    table: Arc<LaneLock<Table>>,
    /// Keys that are used often, with identities that have reference counts of their own.
    near: Arc<NearCache<Digest, KeyInfo>>,
    clock: Arc<dyn Clock>,
}

impl ApiKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: Arc::new(LaneLock::new(Table::default())),
            near: Arc::new(NearCache::new(Limits::entries(COPIES))),
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
        fail_if!(
            key.len() < MIN_SECRET,
            "an API key shorter than 22 characters can be guessed"
        );
        fail_if!(
            !is_key(key.as_bytes()),
            "an API key is at most {MAX_SIZE} characters of visible ASCII without space"
        );
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

    /// Revokes the key of this id. Returns `false` if there is none.
    ///
    /// It stays in the [list](Self::list), and cannot be registered again.
    pub fn revoke(&self, id: &str) -> bool {
        let mut table = self.table.write();
        let revoked = table.revoke(id);
        let copies = revoked.map(|digest| self.near.remove(&digest));
        // The application's data is dropped without the lock.
        drop(table);
        copies.is_some()
    }

    /// Removes the key of this id. Returns `false` if there is none.
    ///
    /// The data of its identity is dropped after the last request that uses it.
    pub fn remove(&self, id: &str) -> bool {
        let mut table = self.table.write();
        let removed = table.remove(id);
        let removed = removed.map(|(digest, key)| (key, self.near.remove(&digest)));
        // As above.
        drop(table);
        removed.is_some()
    }

    /// Returns all keys, including revoked and expired ones, in no particular order.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        self.table.read().all().cloned().collect()
    }

    fn insert(&self, id: &str, digest: [u8; 32], identity: Identity) -> Result<(), ConfigError> {
        fail_if!(identity.subject().is_empty(), "an API key needs a subject");
        // Borrowed by the table, so that a rejected identity is dropped without the lock.
        let key = KeyInfo {
            ends: Ends::of(identity.expires_at()),
            identity: identity.without_request().with_token_id(id),
        };
        match self.table.write().insert(id, Digest(digest), &key) {
            true => Ok(()),
            false => Err(ConfigError::new(
                "this API key, or its id, is there already",
            )),
        }
    }

    /// The client receives the same rejection in every case. The sources are for logs.
    fn check(&self, key: &PresentedKey) -> Result<Identity, Rejection> {
        if form::read(key.as_bytes()) == Form::Mistyped {
            return Err(Rejection::invalid().with_source("the checksum of the key is wrong"));
        }
        // The application's clock is not called under the lock.
        let Some(found) = self.find(&Digest(key.digest())) else {
            return Err(Rejection::invalid().with_source("there is no such key"));
        };
        if !found.ends.is_over(|| clock::now(&*self.clock)) {
            return Ok(found.identity);
        }
        let id = found.id();
        let state = if found.is_revoked() {
            "revoked"
        } else {
            "expired"
        };
        Err(Rejection::invalid().with_source(format!("the key {id} is {state}")))
    }

    fn find(&self, digest: &Digest) -> Option<KeyInfo> {
        let copy = |key: &KeyInfo| {
            let (identity, ends) = (key.identity.unshared(), key.ends);
            (KeyInfo { identity, ends }, 0)
        };
        let clone = |key: &KeyInfo| Some(key.clone());
        let lock = || self.table.read();
        self.near
            .get_or_copy(digest, clone, lock, |table| table.get(digest), copy)
    }
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl Verify<PresentedKey> for ApiKeys {
    fn verify(&self, key: PresentedKey) -> Verdict<Identity> {
        Verdict::ready(self.check(&key))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeys({} keys)", self.table.read().len())
    }
}
