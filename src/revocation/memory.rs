//! [`Revocations`]: a list in memory.

use super::{
    IssuerScope, RevocationCheck, RevokedBy,
    fingerprint::Fingerprints,
    table::{Entry, Table},
};
use crate::{
    Identity, Verdict,
    clock::{self, Clock, SystemClock},
    util::lane_lock::LaneLock,
};
use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Entries take about 40 bytes each.
const CAPACITY: usize = 1_000_000;

/// The longest that a verifier accepts a token beyond its expiry: the largest leeway there is.
const LEEWAY: Duration = Duration::from_secs(3600);

/// A list of revocations in memory. Clones share it.
///
/// It holds for this process, and until it ends: where several serve the same users, or tokens
/// outlive a restart, a shared store has to implement [`RevocationCheck`].
///
/// A revocation is kept until what it revokes would have expired anyway, a time that the caller
/// gives, and an hour longer, as the leeway of a verifier may let a token live on. Memory is
/// bounded by a [capacity](Self::with_capacity). A list that is full of live revocations refuses
/// the next one with an error rather than forget any: then it is for the caller to tell the user
/// that nothing was revoked, and to raise an alarm.
///
/// A check allocates nothing, and takes a lock that only threads of the same lane share for two or
/// three look-ups.
#[derive(Clone)]
pub struct Revocations {
    list: Arc<List>,
    clock: Arc<dyn Clock>,
}

struct List {
    names: Fingerprints,
    table: LaneLock<Table>,
}

impl Revocations {
    /// Nothing is revoked yet; there is room for a million entries.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Nothing is revoked yet; there is room for so many entries of about 40 bytes.
    #[must_use]
    pub fn with_capacity(entries: usize) -> Self {
        Self {
            list: Arc::new(List {
                names: Fingerprints::new(),
                table: LaneLock::new(Table::new(entries)),
            }),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the clock that decides what is no longer needed, for this handle and the clones made
    /// of it; the system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Revokes the credentials that this identity was established by, as a logout does.
    ///
    /// Its [`token_id`](Identity::token_id) is revoked within its own issuer, until it expires.
    ///
    /// # Errors
    ///
    /// If the identity has no token id, or there is no room.
    pub fn revoke(&self, identity: &Identity) -> Result<(), RevokeError> {
        let id = identity.token_id().ok_or(RevokeError::NoTokenId)?;
        let until = identity.expires_at().unwrap_or(clock::at(u64::MAX));
        self.insert(Entry::Token, identity.into(), id, until)
    }

    /// Revokes one token by its id (`jti`), which has to be remembered until the token expires.
    ///
    /// ```
    /// # use tower_auth::revocation::{Revocations, RevokeError};
    /// use tower_auth::revocation::IssuerScope;
    ///
    /// # let (revocations, expires_at) = (Revocations::new(), std::time::SystemTime::now());
    /// revocations.revoke_token("https://login.example.com/", "fe1d…", expires_at)?;
    /// revocations.revoke_token(IssuerScope::NO_ISSUER, "q9Zr4TbX01Lm", expires_at)?; // an API key
    /// # Ok::<(), RevokeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no room.
    pub fn revoke_token<'a>(
        &self,
        within: impl Into<IssuerScope<'a>>,
        token_id: &str,
        expires_at: SystemTime,
    ) -> Result<(), RevokeError> {
        self.insert(Entry::Token, within.into(), token_id, expires_at)
    }

    /// Revokes whatever the subject was issued at or before the cut-off, which is rounded up to
    /// the second; also what does not say when it was issued, such as an API key.
    ///
    /// It has to be remembered until the last of these expires: for the lifetime of a token
    /// after the cut-off. The cut-off of a subject only ever moves forward.
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # use tower_auth::{Identity, revocation::{Revocations, RevokeError}};
    /// fn log_out_everywhere(me: &Identity, revocations: &Revocations) -> Result<(), RevokeError> {
    ///     let now = SystemTime::now();
    ///     let last_expiry = now + Duration::from_secs(3600); // tokens live for an hour
    ///     revocations.revoke_subject(me, me.subject(), now, last_expiry)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no room.
    pub fn revoke_subject<'a>(
        &self,
        within: impl Into<IssuerScope<'a>>,
        subject: &str,
        cut_off: SystemTime,
        expires_at: SystemTime,
    ) -> Result<(), RevokeError> {
        let cut_off = seconds_up(cut_off);
        let within = within.into();
        let subject = within.subject(subject);
        self.insert(Entry::Subject { cut_off }, within, &subject, expires_at)
    }

    /// Revokes whatever belongs to a session (`sid`), which has to be remembered until the last
    /// of it expires.
    ///
    /// # Errors
    ///
    /// If there is no room.
    pub fn revoke_session<'a>(
        &self,
        within: impl Into<IssuerScope<'a>>,
        session_id: &str,
        expires_at: SystemTime,
    ) -> Result<(), RevokeError> {
        self.insert(Entry::Session, within.into(), session_id, expires_at)
    }

    /// Returns the number of entries, including some that are no longer needed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.table.read().len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(
        &self,
        entry: Entry,
        within: IssuerScope<'_>,
        name: &str,
        expires_at: SystemTime,
    ) -> Result<(), RevokeError> {
        let until = seconds_up(expires_at).saturating_add(LEEWAY.as_secs());
        // A clock that is broken reads as 1970 here, when nothing is over yet.
        let now = clock::seconds(self.clock.now());
        let name = self.list.names.of(within.issuer(), name);
        match self.list.table.write().insert(entry, name, until, now) {
            true => Ok(()),
            false => Err(RevokeError::Full),
        }
    }
}

impl List {
    fn check(&self, identity: &Identity) -> Result<(), RevokedBy> {
        let issuer = identity.own_issuer();
        let table = self.table.read();
        if !table.subjects.is_empty() {
            let cut_off = table
                .subjects
                .get(self.names.of(issuer, &identity.revocable_subject()));
            let issued_at = identity.issued_at().map(clock::seconds);
            // `None`, which is less than any time, is revoked by any cut-off.
            if cut_off.is_some_and(|cut_off| issued_at <= Some(cut_off)) {
                return Err(RevokedBy::Subject);
            }
        }
        let is_in = |entries: &super::table::Entries<()>, name: Option<&str>| {
            !entries.is_empty()
                && name.is_some_and(|name| entries.contains(self.names.of(issuer, name)))
        };
        if is_in(&table.tokens, identity.token_id()) {
            return Err(RevokedBy::Token);
        }
        if is_in(&table.sessions, identity.session_id()) {
            return Err(RevokedBy::Session);
        }
        Ok(())
    }
}

impl RevocationCheck for Revocations {
    fn check(&self, identity: &Identity) -> Verdict<()> {
        Verdict::ready(self.list.check(identity).map_err(Into::into))
    }
}

/// Whole seconds since 1970, rounded up: the stricter way for what is revoked.
fn seconds_up(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        let part = u64::from(since.subsec_nanos() > 0);
        since.as_secs().saturating_add(part)
    })
}

impl Default for Revocations {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revocations({} entries)", self.len())
    }
}

/// Why nothing was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeError {
    /// The list is full of revocations that are still needed.
    Full,
    /// The identity has no token id to revoke.
    NoTokenId,
}

impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "nothing was revoked: the list is full of revocations still needed",
            Self::NoTokenId => "nothing was revoked: the identity has no token id",
        })
    }
}

impl Error for RevokeError {}
