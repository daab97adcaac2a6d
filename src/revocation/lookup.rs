//! [`Lookup`]: the store that revocations are looked up in, and whether it has all of them.

use crate::{
    Rejection, clock,
    store::{self, EphemeralStore, Raise, Revocation},
    util::{digest::named, random},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// The time for which a filling is trusted. Each entry is kept for this much longer than it is
/// needed.
const SLACK: Duration = Duration::from_secs(24 * 3600);

/// The age of a filling at which the next one begins. Between this and [`SLACK`] the durable store
/// may be down without effect.
const FILLED_AGAIN_AFTER: Duration = Duration::from_secs(12 * 3600);

/// The pause before another filling may begin, and the pause after a read that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The largest number of entries that are raised at once.
const BATCH: usize = 250;

/// The lookup store of one process.
///
/// It is trusted only if it is certain to hold every revocation:
///
/// 1. A filling writes a mark with a random name first, then every revocation of the durable store.
///    It is valid if the mark is still there at the end, in the same
///    [history](store::BatchRead::history).
/// 2. Every request reads the mark together with its revocations. The mark is never written again.
///    A store that was emptied or restored does not have the mark. A store that was restarted or
///    replaced has another history.
/// 3. The mark lasts for [`SLACK`], and every entry lasts that much longer than it is needed. A
///    jump of the store's clock that removes an entry too early removes the mark, too.
/// 4. Entries are only ever raised, so that neither a filling nor a late writer undoes a
///    revocation.
/// 5. A revocation is written twice: as in doubt before the durable store has it, and as certain
///    after that. A reader of an entry in doubt asks the durable store. A process that ends between
///    the two writes leaves an entry in doubt behind, which is never wrong.
///
/// Each process fills the store for itself: when it starts, every twelve hours, and at its next
/// request after a revocation that it could not write.
pub(super) struct Lookup {
    store: Arc<dyn EphemeralStore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    filled: Option<Arc<Filled>>,
    /// The number of writes that have failed. A filling that was under way may lack their entries.
    failures: u64,
    is_filling: bool,
    not_before: Option<Instant>,
    /// The time after which one of all requests reads again. It is set while reads fail.
    read_again: Option<Instant>,
    /// Whether it was logged that the durable store is asked instead.
    is_logged: bool,
}

struct Filled {
    mark: String,
    history: Arc<str>,
    since: Instant,
}

impl Lookup {
    pub(super) fn new(store: impl EphemeralStore) -> Self {
        Self {
            store: Arc::new(store),
            state: Mutex::default(),
        }
    }

    /// Returns the values of these keys, or `None` unless the store is certain to have all
    /// revocations.
    pub(super) async fn read(&self, keys: &[&str]) -> Option<Vec<Option<Vec<u8>>>> {
        let filled = self.readable()?;
        let mut all = Vec::with_capacity(keys.len().saturating_add(1));
        all.push(filled.mark.as_str());
        all.extend_from_slice(keys);
        match self.store.read(&all).await {
            Ok(mut read) => {
                let is_whole = read.values.len() == all.len()
                    && read.values.first().is_some_and(Option::is_some)
                    && read.history == filled.history;
                if is_whole {
                    self.is_back();
                    return Some(read.values.split_off(1));
                }
                self.distrust(&filled);
                self.log_bypass(None);
            }
            // The store may be back in a moment, with all of its values.
            Err(rejection) => {
                self.state().read_again = Instant::now().checked_add(PAUSE);
                self.log_bypass(Some(&rejection));
            }
        }
        None
    }

    /// Returns the filling, if the store may be read. A store that hangs would make every request
    /// wait.
    fn readable(&self) -> Option<Arc<Filled>> {
        let mut state = self.state();
        let filled = state.filled.clone()?;
        if let Some(at) = state.read_again {
            let now = Instant::now();
            if now < at {
                return None;
            }
            state.read_again = now.checked_add(PAUSE);
        }
        Some(filled)
    }

    /// Writes revocations. A revocation has no effect if more is revoked already.
    ///
    /// If that fails, this process does not trust the store until it has filled it again. The
    /// filling writes the missing revocations.
    pub(super) async fn raise(
        &self,
        revocations: &[Revocation],
        now: SystemTime,
    ) -> Result<(), Rejection> {
        let raised = self.raise_as(Known::CERTAIN, revocations, now).await;
        raised.inspect_err(|_| {
            let mut state = self.state();
            state.failures = state.failures.wrapping_add(1);
            state.filled = None;
        })
    }

    /// Writes revocations as in doubt. The durable store is about to have them, or perhaps not.
    ///
    /// If that fails, the revocation continues: the write that follows is certain, or fails as
    /// well.
    pub(super) async fn doubt(&self, revocations: &[Revocation], now: SystemTime) {
        let _ = self.raise_as(Known::IN_DOUBT, revocations, now).await;
    }

    async fn raise_as(
        &self,
        certainty: u64,
        revocations: &[Revocation],
        now: SystemTime,
    ) -> Result<(), Rejection> {
        for batch in revocations.chunks(BATCH) {
            let entries: Vec<_> = batch.iter().map(|one| Entry::of(one, now)).collect();
            let raised: Vec<_> = entries.iter().map(|one| one.raise(certainty)).collect();
            self.store.raise(&raised).await?;
        }
        Ok(())
    }

    /// Begins a filling, if one is due and none is under way.
    pub(super) fn begin_if_due(self: &Arc<Self>) -> Option<Filling> {
        let mut state = self.state();
        let is_due = match &state.filled {
            Some(filled) => filled.since.elapsed() >= FILLED_AGAIN_AFTER,
            None => true,
        };
        let may = state.not_before.is_none_or(|at| Instant::now() >= at);
        if !is_due || !may || state.is_filling {
            return None;
        }
        state.is_filling = true;
        Some(Filling(Arc::clone(self)))
    }

    /// Begins a filling by writing its mark.
    pub(super) async fn mark(&self) -> Result<Mark, Rejection> {
        let since = Instant::now();
        let failures = self.state().failures;
        let random = random::hex().map_err(Rejection::unavailable)?;
        let key = format!("revoked/filled/{random}");
        self.store.put(&key, b"", SLACK).await?;
        let history = self.history(&key).await?;
        let filled = Filled {
            mark: key,
            history,
            since,
        };
        Ok(Mark { filled, failures })
    }

    /// Trusts the store from now on, if it has lost nothing since the mark was written.
    pub(super) async fn filled(&self, mark: Mark) -> Result<(), Rejection> {
        let Mark { filled, failures } = mark;
        if self.history(&filled.mark).await? != filled.history {
            return Err(lost());
        }
        {
            let mut state = self.state();
            if state.failures != failures {
                return Err(lost());
            }
            state.filled = Some(Arc::new(filled));
        }
        self.is_back();
        Ok(())
    }

    fn is_back(&self) {
        let was_logged = {
            let mut state = self.state();
            state.read_again = None;
            std::mem::take(&mut state.is_logged)
        };
        // A subscriber may be slow, so no lock is held.
        if was_logged {
            log_back();
        }
    }

    /// Returns the history of the store, which must have this mark.
    async fn history(&self, mark: &str) -> Result<Arc<str>, Rejection> {
        let read = self.store.read(&[mark]).await?;
        match read.values.first() {
            Some(Some(_)) => Ok(read.history),
            _ => Err(lost()),
        }
    }

    fn distrust(&self, filled: &Arc<Filled>) {
        let mut state = self.state();
        state.filled.take_if(|known| Arc::ptr_eq(filled, known));
    }

    fn log_bypass(&self, rejection: Option<&Rejection>) {
        if !std::mem::replace(&mut self.state().is_logged, true) {
            log_bypass(rejection);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost() -> Rejection {
    Rejection::unavailable("the lookup store of revocations has lost values while it was filled")
}

fn log_bypass(rejection: Option<&Rejection>) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        error = rejection.and_then(std::error::Error::source).map(tracing::field::display),
        "the lookup store of revocations has failed or lost values; the durable store is asked instead"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = rejection;
}

fn log_back() {
    #[cfg(feature = "tracing")]
    tracing::info!(target: "tower_auth", "the lookup store of revocations is used again");
}

/// The state of a filling that has begun and not ended.
pub(super) struct Mark {
    filled: Filled,
    failures: u64,
}

/// The permit for the one filling of this process. The next filling may begin when the permit is
/// dropped.
pub(super) struct Filling(Arc<Lookup>);

impl Drop for Filling {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_filling = false;
        state.not_before = Instant::now().checked_add(PAUSE);
    }
}

/// The key of a revoked subject. Earlier builds have written `revoked/u` in a form that compares as
/// larger than any number.
pub(super) fn subject_key(issuer: &str, subject: &str) -> String {
    named("revoked/a", issuer, subject)
}

/// The key of a subject whose sessions are ended.
pub(super) fn sessions_key(issuer: &str, subject: &str) -> String {
    named("revoked/b", issuer, subject)
}

/// The key of a revoked token.
pub(super) fn token_key(issuer: &str, id: &str) -> String {
    named("revoked/t", issuer, id)
}

/// The key of a revoked session.
pub(super) fn session_key(issuer: &str, id: &str) -> String {
    named("revoked/s", issuer, id)
}

/// The entry of a key in the lookup store.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// The time up to which the key is revoked; 0 for tokens and for sessions.
    pub(super) number: u64,
    /// Whether the entry is in doubt: the durable store may not have the revocation.
    pub(super) in_doubt: bool,
}

impl Known {
    // The last bit of a value. A certain entry is therefore larger than the same entry in doubt.
    const IN_DOUBT: u64 = 0;
    const CERTAIN: u64 = 1;

    /// Reads a value of the lookup store. A value that cannot be read revokes everything.
    pub(super) fn read(value: &[u8]) -> Self {
        let text = std::str::from_utf8(value).ok();
        let value = text.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        Self {
            number: value / 2,
            in_doubt: value % 2 == Self::IN_DOUBT,
        }
    }
}

/// A revocation as a value of the lookup store.
struct Entry {
    key: String,
    number: u64,
    lifetime: Duration,
}

impl Entry {
    fn of(revocation: &Revocation, now: SystemTime) -> Self {
        let (key, number, until) = match revocation {
            Revocation::Token { issuer, id, until } => (token_key(issuer, id), 0, until),
            Revocation::Session { issuer, id, until } => (session_key(issuer, id), 0, until),
            Revocation::Subject {
                issuer,
                subject,
                cut_off,
                until,
            } => (
                subject_key(issuer, subject),
                clock::seconds(*cut_off),
                until,
            ),
            Revocation::Sessions {
                issuer,
                subject,
                begun,
                until,
            } => (sessions_key(issuer, subject), *begun, until),
        };
        let needed = until.duration_since(now).unwrap_or_default();
        let lifetime = needed.min(store::CUT_OFF_RETENTION).saturating_add(SLACK);
        Self {
            key,
            number,
            lifetime,
        }
    }

    fn raise(&self, certainty: u64) -> Raise<'_> {
        Raise {
            key: &self.key,
            number: self.number.saturating_mul(2).saturating_add(certainty),
            lifetime: self.lifetime,
        }
    }
}
