//! [`KeyDocument`]: the key set of one issuer, as it is fetched and stored.

use super::{
    failure::Failure,
    flight::{At, Fetched, Known, SetError, Target},
    log,
    published::Published,
};
use crate::{
    clock::{self, Clock},
    fetch::on_demand::{Document, Ended, Outcome},
    jwt::{KeySet, source::Snapshot},
    observe::outage::Outage,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The times that limit the use of sets.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    /// The time between the starts of two fetches that tokens cause.
    pub(super) cooldown: Duration,
    /// The lifetime of a set for which the issuer does not state one.
    pub(super) lifetime: Duration,
    /// The bounds of a lifetime that an issuer states.
    pub(super) bounds: (Duration, Duration),
    /// The time after its last fetch for which a set may be used.
    pub(super) stale_limit: Duration,
}

impl Timing {
    /// Returns the lifetime of a set, given the lifetime that the issuer states.
    fn lifetime(&self, said: Option<Duration>) -> Duration {
        let (least, most) = self.bounds;
        said.map_or(self.lifetime, |said| said.clamp(least, most))
    }

    /// Returns the time for which a set of this lifetime may be used without another fetch.
    fn good_for(&self, lifetime: Duration) -> Duration {
        lifetime.max(self.stale_limit)
    }
}

/// The keys that an issuer publishes.
pub(super) struct KeyDocument {
    target: Target,
    timing: Timing,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    published: Published<Snapshot>,
    /// The time of the last fetch, in seconds since 1970; 0 before the first.
    fetched_at: AtomicU64,
    /// The start of the fetch of the current set. The set may lack younger keys.
    as_of: AtomicU64,
    outage: Outage,
}

/// The result of a fetch.
pub(super) struct FetchResult {
    result: Result<Fetched, SetError>,
    known: Known,
    started: u64,
}

impl KeyDocument {
    pub(super) fn new(target: Target, timing: Timing, clock: Arc<dyn Clock>) -> Self {
        Self {
            target,
            timing,
            clock,
            known: Mutex::default(),
            published: Published::new(Snapshot {
                keys: KeySet::of([]),
                generation: 0,
            }),
            fetched_at: AtomicU64::new(0),
            as_of: AtomicU64::new(0),
            outage: Outage::new(),
        }
    }

    /// Publishes a set, if it differs from the current one; `None` stands for the current set.
    /// Returns the set if it is new.
    fn publish(&self, keys: Option<KeySet>, lifetime: Duration) -> Option<Arc<Snapshot>> {
        let now = self.now();
        let is_first = self.fetched_at.swap(now, Ordering::Relaxed) == 0;
        // Only one fetch at a time publishes, so the set does not change in between.
        let current = self.snapshot();
        let mut changed = None;
        if let Some(keys) = keys
            && (is_first || !current.keys.is_same(&keys))
        {
            let generation = current.generation.wrapping_add(1);
            self.published
                .replace(Snapshot { keys, generation }, generation);
            changed = Some(self.published.current());
        }
        // This must be the last write: see `source`.
        let good_for = self.timing.good_for(lifetime).as_secs();
        self.published.extend(now.saturating_add(good_for));
        changed
    }

    fn failed(&self, SetError(failure, cause): SetError) -> (Outcome, Box<dyn FnOnce() + '_>) {
        self.known().in_doubt = true;
        let reason = failure.as_str();
        let report = move || {
            let cause = cause.as_ref().map(|cause| cause as &dyn std::error::Error);
            log::failed(&self.name(), reason, cause, &self.outage);
        };
        (Outcome::Failed(reason), Box::new(report))
    }

    pub(super) fn generation(&self) -> u64 {
        self.published.generation()
    }

    pub(super) fn good_until(&self) -> u64 {
        self.published.good_until()
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.published.current()
    }

    /// Returns the age of the set.
    pub(super) fn age(&self) -> Option<Duration> {
        match self.fetched_at.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Duration::from_secs(self.now().saturating_sub(at))),
        }
    }

    /// Returns the start of the fetch of the current set, in seconds since 1970.
    pub(super) fn as_of(&self) -> u64 {
        self.as_of.load(Ordering::Relaxed)
    }

    pub(super) fn is_good(&self) -> bool {
        self.now() < self.good_until()
    }

    /// Returns the name of the issuer for logs.
    pub(super) fn name(&self) -> String {
        match &self.target.at {
            At::Metadata { issuer, .. } => issuer.to_string(),
            At::Url(url) => url.to_string(),
        }
    }

    fn now(&self) -> u64 {
        clock::now(&*self.clock)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Document for KeyDocument {
    type Fetched = FetchResult;

    async fn fetch(&self) -> FetchResult {
        let started = self.now();
        let mut known = self.known().clone();
        let result = self.target.fetch(&mut known).await;
        FetchResult {
            result,
            known,
            started,
        }
    }

    fn finish(&self, ended: Ended<FetchResult>) -> (Outcome, Box<dyn FnOnce() + '_>) {
        let outcome = match ended {
            Ended::Fetched(outcome) => outcome,
            Ended::TimedOut => return self.failed(Failure::TimedOut.into()),
            Ended::Panicked => return self.failed(Failure::Panicked.into()),
            Ended::Abandoned => return self.failed(Failure::Abandoned.into()),
            Ended::NoRuntime => return self.failed(Failure::NoRuntime.into()),
        };
        let FetchResult {
            result,
            mut known,
            started,
        } = outcome;
        let fetched = match result {
            Ok(fetched) => fetched,
            Err(error) => {
                *self.known() = known;
                return self.failed(error);
            }
        };
        // An empty set of an issuer that had keys is a withdrawal. An issuer that never had any is
        // starting.
        let is_empty = |keys: &KeySet| keys.keys().next().is_none();
        if self.age().is_none()
            && let Some(keys) = fetched.keys.as_ref().filter(|keys| is_empty(keys))
        {
            let skipped_keys = keys.skipped_keys().to_vec();
            known.forget_version();
            *self.known() = known;
            let (outcome, report) = self.failed(Failure::Empty.into());
            let report = move || {
                report();
                crate::jwt::log::keys_left_out(&skipped_keys);
            };
            return (outcome, Box::new(report));
        }
        *self.known() = known;
        self.as_of.store(started, Ordering::Relaxed);
        let lifetime = self.timing.lifetime(fetched.lifetime);
        let changed = self.publish(fetched.keys, lifetime);
        let report = move || {
            log::fetched(&self.name(), &self.outage);
            if let Some(set) = changed {
                log::changed(&self.name(), &set.keys);
            }
        };
        (Outcome::Fetched(lifetime), Box::new(report))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn lifetimes_are_kept_within_bounds() {
        let minute = Duration::from_secs(60);
        let timing = Timing {
            cooldown: minute / 2,
            lifetime: HOUR,
            bounds: (minute, 24 * HOUR),
            stale_limit: 24 * HOUR,
        };
        assert_eq!(timing.lifetime(None), HOUR);
        assert_eq!(timing.lifetime(Some(Duration::ZERO)), minute);
        assert_eq!(timing.lifetime(Some(10 * minute)), 10 * minute);
        assert_eq!(timing.lifetime(Some(Duration::MAX)), 24 * HOUR);
        assert_eq!(timing.good_for(HOUR), 24 * HOUR);
        assert_eq!(timing.good_for(48 * HOUR), 48 * HOUR);
    }
}
