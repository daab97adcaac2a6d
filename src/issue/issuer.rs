//! [`TokenIssuer`]: the issuer.

use super::{
    AccessToken, IssuedTokens, RefreshError, SigningKeys, TokenSubject,
    access::{Access, Moment},
    log,
    refresh::{RefreshKey, RefreshToken},
};
use crate::{
    ConfigError, Identity, Rejection, Verdict,
    clock::{self, Clock},
    jwt::{JwtVerifier, JwtVerifierBuilder},
    revocation::{SharedRevocations, VerifyExt, WithRevocation},
    store::{RefreshTokenFamily, Revocation, TokenStore, to_its_end},
};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Returns the present rights of a subject.
pub(super) type Reload = dyn Fn(TokenSubject) -> Verdict<Option<TokenSubject>> + Send + Sync;

/// Issues access tokens and refresh tokens, renews and revokes them. Cloning is cheap; see the
/// [module](super) for the rules.
#[derive(Clone)]
pub struct TokenIssuer(pub(super) Arc<Inner>);

/// The time after the authentication for which a login is fresh, in seconds.
const FRESH_WITHIN: u64 = 60;

/// The largest expected difference between the clocks of servers, in milliseconds.
const CLOCKS_DIFFER: u64 = 180_000;

/// The lifetimes of a session.
#[derive(Clone, Copy)]
pub(super) struct Lifetimes {
    /// The lifetime of an unused refresh token.
    pub(super) refresh: Duration,
    /// The lifetime of the session, however often it is refreshed.
    pub(super) family: Duration,
}

pub(super) struct Inner {
    pub(super) access: Access,
    pub(super) store: Arc<dyn TokenStore>,
    pub(super) revocations: SharedRevocations,
    /// The first makes tokens; the others know those made earlier.
    pub(super) secrets: Vec<RefreshKey>,
    pub(super) lifetimes: Lifetimes,
    /// The lifetimes of sessions that are not remembered.
    pub(super) unremembered: Lifetimes,
    pub(super) retry: Duration,
    pub(super) reload: Option<Arc<Reload>>,
    pub(super) clock: Arc<dyn Clock>,
}

impl TokenIssuer {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The keys that tokens are signed with.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.0.access.keys
    }

    /// Returns the revocations, for verifiers of other credentials of the same subjects. For
    /// example, an API key that was made before all sessions of its owner were ended is rejected
    /// from then on, too.
    #[must_use]
    pub fn revocations(&self) -> &SharedRevocations {
        &self.0.revocations
    }

    /// The verifier of what is issued here: signature, claims, and that it is not revoked.
    ///
    /// # Errors
    ///
    /// If two keys cannot be told apart.
    pub fn verifier(&self) -> Result<WithRevocation<JwtVerifier>, ConfigError> {
        let jwt = self.jwt().build()?;
        Ok(jwt.with_revocation(self.0.revocations.clone()))
    }

    /// The same as a builder, to be told more; wrap what it builds by
    /// [`with_revocation`](crate::revocation::VerifyExt::with_revocation) and [`revocations`](Self::revocations).
    pub fn jwt(&self) -> JwtVerifierBuilder {
        let Inner { access, clock, .. } = &*self.0;
        let clock = Arc::clone(clock);
        let mut jwt = JwtVerifier::issuer(&*access.issuer)
            .keys(access.keys.clone())
            .access_token_profile()
            .roles_at("roles")
            .clock(move || clock.now());
        for audience in &access.audiences {
            jwt = jwt.audience(audience.as_str());
        }
        jwt
    }

    /// An access token that belongs to no session: nothing is stored, and nothing can renew it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the operating system has no
    /// randomness to give.
    pub fn access_token(&self, grant: impl Into<TokenSubject>) -> Result<AccessToken, Rejection> {
        let now = clock::seconds(self.0.clock.now());
        let moment = Moment {
            now,
            session: None,
            fresh: false,
        };
        self.0.access.token(&grant.into(), moment)
    }

    /// Begins a session for a subject who has just shown who they are. The access token is
    /// *fresh*, see [`fresh`](crate::authz::fresh), if the subject was authenticated within the last
    /// minute. If a grant has no time of authentication, its subject is treated as authenticated
    /// now. The identity of an API key has no such time. Neither has the identity of a provider
    /// that leaves `auth_time` out, as many do unless `max_age` is requested. In these cases, set
    /// the time by [`TokenSubject::with_authenticated_at`].
    ///
    /// Pass the identity that `Accounts::log_in` has returned, even if another step of the sign-in
    /// comes between. If a log-out everywhere happened meanwhile, as after a change of the
    /// password, the session is rejected. A [`TokenSubject`] that is made in another way does not contain
    /// the time when the password was checked.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached;
    /// [`Invalid`](crate::RejectionKind::Invalid) if all sessions of the subject were ended
    /// meanwhile.
    pub async fn start_session(
        &self,
        grant: impl Into<TokenSubject>,
    ) -> Result<IssuedTokens, Rejection> {
        let inner = &self.0;
        let mut grant = grant.into();
        let now = inner.clock.now();
        let seconds = clock::seconds(now);
        let auth_time = *grant.auth_time.get_or_insert(seconds);
        let token = inner.secret()?.first().map_err(Rejection::unavailable)?;
        let ends = seconds.saturating_add(inner.lifetimes(&grant).family.as_secs());
        let family = RefreshTokenFamily {
            id: token.family(),
            issuer: inner.access.issuer.to_string(),
            subject: grant.subject.clone(),
            grant: serde_json::to_string(&grant).map_err(Rejection::unavailable)?,
            begun: clock::millis(now),
            current: token.digest(),
            rotated_at: now,
            expires_at: clock::at(inner.refresh_expiry(&grant, seconds, ends)),
            ends_at: clock::at(ends),
            ended: false,
        };
        let ended = inner.store.begin_family(&family).await?;
        if was_ended_meanwhile(&grant, ended, now) {
            inner.end(&family.id).await?;
            return Err(RefreshError::Ended.into());
        }
        let family = RefreshTokenFamily {
            begun: family.begun_after(ended),
            ..family
        };
        let moment = Moment {
            now: seconds,
            session: Some(&family),
            fresh: seconds.abs_diff(auth_time) <= FRESH_WITHIN,
        };
        let access = inner.access.token(&grant, moment)?;
        log::began(&family);
        let remember = grant.remember;
        Ok(inner.issued(access, &token, &family, remember, seconds))
    }

    /// Ends the session that an identity belongs to: ends its refresh tokens and revokes its access
    /// tokens. A token without a session is revoked by its id, if the identity has the claims of
    /// that token, as each identity of a [verifier](Self::verifier) has. To end another session of a
    /// subject, call [`end_session_by_id`](Self::end_session_by_id).
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached: it is not
    /// known whether the session is ended, and the call may be repeated.
    /// [`Invalid`](crate::RejectionKind::Invalid) if the identity is of another issuer, or if it has
    /// neither a session nor the claims and the id of a token.
    pub async fn end_session(&self, identity: &Identity) -> Result<(), Rejection> {
        let inner = &self.0;
        let none = || Rejection::invalid().with_detail("there is no session to end");
        if identity.own_issuer() != Some(&*inner.access.issuer) {
            return Err(none());
        }
        if let Some(session) = identity.session_id() {
            return inner.end(session).await;
        }
        // API keys have the same issuer, and ids of their own. They are revoked in their own store.
        if !identity.has_claims() {
            return Err(none());
        }
        let id = identity.token_id().ok_or_else(none)?.to_owned();
        let revocation = Revocation::Token {
            issuer: inner.access.issuer.to_string(),
            id,
            until: inner.until(),
        };
        inner.revocations.revoke(revocation).await
    }

    /// Logs out of the session of a refresh token, spent or not, as where the access token is
    /// over. What is no refresh token of this issuer needs no log-out.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached.
    pub async fn log_out_by_refresh_token(&self, refresh_token: &str) -> Result<(), Rejection> {
        match self.0.read(refresh_token) {
            Some((_, token)) => self.0.end(&token.family()).await,
            None => Ok(()),
        }
    }

    /// Ends all sessions of a subject of this issuer, and revokes whatever it was issued so far,
    /// on every device: for a lost one, a changed password, or an account that is closed.
    ///
    /// Sessions that begin later are not affected, even within the same second. API keys and tokens
    /// without a session contain only the second in which they were issued: those of the same
    /// second are rejected.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached: nobody
    /// knows whether it is done, and it may be tried again.
    pub async fn end_all_sessions(&self, subject: &str) -> Result<(), Rejection> {
        let (inner, subject) = (Arc::clone(&self.0), subject.to_owned());
        to_its_end(async move { inner.end_all(subject).await }).await
    }

    pub(super) fn macs(
        &self,
        purpose: &'static [u8],
        message: &[u8],
    ) -> impl Iterator<Item = [u8; 32]> {
        let secrets = self.0.secrets.iter();
        secrets.map(move |secret| secret.mac(purpose, message))
    }

    /// Returns the name of the issuer (`iss`).
    pub(super) fn name(&self) -> &str {
        &self.0.access.issuer
    }

    pub(super) fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// Deletes sessions and revocations that have ended, and returns their number. Nothing else
    /// deletes them: call this every hour or so, on one server or on all.
    ///
    /// A session that was ended is deleted a day later, with its revocation. The cut-off of a
    /// log-out everywhere is stored for ten years, one row for each subject, since API keys do not
    /// expire.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the store cannot be reached.
    pub async fn purge_expired(&self) -> Result<u64, Rejection> {
        self.0.store.purge_tokens(self.0.clock.now()).await
    }
}

impl Inner {
    fn secret(&self) -> Result<&RefreshKey, Rejection> {
        let none = || Rejection::unavailable("there is no secret for refresh tokens");
        self.secrets.first().ok_or_else(none)
    }

    pub(super) fn read(&self, text: &str) -> Option<(&RefreshKey, RefreshToken)> {
        let mut keys = self.secrets.iter();
        keys.find_map(|key| Some((key, key.read(text)?)))
    }

    /// Until when a revocation of today has to be remembered: longer than any token of today is
    /// good, by the largest leeway of a verifier.
    pub(super) fn until(&self) -> SystemTime {
        let longest = super::grant::LONGEST_ACCESS.as_secs().saturating_add(3600);
        clock::at(clock::seconds(self.clock.now()).saturating_add(longest))
    }

    fn lifetimes(&self, grant: &TokenSubject) -> Lifetimes {
        match grant.remember {
            Some(false) => self.unremembered,
            _ => self.lifetimes,
        }
    }

    pub(super) fn refresh_expiry(&self, grant: &TokenSubject, now: u64, ends: u64) -> u64 {
        let refresh = self.lifetimes(grant).refresh;
        now.saturating_add(refresh.as_secs()).min(ends)
    }

    /// Ends a session, in a separate task, since the caller may go away between the two stores.
    pub(super) async fn end(self: &Arc<Self>, session: &str) -> Result<(), Rejection> {
        let (inner, session) = (Arc::clone(self), session.to_owned());
        to_its_end(async move {
            let issuer = &*inner.access.issuer;
            let revoked = [inner.ended(&session)];
            inner.revocations.doubt(&revoked).await;
            let ended = inner.store.end_family(issuer, &session, inner.until());
            ended.await?;
            inner.revocations.spread(&revoked).await?;
            log::ended(issuer, &session);
            Ok(())
        })
        .await
    }

    async fn end_all(&self, subject: String) -> Result<(), Rejection> {
        let issuer = &*self.access.issuer;
        let (now, until) = (self.clock.now(), self.until());
        let ended = self.revocations.end_all(issuer, &subject, now, until);
        ended.await?;
        log::ended_all(issuer, &subject);
        Ok(())
    }

    /// Returns the revocation of a session that is ended.
    pub(super) fn ended(&self, session: &str) -> Revocation {
        Revocation::Session {
            issuer: self.access.issuer.to_string(),
            id: session.to_owned(),
            until: self.until(),
        }
    }

    pub(super) fn issued(
        &self,
        access: AccessToken,
        token: &RefreshToken,
        family: &RefreshTokenFamily,
        remember: Option<bool>,
        now: u64,
    ) -> IssuedTokens {
        let expires = clock::seconds(family.expires_at);
        IssuedTokens {
            access,
            refresh: token.to_text(),
            refresh_expires_in: Duration::from_secs(expires.saturating_sub(now)),
            remember,
        }
    }
}

/// Whether the credentials were checked before all sessions of their subject were ended.
///
/// A time that lies far ahead is ignored: it was set by a clock that was wrong, and would keep the
/// subject out until then.
fn was_ended_meanwhile(grant: &TokenSubject, ended: Option<u64>, now: SystemTime) -> bool {
    let (Some(checked), Some(ended)) = (grant.checked, ended) else {
        return false;
    };
    checked <= ended && ended <= clock::millis(now).saturating_add(CLOCKS_DIFFER)
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("issuer", &self.0.access.issuer)
            .field("audiences", &self.0.access.audiences)
            .field("keys", &self.0.access.keys)
            .finish_non_exhaustive()
    }
}
