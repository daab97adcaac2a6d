//! [`HashPool`]: checks passwords without stalling anybody.

use super::{
    Cost, Keyed, PasswordHash,
    queue::{Answer, Compare, Limits, Queue},
};
use crate::{ConfigError, Rejection, Verdict};
use std::{
    fmt,
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};
use zeroize::Zeroizing;

/// Checks passwords on a few threads of its own; the rules are at the head of
/// [this module](super).
///
/// A clone is the same pool. One is enough for an application: its threads are what bounds the
/// memory that hashes take (threads times the `m` of the hashes).
#[derive(Clone)]
pub struct HashPool {
    queue: Arc<Queue>,
    keyed: Arc<Keyed>,
    nobody: Arc<Mutex<Nobody>>,
}

/// What is checked where there is no user, as costly as the costliest hash that was.
struct Nobody {
    hash: PasswordHash,
    guessed: bool,
}

impl HashPool {
    /// A pool with as many threads as the machine has cores, and 64 attempts waiting at most.
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes.
    pub fn new() -> Result<Self, ConfigError> {
        Self::comparing(Arc::new(|password, stored| stored.matches(password).ok()))
    }

    fn comparing(compare: Arc<Compare>) -> Result<Self, ConfigError> {
        let limits = Limits {
            threads: thread::available_parallelism().map_or(1, NonZero::get),
            waiting: WAITING,
            patience: PATIENCE,
        };
        Ok(Self {
            queue: Arc::new(Queue::new(limits, compare)),
            keyed: Arc::new(Keyed::new()?),
            nobody: Arc::new(Mutex::new(Nobody {
                hash: PasswordHash::unmatched(Cost::RECOMMENDED)?,
                guessed: true,
            })),
        })
    }

    /// Sets how many hashes are computed at once; 0 counts as 1. Default: the number of cores.
    ///
    /// The result is a new pool; set it before cloning.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        self.with_limits(|limits| limits.threads = threads.max(1))
    }

    /// Sets how many attempts may wait for a thread, each for a second at most. Default: 64.
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
    /// and takes as long as one for the costliest hash that the pool has seen.
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
        let password = Zeroizing::new(password.as_ref().to_vec());
        let user = user.to_owned();
        let known = stored.is_some();
        let hash = self.known_or_nobody(stored);
        let pool = self.clone();
        Verdict::pending(async move {
            let matches = pool.check(&user, password, hash).await?;
            Ok(known && matches)
        })
    }

    /// What [`verify`](Self::verify) does when polled.
    pub(crate) async fn check(
        &self,
        user: &str,
        password: Zeroizing<Vec<u8>>,
        stored: PasswordHash,
    ) -> Result<bool, Rejection> {
        let key = self
            .keyed
            .digest([user.as_bytes(), &password, stored.as_str().as_bytes()]);
        let mut awaited = self.queue.submit(key, password, stored)?;
        let answer = match awaited.wait_for(Option::is_some).await {
            Ok(answer) => *answer,
            Err(_) => None,
        };
        match answer {
            Some(Answer::Known(matches)) => Ok(matches),
            Some(Answer::Late) => Err(Rejection::unavailable(
                "the password could not be checked in time",
            )),
            Some(Answer::Failed) | None => Err(Rejection::unavailable(
                "the password could not be checked: out of memory, or a bug",
            )),
        }
    }

    fn known_or_nobody(&self, stored: Option<&PasswordHash>) -> PasswordHash {
        let mut nobody = self.nobody.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(hash) = stored else {
            return nobody.hash.clone();
        };
        if nobody.guessed || hash.cost() > nobody.hash.cost() {
            nobody.hash = nobody.hash.at(hash.cost());
            nobody.guessed = false;
        }
        hash.clone()
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashPool")
    }
}

/// How many attempts wait at most.
const WAITING: usize = 64;

/// How long an attempt waits at most for its turn.
const PATIENCE: Duration = Duration::from_secs(1);
