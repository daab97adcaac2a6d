//! [`SharedRevocations`]: a list that servers share.

use super::{Cause, Revoked};
use crate::{
    Clock, Identity, Rejection, SystemClock, Verdict, clock,
    digest::named,
    store::{self, Names, Read, Revocation, ShortLived, TokenStore},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

/// How often a revocation is put that others overwrite.
const TRIES: usize = 16;

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
/// 3. a revocation only ever grows, in both: neither its cut-off nor its end moves back.
///
/// What is asked about has an issuer: what has none is within the issuer `""`.
#[derive(Clone)]
pub struct SharedRevocations {
    durable: Arc<dyn TokenStore>,
    quick: Option<Arc<dyn ShortLived>>,
    filling: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

impl SharedRevocations {
    /// Revocations in this store.
    #[must_use]
    pub fn new(durable: impl TokenStore) -> Self {
        Self {
            durable: Arc::new(durable),
            quick: None,
            filling: Arc::default(),
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
        let mut entry = Entry::of(&revocation);
        // A revocation only ever grows, whoever else is writing: what was put is looked at again
        // until it holds what is known here.
        for _ in 0..TRIES {
            if let Revocation::Subject {
                issuer, subject, ..
            } = &revocation
            {
                let names = Names {
                    issuer,
                    subject,
                    token: None,
                    session: None,
                };
                let latest = self.durable.revoked(names).await?.cut_off;
                entry.mark.cut_off = entry.mark.cut_off.max(latest.map_or(0, clock::seconds));
            }
            let read = quick.read(&[&entry.key]).await?;
            let known = read.values.into_iter().next().flatten();
            let known = known.map(|value| Mark::read(&value)).unwrap_or_default();
            let grown = entry.mark.grown(known);
            if grown == known {
                return Ok(());
            }
            entry.mark = grown;
            let lifetime = grown.lifetime(self.clock.now());
            quick.put(&entry.key, &grown.to_value(), lifetime).await?;
        }
        Err(Rejection::unavailable(
            "the store of revocations does not keep what it is given",
        ))
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
            let entry = Entry::of(&revocation);
            let lifetime = entry.mark.lifetime(now);
            // What is there already is as new or newer.
            quick
                .add(&entry.key, &entry.mark.to_value(), lifetime)
                .await?;
        }
        match quick.complete(&mark).await? {
            true => Ok(()),
            false => Err(Rejection::unavailable(
                "the store of revocations has lost them while it was filled",
            )),
        }
    }

    /// Fills it, unless somebody is at it: of many who notice at once, one does.
    async fn fill_once(self) -> Result<(), Rejection> {
        if self.filling.swap(true, Ordering::AcqRel) {
            return Err(Rejection::unavailable(
                "the store of revocations is being filled",
            ));
        }
        let done = Filling(Arc::clone(&self.filling));
        let fill = async move {
            let _done = done;
            self.fill().await
        };
        // A task of its own, where there can be one: whoever waits may give up.
        #[cfg(any(feature = "redis", feature = "sqlite", feature = "postgres"))]
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let filled = runtime.spawn(fill).await;
            return filled.unwrap_or_else(|error| Err(Rejection::unavailable(error)));
        }
        fill.await
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
            self.fill_once().await?;
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

/// Ends with the filling, however that ends.
struct Filling(Arc<AtomicBool>);

impl Drop for Filling {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
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
    let cut_off = subject.map(|value| Mark::read(&value).cut_off);
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
                Some(named("revoked/u", issuer, identity.subject())),
                token.map(|token| named("revoked/t", issuer, token)),
                identity
                    .session_id()
                    .map(|id| named("revoked/s", issuer, id)),
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
    mark: Mark,
}

/// Both in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// 0 where it is not of a subject.
    cut_off: u64,
    until: u64,
}

impl Mark {
    fn grown(self, other: Self) -> Self {
        Self {
            cut_off: self.cut_off.max(other.cut_off),
            until: self.until.max(other.until),
        }
    }

    fn to_value(self) -> Vec<u8> {
        format!("{} {}", self.cut_off, self.until).into_bytes()
    }

    /// A value that nobody can read revokes all.
    fn read(value: &[u8]) -> Self {
        let read = || {
            let (cut_off, until) = std::str::from_utf8(value).ok()?.split_once(' ')?;
            Some(Self {
                cut_off: cut_off.parse().ok()?,
                until: until.parse().ok()?,
            })
        };
        read().unwrap_or(Self {
            cut_off: u64::MAX,
            until: u64::MAX,
        })
    }

    fn lifetime(self, now: SystemTime) -> Duration {
        let left = self.until.saturating_sub(clock::seconds(now));
        // Longer ones end with the store.
        Duration::from_secs(left.clamp(1, store::CUT_OFF_LASTS.as_secs()))
    }
}

impl Entry {
    fn of(revocation: &Revocation) -> Self {
        let until = |until: &SystemTime| clock::seconds(*until).saturating_add(1);
        match revocation {
            Revocation::Token {
                issuer,
                id,
                until: end,
            } => Self {
                key: named("revoked/t", issuer, id),
                mark: Mark {
                    cut_off: 0,
                    until: until(end),
                },
            },
            Revocation::Session {
                issuer,
                id,
                until: end,
            } => Self {
                key: named("revoked/s", issuer, id),
                mark: Mark {
                    cut_off: 0,
                    until: until(end),
                },
            },
            Revocation::Subject {
                issuer,
                subject,
                cut_off,
                until: end,
            } => Self {
                key: named("revoked/u", issuer, subject),
                mark: Mark {
                    cut_off: clock::seconds(*cut_off),
                    until: until(end),
                },
            },
        }
    }
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRevocations")
    }
}
