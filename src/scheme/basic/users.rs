//! [`Users`]: a verifier for users in memory.

use super::{Credentials, User, table::Table};
use crate::{
    ConfigError, Identity, Rejection, Verdict, Verify,
    error::fail_if,
    password::{HashPool, Lane, PasswordHash, Remembered},
    util::lane_lock::LaneLock,
};
use std::{
    collections::HashSet,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Users in memory, who can be changed while the server runs.
///
/// Clones share the users. A change takes effect with the next request, even if the credentials are
/// cached.
///
/// Verified credentials are cached for a minute as digests, so that the hash is not computed again.
/// For an hour, they do not wait behind those of unknown clients ([rule 3](crate::password)). Failed
/// attempts are not counted here: limit the rate of requests per client address in front, or use
/// [accounts](crate) with a limit of failed logins.
///
/// The rejection of an unknown or disabled user takes as long as the costliest hash of a user.
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
    table: Arc<LaneLock<Table>>,
    cache: Option<Arc<Remembered>>,
    pool: HashPool,
}

impl Users {
    /// Creates a verifier for these users, with its own pool to verify passwords.
    ///
    /// # Errors
    ///
    /// If two users have the same name, a name has a colon or control characters (no request
    /// could carry it, RFC 7617 section 2), or the operating system has no random bytes.
    pub fn new(users: impl IntoIterator<Item = User>) -> Result<Self, ConfigError> {
        let table = LaneLock::new(Table::new()?);
        table.write().replace(checked(users)?);
        Ok(Self {
            table: Arc::new(table),
            cache: Some(Arc::new(Remembered::new(TIME_TO_LIVE, CAPACITY)?)),
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

    fn with_cache(mut self, change: impl FnOnce(&Remembered) -> Remembered) -> Self {
        self.cache = self.cache.map(|cache| Arc::new(change(&cache)));
        self
    }

    /// Replaces all users by these, at once: no request sees some of the old and some of the new.
    ///
    /// # Errors
    ///
    /// If two users have the same name, or a name has a colon or control characters; the users
    /// before stay then.
    pub fn replace(&self, users: impl IntoIterator<Item = User>) -> Result<(), ConfigError> {
        self.set_all(checked(users)?);
        Ok(())
    }

    /// [`replace`](Self::replace) for users whose names are known to be good.
    pub(super) fn set_all(&self, users: Vec<User>) {
        // Bound, as below.
        let _replaced = self.table.write().replace(users);
    }

    /// Adds a user, or replaces the one of this name.
    ///
    /// # Errors
    ///
    /// If the name has a colon or control characters.
    pub fn insert(&self, user: User) -> Result<(), ConfigError> {
        user.check()?;
        // Bound, so that the application's data is dropped when the lock is free again.
        let _replaced = self.table.write().insert(user);
        Ok(())
    }

    /// Removes a user; whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let gone = self.table.write().remove(name);
        gone.is_some()
    }

    /// Lets a user in, or out for the time being; whether there is one.
    pub fn set_enabled(&self, name: &str, enabled: bool) -> bool {
        let mut table = self.table.write();
        table.change(name, |user| user.enabled = enabled)
    }

    /// Gives a user another password; whether there is one.
    pub fn set_password(&self, name: &str, hash: PasswordHash) -> bool {
        self.table.write().change(name, |user| user.hash = hash)
    }

    /// How many users there are, disabled ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.read().len()
    }

    /// Whether there is no user at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the cached identity, or the hash to compare with.
    fn look(&self, credentials: &Credentials) -> Result<Identity, Check> {
        let (name, password) = (credentials.user(), credentials.password());
        let cache = self.cache.as_deref();
        let cached = cache.map(|cache| (cache, cache.digest(name, password)));
        let table = self.table.read();
        let user = table.enabled(name);
        let hash = user.map_or_else(|| table.nobody(), |user| &user.hash);
        let mut lane = Lane::Unknown;
        if let (Some(user), Some((cache, digest))) = (user, cached) {
            let now = Instant::now();
            if cache.knows(&digest, hash, now) {
                return Ok(user.own_identity());
            }
            if cache.may_know(&digest, now) {
                lane = Lane::Known;
            }
        }
        Err(Check {
            lane,
            hash: hash.clone(),
            is_user: user.is_some(),
        })
    }

    /// Computes the hash, also for a user that does not exist, and looks the user up again.
    async fn compare(
        &self,
        credentials: &Credentials,
        Check {
            lane,
            mut hash,
            is_user,
        }: Check,
    ) -> Result<Identity, Rejection> {
        let (user, password) = (credentials.user(), credentials.password());
        for _ in 0..REREADS {
            let bytes = Zeroizing::new(password.as_bytes().to_vec());
            let matches = self.pool.check(lane, user, bytes, hash.clone()).await?;
            if !(matches && is_user) {
                return Err(self.refused(credentials));
            }
            let now = self.table.read().enabled(user).cloned();
            let now = now.ok_or_else(|| self.refused(credentials))?;
            if now.hash.is(&hash) {
                if let Some(cache) = &self.cache {
                    cache.insert(cache.digest(user, password), hash, Instant::now());
                }
                return Ok(now.identity);
            }
            // The hash is that of another password, or another hash of the same password.
            hash = now.hash;
        }
        Err(Rejection::unavailable(
            "the password hash was replaced again and again while it was checked",
        ))
    }

    /// Rejects these credentials. The next time, they wait in the lane of unknown clients.
    fn refused(&self, credentials: &Credentials) -> Rejection {
        if let Some(cache) = &self.cache {
            let (user, password) = (credentials.user(), credentials.password());
            cache.forget(&cache.digest(user, password));
        }
        Rejection::invalid()
    }
}

/// These users, if each can log in by a name of their own.
fn checked(users: impl IntoIterator<Item = User>) -> Result<Vec<User>, ConfigError> {
    let users: Vec<_> = users.into_iter().collect();
    let mut names = HashSet::new();
    for user in &users {
        user.check()?;
        fail_if!(
            !names.insert(user.name()),
            "there are two users {:?}",
            user.name()
        );
    }
    Ok(users)
}

/// A hash to compare with.
struct Check {
    lane: Lane,
    hash: PasswordHash,
    /// Whether the hash is that of a user, not that of nobody.
    is_user: bool,
}

impl Verify<Credentials> for Users {
    fn verify(&self, credentials: Credentials) -> Verdict<Identity> {
        match self.look(&credentials) {
            Ok(identity) => Verdict::ready(Ok(identity)),
            Err(check) => {
                let users = self.clone();
                Verdict::pending(async move { users.compare(&credentials, check).await })
            }
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The largest number of times that a user is read again, if the password hash is replaced while it
/// is computed.
const REREADS: usize = 3;

/// How long credentials that were right are taken for right.
const TIME_TO_LIVE: Duration = Duration::from_secs(60);

/// How many credentials are remembered at most.
const CAPACITY: usize = 1024;

#[cfg(test)]
mod tests;
