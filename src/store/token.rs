//! Families of refresh tokens, revocations, and what keeps them.

use crate::Verdict;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// All refresh tokens that came of one login. At any time one of them is good.
#[derive(Clone, PartialEq, Eq)]
pub struct Family {
    /// Random; access tokens carry it as their session (`sid`).
    pub id: String,
    /// The issuer of its tokens.
    pub issuer: String,
    /// Whose it is, within the issuer.
    pub subject: String,
    /// What its access tokens say of the subject, as JSON; opaque to a store.
    pub grant: String,
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

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("expires_at", &self.expires_at)
            .field("ends_at", &self.ends_at)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// One refresh token taking the place of another.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
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

/// What is refused before it expires.
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
    /// Everything that a subject was issued up to a time.
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
}

/// Some of all revocations, see [`TokenStore::revocations`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationPage {
    /// The revocations.
    pub revocations: Vec<Revocation>,
    /// The position of the next page, if there may be one; opaque except to its store.
    pub next: Option<Vec<u8>>,
}

/// What is asked about one token.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The issuer of the token.
    pub issuer: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// Its id, if it has one.
    pub token: Option<&'a str>,
    /// The session it belongs to, if it says.
    pub session: Option<&'a str>,
}

/// What is known against one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// The token itself is revoked.
    pub token: bool,
    /// Its session is.
    pub session: bool,
    /// Whatever its subject was issued up to this second is.
    pub cut_off: Option<SystemTime>,
}

/// For how long before a cut-off a session may have been given a token that carries a later
/// second: the longest time for a retry, and clocks of servers that differ.
pub const NEAR_CUT_OFF: Duration = Duration::from_secs(180);

/// For how long a subject's cut-off is remembered: credentials that do not expire, such as API
/// keys, must not come back.
pub const CUT_OFF_LASTS: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Keeps families of refresh tokens, and revocations, durably.
pub trait TokenStore: Send + Sync + 'static {
    /// Adds a family, whose id is new; says up to when the subject's tokens are revoked, if any are.
    fn begin_family(&self, family: &Family) -> Verdict<Option<SystemTime>>;

    /// The family of this id, also one that is over.
    fn family(&self, id: &str) -> Verdict<Option<Family>>;

    /// Lets the successor take the place of the spent token, if that is the current one and the
    /// family was not ended. Of any number of calls for one spent token, one is told `true`.
    fn rotate(&self, rotation: Rotation<'_>) -> Verdict<bool>;

    /// Ends a family, and revokes its session until a time, both or neither.
    fn end_family(&self, issuer: &str, id: &str, until: SystemTime) -> Verdict<()>;

    /// Ends every family of a subject and revokes what it was issued up to a second, for
    /// [`CUT_OFF_LASTS`] at least; all or nothing.
    ///
    /// The sessions that were begun or renewed within [`NEAR_CUT_OFF`] before the cut-off, or
    /// after it, are revoked until a time, too, ended before or not: their tokens may carry a later
    /// second. It says which; all others are covered by the cut-off. However many sessions a
    /// subject has, this has to be done within the time that a store takes for an answer.
    fn end_families_of(
        &self,
        issuer: &str,
        subject: &str,
        cut_off: SystemTime,
        until: SystemTime,
    ) -> Verdict<Vec<String>>;

    /// Revokes. Once this has answered, every server sees it.
    fn revoke(&self, revocation: &Revocation) -> Verdict<()>;

    /// What is known against a token.
    fn revoked(&self, names: Names<'_>) -> Verdict<Revoked>;

    /// A page of the revocations that have to be remembered beyond this time: the first one, or
    /// the one after [`RevocationPage::next`]. Revocations that are added meanwhile may be left
    /// out.
    fn revocations(&self, now: SystemTime, after: Option<&[u8]>) -> Verdict<RevocationPage>;

    /// Forgets families and revocations that are over at this time; says how many.
    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64>;
}

impl<S: TokenStore + ?Sized> TokenStore for Arc<S> {
    fn begin_family(&self, family: &Family) -> Verdict<Option<SystemTime>> {
        (**self).begin_family(family)
    }

    fn family(&self, id: &str) -> Verdict<Option<Family>> {
        (**self).family(id)
    }

    fn rotate(&self, rotation: Rotation<'_>) -> Verdict<bool> {
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
    ) -> Verdict<Vec<String>> {
        (**self).end_families_of(issuer, subject, cut_off, until)
    }

    fn revoke(&self, revocation: &Revocation) -> Verdict<()> {
        (**self).revoke(revocation)
    }

    fn revoked(&self, names: Names<'_>) -> Verdict<Revoked> {
        (**self).revoked(names)
    }

    fn revocations(&self, now: SystemTime, after: Option<&[u8]>) -> Verdict<RevocationPage> {
        (**self).revocations(now, after)
    }

    fn purge_tokens(&self, now: SystemTime) -> Verdict<u64> {
        (**self).purge_tokens(now)
    }
}
