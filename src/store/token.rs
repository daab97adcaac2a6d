//! Families of refresh tokens, revocations, and what keeps them.

use crate::{Verdict, identity::revocable_client};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// All refresh tokens that came of one login. At any time one of them is good.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshTokenFamily {
    /// Random; access tokens carry it as their session (`sid`).
    pub id: String,
    /// The issuer of its tokens.
    pub issuer: String,
    /// Whose it is, within the issuer.
    pub subject: String,
    /// The claims about the subject in access tokens, as JSON; opaque to a store.
    pub grant: String,
    /// The time when the family began, in milliseconds since 1970. It is a logical time, which
    /// determines whether a later log-out everywhere ends the family. See
    /// [`TokenStore::begin_family`].
    pub begun: u64,
    /// SHA-256 of the refresh token that is good now.
    pub current: [u8; 32],
    /// When that one was made, to the millisecond.
    pub rotated_at: SystemTime,
    /// From when that one is no longer good; whole seconds count, here and below.
    pub expires_at: SystemTime,
    /// From when no token of the family is.
    pub ends_at: SystemTime,
    /// Whether it was ended before that, by log-out or because a spent token was used.
    pub ended: bool,
}

impl RefreshTokenFamily {
    /// Returns the time when the family begins, if the subject's sessions up to a time are ended.
    pub(crate) fn begun_after(&self, ended: Option<u64>) -> u64 {
        self.begun
            .max(ended.map_or(0, |ended| ended.saturating_add(1)))
    }
}

impl fmt::Debug for RefreshTokenFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("begun", &self.begun)
            .field("expires_at", &self.expires_at)
            .field("ends_at", &self.ends_at)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// One refresh token taking the place of another.
#[derive(Clone, Copy, Debug)]
pub struct RefreshRotation<'a> {
    /// The family's id.
    pub family: &'a str,
    /// SHA-256 of the token that is spent.
    pub spent: &'a [u8; 32],
    /// SHA-256 of its successor.
    pub successor: &'a [u8; 32],
    /// When, to the millisecond.
    pub at: SystemTime,
    /// From when the successor is no longer good.
    pub expires_at: SystemTime,
}

/// The families of one subject that are listed at once, see [`TokenStore::families_of`].
#[derive(Clone, Copy, Debug)]
pub struct FamilyQuery<'a> {
    /// The issuer of the tokens.
    pub issuer: &'a str,
    /// The subject, within the issuer.
    pub subject: &'a str,
    /// The time beyond which a family must last ([`RefreshTokenFamily::ends_at`]).
    pub now: SystemTime,
    /// The [beginning](RefreshTokenFamily::begun) and the id of the last family of the page before.
    /// `None` asks for the first page.
    pub after: Option<(u64, &'a str)>,
    /// Whether families that were [ended](RefreshTokenFamily::ended) are listed, too.
    pub with_ended: bool,
    /// The largest number of families that are returned.
    pub limit: usize,
}

/// Credentials that are rejected before they expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// One token, by its id (`jti`).
    Token {
        /// The issuer of the token.
        issuer: String,
        /// Its id.
        id: String,
        /// Until when it has to be remembered.
        until: SystemTime,
    },
    /// All tokens of one session (`sid`).
    Session {
        /// The issuer of the tokens.
        issuer: String,
        /// The id of the session.
        id: String,
        /// Until when it has to be remembered.
        until: SystemTime,
    },
    /// Everything that a user was issued up to a time. For a client, see
    /// [`of_client`](Self::of_client).
    Subject {
        /// The issuer within which the subject is unique.
        issuer: String,
        /// The subject.
        subject: String,
        /// The last second in which what was issued is refused. It only ever moves forward.
        cut_off: SystemTime,
        /// Until when it has to be remembered.
        until: SystemTime,
    },
    /// All sessions of a subject that had begun by the given time. Their tokens are not compared
    /// with a cut-off.
    Sessions {
        /// The issuer of the tokens.
        issuer: String,
        /// The subject.
        subject: String,
        /// The last [`RefreshTokenFamily::begun`] that is rejected. It only ever grows.
        begun: u64,
        /// The time until which the revocation has to be stored.
        until: SystemTime,
    },
}

impl Revocation {
    /// Creates the revocation of everything that a [client](crate::Identity::is_client) was issued
    /// up to a time, and not of a user who has the same name. The times are those of
    /// [`Subject`](Self::Subject).
    #[must_use]
    pub fn of_client(
        issuer: impl Into<String>,
        id: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Self {
        Self::Subject {
            issuer: issuer.into(),
            subject: revocable_client(id),
            cut_off,
            until,
        }
    }

    /// Returns the revocations that one record of a subject represents.
    pub(crate) fn of_subject(
        issuer: &str,
        subject: &str,
        cut_off: Option<SystemTime>,
        begun: Option<u64>,
        until: SystemTime,
    ) -> impl Iterator<Item = Self> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        let sessions = begun.map(|begun| Self::Sessions {
            issuer: issuer.clone(),
            subject: subject.clone(),
            begun,
            until,
        });
        let issued = cut_off.map(|cut_off| Self::Subject {
            issuer,
            subject,
            cut_off,
            until,
        });
        sessions.into_iter().chain(issued)
    }
}

/// One page of all revocations, see [`TokenStore::revocations`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationPage {
    /// The revocations.
    pub revocations: Vec<Revocation>,
    /// The position of the next page, if there may be one; opaque except to its store.
    pub next: Option<Vec<u8>>,
}

/// The names of one token that may be revoked.
#[derive(Clone, Copy, Debug)]
pub struct RevocationQuery<'a> {
    /// The issuer of the token.
    pub issuer: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// Its id, if it has one.
    pub token: Option<&'a str>,
    /// The session it belongs to, if it says.
    pub session: Option<&'a str>,
}

/// The revocations that apply to one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevocationStatus {
    /// The token itself is revoked.
    pub token: bool,
    /// Its session is.
    pub session: bool,
    /// Credentials of its subject that were issued up to this second are revoked.
    pub cut_off: Option<SystemTime>,
    /// The sessions of its subject that [began](RefreshTokenFamily::begun) up to this time are revoked.
    pub begun: Option<u64>,
}

/// For how long a subject's cut-off is remembered: credentials that do not expire, such as API
/// keys, must not come back.
pub const CUT_OFF_RETENTION: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Keeps families of refresh tokens, and revocations, durably.
pub trait TokenStore: Send + Sync + 'static {
    /// Adds a family, whose id is new, and returns the time up to which the subject's sessions are
    /// ended ([`RevocationStatus::begun`]). If the family did not begin after that time, it is stored as
    /// begun one millisecond after that time.
    fn begin_family(&self, family: &RefreshTokenFamily) -> Verdict<Option<u64>>;

    /// The family of this id, also one that is over.
    fn family(&self, id: &str) -> Verdict<Option<RefreshTokenFamily>>;

    /// Returns one page of the families of a subject. The family that
    /// [began](RefreshTokenFamily::begun) last comes first. Families that began at the same time are
    /// in the reverse order of their ids, by bytes. A store returns fewer families than
    /// [`FamilyQuery::limit`] only if there are no more.
    fn families_of(&self, query: FamilyQuery<'_>) -> Verdict<Vec<RefreshTokenFamily>>;

    /// Lets the successor take the place of the spent token, if that is the current one and the
    /// family was not ended. Of any number of calls for one spent token, one is told `true`.
    fn rotate(&self, rotation: RefreshRotation<'_>) -> Verdict<bool>;

    /// Ends a family, and revokes its session until a time, both or neither. The family need not be
    /// kept beyond that time.
    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()>;

    /// Ends every family of a subject, and revokes all that the subject was issued up to the
    /// cut-off, for [`CUT_OFF_RETENTION`] at least; all or nothing. Returns the time up to which the
    /// subject's sessions are ended: the time of the cut-off. If the last of its families to
    /// [begin](RefreshTokenFamily::begun) began later than that, by a clock that is ahead, it is the time when
    /// that family began.
    ///
    /// A family need not be kept beyond `until`. All sessions of a subject, however many there are,
    /// have to be ended within the time that a store takes for an answer.
    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<u64>;

    /// Stores a revocation. Once this has answered, every server sees it. If it revokes a
    /// [session](Revocation::Session), it ends the session's family, as
    /// [`end_family`](Self::end_family) does. If it revokes all [sessions that had
    /// begun](Revocation::Sessions) by some time, it ends their families, too.
    fn revoke(&self, revocation: &Revocation) -> Verdict<()>;

    /// Returns the revocations that apply to a token.
    fn revoked(&self, names: RevocationQuery<'_>) -> Verdict<RevocationStatus>;

    /// Returns a page of the revocations that have to be stored beyond this time: the first page,
    /// or the page after [`RevocationPage::next`]. Revocations that are added meanwhile may be left
    /// out.
    fn revocations(&self, now: SystemTime, after: Option<&[u8]>) -> Verdict<RevocationPage>;

    /// Forgets families and revocations that are over at this time; says how many.
    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64>;
}

impl<S: TokenStore + ?Sized> TokenStore for Arc<S> {
    fn begin_family(&self, family: &RefreshTokenFamily) -> Verdict<Option<u64>> {
        (**self).begin_family(family)
    }

    fn family(&self, id: &str) -> Verdict<Option<RefreshTokenFamily>> {
        (**self).family(id)
    }

    fn families_of(&self, query: FamilyQuery<'_>) -> Verdict<Vec<RefreshTokenFamily>> {
        (**self).families_of(query)
    }

    fn rotate(&self, rotation: RefreshRotation<'_>) -> Verdict<bool> {
        (**self).rotate(rotation)
    }

    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()> {
        (**self).end_family(issuer, id, until)
    }

    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<u64> {
        (**self).end_families_of(issuer, subject, cut_off, until)
    }

    fn revoke(&self, revocation: &Revocation) -> Verdict<()> {
        (**self).revoke(revocation)
    }

    fn revoked(&self, names: RevocationQuery<'_>) -> Verdict<RevocationStatus> {
        (**self).revoked(names)
    }

    fn revocations(&self, now: SystemTime, after: Option<&[u8]>) -> Verdict<RevocationPage> {
        (**self).revocations(now, after)
    }

    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64> {
        (**self).purge_tokens(now)
    }
}
