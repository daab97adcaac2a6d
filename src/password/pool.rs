//! [`HashPool`]: checks and hashes passwords without stalling anybody.

#[cfg(feature = "accounts")]
use super::{NormalizedPassword, PasswordPolicy, PolicyError};
use super::{
    PasswordHash,
    nobody::Nobody,
    queue::{Answer, Compute, Lane, Limits, Queue, Work},
};
use crate::{
    ConfigError, Rejection, Verdict,
    util::digest::{Digest, Keyed},
};
use std::{
    fmt,
    num::NonZero,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Checks and hashes passwords on a few threads of its own; the rules are at the head of
/// [this module](super).
///
/// A clone is the same pool. One is enough for an application: its threads are what bounds the
/// memory that hashes take (threads times the `m` of the hashes).
#[derive(Clone)]
pub struct HashPool {
    queue: Arc<Queue>,
    keyed: Arc<Keyed>,
    nobody: Arc<Mutex<Nobody>>,
    /// The number of jobs that are not shared between requests.
    made: Arc<AtomicU64>,
}

impl HashPool {
    /// A pool with as many threads as the machine has cores, and 64 attempts waiting at most.
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes.
    pub fn new() -> Result<Self, ConfigError> {
        Self::computing(Arc::new(|password, work| match work {
            Work::Compare(stored) => stored.matches(password).ok().map(Answer::Known),
            Work::Make => PasswordHash::new(password).ok().map(Answer::Made),
            #[cfg(feature = "accounts")]
            Work::Estimate(policy, name) => estimated(policy, name, password),
        }))
    }

    fn computing(compute: Arc<Compute>) -> Result<Self, ConfigError> {
        let limits = Limits {
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            waiting: WAITING,
            patience: PATIENCE,
            idle: IDLE,
        };
        Ok(Self {
            queue: Arc::new(Queue::new(limits, compute)),
            keyed: Arc::new(Keyed::new()?),
            nobody: Arc::new(Mutex::new(Nobody::new()?)),
            made: Arc::default(),
        })
    }

    /// Sets how many hashes are computed at once; 0 counts as 1. Default: the number of cores.
    ///
    /// The result is a new pool; set it before cloning.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        self.with_limits(|limits| limits.threads = threads.max(1))
    }

    /// Sets the number of attempts that may wait for a thread, each for a second at most. Default:
    /// 64. As many attempts with recently verified credentials may wait in addition.
    ///
    /// The result is a new pool; set it before cloning.
    #[must_use]
    pub fn with_waiting(self, waiting: usize) -> Self {
        self.with_limits(|limits| limits.waiting = waiting)
    }

    fn with_limits(self, change: impl FnOnce(&mut Limits)) -> Self {
        Self {
            queue: Arc::new(self.queue.with_limits(change)),
            ..self
        }
    }

    /// Whether this is the user's password.
    ///
    /// `None` stands for a user who does not exist or may not enter. The answer is then `false`,
    /// and takes as long as one for the costliest hash that the pool has seen within the last
    /// half an hour to an hour.
    ///
    /// The user's name only tells attempts apart: the same user with the same password and the
    /// same stored hash, asked for again while it is being computed, is computed once.
    ///
    /// Nothing happens until the verdict is polled.
    ///
    /// # Errors
    ///
    /// The verdict is [`Unavailable`](crate::RejectionKind::Unavailable) if too many attempts
    /// are waiting, its turn did not come within a second, or memory or threads are exhausted.
    pub fn verify(
        &self,
        user: &str,
        password: impl AsRef<[u8]>,
        stored: Option<&PasswordHash>,
    ) -> Verdict<bool> {
        self.verify_in(Lane::Unknown, user, password, stored)
    }

    /// Verifies like [`verify`](Self::verify), in this lane.
    pub(crate) fn verify_in(
        &self,
        lane: Lane,
        user: &str,
        password: impl AsRef<[u8]>,
        stored: Option<&PasswordHash>,
    ) -> Verdict<bool> {
        let password = Zeroizing::new(password.as_ref().to_vec());
        let user = user.to_owned();
        let known = stored.is_some();
        let hash = self.known_or_nobody(stored);
        let pool = self.clone();
        Verdict::pending(async move {
            let matches = pool.check(lane, &user, password, hash).await?;
            Ok(known && matches)
        })
    }

    /// Hashes a new password as [`PasswordHash::new`] does: at registration, when a password is
    /// changed, and when it was right and its stored hash [needs another](PasswordHash::needs_rehash).
    ///
    /// Nothing happens until the verdict is polled. What a new password has to be is not asked
    /// here: the feature `accounts` has a policy for that.
    ///
    /// ```
    /// # use tower_auth::{Rejection, password::{HashPool, PasswordHash}};
    /// # async fn replace(_: &str, _: &str) {}
    /// # async fn login(pool: HashPool, stored: PasswordHash, password: &str) -> Result<bool, Rejection> {
    /// let right = pool.verify("Aladdin", password, Some(&stored)).await?;
    /// if right && stored.needs_rehash() {
    ///     // The user may log in, even if the pool is busy.
    ///     if let Ok(better) = pool.hash(password).await {
    ///         // Only if the stored hash is still the same: the password may have been changed.
    ///         replace(stored.as_str(), better.as_str()).await;
    ///     }
    /// }
    /// # Ok(right)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify): it waits for the same threads, in the same queue.
    pub fn hash(&self, password: impl AsRef<[u8]>) -> Verdict<PasswordHash> {
        let password = Zeroizing::new(password.as_ref().to_vec());
        let pool = self.clone();
        Verdict::pending(async move {
            // Two users who choose the same password do not get the same salt.
            let key = pool.unshared();
            let answer = pool.answer(Lane::Unknown, key, password, Work::Make);
            match answer.await? {
                Answer::Made(hash) => {
                    // The new hash may replace a costlier one.
                    pool.nobody().see(hash.cost(), Instant::now());
                    Ok(hash)
                }
                _ => Err(Rejection::unavailable(IMPOSSIBLE)),
            }
        })
    }

    /// Verifies a password, as [`verify`](Self::verify) does when polled.
    pub(crate) async fn check(
        &self,
        lane: Lane,
        user: &str,
        password: Zeroizing<Vec<u8>>,
        stored: PasswordHash,
    ) -> Result<bool, Rejection> {
        let key = self
            .keyed
            .digest([user.as_bytes(), &password, stored.as_str().as_bytes()]);
        let answer = self.answer(lane, key, password, Work::Compare(stored));
        match answer.await? {
            Answer::Known(matches) => Ok(matches),
            _ => Err(Rejection::unavailable(IMPOSSIBLE)),
        }
    }

    /// Checks by the policy whether this user may set a password. This takes nearly as long as a
    /// hash.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify).
    #[cfg(feature = "accounts")]
    pub(crate) async fn estimate(
        &self,
        policy: &Arc<PasswordPolicy>,
        user: &str,
        password: &str,
    ) -> Result<Result<NormalizedPassword, PolicyError>, Rejection> {
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let work = Work::Estimate(Arc::clone(policy), user.to_owned());
        let answer = self.answer(Lane::Unknown, self.unshared(), password, work);
        match answer.await? {
            Answer::Estimated(result) => Ok(result),
            _ => Err(Rejection::unavailable(IMPOSSIBLE)),
        }
    }

    /// Returns the key of a job that is not shared.
    fn unshared(&self) -> Digest {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.keyed.digest([b"new", &number.to_le_bytes()])
    }

    /// Waits for the answer to an attempt; never late, and never failed.
    async fn answer(
        &self,
        lane: Lane,
        key: Digest,
        password: Zeroizing<Vec<u8>>,
        work: Work,
    ) -> Result<Answer, Rejection> {
        let mut awaited = self.queue.submit(lane, key, password, work)?;
        let answer = match awaited.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        match answer {
            Some(Answer::Late) => Err(Rejection::busy(LATE)),
            Some(Answer::Failed) | None => Err(Rejection::unavailable(IMPOSSIBLE)),
            Some(answer) => Ok(answer),
        }
    }

    fn known_or_nobody(&self, stored: Option<&PasswordHash>) -> PasswordHash {
        let now = Instant::now();
        let mut nobody = self.nobody();
        match stored {
            None => nobody.hash(now),
            Some(hash) => {
                nobody.see(hash.cost(), now);
                hash.clone()
            }
        }
    }

    fn nobody(&self) -> MutexGuard<'_, Nobody> {
        self.nobody.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "accounts")]
fn estimated(policy: &PasswordPolicy, name: &str, password: &[u8]) -> Option<Answer> {
    let password = std::str::from_utf8(password).ok()?;
    Some(Answer::Estimated(policy.check(&[name], password)))
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashPool")
    }
}

const IMPOSSIBLE: &str = "the password could not be checked: out of memory, or a bug";

const LATE: &str = "the password could not be checked in time";

/// The largest number of attempts that wait in each lane.
const WAITING: usize = 64;

/// The longest time for which an attempt waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// For how long a thread stays without work.
const IDLE: Duration = Duration::from_secs(5);

#[cfg(test)]
impl HashPool {
    /// A pool that computes hashes by `compare`.
    pub(crate) fn counting(
        compare: impl Fn(&[u8], &PasswordHash) -> Option<bool> + Send + Sync + 'static,
    ) -> Self {
        Self::computing(Arc::new(move |password, work| match work {
            Work::Compare(stored) => compare(password, stored).map(Answer::Known),
            Work::Make => {
                let hash = PasswordHash::cheap(std::str::from_utf8(password).unwrap());
                compare(password, &hash).map(|_| Answer::Made(hash))
            }
            #[cfg(feature = "accounts")]
            Work::Estimate(policy, name) => estimated(policy, name, password),
        }))
        .unwrap()
    }
}

#[cfg(test)]
mod tests;
