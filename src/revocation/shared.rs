//! [`SharedRevocations`]: a list that servers share.

use super::{
    Cause, Revoked,
    lookup::{self, Lookup},
};
use crate::{
    Clock, Identity, Rejection, SystemClock, Verdict, clock,
    store::{self, Names, Revocation, ShortLived, TokenStore, to_its_end},
};
use std::{fmt, sync::Arc};

/// What is revoked, in a [store](crate::store) that servers share.
///
/// The durable store knows, and survives restarts. It is asked about every request, unless
/// revocations are [looked up elsewhere](Self::looked_up_in), in memory that servers share. Then
///
/// 1. a revocation is written to the durable store first, and revoking fails unless it is in
///    both: once it has answered, every server refuses what is revoked;
/// 2. the lookup store is trusted only if it is certain to have every revocation. If it cannot be
///    reached, or has lost anything (it was emptied, restarted or replaced), the durable store is
///    asked instead, and the lookup store is filled from it in the background;
/// 3. a revocation only ever grows, in both: neither its cut-off nor its end moves back.
///
/// Within a Tokio runtime a revocation runs in a task of its own: a caller that goes away does not
/// leave it half done.
///
/// What is asked about has an issuer: what has none is within the issuer `""`.
#[derive(Clone)]
pub struct SharedRevocations {
    durable: Arc<dyn TokenStore>,
    lookup: Option<Arc<Lookup>>,
    clock: Arc<dyn Clock>,
}

impl SharedRevocations {
    /// Revocations in this store.
    #[must_use]
    pub fn new(durable: impl TokenStore) -> Self {
        Self {
            durable: Arc::new(durable),
            lookup: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Looks revocations up in this store, which is quicker than the durable one.
    ///
    /// Each process fills it from the durable store: at its first request, every twelve hours, and
    /// whenever something is missing. Restart the processes after a backup of this store was
    /// restored, unless it is Redis, which says so itself.
    #[must_use]
    pub fn looked_up_in(mut self, quick: impl ShortLived) -> Self {
        self.lookup = Some(Arc::new(Lookup::new(quick)));
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
        let list = self.clone();
        to_its_end(async move {
            list.durable.revoke(&revocation).await?;
            list.spread(&[revocation]).await
        })
        .await
    }

    /// Writes revocations that the durable store has already to where they are looked up.
    pub(crate) async fn spread(&self, revocations: &[Revocation]) -> Result<(), Rejection> {
        match &self.lookup {
            Some(lookup) => lookup.raise(revocations, self.clock.now()).await,
            None => Ok(()),
        }
    }

    /// Fills the lookup store from the durable one, as at start-up. It is done in the background
    /// as well, as soon as a request finds that something is missing.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if one of them cannot be reached, or
    /// the lookup store has lost something meanwhile.
    pub async fn fill(&self) -> Result<(), Rejection> {
        let Some(lookup) = &self.lookup else {
            return Ok(());
        };
        let mark = lookup.mark().await?;
        let now = self.clock.now();
        let mut after = None;
        loop {
            let page = self.durable.revocations(now, after.as_deref()).await?;
            lookup.raise(&page.revocations, now).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return lookup.filled(mark).await,
            }
        }
    }

    /// Fills the lookup store in the background, if that is due; of many callers, one does it.
    async fn fill_if_due(&self, lookup: &Arc<Lookup>) {
        let Some(filling) = lookup.begin_if_due() else {
            return;
        };
        let list = self.clone();
        let fill = async move {
            let _filling = filling;
            // If it fails, the next request begins another.
            let _ = list.fill().await;
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(fill)),
            Err(_) => fill.await,
        }
    }

    async fn ask_lookup(self, lookup: Arc<Lookup>, asked: Asked) -> Result<(), Rejection> {
        let keys = asked.keys();
        let read: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
        let values = lookup.read(&read).await;
        self.fill_if_due(&lookup).await;
        match values {
            Some(values) => Ok(asked.judge(&keys, values)?),
            // It has every revocation, and is at hand.
            None => {
                let revoked = self.durable.revoked(asked.names()).await?;
                judge_durable(revoked, asked.issued_at)
            }
        }
    }
}

/// One token, kept while a store is asked.
struct Asked {
    issuer: String,
    subject: String,
    token: Option<String>,
    session: Option<String>,
    issued_at: Option<u64>,
}

impl Asked {
    fn about(identity: &Identity) -> Self {
        Self {
            issuer: identity.own_issuer().unwrap_or_default().to_owned(),
            subject: identity.subject().to_owned(),
            token: identity.token_id().map(str::to_owned),
            session: identity.session_id().map(str::to_owned),
            issued_at: identity.issued_at().map(clock::seconds),
        }
    }

    fn names(&self) -> Names<'_> {
        Names {
            issuer: &self.issuer,
            subject: &self.subject,
            token: self.token.as_deref(),
            session: self.session.as_deref(),
        }
    }

    /// In the order subject, token, session.
    fn keys(&self) -> [Option<String>; 3] {
        let (token, session) = (self.token.as_deref(), self.session.as_deref());
        [
            Some(lookup::subject_key(&self.issuer, &self.subject)),
            token.map(|id| lookup::token_key(&self.issuer, id)),
            session.map(|id| lookup::session_key(&self.issuer, id)),
        ]
    }

    fn judge(&self, keys: &[Option<String>; 3], values: Vec<Option<Vec<u8>>>) -> Result<(), Cause> {
        let mut values = values.into_iter();
        let [subject, token, session] = keys.each_ref().map(|key| {
            key.as_ref()?;
            values.next().flatten()
        });
        let cut_off = subject.map(|value| lookup::number(&value));
        judge(cut_off, token.is_some(), session.is_some(), self.issued_at)
    }
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
        if let Some(lookup) = &self.lookup {
            let asked = Asked::about(identity);
            return Verdict::pending(self.clone().ask_lookup(Arc::clone(lookup), asked));
        }
        let names = Names {
            issuer: identity.own_issuer().unwrap_or_default(),
            subject: identity.subject(),
            token: identity.token_id(),
            session: identity.session_id(),
        };
        let issued_at = identity.issued_at().map(clock::seconds);
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

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRevocations")
    }
}
