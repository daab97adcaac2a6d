//! [`MemoryStore`]: everything in memory, for tests and small tools.

use super::{
    Account, AccountStore, ApiKeyRecord, ApiKeyStore, CUT_OFF_LASTS, Family, NEAR_CUT_OFF, Names,
    Read, Revocation, Revoked, Rotation, ShortLived, TokenStore,
};
use crate::{Clock, Rejection, SystemClock, Verdict};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// How many short-lived values there may be.
const CAPACITY: usize = 1_000_000;

/// Keeps everything in memory, and for as long as the process lives. Clones share it.
///
/// For tests and small tools: one server only, and a restart forgets all. Short-lived values are
/// bounded to a million; a store that is full of live ones is
/// [`Unavailable`](crate::RejectionKind::Unavailable) for further ones rather than forget any.
#[derive(Clone)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    clock: Arc<dyn Clock>,
}

/// An issuer, and something that is unique within it.
type Within = (String, String);

#[derive(Default)]
struct Tables {
    accounts: HashMap<Within, Account>,
    /// Subjects by name.
    names: HashMap<Within, String>,
    keys: HashMap<[u8; 32], ApiKeyRecord>,
    key_ids: HashMap<String, [u8; 32]>,
    families: HashMap<String, Family>,
    tokens: HashMap<Within, SystemTime>,
    sessions: HashMap<Within, SystemTime>,
    /// Cut-offs, and until when they are needed.
    subjects: HashMap<Within, (SystemTime, SystemTime)>,
    values: HashMap<String, Value>,
    sweep_at: usize,
    complete: bool,
}

struct Value {
    bytes: Vec<u8>,
    count: u64,
    until: SystemTime,
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
        let mut tables = self.tables();
        tables.values.clear();
        tables.complete = false;
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn within(issuer: &str, name: &str) -> Within {
    (issuer.to_owned(), name.to_owned())
}

fn ready<T>(value: T) -> Verdict<T> {
    Verdict::ready(Ok(value))
}

impl AccountStore for MemoryStore {
    fn add_account(&self, account: &Account) -> Verdict<bool> {
        let mut tables = self.tables();
        let name = within(&account.issuer, &account.name);
        let key = within(&account.issuer, &account.subject);
        if tables.names.contains_key(&name) || tables.accounts.contains_key(&key) {
            return ready(false);
        }
        tables.names.insert(name, account.subject.clone());
        tables.accounts.insert(key, account.clone());
        ready(true)
    }

    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>> {
        let tables = self.tables();
        let subject = tables.names.get(&within(issuer, name));
        ready(subject.and_then(|subject| tables.accounts.get(&within(issuer, subject)).cloned()))
    }

    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>> {
        ready(
            self.tables()
                .accounts
                .get(&within(issuer, subject))
                .cloned(),
        )
    }

    fn set_password_hash(
        &self,
        issuer: &str,
        subject: &str,
        old: Option<&str>,
        new: &str,
    ) -> Verdict<bool> {
        let mut tables = self.tables();
        let account = tables.accounts.get_mut(&within(issuer, subject));
        let account = account.filter(|account| account.password_hash.as_deref() == old);
        ready(
            account
                .map(|account| account.password_hash = Some(new.to_owned()))
                .is_some(),
        )
    }

    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool> {
        let mut tables = self.tables();
        let account = tables.accounts.get_mut(&within(issuer, subject));
        ready(
            account
                .map(|account| account.roles = roles.to_vec())
                .is_some(),
        )
    }

    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool> {
        let mut tables = self.tables();
        let account = tables.accounts.get_mut(&within(issuer, subject));
        ready(account.map(|account| account.enabled = enabled).is_some())
    }

    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool> {
        let mut tables = self.tables();
        let Some(account) = tables.accounts.remove(&within(issuer, subject)) else {
            return ready(false);
        };
        tables.names.remove(&within(issuer, &account.name));
        ready(true)
    }
}

impl ApiKeyStore for MemoryStore {
    fn add_api_key(&self, key: &ApiKeyRecord) -> Verdict<bool> {
        let mut tables = self.tables();
        if tables.key_ids.contains_key(&key.id) || tables.keys.contains_key(&key.digest) {
            return ready(false);
        }
        tables.key_ids.insert(key.id.clone(), key.digest);
        tables.keys.insert(key.digest, key.clone());
        ready(true)
    }

    fn api_key(&self, digest: &[u8; 32]) -> Verdict<Option<ApiKeyRecord>> {
        ready(self.tables().keys.get(digest).cloned())
    }

    fn api_keys_of(&self, issuer: &str, subject: &str) -> Verdict<Vec<ApiKeyRecord>> {
        let tables = self.tables();
        let own = |key: &&ApiKeyRecord| key.issuer == issuer && key.subject == subject;
        let mut keys: Vec<_> = tables.keys.values().filter(own).cloned().collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        ready(keys)
    }

    fn expire_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        let mut tables = self.tables();
        let key = tables.own_key(issuer, subject, id);
        ready(
            key.map(|key| key.expires_at = Some(key.expires_at.map_or(at, |end| end.min(at))))
                .is_some(),
        )
    }

    fn revoke_api_key(
        &self,
        issuer: &str,
        subject: &str,
        id: &str,
        at: SystemTime,
    ) -> Verdict<bool> {
        let mut tables = self.tables();
        let key = tables.own_key(issuer, subject, id);
        ready(
            key.map(|key| {
                key.revoked_at.get_or_insert(at);
            })
            .is_some(),
        )
    }

    fn used_api_key(&self, id: &str, at: SystemTime) -> Verdict<()> {
        let mut tables = self.tables();
        if let Some(key) = tables.key_mut(id) {
            key.last_used_at = key.last_used_at.max(Some(at));
        }
        ready(())
    }
}

impl TokenStore for MemoryStore {
    fn begin_family(&self, family: &Family) -> Verdict<Option<SystemTime>> {
        let mut tables = self.tables();
        tables.families.insert(family.id.clone(), family.clone());
        let subject = within(&family.issuer, &family.subject);
        ready(tables.subjects.get(&subject).map(|(cut_off, _)| *cut_off))
    }

    fn family(&self, id: &str) -> Verdict<Option<Family>> {
        ready(self.tables().families.get(id).cloned())
    }

    fn rotate(&self, rotation: Rotation<'_>) -> Verdict<bool> {
        let mut tables = self.tables();
        let family = tables.families.get_mut(rotation.family);
        let family = family.filter(|family| !family.ended && family.current == *rotation.spent);
        ready(
            family
                .map(|family| {
                    family.current = *rotation.successor;
                    family.rotated_at = rotation.at;
                    family.expires_at = rotation.expires_at;
                })
                .is_some(),
        )
    }

    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()> {
        let mut tables = self.tables();
        let family = tables.families.get_mut(id);
        if let Some(family) = family.filter(|family| family.issuer == issuer) {
            family.ended = true;
        }
        extend(&mut tables.sessions, within(issuer, id), until);
        ready(())
    }

    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<Vec<String>> {
        let mut tables = self.tables();
        let near = cut_off.checked_sub(NEAR_CUT_OFF).unwrap_or(cut_off);
        let mut revoked = Vec::new();
        for family in tables.families.values_mut() {
            if family.issuer == issuer && family.subject == subject {
                family.ended = true;
                if family.rotated_at >= near {
                    revoked.push(family.id.clone());
                }
            }
        }
        for id in &revoked {
            extend(&mut tables.sessions, within(issuer, id), until);
        }
        let lasts = cut_off.checked_add(CUT_OFF_LASTS).unwrap_or(until);
        tables.cut_off(within(issuer, subject), cut_off, lasts.max(until));
        ready(revoked)
    }

    fn revoke(&self, revocation: &Revocation) -> Verdict<()> {
        let mut tables = self.tables();
        match revocation {
            Revocation::Token { issuer, id, until } => {
                extend(&mut tables.tokens, within(issuer, id), *until);
            }
            Revocation::Session { issuer, id, until } => {
                extend(&mut tables.sessions, within(issuer, id), *until);
            }
            Revocation::Subject {
                issuer,
                subject,
                cut_off,
                until,
            } => tables.cut_off(within(issuer, subject), *cut_off, *until),
        }
        ready(())
    }

    fn revoked(&self, names: Names<'_>) -> Verdict<Revoked> {
        let tables = self.tables();
        let is_in = |table: &HashMap<Within, SystemTime>, name: Option<&str>| {
            name.is_some_and(|name| table.contains_key(&within(names.issuer, name)))
        };
        let cut_off = tables.subjects.get(&within(names.issuer, names.subject));
        ready(Revoked {
            token: is_in(&tables.tokens, names.token),
            session: is_in(&tables.sessions, names.session),
            cut_off: cut_off.map(|(cut_off, _)| *cut_off),
        })
    }

    fn revocations(&self, now: SystemTime) -> Verdict<Vec<Revocation>> {
        let tables = self.tables();
        let needed = |until: &SystemTime| *until > now;
        let tokens = tables.tokens.iter().filter(|(_, until)| needed(until));
        let tokens = tokens.map(|((issuer, id), until)| Revocation::Token {
            issuer: issuer.clone(),
            id: id.clone(),
            until: *until,
        });
        let sessions = tables.sessions.iter().filter(|(_, until)| needed(until));
        let sessions = sessions.map(|((issuer, id), until)| Revocation::Session {
            issuer: issuer.clone(),
            id: id.clone(),
            until: *until,
        });
        let subjects = tables
            .subjects
            .iter()
            .filter(|(_, (_, until))| needed(until));
        let subjects = subjects.map(
            |((issuer, subject), (cut_off, until))| Revocation::Subject {
                issuer: issuer.clone(),
                subject: subject.clone(),
                cut_off: *cut_off,
                until: *until,
            },
        );
        ready(tokens.chain(sessions).chain(subjects).collect())
    }

    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64> {
        let mut tables = self.tables();
        let before = tables.token_rows();
        tables.families.retain(|_, family| family.ends_at > now);
        tables.tokens.retain(|_, until| *until > now);
        tables.sessions.retain(|_, until| *until > now);
        tables.subjects.retain(|_, (_, until)| *until > now);
        ready(before.saturating_sub(tables.token_rows()) as u64)
    }
}

impl ShortLived for MemoryStore {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        let now = self.clock.now();
        let mut tables = self.tables();
        if tables.value(key, now).is_some() {
            return ready(false);
        }
        Verdict::ready(tables.keep(key, value, 0, now, lifetime).map(|()| true))
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        let now = self.clock.now();
        Verdict::ready(self.tables().keep(key, value, 0, now, lifetime))
    }

    fn read(&self, keys: &[&str]) -> Verdict<Read> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut read = |key: &&str| tables.value(key, now).map(|value| value.bytes.clone());
        let values = keys.iter().map(&mut read).collect();
        ready(Read {
            values,
            complete: tables.complete,
        })
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        let now = self.clock.now();
        let taken = self.tables().values.remove(key);
        ready(
            taken
                .filter(|value| value.until > now)
                .map(|value| value.bytes),
        )
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        let now = self.clock.now();
        let mut tables = self.tables();
        if let Some(value) = tables.value(key, now) {
            value.count = value.count.saturating_add(1);
            return ready(value.count);
        }
        Verdict::ready(tables.keep(key, b"", 1, now, window).map(|()| 1))
    }

    fn begin_filling(&self) -> Verdict<String> {
        ready(String::new())
    }

    fn complete(&self, _: &str) -> Verdict<bool> {
        self.tables().complete = true;
        ready(true)
    }
}

impl Tables {
    fn key_mut(&mut self, id: &str) -> Option<&mut ApiKeyRecord> {
        self.keys.get_mut(self.key_ids.get(id)?)
    }

    fn own_key(&mut self, issuer: &str, subject: &str, id: &str) -> Option<&mut ApiKeyRecord> {
        self.key_mut(id)
            .filter(|key| key.issuer == issuer && key.subject == subject)
    }

    fn cut_off(&mut self, subject: Within, cut_off: SystemTime, until: SystemTime) {
        let kept = self.subjects.entry(subject).or_insert((cut_off, until));
        *kept = (kept.0.max(cut_off), kept.1.max(until));
    }

    fn token_rows(&self) -> usize {
        [
            self.families.len(),
            self.tokens.len(),
            self.sessions.len(),
            self.subjects.len(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    fn value(&mut self, key: &str, now: SystemTime) -> Option<&mut Value> {
        self.values.get_mut(key).filter(|value| value.until > now)
    }

    fn keep(
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

fn extend(table: &mut HashMap<Within, SystemTime>, name: Within, until: SystemTime) {
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
