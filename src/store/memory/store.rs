//! [`MemoryStore`]: everything in memory, for tests and small tools.

use crate::{
    Rejection, Verdict,
    clock::{Clock, SystemClock},
    store::{Account, ApiKeyRecord, RefreshTokenFamily},
};
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// The largest number of short-lived values.
const CAPACITY: usize = 1_000_000;

/// Keeps everything in memory, and for as long as the process lives. Clones share it.
///
/// For tests and small tools: one server only, and a restart forgets all. Short-lived values are
/// bounded to a million; a store that is full of live ones is
/// [`Unavailable`](crate::RejectionKind::Unavailable) for further ones rather than forget any.
#[derive(Clone)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    pub(super) clock: Arc<dyn Clock>,
}

/// An issuer, and something that is unique within it.
pub(super) type Within = (String, String);

#[derive(Default)]
pub(super) struct Tables {
    pub(super) accounts: HashMap<Within, Account>,
    /// Subjects by name.
    pub(super) names: HashMap<Within, String>,
    pub(super) keys: HashMap<[u8; 32], ApiKeyRecord>,
    pub(super) key_ids: HashMap<String, [u8; 32]>,
    pub(super) families: HashMap<String, RefreshTokenFamily>,
    pub(super) tokens: HashMap<Within, SystemTime>,
    pub(super) sessions: HashMap<Within, SystemTime>,
    pub(super) subjects: HashMap<Within, Subject>,
    pub(super) values: HashMap<String, Value>,
    sweep_at: usize,
}

/// The revocations of one subject.
pub(super) struct Subject {
    pub(super) cut_off: Option<SystemTime>,
    pub(super) begun: Option<u64>,
    pub(super) until: SystemTime,
}

pub(super) struct Value {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
    pub(super) until: SystemTime,
}

impl Value {
    /// Returns the value. That of a counter is its digits, as in the other stores.
    pub(super) fn read(&mut self) -> Vec<u8> {
        match self.count {
            0 => self.bytes.clone(),
            count => count.to_string().into_bytes(),
        }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tables: Arc::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the clock by which short-lived values end; the system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Forgets every short-lived value, as a server does that was restarted, for tests.
    pub fn clear(&self) {
        self.tables().values.clear();
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn within(issuer: &str, name: &str) -> Within {
    (issuer.to_owned(), name.to_owned())
}

pub(super) fn ready<T>(value: T) -> Verdict<T> {
    Verdict::ready(Ok(value))
}

impl Tables {
    pub(super) fn key_mut(&mut self, id: &str) -> Option<&mut ApiKeyRecord> {
        self.keys.get_mut(self.key_ids.get(id)?)
    }

    pub(super) fn own_key(
        &mut self,
        issuer: &str,
        subject: &str,
        id: &str,
    ) -> Option<&mut ApiKeyRecord> {
        self.key_mut(id)
            .filter(|key| key.issuer == issuer && key.subject == subject)
    }

    /// Ends the families that match, and returns when the last of them began.
    pub(super) fn end_families(
        &mut self,
        until: SystemTime,
        are: impl Fn(&RefreshTokenFamily) -> bool,
    ) -> u64 {
        let mut begun = 0;
        for family in self.families.values_mut().filter(|family| are(family)) {
            begun = begun.max(family.begun);
            if !family.ended {
                family.ended = true;
                family.ends_at = family.ends_at.min(until);
            }
        }
        begun
    }

    pub(super) fn end_family(&mut self, issuer: &str, id: &str, until: SystemTime) {
        let family = self.families.get_mut(id);
        if let Some(family) = family.filter(|family| family.issuer == issuer) {
            family.ended = true;
            family.ends_at = family.ends_at.min(until);
        }
        extend(&mut self.sessions, within(issuer, id), until);
    }

    pub(super) fn revoke_subject(&mut self, subject: Within, new: Subject) {
        match self.subjects.entry(subject) {
            Entry::Vacant(vacant) => {
                vacant.insert(new);
            }
            Entry::Occupied(mut kept) => {
                let kept = kept.get_mut();
                kept.cut_off = kept.cut_off.max(new.cut_off);
                kept.begun = kept.begun.max(new.begun);
                kept.until = kept.until.max(new.until);
            }
        }
    }

    pub(super) fn token_rows(&self) -> usize {
        [
            self.families.len(),
            self.tokens.len(),
            self.sessions.len(),
            self.subjects.len(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    pub(super) fn value(&mut self, key: &str, now: SystemTime) -> Option<&mut Value> {
        self.values.get_mut(key).filter(|value| value.until > now)
    }

    pub(super) fn keep(
        &mut self,
        key: &str,
        bytes: &[u8],
        count: u64,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<(), Rejection> {
        if self.values.len() >= self.sweep_at {
            self.values.retain(|_, value| value.until > now);
            self.sweep_at = self.values.len().saturating_mul(2).max(1024);
        }
        if self.values.len() >= CAPACITY && !self.values.contains_key(key) {
            return Err(Rejection::unavailable(
                "the store is full of short-lived values",
            ));
        }
        let until = now.checked_add(lifetime).ok_or_else(|| {
            Rejection::unavailable("a short-lived value cannot be kept for that long")
        })?;
        let bytes = bytes.to_vec();
        self.values.insert(
            key.to_owned(),
            Value {
                bytes,
                count,
                until,
            },
        );
        Ok(())
    }
}

pub(super) fn extend(table: &mut HashMap<Within, SystemTime>, name: Within, until: SystemTime) {
    let kept = table.entry(name).or_insert(until);
    *kept = (*kept).max(until);
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore")
    }
}
