//! Limits the number of wrong passwords that may be tried for one name.

use crate::{
    ConfigError, Rejection,
    store::{Counted, EphemeralStore, MemoryStore, to_its_end},
    util::{
        digest::{Digest, Keyed, named},
        random,
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use zeroize::Zeroizing;

/// Counts wrong passwords.
///
/// 1. A password is counted after its hash was computed and did not match. An attempt that could
///    not be checked (an outage, a full pool, a request that was dropped) is never counted. An
///    attempt that did not match is always counted, even if its request is dropped from then on. If
///    the store cannot be written, it is counted in the memory of this process. A correct password
///    is answered without a write, so the absence of an answer indicates that a password is wrong.
/// 2. An account has a counter of its own. Names without an account share 2^16 counters, chosen by
///    a keyed hash of the name, so that the number of counters is bounded by the number of
///    accounts.
/// 3. Names with and without an account are limited in the same way. For a name without an account,
///    the shared counter also holds failures of other such names. The same number is added to the
///    failures of an account. It is at most half of the limit, so that other clients cannot lock
///    accounts out by invented names. The window of an account's counter ends with that of the
///    shared counter.
/// 4. Passwords that are being checked are included in the limit, the same password once. Otherwise
///    any number of parallel guesses would be checked before the first of them is counted.
pub(super) struct Attempts {
    store: Arc<dyn EphemeralStore>,
    /// Failures that could not be counted in the store.
    uncounted: MemoryStore,
    limit: u64,
    window: Duration,
    /// The key of the digests of names and passwords in flight.
    keyed: Keyed,
    /// The key that chooses the shared counters. It is kept in the store, for every server that
    /// counts there.
    shared: OnceLock<Keyed>,
    /// The different passwords that are being checked for a name, the oldest first.
    in_flight: Mutex<HashMap<Digest, Vec<InFlight>>>,
}

struct InFlight {
    password: Digest,
    requests: usize,
}

impl Attempts {
    pub(super) fn new(
        store: Arc<dyn EphemeralStore>,
        limit: u64,
        window: Duration,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            store,
            uncounted: MemoryStore::new(),
            limit,
            window,
            keyed: Keyed::new()?,
            shared: OnceLock::new(),
            in_flight: Mutex::default(),
        })
    }

    /// Returns these attempts with another store.
    pub(super) fn counted_in(&self, store: Arc<dyn EphemeralStore>) -> Self {
        Self {
            store,
            uncounted: MemoryStore::new(),
            limit: self.limit,
            window: self.window,
            keyed: self.keyed.clone(),
            shared: OnceLock::new(),
            in_flight: Mutex::default(),
        }
    }

    /// Returns these attempts with another limit.
    pub(super) fn limited(&self, limit: u64, window: Duration) -> Self {
        Self {
            limit,
            window,
            ..self.counted_in(Arc::clone(&self.store))
        }
    }

    /// Begins an attempt, which lasts until it is dropped.
    ///
    /// # Errors
    ///
    /// [`TooMany`](crate::RejectionKind::TooMany), if the number of passwords being checked for
    /// this name has reached the limit of failures.
    pub(super) fn begin(
        self: &Arc<Self>,
        issuer: &str,
        name: &str,
        password: &str,
    ) -> Result<Attempt, Rejection> {
        let own_name = self.keyed.digest([issuer.as_bytes(), name.as_bytes()]);
        let digest = self.keyed.digest([name.as_bytes(), password.as_bytes()]);
        let mut in_flight = self.in_flight();
        let passwords = in_flight.entry(own_name).or_default();
        let known = passwords.iter().position(|other| other.password == digest);
        let place = known.unwrap_or(passwords.len());
        match passwords.get_mut(place) {
            Some(same) => same.requests = same.requests.saturating_add(1),
            None if place as u64 >= self.limit => return Err(busy()),
            None => passwords.push(InFlight {
                password: digest,
                requests: 1,
            }),
        }
        Ok(Attempt {
            attempts: Arc::clone(self),
            own: named("login", issuer, name),
            name: own_name,
            password: digest,
            ahead: place as u64,
        })
    }

    /// Removes the recorded failures of an account.
    pub(super) async fn forget(&self, issuer: &str, name: &str) -> Result<(), Rejection> {
        let own = named("login", issuer, name);
        self.store.take(&own).await?;
        self.uncounted.take(&own).await.map(drop)
    }

    /// Returns the failures of these counters, including those that could not be counted in the
    /// store.
    async fn failures<const N: usize>(
        &self,
        keys: [&str; N],
    ) -> Result<[Option<Counted>; N], Rejection> {
        let stored = self.store.counted(&keys).await?;
        let uncounted = self.uncounted.counted(&keys).await?;
        let mut both = stored.into_iter().zip(uncounted);
        Ok(keys.map(|_| {
            let (stored, uncounted) = both.next()?;
            let (Some(stored), Some(uncounted)) = (stored, uncounted) else {
                return stored.or(uncounted);
            };
            Some(Counted {
                count: stored.count.saturating_add(uncounted.count),
                ends_in: stored.ends_in.or(uncounted.ends_in),
            })
        }))
    }

    /// Returns the key of the counter that a name shares with others.
    async fn shared(&self, issuer: &str, name: &str) -> Result<String, Rejection> {
        let keyed = match self.shared.get() {
            Some(keyed) => keyed,
            // Every login reads the key itself. Behind a queue of logins that wait for a store that
            // hangs, a login would wait for the sum of their time-outs.
            None => {
                let key = self.shared_key().await?;
                self.shared.get_or_init(|| key)
            }
        };
        let digest = keyed.digest([issuer.as_bytes(), name.as_bytes()]);
        Ok(format!("login/shared/{:04x}", digest.start() as u16))
    }

    async fn shared_key(&self) -> Result<Keyed, Rejection> {
        // If several servers start at once, the key of the first one is used.
        let key = random::bytes::<32>().map_err(Rejection::unavailable)?;
        self.store.add(KEY, &*key, KEY_LASTS).await?;
        let kept = self.store.read(&[KEY]).await?.values.pop().flatten();
        let kept = kept.map(Zeroizing::new).filter(|kept| kept.len() >= 32);
        let kept = kept.ok_or_else(|| Rejection::unavailable("the key of counters was lost"))?;
        Keyed::with_key(&kept).map_err(Rejection::unavailable)
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<Digest, Vec<InFlight>>> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A password that is being checked.
pub(super) struct Attempt {
    attempts: Arc<Attempts>,
    /// The counter of an account with this name.
    own: String,
    name: Digest,
    password: Digest,
    /// The number of other passwords that were being checked for this name when this attempt began.
    ahead: u64,
}

/// The counter and the window that a permitted attempt is counted with if it fails.
pub(super) struct Permit {
    counter: String,
    window: Duration,
}

impl Attempt {
    /// Returns a permit if the password may be checked. `exists` is `true` if there is an account
    /// of this name.
    ///
    /// # Errors
    ///
    /// [`TooMany`](crate::RejectionKind::TooMany) until the window ends, or
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot answer.
    pub(super) async fn permit(
        &self,
        issuer: &str,
        name: &str,
        exists: bool,
    ) -> Result<Permit, Rejection> {
        let Attempts { limit, window, .. } = *self.attempts;
        let shared = self.attempts.shared(issuer, name).await?;
        let failures = self.attempts.failures([&self.own, &shared]).await?;
        let [of_name, of_others] = failures;
        let of_name = of_name.filter(|_| exists);
        let count = |counted: Option<Counted>| counted.map_or(0, |counted| counted.count);
        let failed = if exists {
            count(of_name).saturating_add(count(of_others).min(limit / 2))
        } else {
            count(of_others)
        };
        if failed >= limit {
            let ends = [of_name, of_others].map(|counted| counted?.ends_in);
            let ends = ends.into_iter().flatten().min().unwrap_or(window);
            return Err(too_many(ends));
        }
        if failed.saturating_add(self.ahead) >= limit {
            return Err(busy());
        }
        Ok(if exists {
            let ends = of_others.and_then(|counted| counted.ends_in);
            Permit {
                counter: self.own.clone(),
                window: ends.map_or(window, |ends| ends.min(window)),
            }
        } else {
            Permit {
                counter: shared,
                window,
            }
        })
    }

    /// Counts the password as wrong. The attempt is answered only after that. It is counted even if
    /// the caller goes away.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the failure cannot be counted in the
    /// store.
    pub(super) async fn failed(self, permit: Permit) -> Result<(), Rejection> {
        let Permit { counter, window } = permit;
        to_its_end(async move {
            let Attempts {
                store, uncounted, ..
            } = &*self.attempts;
            let counted = store.count(&counter, window).await;
            if counted.is_err() {
                uncounted.count(&counter, window).await?;
            }
            counted.map(drop)
        })
        .await
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut in_flight = self.attempts.in_flight();
        let Some(passwords) = in_flight.get_mut(&self.name) else {
            return;
        };
        passwords.retain_mut(|other| {
            if other.password == self.password {
                other.requests = other.requests.saturating_sub(1);
            }
            other.requests > 0
        });
        if passwords.is_empty() {
            in_flight.remove(&self.name);
        }
    }
}

fn too_many(ends_in: Duration) -> Rejection {
    // The time is sent in whole seconds, rounded up.
    let seconds = ends_in.as_nanos().div_ceil(1_000_000_000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    Rejection::too_many(Duration::from_secs(seconds)).with_detail(DETAIL)
}

/// Returns a rejection for one second, since the passwords that are being checked may be correct.
fn busy() -> Rejection {
    too_many(Duration::from_secs(1))
}

const DETAIL: &str = "too many logins have failed for this name";

/// The key that chooses among the shared counters.
const KEY: &str = "login/key";

/// The lifetime of the key: ten years.
const KEY_LASTS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
