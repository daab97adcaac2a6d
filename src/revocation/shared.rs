//! [`SharedRevocations`]: a list that servers share.

use super::{
    RevocationCheck, RevokedBy,
    lookup::{self, Known, Lookup},
};
use crate::{
    Identity, Rejection, Verdict,
    clock::{self, Clock, SystemClock},
    store::{
        self, CUT_OFF_RETENTION, EphemeralStore, Revocation, RevocationQuery, TokenStore,
        to_its_end,
    },
};
use std::{fmt, sync::Arc, time::SystemTime};

/// A list of revocations in a [store](crate::store) that servers share.
///
/// The durable store knows, and survives restarts. It is asked about every request, unless
/// revocations are [looked up elsewhere](Self::with_lookup_store), in memory that servers share. Then
///
/// 1. a revocation is written to the durable store first, and revoking fails unless it is in
///    both: once it has answered, every server rejects the revoked credentials. Before that, the
///    lookup store has the revocation as in doubt, and the durable store is asked about it. So it
///    is done or not done on all servers, even if this process ends between the two stores. There
///    is one exception: a server cannot reach the lookup store, and answers 503, while other
///    servers can. They do not reject credentials whose revocation only the durable store has,
///    until that server has reached the lookup store again and received a request;
/// 2. the lookup store is trusted only if it is certain to have every revocation. If it cannot be
///    reached, or has lost anything (it was emptied, restarted or replaced), the durable store is
///    asked instead, and the lookup store is filled from the durable store in the background;
/// 3. a revocation only ever grows, in both: neither its cut-off nor its end moves back.
///
/// Within a Tokio runtime a revocation runs in a task of its own: a caller that goes away does not
/// leave it half done.
///
/// Identities without an issuer belong to the issuer `""`.
#[derive(Clone)]
pub struct SharedRevocations {
    durable: Arc<dyn TokenStore>,
    lookup: Option<Arc<Lookup>>,
    /// The issuer whose tokens contain the time when their session began.
    sessions_of: Option<Arc<str>>,
    clock: Arc<dyn Clock>,
}

/// The claim of access tokens with the time when their session began ([`RefreshTokenFamily::begun`]).
///
/// [`RefreshTokenFamily::begun`]: crate::store::RefreshTokenFamily::begun
pub(crate) const SESSION_BEGUN: &str = "session_begun";

impl SharedRevocations {
    /// Revocations in this store.
    #[must_use]
    pub fn new(durable: impl TokenStore) -> Self {
        Self {
            durable: Arc::new(durable),
            lookup: None,
            sessions_of: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Looks revocations up in this store, which is quicker than the durable one.
    ///
    /// Each process fills this store from the durable one: at its first request, every twelve
    /// hours, and whenever something is missing. After a backup of this store was restored, restart
    /// the processes. This is not necessary for Redis, which reports a restore itself.
    #[must_use]
    pub fn with_lookup_store(mut self, quick: impl EphemeralStore) -> Self {
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

    #[cfg(feature = "issue")]
    pub(crate) fn for_sessions_of(mut self, issuer: &str, clock: Arc<dyn Clock>) -> Self {
        self.sessions_of = Some(issuer.into());
        self.clock = clock;
        self
    }

    /// Revokes, on all servers.
    ///
    /// In the list of a token issuer, a revoked session is not renewed any more. If a subject is
    /// revoked, this applies to its sessions that began in the second of the cut-off, or before.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached: nobody
    /// knows whether it is done, and it may be tried again.
    pub async fn revoke(&self, revocation: Revocation) -> Result<(), Rejection> {
        let list = self.clone();
        to_its_end(async move {
            let now = clock::seconds(list.clock.now());
            if let Revocation::Subject {
                issuer,
                subject,
                cut_off,
                until,
            } = &revocation
                && clock::seconds(*cut_off) >= now
            {
                return list.end_all(issuer, subject, *cut_off, *until).await;
            }
            let sessions = sessions(&revocation);
            let all: Vec<_> = std::iter::once(revocation).chain(sessions).collect();
            list.doubt(&all).await;
            for revocation in &all {
                list.durable.revoke(revocation).await?;
            }
            list.spread(&all).await
        })
        .await
    }

    /// Ends all sessions of a subject, and revokes what it was issued up to the cut-off.
    pub(crate) async fn end_all(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Result<(), Rejection> {
        let lasts = cut_off.checked_add(CUT_OFF_RETENTION).unwrap_or(until);
        let lasts = lasts.max(until);
        let all = |begun| {
            let all = Revocation::of_subject(issuer, subject, Some(cut_off), Some(begun), lasts);
            all.collect::<Vec<_>>()
        };
        // The durable store may add sessions that began later, by a clock that is ahead.
        self.doubt(&all(clock::millis(cut_off))).await;
        let ended = self
            .durable
            .end_families_of(issuer, subject, cut_off, until);
        self.spread(&all(ended.await?)).await
    }

    /// Writes revocations that the durable store does not have yet to the lookup store. Until they
    /// are [certain](Self::spread), the durable store is asked about the credentials that they
    /// name.
    pub(crate) async fn doubt(&self, revocations: &[Revocation]) {
        if let Some(lookup) = &self.lookup {
            lookup.doubt(revocations, self.clock.now()).await;
        }
    }

    /// Writes revocations that the durable store has already to the lookup store.
    pub(crate) async fn spread(&self, revocations: &[Revocation]) -> Result<(), Rejection> {
        match &self.lookup {
            Some(lookup) => lookup.raise(revocations, self.clock.now()).await,
            None => Ok(()),
        }
    }

    /// Fills the lookup store from the durable one, as at start-up. It is also filled in the
    /// background, as soon as a request finds that something is missing.
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

    /// Fills the lookup store in the background, if that is due. Of many callers, only one fills
    /// it.
    async fn fill_if_due(&self, lookup: &Arc<Lookup>) {
        let Some(filling) = lookup.begin_if_due() else {
            return;
        };
        let list = self.clone();
        let fill = async move {
            let _filling = filling;
            // If the filling fails, the next request begins another.
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
        if let Some(values) = values {
            let (revoked, in_doubt) = Asked::read(&keys, values);
            let answer = asked.dates.check(revoked);
            if answer.is_ok() || !in_doubt {
                return Ok(answer?);
            }
        }
        // The durable store has every revocation, and is at hand.
        let revoked = self.durable.revoked(asked.names()).await?;
        Ok(asked.dates.check(revoked)?)
    }

    fn dates(&self, identity: &Identity) -> Dates {
        let session_begun = identity.session_id();
        let session_begun = session_begun.and_then(|_| identity.claim(SESSION_BEGUN));
        // Sessions of an earlier version do not contain the time when they began.
        let session_begun = session_begun.filter(|begun: &u64| *begun > 0);
        // This claim is trusted only in tokens of our own issuer: another issuer may put anything
        // there.
        let is_own = session_begun.is_some()
            && self.sessions_of.is_some()
            && self.sessions_of.as_deref() == identity.own_issuer();
        Dates {
            issued_at: identity.issued_at().map(clock::seconds),
            session_begun,
            is_own,
        }
    }
}

/// Returns the sessions that a revocation of a subject ends: those up to the end of its second.
fn sessions(revocation: &Revocation) -> Option<Revocation> {
    let Revocation::Subject {
        issuer,
        subject,
        cut_off,
        until,
    } = revocation
    else {
        return None;
    };
    let second = clock::seconds(*cut_off).saturating_mul(1000);
    Some(Revocation::Sessions {
        issuer: issuer.clone(),
        subject: subject.clone(),
        begun: second.saturating_add(999),
        until: *until,
    })
}

/// The times of one token that are compared with revocations of its subject.
#[derive(Clone, Copy)]
struct Dates {
    /// The time when the token was issued, in seconds since 1970.
    issued_at: Option<u64>,
    /// The time when its session began, in milliseconds since 1970, if the token contains it.
    session_begun: Option<u64>,
    /// Whether `session_begun` alone decides. Otherwise the token must not be revoked by either
    /// time: a list that does not belong to the issuer cannot determine who has written the claim.
    is_own: bool,
}

impl Dates {
    fn check(self, revoked: store::RevocationStatus) -> Result<(), RevokedBy> {
        let cut_off = revoked.cut_off.map(clock::seconds);
        // A log-out everywhere by an earlier version has only a cut-off.
        let last = match cut_off.map(|cut_off| cut_off.saturating_mul(1000)) {
            Some(second) if revoked.begun < Some(second) => Some(second.saturating_add(999)),
            _ => revoked.begun,
        };
        let begun = self.session_begun.zip(last);
        let is_ended = begun.is_some_and(|(begun, last)| begun <= last);
        // `None` is less than any time, so any cut-off revokes it.
        let is_cut_off =
            !self.is_own && cut_off.is_some_and(|cut_off| self.issued_at <= Some(cut_off));
        match (is_ended || is_cut_off, revoked.token, revoked.session) {
            (true, ..) => Err(RevokedBy::Subject),
            (_, true, _) => Err(RevokedBy::Token),
            (.., true) => Err(RevokedBy::Session),
            _ => Ok(()),
        }
    }
}

/// The names and times of one token, kept while a store is asked.
struct Asked {
    issuer: String,
    subject: String,
    token: Option<String>,
    session: Option<String>,
    dates: Dates,
}

impl Asked {
    fn about(identity: &Identity, dates: Dates) -> Self {
        Self {
            issuer: identity.own_issuer().unwrap_or_default().to_owned(),
            subject: identity.revocable_subject().into_owned(),
            token: identity.token_id().map(str::to_owned),
            session: identity.session_id().map(str::to_owned),
            dates,
        }
    }

    fn names(&self) -> RevocationQuery<'_> {
        RevocationQuery {
            issuer: &self.issuer,
            subject: &self.subject,
            token: self.token.as_deref(),
            session: self.session.as_deref(),
        }
    }

    /// Returns the keys in the order subject, its sessions, token, session.
    fn keys(&self) -> [Option<String>; 4] {
        let (token, session) = (self.token.as_deref(), self.session.as_deref());
        let begun = self.dates.session_begun;
        [
            Some(lookup::subject_key(&self.issuer, &self.subject)),
            begun.map(|_| lookup::sessions_key(&self.issuer, &self.subject)),
            token.map(|id| lookup::token_key(&self.issuer, id)),
            session.map(|id| lookup::session_key(&self.issuer, id)),
        ]
    }

    /// Returns the revocations as if all entries in doubt were certain, and whether any is in
    /// doubt.
    fn read(
        keys: &[Option<String>; 4],
        values: Vec<Option<Vec<u8>>>,
    ) -> (store::RevocationStatus, bool) {
        let mut values = values.into_iter();
        let known = keys.each_ref().map(|key| {
            key.as_ref()?;
            values.next().flatten().as_deref().map(Known::read)
        });
        let in_doubt = known.iter().flatten().any(|known| known.in_doubt);
        let [subject, sessions, token, session] = known;
        let revoked = store::RevocationStatus {
            token: token.is_some(),
            session: session.is_some(),
            cut_off: subject.map(|known| clock::at(known.number)),
            begun: sessions.map(|known| known.number),
        };
        (revoked, in_doubt)
    }
}

impl RevocationCheck for SharedRevocations {
    fn check(&self, identity: &Identity) -> Verdict<()> {
        let dates = self.dates(identity);
        if let Some(lookup) = &self.lookup {
            let asked = Asked::about(identity, dates);
            return Verdict::pending(self.clone().ask_lookup(Arc::clone(lookup), asked));
        }
        let subject = identity.revocable_subject();
        let names = RevocationQuery {
            issuer: identity.own_issuer().unwrap_or_default(),
            subject: &subject,
            token: identity.token_id(),
            session: identity.session_id(),
        };
        let revoked = self.durable.revoked(names);
        revoked.then(move |revoked| Ok(dates.check(revoked?)?))
    }
}

impl fmt::Debug for SharedRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRevocations")
    }
}
