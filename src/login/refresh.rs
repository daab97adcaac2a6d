//! Refreshing tokens (RFC 6749 section 6).
//!
//! 1. Requests of one session share [one refresh](crate::util::single_flight), and servers that share a store
//!    [take turns](super::turns). A result is kept for a minute, for requests that were sent with
//!    the old cookie: if a provider rotates refresh tokens, a second use would end the session. A
//!    request follows kept results to the newest session.
//! 2. The new access and refresh tokens are used as soon as the token endpoint has answered. If the
//!    new ID token cannot be verified because keys cannot be fetched, the session keeps the claims
//!    of the previous ID token. If the new ID token is wrong, the session ends.
//! 3. If the token endpoint rejects the refresh token, the session ends, unless another server has
//!    renewed it meanwhile. [`LoginError::of_token`] decides which errors are a rejection.
//! 4. After any other failure the session is kept, and the next request after five seconds tries
//!    again. If the access token has expired by then, the response is 503. If the same 4xx comes
//!    for five minutes, the session ends.
//! 5. If a log-out or another login ends a session in this process, the session is not refreshed,
//!    and the cookies of a refresh under way are not set.

use super::{
    Login, LoginError,
    error::Phase,
    fields,
    form::Body,
    id_token::{self, Expected, Nonce},
    provider::Failure,
    recent,
    session::{Fresh, Outcome, Session},
    sessions::Mark,
    state::Inner,
    tokens::{Hidden, TokenSet},
    user_info,
};
use crate::{
    Rejection, RejectionKind,
    observe::event::recovered,
    util::{digest::Digest, single_flight::Full},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

/// The time for which a result is kept.
pub(super) const KEPT: Duration = Duration::from_secs(60);

/// The time for which a failure is kept.
const PAUSE: Duration = Duration::from_secs(5);

/// The time for which the same 4xx may come before the session ends.
const FAILING: Duration = Duration::from_secs(300);

/// The time limit for verifying a new ID token.
const VERIFYING: Duration = Duration::from_secs(3);

/// The largest number of results that a request follows.
const MAX_HOPS: usize = 8;

/// Returns the name of the refresh that a session needs.
fn name(session: &Session) -> Digest {
    let token = session.tokens.refresh_token().unwrap_or_default();
    let parts = [session.id.as_bytes(), token.as_bytes()];
    recent::digest(&fields::write(&parts))
}

impl Login {
    /// Requests new tokens by a refresh token (RFC 6749 section 6), for a job that works for a user
    /// outside of a request.
    ///
    /// The returned tokens always have a refresh token, which replaces the previous one: the
    /// provider may have rotated it. Store it before anything else, and call this method for one
    /// refresh token once at a time. The tokens must not be those of a session of this module, which
    /// refreshes them itself. The resources of the builder are requested again. The ID token, if
    /// there is one, has been verified.
    ///
    /// ```
    /// # use tower_auth::{Rejection, RejectionKind, login::Login};
    /// # struct Jobs;
    /// # impl Jobs {
    /// #     async fn keep(&self, _: Option<&str>) -> Result<(), Rejection> { Ok(()) }
    /// #     async fn ask_the_user_again(&self) -> Result<(), Rejection> { Ok(()) }
    /// # }
    /// # async fn report(login: &Login, jobs: &Jobs, refresh_token: &str) -> Result<(), Rejection> {
    /// let tokens = match login.refresh(refresh_token).await {
    ///     Ok(tokens) => tokens,
    ///     Err(rejection) if rejection.kind() == RejectionKind::Invalid => {
    ///         return jobs.ask_the_user_again().await; // the provider does not accept it any more
    ///     }
    ///     Err(rejection) => return Err(rejection), // an outage: try again later
    /// };
    /// jobs.keep(tokens.refresh_token()).await?;
    /// // tokens.access_token() is for the provider's APIs
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](RejectionKind::Invalid) if the provider rejects the refresh token, or returns a
    /// wrong ID token. [`Unavailable`](RejectionKind::Unavailable) if the provider cannot be
    /// reached, or rejects this application's configuration. The source is a [`LoginError`].
    pub async fn refresh(&self, refresh_token: &str) -> Result<TokenSet, Rejection> {
        let inner = &self.0;
        let resources = inner.request.resources.iter().map(String::as_str);
        let form = form(refresh_token, resources);
        let answer = inner
            .provider
            .tokens(&inner.client, form, Phase::Refresh)
            .await;
        let answer = answer.map_err(|Failure { error, .. }| error)?;
        let mut tokens = TokenSet::read(&answer, inner.now())?;
        if tokens.refresh.is_none() {
            tokens.refresh = Some(Hidden::new(refresh_token));
        }
        if !inner.is_verified(&tokens, None).await? {
            tokens.id = None;
        }
        Ok(tokens)
    }
}

/// Returns the form of a refresh.
fn form<'a>(token: &str, resources: impl Iterator<Item = &'a str>) -> Body {
    let mut form = Body::default();
    form.push("grant_type", "refresh_token");
    form.push("refresh_token", token);
    for resource in resources {
        form.push("resource", resource);
    }
    form
}

impl Inner {
    /// Returns the session with an access token that does not end soon, if possible.
    pub(super) async fn fresh(self: &Arc<Self>, session: Session) -> Result<Fresh, Rejection> {
        let is_due = |session: &Session| session.is_due(self.now(), self.refresh_before);
        if is_due(&session) && self.ended.get(session.id.as_bytes()).is_some() {
            return Err(LoginError::Ended.into());
        }
        let mut latest = Fresh {
            session,
            sealed: None,
        };
        for _ in 0..MAX_HOPS {
            if !is_due(&latest.session) {
                return Ok(latest);
            }
            match self.refreshes.kept(&name(&latest.session)) {
                Some(Ok(fresh)) => latest = (*fresh).clone(),
                _ => break,
            }
        }
        match self.refreshed(&latest.session).await {
            Ok(fresh) => Ok((*fresh).clone()),
            Err(rejection)
                if rejection.kind() == RejectionKind::Unavailable
                    && !latest.session.is_stale(self.now()) =>
            {
                Ok(latest)
            }
            Err(rejection) => Err(rejection),
        }
    }

    async fn refreshed(self: &Arc<Self>, session: &Session) -> Outcome {
        if Handle::try_current().is_err() {
            return Err(Rejection::unavailable("refreshing needs a Tokio runtime"));
        }
        let serves = |outcome: &Outcome| match outcome {
            Ok(fresh) => !fresh.session.is_due(self.now(), self.refresh_before),
            Err(_) => true,
        };
        let kept = |outcome: &Outcome| match outcome {
            Err(rejection) if rejection.kind() == RejectionKind::Unavailable => PAUSE,
            _ => KEPT,
        };
        let (inner, before) = (Arc::clone(self), session.clone());
        let work = async move {
            let fresh = inner.refresh_in_turn(&before).await?;
            recovered(&inner.refresh_outage, "refreshes of sessions");
            if let Ok(identity) = fresh.session.identity(&inner.issuer, &inner.claims) {
                super::log::renewed(&identity);
            }
            Ok(Arc::new(fresh))
        };
        let call = self.refreshes.join(name(session), serves, kept, work);
        let call = call.map_err(|Full| LoginError::provider("too many refreshes at once"))?;
        let outcome = call.result().await;
        outcome
            .unwrap_or_else(|_| Err(Rejection::unavailable("the refresh ended without a result")))
    }

    /// Removes the kept results of a session that has ended.
    pub(super) fn forget(&self, session: &Session) {
        self.refreshes.forget(&name(session));
    }

    /// Requests a refresh from the provider. If the provider rejects it, the session ends.
    pub(super) async fn refresh(&self, session: &Session) -> Result<Fresh, Rejection> {
        let token = session.tokens.refresh_token().unwrap_or_default();
        let form = form(token, session.resources.split_ascii_whitespace());
        let answer = self
            .provider
            .tokens(&self.client, form, Phase::Refresh)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return self.not_refreshed(session, failure).await,
        };
        self.failing.remove(session.id.as_bytes());
        let mut tokens = TokenSet::read(&answer, self.now())?;
        // A provider that does not rotate does not send a refresh token.
        tokens.refresh = tokens.refresh.or_else(|| session.tokens.refresh.clone());
        let before = session.tokens.id.clone();
        let is_verified = match self.is_verified(&tokens, session.nonce().as_deref()).await {
            Ok(is_verified) => is_verified,
            Err(rejection) => {
                self.end_of(session).await;
                return Err(rejection);
            }
        };
        if !is_verified {
            tokens.id.clone_from(&before);
        }
        let mut fresh = match session.with_tokens(&self.claims, tokens) {
            Ok(fresh) => fresh,
            Err(error) => {
                self.end_of(session).await;
                return Err(error.into());
            }
        };
        fresh.user_info = match timeout(VERIFYING, user_info::after_refresh(self, &fresh)).await {
            Ok(Ok(claims)) => claims,
            Ok(Err(rejection)) => {
                self.end_of(session).await;
                return Err(rejection);
            }
            Err(_) => fresh.user_info,
        };
        self.sealed(session, fresh).await
    }

    /// Verifies the ID token of a refresh, if there is one. Returns `false` if there is none, or if
    /// keys cannot be fetched now.
    async fn is_verified(&self, tokens: &TokenSet, nonce: Option<&str>) -> Result<bool, Rejection> {
        let (Some(jwt), Some(token)) = (&self.jwt, tokens.id_token()) else {
            return Ok(false);
        };
        let expected = Expected {
            client: &self.client.id,
            tenants: self.tenants.as_ref(),
            access_token: tokens.access_token(),
            nonce: Nonce::AsBefore(nonce),
            max_age: None,
            leeway: self.leeway,
            now: self.now(),
        };
        let verified = timeout(VERIFYING, id_token::verify(jwt, token, &expected)).await;
        match verified.unwrap_or_else(|late| Err(Rejection::unavailable(late))) {
            Ok(_) => Ok(true),
            Err(rejection) if rejection.kind() == RejectionKind::Unavailable => {
                super::log::not_verified(&self.issuer, &rejection);
                Ok(false)
            }
            Err(rejection) => Err(rejection),
        }
    }

    /// Adds the value of the cookie. If the new claims are too long for cookies, the previous ones
    /// are kept.
    async fn sealed(&self, session: &Session, mut fresh: Session) -> Result<Fresh, Rejection> {
        match self.seal_session(&fresh) {
            Ok(sealed) => {
                return Ok(Fresh {
                    session: fresh,
                    sealed,
                });
            }
            Err(rejection) if !super::sessions::is_too_long(&rejection) => return Err(rejection),
            Err(_) => {}
        }
        let mut tokens = (*fresh.tokens).clone();
        tokens.id.clone_from(&session.tokens.id);
        fresh.tokens = Arc::new(tokens);
        fresh.user_info.clone_from(&session.user_info);
        match self.seal_session(&fresh) {
            Ok(sealed) => Ok(Fresh {
                session: fresh,
                sealed,
            }),
            // The previous refresh token is spent, and there is no room for the new one.
            Err(rejection) => {
                super::log::not_kept(&self.issuer, &rejection);
                self.end_of(session).await;
                Err(LoginError::Ended.into())
            }
        }
    }

    async fn not_refreshed(&self, session: &Session, failure: Failure) -> Result<Fresh, Rejection> {
        let Failure { error, status } = failure;
        if let LoginError::Code(code) = &error {
            if let Some(fresh) = self.renewed_elsewhere(session).await? {
                return Ok(fresh);
            }
            super::log::refresh_refused(&self.issuer, code);
            self.end_of(session).await;
            return Err(LoginError::Ended.into());
        }
        super::log::not_refreshed(&self.issuer, &error, self.refresh_outage.begins());
        let id = session.id.as_bytes();
        let since = match (status, self.failing.get(id)) {
            (None, _) => {
                self.failing.remove(id);
                return Err(error.into());
            }
            (Some(status), Some((before, since))) if status == before => since,
            (Some(status), _) => {
                self.failing.insert(id, (status, Instant::now()));
                return Err(error.into());
            }
        };
        if since.elapsed() < FAILING {
            return Err(error.into());
        }
        self.failing.remove(id);
        self.end_of(session).await;
        Err(LoginError::Ended.into())
    }

    /// Ends a session whose refresh token cannot be used any more. If the store cannot be reached,
    /// the next refresh of the session is rejected again.
    async fn end_of(&self, session: &Session) {
        if let Err(rejection) = self.end(Mark::Session(&session.id)).await {
            super::log::not_ended(&self.issuer, &rejection);
        }
    }
}
