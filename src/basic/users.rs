//! [`Users`]: a verifier for users in memory.

use super::{Credentials, User, cache::Cache, table::Table};
use crate::{
    ConfigError, Identity, Rejection, Verdict, Verify,
    password::{HashPool, PasswordHash},
};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Users in memory, who can be changed while the server runs.
///
/// A clone is a handle to the same users: keep one, and what it changes counts from the next
/// request on.
///
/// Credentials that were right are taken for right for another minute without computing the
/// hash again; of these, 1024 are remembered at most, and no password is. Every request looks
/// the user up all the same: who was removed or disabled, or has another password, is out at
/// once.
///
/// A name that is unknown or disabled takes as long to refuse as a wrong password does, if all
/// hashes have the same parameters; otherwise as long as the costliest of them.
///
/// ```
/// use std::time::Duration;
/// use tower_auth::basic::{User, Users};
/// use tower_auth::password::PasswordHash;
///
/// let hash = PasswordHash::parse(
///     "$argon2id$v=19$m=19456,t=2,p=1$gZiV/M1gPc22ElAH/Jh1Hw$CWOrkoo7oJBQ/iyh7uJ0LO2aLEfrHwTWllSAxT0zRno",
/// )?;
/// let users = Users::new([User::new("Aladdin", hash).with_role("hero")])?
///     .with_cache_time_to_live(Duration::from_secs(10));
/// # let _ = users;
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Users {
    table: Arc<RwLock<Table>>,
    cache: Option<Arc<Cache>>,
    pool: HashPool,
}

impl Users {
    /// These users, with a pool of their own to check passwords.
    ///
    /// # Errors
    ///
    /// If two users have the same name, a name has a colon or control characters (no request
    /// could carry it, RFC 7617 section 2), or the operating system has no random bytes.
    pub fn new(users: impl IntoIterator<Item = User>) -> Result<Self, ConfigError> {
        let mut table = Table::new()?;
        for user in users {
            user.check()?;
            if table.contains(user.name()) {
                return Err(ConfigError::new(format!(
                    "there are two users {:?}",
                    user.name()
                )));
            }
            table.insert(user);
        }
        Ok(Self {
            table: Arc::new(RwLock::new(table)),
            cache: Some(Arc::new(Cache::new(TIME_TO_LIVE, CAPACITY)?)),
            pool: HashPool::new()?,
        })
    }

    /// Checks passwords in this pool, which others may share.
    #[must_use]
    pub fn with_pool(mut self, pool: HashPool) -> Self {
        self.pool = pool;
        self
    }

    /// Sets for how long credentials that were right are taken for right without computing the
    /// hash again. Default: 60 seconds.
    #[must_use]
    pub fn with_cache_time_to_live(self, time_to_live: Duration) -> Self {
        self.with_cache(|cache| cache.with_time_to_live(time_to_live))
    }

    /// Sets how many credentials are remembered at most. Default: 1024.
    #[must_use]
    pub fn with_cache_capacity(self, capacity: usize) -> Self {
        self.with_cache(|cache| cache.with_capacity(capacity))
    }

    /// Computes the hash for every request.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.cache = None;
        self
    }

    fn with_cache(mut self, change: impl FnOnce(&Cache) -> Cache) -> Self {
        self.cache = self.cache.map(|cache| Arc::new(change(&cache)));
        self
    }

    /// Adds a user, or replaces the one of this name.
    ///
    /// # Errors
    ///
    /// If the name has a colon or control characters.
    pub fn insert(&self, user: User) -> Result<(), ConfigError> {
        user.check()?;
        self.write().insert(user);
        Ok(())
    }

    /// Removes a user; whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.write().remove(name)
    }

    /// Lets a user in, or out for the time being; whether there is one.
    pub fn set_enabled(&self, name: &str, enabled: bool) -> bool {
        self.write().set_enabled(name, enabled)
    }

    /// Gives a user another password; whether there is one.
    pub fn set_password(&self, name: &str, hash: PasswordHash) -> bool {
        self.write().set_password(name, hash)
    }

    /// How many users there are, disabled ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is no user at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // A panic of somebody else's leaves the table whole: every change is made in one call.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that needs no hash computed, or the hash to compare with.
    fn look(&self, credentials: &Credentials) -> Look {
        let digest = self.cache.as_deref().map(|cache| {
            (
                cache,
                cache.digest(credentials.user(), credentials.password()),
            )
        });
        let table = self.read();
        let Some(user) = table.enabled(credentials.user()) else {
            return Look::Nobody(table.nobody().clone());
        };
        match digest {
            Some((cache, digest)) if cache.knows(&digest, &user.hash, Instant::now()) => {
                Look::Known(user.identity.clone())
            }
            _ => Look::Somebody(user.hash.clone()),
        }
    }

    /// Computes the hash, whoever it is, and looks again at who it is now.
    async fn compare(
        &self,
        credentials: &Credentials,
        hash: PasswordHash,
        exists: bool,
    ) -> Result<Identity, Rejection> {
        let (user, password) = (credentials.user(), credentials.password());
        let bytes = Zeroizing::new(password.as_bytes().to_vec());
        let matches = self.pool.check(user, bytes, hash.clone()).await?;
        if !(matches && exists) {
            return Err(Rejection::invalid());
        }
        let identity = self
            .read()
            .current(user, &hash)
            .ok_or_else(Rejection::invalid)?;
        if let Some(cache) = &self.cache {
            cache.insert(cache.digest(user, password), hash, Instant::now());
        }
        Ok(identity)
    }
}

enum Look {
    Known(Identity),
    Somebody(PasswordHash),
    Nobody(PasswordHash),
}

impl Verify<Credentials> for Users {
    fn verify(&self, credentials: Credentials) -> Verdict<Identity> {
        let (hash, exists) = match self.look(&credentials) {
            Look::Known(identity) => return Verdict::ready(Ok(identity)),
            Look::Somebody(hash) => (hash, true),
            Look::Nobody(hash) => (hash, false),
        };
        let users = self.clone();
        Verdict::pending(async move { users.compare(&credentials, hash, exists).await })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// How long credentials that were right are taken for right.
const TIME_TO_LIVE: Duration = Duration::from_secs(60);

/// How many credentials are remembered at most.
const CAPACITY: usize = 1024;
