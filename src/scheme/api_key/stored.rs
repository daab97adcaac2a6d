//! [`StoredKeys`]: keys in a store that servers share.

mod cache;
mod error;
mod options;

pub use error::{CreateError, KeyError};
pub use options::KeyOptions;

use super::{GeneratedKey, PresentedKey};
use crate::{
    Identity, Rejection, Verdict, Verify,
    clock::{self, Clock, SystemClock},
    store::{ApiKeyRecord, ApiKeyStore},
    util::digest::Digest,
    verdict::IntoVerdict,
};
use cache::{CachedKey, KeyCache};
use std::{fmt, sync::Arc, time::Duration};

/// The use of a key is written at most once in this many seconds.
const NOTED_EVERY: u64 = 60;

/// API keys in a [store](crate::store): a verifier for [`ApiKey`](super::ApiKey). Clones share the
/// cache.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use tower_auth::api_key::{ApiKey, KeyOptions, StoredKeys};
/// use tower_auth::store::MemoryStore;
///
/// let keys = StoredKeys::new(MemoryStore::new());
/// let new = keys
///     .create("acme", KeyOptions::new("https://api.example.com/", "42").with_scope("orders:read"))
///     .await?;
/// println!("your key, shown this once: {}", new.expose());
/// let scheme = ApiKey::header("x-api-key", keys.clone());
/// // Later, while the scheme serves requests:
/// assert!(keys.revoke("https://api.example.com/", "42", new.id()).await?);
/// # let _ = scheme;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// A verified key is cached for five seconds ([`cache_time_to_live`](Self::cache_time_to_live)). A
/// change by another server takes effect after at most this time, a change by this one at once. The
/// identity has the key's id as [`token_id`](Identity::token_id), the time of its creation as
/// [`issued_at`](Identity::issued_at), and the [`ApiKeyRecord`] as [`data`](Identity::data). The
/// time of the last use is written once a minute.
///
/// The records of expired and revoked keys are never deleted, and the number of keys per owner is
/// not limited. An endpoint that creates keys should reject requests for more keys than an owner
/// needs.
#[derive(Clone)]
pub struct StoredKeys {
    store: Arc<dyn ApiKeyStore>,
    cache: Arc<KeyCache>,
    owner: Option<Arc<OwnerCheck>>,
    time_to_live: u64,
    clock: Arc<dyn Clock>,
}

/// Returns whether the owner of a key exists and may use it.
type OwnerCheck = dyn Fn(&ApiKeyRecord) -> Verdict<bool> + Send + Sync;

impl StoredKeys {
    /// Creates a verifier for the keys of this store.
    #[must_use]
    pub fn new(store: impl ApiKeyStore) -> Self {
        Self {
            store: Arc::new(store),
            cache: Arc::new(KeyCache::new()),
            owner: None,
            time_to_live: 5,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets how long a verified key is cached, in whole seconds. Default: five seconds. If it is
    /// zero, every request is looked up in the store.
    #[must_use]
    pub fn cache_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = time_to_live.as_secs();
        self
    }

    /// Checks at each lookup of a key whether its owner may use it, so that the keys of removed or
    /// disabled users are rejected. Default: no check.
    ///
    /// ```
    /// # use tower_auth::{Rejection, api_key::StoredKeys, store::ApiKeyRecord};
    /// # async fn is_enabled(_: String) -> Result<bool, std::io::Error> { Ok(true) }
    /// # fn with(keys: StoredKeys) -> StoredKeys {
    /// keys.with_owner_check(|key: &ApiKeyRecord| {
    ///     let subject = key.subject.clone();
    ///     async move { is_enabled(subject).await.map_err(Rejection::unavailable) }
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn with_owner_check<F, R, M>(mut self, may_use: F) -> Self
    where
        F: Fn(&ApiKeyRecord) -> R + Send + Sync + 'static,
        R: IntoVerdict<bool, M>,
        M: 'static,
    {
        self.owner = Some(Arc::new(move |key| may_use(key).into_verdict()));
        self
    }

    /// Sets the clock. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Generates a key with this prefix. The key can be shown only now.
    ///
    /// # Errors
    ///
    /// [`CreateError::Config`] if the prefix is not of [its form](super#generated-keys), the label
    /// is too long, or the operating system has no random bytes; [`CreateError::Store`] if the
    /// store cannot be reached.
    pub async fn create(
        &self,
        prefix: &str,
        options: KeyOptions,
    ) -> Result<GeneratedKey, CreateError> {
        options.check()?;
        let key = GeneratedKey::generate(prefix)?;
        let record = ApiKeyRecord {
            id: key.id().to_owned(),
            digest: key.digest(),
            prefix: prefix.to_owned(),
            issuer: options.issuer,
            subject: options.subject,
            label: options.label,
            roles: options.roles,
            scopes: options.scopes,
            created_at: self.clock.now(),
            expires_at: options.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        if self.store.add_api_key(&record).await? {
            return Ok(key);
        }
        // The same 71 random bits twice.
        Err(Rejection::unavailable("an API key of this id is there already").into())
    }

    /// Returns the keys of one owner, oldest first, including expired and revoked ones.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn list(&self, issuer: &str, subject: &str) -> Result<Vec<ApiKeyRecord>, Rejection> {
        self.store.api_keys_of(issuer, subject).await
    }

    /// Generates a key like an old one, which expires after the overlap. Returns `None` if the
    /// owner has no such key, or the key is expired or revoked.
    ///
    /// # Errors
    ///
    /// As of [`create`](Self::create).
    pub async fn rotate(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        overlap: Duration,
    ) -> Result<Option<GeneratedKey>, CreateError> {
        let now = self.clock.now();
        let old = self.find(issuer, subject, id).await?;
        let is_valid = |key: &ApiKeyRecord| KeyError::check(key, clock::seconds(now)).is_ok();
        let Some(old) = old.filter(is_valid) else {
            return Ok(None);
        };
        let options = KeyOptions {
            issuer: old.issuer,
            subject: old.subject,
            label: old.label,
            roles: old.roles,
            scopes: old.scopes,
            expires_at: old.expires_at,
        };
        let new = self.create(&old.prefix, options).await?;
        let end = now.checked_add(overlap).unwrap_or(now);
        self.store.expire_api_key(issuer, subject, id, end).await?;
        self.cache.remove(id);
        // If the old key was revoked meanwhile, the new one is revoked, too.
        let old = self.find(issuer, subject, id).await?;
        if old.is_some_and(|key| key.revoked_at.is_some()) {
            self.revoke(issuer, subject, new.id()).await?;
            return Ok(None);
        }
        Ok(Some(new))
    }

    async fn find(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
    ) -> Result<Option<ApiKeyRecord>, Rejection> {
        let keys = self.list(issuer, subject).await?;
        Ok(keys.into_iter().find(|key| key.id == id))
    }

    /// Revokes a key of this owner. Returns `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached. The key
    /// may be revoked or not.
    pub async fn revoke(&self, issuer: &str, subject: &str, id: &str) -> Result<bool, Rejection> {
        let now = self.clock.now();
        let revoked = self.store.revoke_api_key(issuer, subject, id, now).await;
        // Even after an error, because the key may be revoked.
        self.cache.remove(id);
        revoked
    }

    async fn look_up(self, digest: Digest) -> Result<Identity, Rejection> {
        // Before the lookup, so that the result is not cached if a key is changed meanwhile.
        let now = clock::now(&*self.clock);
        let changes = self.cache.changes();
        let record = self
            .store
            .api_key(&digest.0)
            .await?
            .ok_or(KeyError::Unknown)?;
        KeyError::check(&record, now)?;
        if let Some(owner) = &self.owner
            && !owner(&record).await?
        {
            return Err(KeyError::OwnerGone.into());
        }
        let last_used = record.last_used_at.map_or(0, clock::seconds);
        if now.saturating_sub(last_used) >= NOTED_EVERY {
            // A failure of this write does not reject the request.
            let _ = self.store.used_api_key(&record.id, clock::at(now)).await;
        }
        let expiry = record.expires_at.map_or(u64::MAX, clock::seconds);
        let until = now.saturating_add(self.time_to_live).min(expiry);
        let id = record.id.as_str().into();
        let identity = identity(record);
        let key = CachedKey {
            id,
            identity: identity.clone(),
            lifetime: now..until,
        };
        self.cache.insert(digest, key, now, changes);
        Ok(identity)
    }
}

fn identity(record: ApiKeyRecord) -> Identity {
    let mut identity = Identity::new(record.subject.as_str())
        .with_issuer(record.issuer.as_str())
        .with_roles(&record.roles)
        .with_scopes(&record.scopes)
        .with_token_id(record.id.as_str())
        .with_issued_at(record.created_at);
    if let Some(end) = record.expires_at {
        identity = identity.with_expiry(end);
    }
    identity.with_data(record)
}

impl Verify<PresentedKey> for StoredKeys {
    fn verify(&self, key: PresentedKey) -> Verdict<Identity> {
        if key.parse().is_none() {
            return Verdict::ready(Err(KeyError::Form.into()));
        }
        let digest = Digest(key.digest());
        match self.cache.get(&digest, clock::now(&*self.clock)) {
            Some(identity) => Verdict::ready(Ok(identity)),
            None => Verdict::pending(self.clone().look_up(digest)),
        }
    }
}

impl fmt::Debug for StoredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKeys")
            .field("time_to_live", &self.time_to_live)
            .finish_non_exhaustive()
    }
}
