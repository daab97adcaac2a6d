//! [`StoredKeys`]: keys in a store that servers share.

use super::{
    GeneratedKey, PresentedKey,
    form::{self, Form},
};
use crate::{
    ConfigError, Identity, Rejection, Verdict, Verify,
    clock::{self, Clock, SystemClock},
    store::{ApiKeyRecord, ApiKeyStore},
    util::{
        bounded_cache::{BoundedCache, Limits},
        digest::Digest,
        near_cache::NearCache,
    },
    verdict::IntoVerdict,
};
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// The largest number of keys that are cached.
const CAPACITY: usize = 16_384;

/// The largest number of keys of which a lane has copies.
const COPIES: usize = 1024;

/// Bytes.
const LONGEST_LABEL: usize = 200;

/// That a key was used is written once in so many seconds.
const NOTED_EVERY: u64 = 60;

/// API keys in a [store](crate::store): a verifier for [`ApiKey`](super::ApiKey). Clones share
/// what they remember.
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
/// A key that has passed is remembered for five seconds ([`cache_time_to_live`]): what another
/// server changes is honoured here after that time at the latest, what this one changes at once.
/// Its identity has the owner's issuer and subject, the key's roles and scopes, its id as
/// [`token_id`](Identity::token_id), when it was made as [`issued_at`](Identity::issued_at), and
/// the [`ApiKeyRecord`] as [`data`](Identity::data). When a key was last used is noted once a
/// minute.
///
/// The records of keys that expired or were revoked are kept, so that [`list`](Self::list) shows
/// them. Nothing deletes them. The number of keys per owner is not limited either, and `list` reads
/// all keys of an owner. An endpoint that creates keys should reject requests for more keys than an
/// owner needs.
///
/// [`cache_time_to_live`]: Self::cache_time_to_live
#[derive(Clone)]
pub struct StoredKeys {
    store: Arc<dyn ApiKeyStore>,
    cache: Arc<Cache>,
    owner: Option<Arc<Owner>>,
    time_to_live: u64,
    clock: Arc<dyn Clock>,
}

/// Whether the owner of a key is there, and may use it.
type Owner = dyn Fn(&ApiKeyRecord) -> Verdict<bool> + Send + Sync;

struct Cache {
    /// Copies of keys that are used often, for each lane.
    near: NearCache<Digest, Known>,
    keys: Mutex<Keys>,
}

struct Keys {
    known: BoundedCache<Digest, Known>,
    /// The number of changes that were made here. The answer to a question that was asked before a
    /// change is not cached.
    changes: u64,
}

/// A key that has passed.
#[derive(Clone)]
struct Known {
    id: Box<str>,
    identity: Identity,
    /// The second in which it was asked for, and the one from which it has to be again. A clock
    /// that was set back makes neither longer.
    since: u64,
    until: u64,
}

/// Whose a new key is, and what it may do.
#[derive(Clone, Debug)]
#[must_use]
pub struct KeyOptions {
    issuer: String,
    subject: String,
    label: String,
    roles: Vec<String>,
    scopes: Vec<String>,
    expires_at: Option<SystemTime>,
}

impl KeyOptions {
    /// A key of this subject of this issuer or realm, which may do nothing yet.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            label: String::new(),
            roles: Vec::new(),
            scopes: Vec::new(),
            expires_at: None,
        }
    }

    /// Names the key for its owner's list; at most 200 bytes, and no control characters.
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a role.
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Adds a scope.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Sets from when the key is refused; whole seconds count.
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        self.expires_at = Some(expires_at);
        self
    }
}

/// Why a stored key is refused: the source of its [`Rejection`], for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyError {
    /// It is no generated key, or its checksum is wrong: nothing was looked up.
    Form,
    /// There is no such key.
    Unknown,
    /// It has expired.
    Expired,
    /// It is revoked.
    Revoked,
    /// Its owner is gone, or may not use it any more.
    OwnerGone,
}

impl From<KeyError> for Rejection {
    /// 401; the client is told no more than that the credentials are not valid.
    fn from(error: KeyError) -> Self {
        Self::invalid().with_source(error)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "this is no API key of ours, or it is mistyped",
            Self::Unknown => "there is no such API key",
            Self::Expired => "the API key has expired",
            Self::Revoked => "the API key is revoked",
            Self::OwnerGone => "the owner of the API key is gone, or may not use it",
        })
    }
}

impl Error for KeyError {}

impl StoredKeys {
    /// The keys of this store.
    #[must_use]
    pub fn new(store: impl ApiKeyStore) -> Self {
        Self {
            store: Arc::new(store),
            cache: Arc::default(),
            owner: None,
            time_to_live: 5,
            clock: Arc::new(SystemClock),
        }
    }

    /// For how long a key that has passed is not asked for again. Default: five seconds; whole
    /// seconds count, and zero asks the store on every request.
    #[must_use]
    pub fn cache_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = time_to_live.as_secs();
        self
    }

    /// Asks whether the owner of a key may use it, whenever the key is looked up: somebody who was
    /// removed or disabled has no keys any more. Default: not asked.
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

    /// Tells the time. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Generates a key with this prefix. This is the one time that it can be shown.
    ///
    /// # Errors
    ///
    /// [`CreateError::Config`] if the prefix is not of [its form](super#generated-keys), the label
    /// is too long, or the operating system has no randomness to give; [`CreateError::Store`] if the store cannot be
    /// reached.
    pub async fn create(
        &self,
        prefix: &str,
        request: KeyOptions,
    ) -> Result<GeneratedKey, CreateError> {
        if request.label.len() > LONGEST_LABEL || request.label.chars().any(char::is_control) {
            return Err(CreateError::Config(ConfigError::new(
                "the label of a key has at most 200 bytes, and no control characters",
            )));
        }
        let key = GeneratedKey::generate(prefix).map_err(CreateError::Config)?;
        let record = ApiKeyRecord {
            id: key.id().to_owned(),
            digest: key.digest(),
            prefix: prefix.to_owned(),
            issuer: request.issuer,
            subject: request.subject,
            label: request.label,
            roles: request.roles,
            scopes: request.scopes,
            created_at: self.clock.now(),
            expires_at: request.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        match self.store.add_api_key(&record).await {
            Ok(true) => Ok(key),
            // Of 71 random bits, twice the same.
            Ok(false) => Err(CreateError::Store(Rejection::unavailable(
                "an API key of this id is there already",
            ))),
            Err(rejection) => Err(CreateError::Store(rejection)),
        }
    }

    /// The keys of one owner, oldest first, with those that are expired or revoked.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn list(&self, issuer: &str, subject: &str) -> Result<Vec<ApiKeyRecord>, Rejection> {
        self.store.api_keys_of(issuer, subject).await
    }

    /// Generates a key like an old one, which stays good for the overlap; `None` if the owner has
    /// no such key that is good.
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
        let keys = self.list(issuer, subject).await;
        let keys = keys.map_err(CreateError::Store)?;
        let now = self.clock.now();
        let good = |key: &ApiKeyRecord| judge(key, clock::seconds(now)).is_ok();
        let Some(old) = keys.into_iter().find(|key| key.id == id && good(key)) else {
            return Ok(None);
        };
        let request = KeyOptions {
            issuer: old.issuer,
            subject: old.subject,
            label: old.label,
            roles: old.roles,
            scopes: old.scopes,
            expires_at: old.expires_at,
        };
        let new = self.create(&old.prefix, request).await?;
        let end = now.checked_add(overlap).unwrap_or(now);
        let ended = self.store.expire_api_key(issuer, subject, id, end).await;
        ended.map_err(CreateError::Store)?;
        self.cache.forget(id);
        // Revoked meanwhile: then its successor is, too.
        let keys = self.list(issuer, subject).await;
        let keys = keys.map_err(CreateError::Store)?;
        let revoked = |key: &ApiKeyRecord| key.id == id && key.revoked_at.is_some();
        if keys.iter().any(revoked) {
            let revoked = self.revoke(issuer, subject, new.id()).await;
            revoked.map_err(CreateError::Store)?;
            return Ok(None);
        }
        Ok(Some(new))
    }

    /// Refuses a key of this owner from now on; `false` if there is none.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached: it may
    /// be revoked or not.
    pub async fn revoke(&self, issuer: &str, subject: &str, id: &str) -> Result<bool, Rejection> {
        let now = self.clock.now();
        let revoked = self.store.revoke_api_key(issuer, subject, id, now).await;
        // Whatever the answer: it is asked for again.
        self.cache.forget(id);
        revoked
    }

    async fn look_up(self, digest: Digest) -> Result<Identity, Rejection> {
        // Before the store is asked: what is changed meanwhile must not be remembered for longer.
        let now = clock::now(&*self.clock);
        let changes = self.cache.lock().changes;
        let record = self.store.api_key(&digest.0).await?;
        let record = record.ok_or(KeyError::Unknown)?;
        judge(&record, now)?;
        if let Some(owner) = &self.owner
            && !owner(&record).await?
        {
            return Err(KeyError::OwnerGone.into());
        }
        let last_used = record.last_used_at.map_or(0, clock::seconds);
        if now.saturating_sub(last_used) >= NOTED_EVERY {
            // Nobody is refused because this could not be written.
            let _ = self.store.used_api_key(&record.id, clock::at(now)).await;
        }
        let end = record.expires_at.map_or(u64::MAX, clock::seconds);
        let id = record.id.as_str().into();
        let identity = identity(record);
        let known = Known {
            id,
            identity: identity.clone(),
            since: now,
            until: now.saturating_add(self.time_to_live).min(end),
        };
        self.cache.insert(digest, known, now, changes);
        Ok(identity)
    }
}

/// Whether a key is good in this second.
fn judge(record: &ApiKeyRecord, now: u64) -> Result<(), KeyError> {
    if record.revoked_at.is_some() {
        return Err(KeyError::Revoked);
    }
    match record.expires_at.map(clock::seconds) {
        Some(end) if now >= end => Err(KeyError::Expired),
        _ => Ok(()),
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

impl Cache {
    fn get(&self, digest: &Digest, now: u64) -> Option<Identity> {
        let read = |key: &Known| key.is_live(now).then(|| key.identity.clone());
        let miss = match self.near.get(digest, read) {
            Ok(identity) => return Some(identity),
            Err(miss) => miss,
        };
        // Copied while the keys are locked: see `NearCache`.
        let (identity, _dropped) = {
            let mut keys = self.lock();
            let key = keys.known.get(digest).filter(|key| key.is_live(now))?;
            let copied = miss.is_sampled.then(|| {
                let copy = Known {
                    identity: key.identity.unshared(),
                    ..key.clone()
                };
                self.near.insert(*digest, copy, 0, |key| key.is_live(now))
            });
            (key.identity.clone(), copied)
        };
        Some(identity)
    }

    fn insert(&self, digest: Digest, key: Known, now: u64, changes: u64) {
        let mut keys = self.lock();
        if key.is_live(now) && keys.changes == changes {
            drop(keys.known.insert(digest, key, 0, |key| key.is_live(now)));
        }
    }

    /// Removes a key that was changed.
    fn forget(&self, id: &str) {
        let mut keys = self.lock();
        let keep = |key: &Known| *key.id != *id;
        drop((keys.known.retain(keep), self.near.retain(keep)));
        keys.changes = keys.changes.wrapping_add(1);
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Cache {
    fn default() -> Self {
        let limits = |entries| Limits {
            entries,
            bytes: usize::MAX,
        };
        Self {
            near: NearCache::new(limits(COPIES)),
            keys: Mutex::new(Keys {
                known: BoundedCache::new(limits(CAPACITY)),
                changes: 0,
            }),
        }
    }
}

impl Known {
    fn is_live(&self, now: u64) -> bool {
        (self.since..self.until).contains(&now)
    }
}

impl Verify<PresentedKey> for StoredKeys {
    fn verify(&self, key: PresentedKey) -> Verdict<Identity> {
        match form::read(key.as_bytes()) {
            Form::Generated(_) => {}
            Form::Mistyped | Form::Other => return Verdict::ready(Err(KeyError::Form.into())),
        }
        let digest = Digest(key.digest());
        match self.cache.get(&digest, clock::now(&*self.clock)) {
            Some(identity) => Verdict::ready(Ok(identity)),
            None => Verdict::pending(self.clone().look_up(digest)),
        }
    }
}

/// Why no key was created.
#[derive(Debug)]
#[non_exhaustive]
pub enum CreateError {
    /// The prefix is of another form, or there is no randomness.
    Config(ConfigError),
    /// The store cannot be reached.
    Store(Rejection),
}

impl From<CreateError> for Rejection {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Config(error) => Self::unavailable(error),
            CreateError::Store(rejection) => rejection,
        }
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Store(rejection) => rejection.fmt(f),
        }
    }
}

impl Error for CreateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::Store(rejection) => rejection.source(),
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
