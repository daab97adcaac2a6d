//! The sessions of one subject: their list, and ending some of them.

use super::{TokenIssuer, TokenSubject, issuer::Inner, log};
use crate::{
    Identity, Rejection, clock,
    store::{FamilyQuery, RefreshTokenFamily, to_its_end},
};
use std::{sync::Arc, time::SystemTime};

/// The number of sessions in one page.
const PAGE: usize = 100;

/// One session of a subject, as a page "Your devices" shows it; returned by
/// [`TokenIssuer::sessions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    id: String,
    begun: u64,
    renewed_at: SystemTime,
    expires_at: SystemTime,
    remembered: Option<bool>,
}

impl Session {
    /// Returns the id (`sid`). The session of a request is the one whose id is
    /// [`Identity::session_id`]. The id is not secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the time of the log-in.
    #[must_use]
    pub fn begun_at(&self) -> SystemTime {
        clock::at_millis(self.begun)
    }

    /// Returns the time of the last refresh, or of the log-in if there was none.
    #[must_use]
    pub fn renewed_at(&self) -> SystemTime {
        self.renewed_at
    }

    /// Returns the time at which the session expires unless it is refreshed before.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Returns the choice of the user at log-in, if there was one, see
    /// [`TokenSubject::with_remember`].
    #[must_use]
    pub fn is_remembered(&self) -> Option<bool> {
        self.remembered
    }
}

/// One page of the sessions of a subject; returned by [`TokenIssuer::sessions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPage {
    sessions: Vec<Session>,
    next: Option<String>,
}

impl SessionPage {
    /// Returns the sessions. The session that began last comes first.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// Returns the position of the next page, if there are more sessions. It consists of letters,
    /// digits, `-`, `_` and `.`, and may be part of a URL.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

impl TokenIssuer {
    /// Lists the sessions of a subject that have not ended: the latest hundred, or fewer.
    ///
    /// ```
    /// use tower_auth::{Identity, Rejection, issue::TokenIssuer};
    ///
    /// async fn devices(tokens: &TokenIssuer, identity: &Identity) -> Result<Vec<String>, Rejection> {
    ///     let page = tokens.sessions(identity.subject()).await?;
    ///     let line = |session: &tower_auth::issue::Session| {
    ///         let is_current = identity.session_id() == Some(session.id());
    ///         format!("{} (this device: {is_current})", session.id())
    ///     };
    ///     Ok(page.sessions().iter().map(line).collect())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn sessions(&self, subject: &str) -> Result<SessionPage, Rejection> {
        self.page(subject, None).await
    }

    /// Lists the sessions of a subject after [`SessionPage::next`].
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::RejectionKind::Malformed) if `next` is not such a position;
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn sessions_after(
        &self,
        subject: &str,
        next: &str,
    ) -> Result<SessionPage, Rejection> {
        let position = || {
            let (begun, id) = next.split_once('.')?;
            Some((begun.parse().ok()?, id))
        };
        let after = position().ok_or_else(Rejection::malformed)?;
        self.page(subject, Some(after)).await
    }

    async fn page(
        &self,
        subject: &str,
        after: Option<(u64, &str)>,
    ) -> Result<SessionPage, Rejection> {
        let now = self.now();
        let families = self.0.store.families_of(FamilyQuery {
            issuer: &self.0.access.issuer,
            subject,
            now,
            after,
            with_ended: false,
            limit: PAGE.saturating_add(1),
        });
        let mut families = families.await?;
        let has_more = families.len() > PAGE;
        families.truncate(PAGE);
        let last = families.last().filter(|_| has_more);
        let next = last.map(|last| format!("{}.{}", last.begun, last.id));
        let is_live = |family: &RefreshTokenFamily| family.expires_at > now;
        let live = families.into_iter().filter(is_live);
        let sessions = live.map(session).collect::<Result<_, _>>()?;
        Ok(SessionPage { sessions, next })
    }

    /// Ends one session of a subject by its [id](Session::id), as
    /// [`end_session`](Self::end_session) does. Returns `false` if the subject does not have this
    /// session. A session of another subject is never ended: the id may come from a form.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached: it is not
    /// known whether the session is ended, and the call may be repeated.
    pub async fn end_session_by_id(&self, subject: &str, id: &str) -> Result<bool, Rejection> {
        let inner = &self.0;
        let family = inner.store.family(id).await?;
        let is_own = |family: &RefreshTokenFamily| {
            *family.issuer == *inner.access.issuer && family.subject == subject
        };
        match family.filter(is_own) {
            Some(family) => inner.end(&family.id).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Ends all sessions of a subject but the session of this identity, as for "log out on all
    /// other devices". A session that begins meanwhile is not ended. API keys and tokens without a
    /// session are not revoked; see [`end_all_sessions`](Self::end_all_sessions).
    ///
    /// Within a Tokio runtime, all of them are ended even if the caller goes away.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached: it is not
    /// known which sessions are ended, and the call may be repeated.
    /// [`Invalid`](crate::RejectionKind::Invalid) if the identity does not belong to a session of
    /// this issuer.
    pub async fn end_other_sessions(&self, identity: &Identity) -> Result<(), Rejection> {
        let is_own = identity.own_issuer() == Some(&*self.0.access.issuer);
        let session = identity.session_id().filter(|_| is_own);
        let none = || Rejection::invalid().with_detail("there is no session to keep");
        let kept = session.ok_or_else(none)?.to_owned();
        let (inner, subject) = (Arc::clone(&self.0), identity.subject().to_owned());
        to_its_end(async move { inner.end_others(&subject, &kept).await }).await
    }
}

impl Inner {
    async fn end_others(&self, subject: &str, kept: &str) -> Result<(), Rejection> {
        let issuer = &*self.access.issuer;
        // A token of a session that ended within the leeway of a verifier is still accepted.
        let now = clock::seconds(self.clock.now()).saturating_sub(3600);
        let mut after: Option<(u64, String)> = None;
        loop {
            let families = self.store.families_of(FamilyQuery {
                issuer,
                subject,
                now: clock::at(now),
                after: after.as_ref().map(|(begun, id)| (*begun, id.as_str())),
                // The lookup store may lack their revocation, if an earlier call failed.
                with_ended: true,
                limit: PAGE,
            });
            let families = families.await?;
            let others = families.iter().filter(|family| family.id != kept);
            let revoked: Vec<_> = others
                .clone()
                .map(|family| self.ended(&family.id))
                .collect();
            self.revocations.doubt(&revoked).await;
            for family in others.filter(|family| !family.ended) {
                let ended = self.store.end_family(issuer, &family.id, self.until());
                ended.await?;
            }
            self.revocations.spread(&revoked).await?;
            match families.last().filter(|_| families.len() >= PAGE) {
                Some(last) => after = Some((last.begun, last.id.clone())),
                None => break,
            }
        }
        log::ended_others(issuer, subject, kept);
        Ok(())
    }
}

fn session(family: RefreshTokenFamily) -> Result<Session, Rejection> {
    let grant: TokenSubject =
        serde_json::from_str(&family.grant).map_err(Rejection::unavailable)?;
    Ok(Session {
        id: family.id,
        begun: family.begun,
        renewed_at: family.rotated_at,
        expires_at: family.expires_at,
        remembered: grant.remember,
    })
}
