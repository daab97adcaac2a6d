//! [`SharedRevocations`]: a list that servers share.

use super::{Cause, Revoked};
use crate::{
    Clock, Identity, Rejection, SystemClock, Verdict, clock,
    store::{self, Names, Read, Revocation, ShortLived, TokenStore},
};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What is revoked, in a [store](crate::store) that servers share.
///
/// The durable store knows, and survives restarts. It is asked about every request, unless
/// revocations are [looked up elsewhere](Self::looked_up_in), in memory that servers share. Then
///
/// 1. a revocation is written to the durable store first, and revoking fails unless it is in
///    both: once it has answered, every server refuses what is revoked;
/// 2. a store that has lost something (it was emptied, restarted or replaced) is not believed
///    that nothing is revoked: the answer is 503, until the first who notices has filled it from
///    the durable one again.
///
/// What is asked about has an issuer: what has none is within the issuer `""`.
#[derive(Clone)]
pub struct SharedRevocations {
    durable: Arc<dyn TokenStore>,
    quick: Option<Arc<dyn ShortLived>>,
    clock: Arc<dyn Clock>,
}

impl SharedRevocations {
    /// Revocations in this store.
    #[must_use]
    pub fn new(durable: impl TokenStore) -> Self {
        Self {
            durable: Arc::new(durable),
            quick: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Looks revocations up in this store, which is quicker than the durable one.
    #[must_use]
    pub fn looked_up_in(mut self, quick: impl ShortLived) -> Self {
        self.quick = Some(Arc::new(quick));
        self
    }

    /// Tells the time, which says for how long a revocation is still needed. Default:
    /// [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    #[cfg_attr(not(feature = "issue"), allow(dead_code))]
    pub(crate) fn with_shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Revokes, on all servers.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached: nobody
    /// knows whether it is done, and it may be tried again.
    pub async fn revoke(&self, revocation: Revocation) -> Result<(), Rejection> {
        self.durable.revoke(&revocation).await?;
        self.spread(revocation).await
    }

    /// What is written durably already, to where it is looked up.
    pub(crate) async fn spread(&self, revocation: Revocation) -> Result<(), Rejection> {
        let Some(quick) = &self.quick else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut entry = Entry::of(&revocation, now);
        loop {
            quick.put(&entry.key, &entry.value, entry.lifetime).await?;
            // Of two cut-offs that are spread at once the later one has to remain. Whoever puts
            // last has read, after that, what both had written.
            let Revocation::Subject {
                issuer,
                subject,
                until,
                ..
            } = &revocation
            else {
                return Ok(());
            };
            let names = Names {
                issuer,
                subject,
                token: None,
                session: None,
            };
            let latest = self.durable.revoked(names).await?.cut_off;
            let value = latest.map(seconds_text).unwrap_or_default();
            if value <= entry.value || value.is_empty() {
                return Ok(());
            }
            entry.value = value;
            entry.lifetime = lifetime(*until, now);
        }
    }

    /// Fills the quick store from the durable one, as at start-up; done by itself where it is
    /// noticed that something is missing.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if one of them cannot be reached, or
    /// the quick one has lost something meanwhile.
    pub async fn fill(&self) -> Result<(), Rejection> {
        let Some(quick) = &self.quick else {
            return Ok(());
        };
        let mark = quick.begin_filling().await?;
        let now = self.clock.now();
        for revocation in self.durable.revocations(now).await? {
            let entry = Entry::of(&revocation, now);
            // What is there already is as new or newer.
            quick.add(&entry.key, &entry.value, entry.lifetime).await?;
        }
        match quick.complete(&mark).await? {
            true => Ok(()),
            false => Err(Rejection::unavailable(
                "the store of revocations has lost them while it was filled",
            )),
        }
    }

    async fn ask_quick(
        self,
        quick: Arc<dyn ShortLived>,
        keys: [Option<String>; 3],
        issued_at: Option<u64>,
    ) -> Result<(), Rejection> {
        let asked: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
        let mut read = quick.read(&asked).await?;
        if !read.complete {
            self.fill().await?;
            read = quick.read(&asked).await?;
            if !read.complete {
                return Err(Rejection::unavailable(
                    "the store of revocations does not know them all",
                ));
            }
        }
        judge_read(&keys, read, issued_at)
    }
}

/// In the order subject, token, session.
fn judge_read(
    keys: &[Option<String>; 3],
    read: Read,
    issued_at: Option<u64>,
) -> Result<(), Rejection> {
    let mut values = read.values.into_iter();
    let mut value = |key: &Option<String>| key.as_ref().and_then(|_| values.next().flatten());
    let [subject, token, session] = keys;
    let (subject, token, session) = (value(subject), value(token), value(session));
    // A value that nobody can read revokes all.
    let cut_off = subject.map(|value| {
        let text = std::str::from_utf8(&value).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
    });
    judge(cut_off, token.is_some(), session.is_some(), issued_at).map_err(Into::into)
}

fn judge(
    cut_off: Option<u64>,
    token: bool,
    session: bool,
    issued_at: Option<u64>,
) -> Result<(), Cause> {
    // `None`, which is less than any time, is revoked by any cut-off.
    if cut_off.is_some_and(|cut_off| issued_at <= Some(cut_off)) {
        return Err(Cause::Subject);
    }
    match (token, session) {
        (true, _) => Err(Cause::Token),
        (_, true) => Err(Cause::Session),
        _ => Ok(()),
    }
}

fn judge_durable(revoked: store::Revoked, issued_at: Option<u64>) -> Result<(), Rejection> {
    let cut_off = revoked.cut_off.map(clock::seconds);
    judge(cut_off, revoked.token, revoked.session, issued_at).map_err(Into::into)
}

impl Revoked for SharedRevocations {
    fn check(&self, identity: &Identity) -> Verdict<()> {
        let issuer = identity.own_issuer().unwrap_or_default();
        let issued_at = identity.issued_at().map(clock::seconds);
        if let Some(quick) = &self.quick {
            let token = identity.token_id();
            let keys = [
                Some(key("u", issuer, identity.subject())),
                token.map(|token| key("t", issuer, token)),
                identity.session_id().map(|id| key("s", issuer, id)),
            ];
            let asked = self.clone().ask_quick(Arc::clone(quick), keys, issued_at);
            return Verdict::pending(asked);
        }
        let names = Names {
            issuer,
            subject: identity.subject(),
            token: identity.token_id(),
            session: identity.session_id(),
        };
        match self.durable.revoked(names).now() {
            Ok(revoked) => {
                Verdict::ready(revoked.and_then(|revoked| judge_durable(revoked, issued_at)))
            }
            Err(pending) => {
                Verdict::pending(async move { judge_durable(pending.await?, issued_at) })
            }
        }
    }
}

/// A revocation as a short-lived value.
struct Entry {
    key: String,
    value: Vec<u8>,
    lifetime: Duration,
}

impl Entry {
    fn of(revocation: &Revocation, now: SystemTime) -> Self {
        match revocation {
            Revocation::Token { issuer, id, until } => Self {
                key: key("t", issuer, id),
                value: b"1".to_vec(),
                lifetime: lifetime(*until, now),
            },
            Revocation::Session { issuer, id, until } => Self {
                key: key("s", issuer, id),
                value: b"1".to_vec(),
                lifetime: lifetime(*until, now),
            },
            Revocation::Subject {
                issuer,
                subject,
                cut_off,
                until,
            } => Self {
                key: key("u", issuer, subject),
                value: seconds_text(*cut_off),
                lifetime: lifetime(*until, now),
            },
        }
    }
}

/// Of one length, so that the later one is the greater text.
fn seconds_text(time: SystemTime) -> Vec<u8> {
    format!("{:020}", clock::seconds(time)).into_bytes()
}

fn lifetime(until: SystemTime, now: SystemTime) -> Duration {
    let left = until.duration_since(now).unwrap_or_default();
    left.max(Duration::from_secs(1))
}

/// A name of a fixed size: what an issuer has named may be as long as a token.
fn key(kind: &str, issuer: &str, name: &str) -> String {
    let mut digest = Sha256::new();
    digest.update((issuer.len() as u64).to_le_bytes());
    digest.update(issuer);
    digest.update(name);
    let digest = digest.finalize();
    let mut key = format!("revoked/{kind}/");
    for byte in digest.iter().take(16) {
        key.push_str(&format!("{byte:02x}"));
    }
    key
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRevocations")
    }
}
