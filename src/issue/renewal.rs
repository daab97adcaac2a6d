//! The renewal of sessions: whether a refresh token is current, is used again by a client that has
//! lost the answer, or is stolen.

use super::{
    IssuedTokens, RefreshError, TokenIssuer, TokenSubject, access::Moment, issuer::Inner, log,
    refresh::RefreshToken,
};
use crate::{
    Rejection, clock,
    store::{RefreshRotation, RefreshTokenFamily},
};
use std::{sync::Arc, time::SystemTime};

/// The action for a spent refresh token after the retry window, if its successor is unspent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The use is treated as reuse of a spent token.
    EndsSession,
    /// No tokens are returned, and no session is ended. The client does not need new tokens yet.
    IsLeft,
}

impl TokenIssuer {
    /// Renews a session: spends a refresh token, and gives a new pair.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::RejectionKind::Invalid) if the token is not good; its source is a
    /// [`RefreshError`]. [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot
    /// be reached. The token may be tried again within the [retry
    /// window](super::TokenIssuerBuilder::retry_within). It may have been spent all the same. If a client tries
    /// it again after the window, the use is treated as theft.
    pub async fn refresh(&self, refresh_token: &str) -> Result<IssuedTokens, Rejection> {
        let renewed = self.renew(refresh_token, Late::EndsSession).await?;
        renewed.ok_or_else(|| RefreshError::Reused.into())
    }

    /// Renews a session like [`refresh`](TokenIssuer::refresh). Returns `None` if a late token was left
    /// alone.
    pub(super) async fn renew(
        &self,
        refresh_token: &str,
        late: Late,
    ) -> Result<Option<IssuedTokens>, Rejection> {
        let inner = &self.0;
        let (key, token) = inner.read(refresh_token).ok_or(RefreshError::Unknown)?;
        let id = token.family();
        let family = inner.store.family(&id).await?;
        let family = family.filter(|family| *family.issuer == *inner.access.issuer);
        let family = family.ok_or(RefreshError::Unknown)?;
        let digest = token.digest();
        // A successor is made under the key of its predecessor, or a retry would find another.
        let successor = key.successor(&token);
        let now = inner.clock.now();
        let seconds = clock::seconds(now);
        if family.ended {
            // The lookup store may lack the revocation, if it failed when the family was ended.
            inner.revocations.spread(&[inner.ended(&id)]).await?;
            return Err(RefreshError::Ended.into());
        }
        if seconds >= clock::seconds(family.ends_at) {
            return Err(RefreshError::Expired.into());
        }
        if digest != family.current {
            return inner.again(&successor, family, now, late).await;
        }
        if seconds >= clock::seconds(family.expires_at) {
            return Err(RefreshError::Expired.into());
        }
        // Before anything is spent: what fails here can be tried again.
        let grant = inner.grant(&family).await?;
        let ends = clock::seconds(family.ends_at);
        let rotation = RefreshRotation {
            family: &id,
            spent: &digest,
            successor: &successor.digest(),
            at: now,
            expires_at: clock::at(inner.refresh_expiry(&grant, seconds, ends)),
        };
        if inner.store.rotate(rotation).await? {
            let family = RefreshTokenFamily {
                expires_at: rotation.expires_at,
                ..family
            };
            let renewed = inner.renewed(&grant, &successor, &family, seconds)?;
            return Ok(Some(renewed));
        }
        // Somebody was faster: another request of the same client, as a rule.
        let family = inner.store.family(&id).await?;
        let family = family.ok_or(RefreshError::Unknown)?;
        if family.ended {
            return Err(RefreshError::Ended.into());
        }
        let now = inner.clock.now();
        inner.again(&successor, family, now, late).await
    }
}

impl Inner {
    /// A token that is not the current one: its client has lost the answer, or it is stolen.
    async fn again(
        self: &Arc<Self>,
        successor: &RefreshToken,
        family: RefreshTokenFamily,
        now: SystemTime,
        late: Late,
    ) -> Result<Option<IssuedTokens>, Rejection> {
        // A clock that was set back, or is behind another server's, makes nothing good that was
        // not: the distance counts either way.
        let passed = now.duration_since(family.rotated_at);
        let passed = passed.unwrap_or_else(|behind| behind.duration());
        let is_next = successor.digest() == family.current;
        if is_next && !self.retry.is_zero() && passed <= self.retry {
            let grant = self.grant(&family).await?;
            let renewed = self.renewed(&grant, successor, &family, clock::seconds(now))?;
            return Ok(Some(renewed));
        }
        if is_next && late == Late::IsLeft {
            return Ok(None);
        }
        log::reused(&family);
        self.end(&family.id).await?;
        Err(RefreshError::Reused.into())
    }

    /// Returns the present rights of the subject.
    async fn grant(
        self: &Arc<Self>,
        family: &RefreshTokenFamily,
    ) -> Result<TokenSubject, Rejection> {
        let at_login: TokenSubject =
            serde_json::from_str(&family.grant).map_err(Rejection::unavailable)?;
        let Some(reload) = &self.reload else {
            return Ok(at_login);
        };
        let (client, auth_time) = (at_login.client.clone(), at_login.auth_time);
        let remember = at_login.remember;
        match reload(at_login).await? {
            Some(now) if now.subject == family.subject => Ok(TokenSubject {
                client,
                auth_time,
                remember,
                ..now
            }),
            _ => {
                self.end(&family.id).await?;
                Err(RefreshError::SubjectGone.into())
            }
        }
    }

    fn renewed(
        &self,
        grant: &TokenSubject,
        token: &RefreshToken,
        family: &RefreshTokenFamily,
        now: u64,
    ) -> Result<IssuedTokens, Rejection> {
        let moment = Moment {
            now,
            session: Some(family),
            fresh: false,
        };
        let access = self.access.token(grant, moment)?;
        log::renewed(family);
        Ok(self.issued(access, token, family, grant.remember, now))
    }
}
