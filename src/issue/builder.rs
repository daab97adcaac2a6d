//! [`TokenIssuerBuilder`]: what is issued, for how long, and where it is kept.

use super::{
    SigningKeys, TokenIssuer, TokenSubject,
    access::Access,
    issuer::{Inner, Lifetimes, Reload},
    refresh::RefreshKey,
};
use crate::{
    ConfigError,
    clock::{Clock, SystemClock},
    revocation::SharedRevocations,
    store::{EphemeralStore, MemoryStore, TokenStore},
    verdict::IntoVerdict,
};
use std::{fmt, sync::Arc, time::Duration};

/// In seconds.
const DAY: u64 = 24 * 3600;

/// Builds [`TokenIssuer`]; made by [`TokenIssuer::issuer`].
#[must_use = "a builder issues nothing"]
pub struct TokenIssuerBuilder {
    issuer: Box<str>,
    keys: SigningKeys,
    audiences: Vec<String>,
    client: Option<Box<str>>,
    store: Option<Arc<dyn TokenStore>>,
    quick: Option<Arc<dyn EphemeralStore>>,
    secret: Option<Result<RefreshKey, ConfigError>>,
    earlier: Vec<Result<RefreshKey, ConfigError>>,
    access: Duration,
    lifetimes: Lifetimes,
    unremembered: Option<Lifetimes>,
    retry: Duration,
    reload: Option<Arc<Reload>>,
    clock: Arc<dyn Clock>,
}

impl TokenIssuer {
    /// An issuer of this name (`iss`), an `https` URL as a rule, with these keys.
    pub fn issuer(issuer: impl Into<Box<str>>, keys: SigningKeys) -> TokenIssuerBuilder {
        TokenIssuerBuilder::new(issuer.into(), keys)
    }
}

impl TokenIssuerBuilder {
    fn new(issuer: Box<str>, keys: SigningKeys) -> Self {
        Self {
            issuer,
            keys,
            audiences: Vec::new(),
            client: None,
            store: None,
            quick: None,
            secret: None,
            earlier: Vec::new(),
            access: Duration::from_secs(15 * 60),
            lifetimes: Lifetimes {
                refresh: Duration::from_secs(30 * DAY),
                family: Duration::from_secs(90 * DAY),
            },
            unremembered: None,
            retry: Duration::from_secs(120),
            reload: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Whom access tokens are for (`aud`): the name by which a service knows itself. Call it
    /// again for another.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The client that tokens are for (`client_id`, RFC 9068 section 2.2), where a grant names
    /// none. Default: the issuer, which is its own client where users log in with it.
    pub fn client_id(mut self, client: impl Into<Box<str>>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Sets the store of refresh token families and revocations, and the secret of at least 32
    /// random bytes from which refresh tokens are made. All servers of one issuer must have the
    /// same store and secret.
    ///
    /// Default: in [memory](MemoryStore), with a secret of this process, so that a restart logs
    /// everybody out, and one server does not know what another has issued.
    pub fn store(mut self, store: impl TokenStore, secret: impl AsRef<[u8]>) -> Self {
        self.store = Some(Arc::new(store));
        self.secret = Some(RefreshKey::new(secret.as_ref()));
        self
    }

    /// Takes refresh tokens made under an earlier secret, too, for as long as they live.
    ///
    /// This is for planned rotation only. An attacker who knows a secret can compute the current
    /// refresh token from any refresh token made under that secret, including a spent one. If a
    /// secret has leaked, leave it out: its sessions end, and users sign in again.
    pub fn earlier_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.earlier.push(RefreshKey::new(secret.as_ref()));
        self
    }

    /// Sets the lookup store of revocations. Revocations are looked up there on every request,
    /// instead of in the durable store. A revocation is written to the durable store first.
    /// Whenever the lookup store cannot be reached or has lost anything, the durable store is asked
    /// instead; see [`SharedRevocations`].
    pub fn with_lookup_store(mut self, store: impl EphemeralStore) -> Self {
        self.quick = Some(Arc::new(store));
        self
    }

    /// For how long access tokens are good. Default: 15 minutes; at most a day. Whole seconds
    /// count.
    pub fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access = lifetime;
        self
    }

    /// For how long a refresh token is good that nobody uses. Default: 30 days.
    pub fn refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.refresh = lifetime;
        self
    }

    /// After how long a login is over, however often it was refreshed. Default: 90 days.
    pub fn family_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.family = lifetime;
        self
    }

    /// Sets the lifetimes of sessions that are [not remembered](TokenSubject::with_remember):
    /// the lifetime of an unused refresh token, and of the session, however often it is refreshed.
    /// Browsers that restore their tabs keep the cookies of such a session, so that these lifetimes
    /// are what ends it. Default: one day and seven days, or the lifetimes of other sessions if
    /// those are shorter.
    pub fn unremembered_lifetimes(mut self, refresh: Duration, family: Duration) -> Self {
        self.unremembered = Some(Lifetimes { refresh, family });
        self
    }

    /// Sets the retry window: the time during which a spent refresh token returns its successor
    /// again to a client that has lost the answer, as long as the successor is unspent. Default:
    /// 120 seconds, at most ten minutes. Zero disables the window.
    ///
    /// After that, a second use is treated as theft and ends the session. The window has to cover
    /// what clients go through before they try again: a request that was aborted, a
    /// [503](super::TokenIssuer::refresh) while a database fails over, and the difference between the
    /// clocks of servers. In return, a spent token that was stolen within the window gives a thief
    /// the pair that its owner has. The theft is detected when the owner and the thief next use
    /// that pair more than one window apart, which is at the next renewal as a rule.
    pub fn retry_within(mut self, time: Duration) -> Self {
        self.retry = time;
        self
    }

    /// Asks at every refresh what the subject may do now. `Ok(None)` ends its session: the
    /// account is gone, or may not log in any more.
    ///
    /// Without it, the grant of the login applies until the family ends, as a rule 90 days later,
    /// even if the account was disabled or removed. With it, such an account is rejected at its
    /// next refresh, and its access tokens within minutes. [`TokenIssuer::end_all_sessions`] ends both
    /// at once, also after a change of the password.
    ///
    /// ```
    /// # use tower_auth::{Rejection, issue::{TokenSubject, TokenIssuerBuilder}};
    /// # struct User { roles: Vec<String> }
    /// # async fn user(_: &str) -> Result<Option<User>, std::io::Error> { Ok(None) }
    /// # fn with(tokens: TokenIssuerBuilder) -> TokenIssuerBuilder {
    /// tokens.reload(|grant: TokenSubject| async move {
    ///     let user = user(grant.subject()).await.map_err(Rejection::unavailable)?;
    ///     Ok(user.map(|user| TokenSubject::new(grant.subject()).with_roles(user.roles)))
    /// })
    /// # }
    /// ```
    ///
    /// When the subject was authenticated, and for which client, stays as it was at login.
    pub fn reload<F, R, M>(mut self, reload: F) -> Self
    where
        F: Fn(TokenSubject) -> R + Send + Sync + 'static,
        R: IntoVerdict<Option<TokenSubject>, M>,
        M: 'static,
    {
        self.reload = Some(Arc::new(move |grant| reload(grant).into_verdict()));
        self
    }

    /// Tells the time. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the issuer.
    ///
    /// # Errors
    ///
    /// If there is no audience, or the issuer or an audience is empty; if a secret has fewer than
    /// 32 bytes; if access tokens live for nothing or more than a day, or longer than refresh
    /// tokens, or those longer than their family, remembered or not; if the retry window is longer than ten minutes.
    pub fn build(self) -> Result<TokenIssuer, ConfigError> {
        let unremembered = self.unremembered();
        self.check(unremembered)?;
        let secret = match self.secret {
            Some(secret) => secret?,
            None => RefreshKey::random()?,
        };
        let mut secrets = vec![secret];
        for earlier in self.earlier {
            secrets.push(earlier?);
        }
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let mut revocations = SharedRevocations::new(Arc::clone(&store))
            .for_sessions_of(&self.issuer, Arc::clone(&self.clock));
        if let Some(quick) = self.quick {
            revocations = revocations.with_lookup_store(quick);
        }
        let client = self.client.unwrap_or_else(|| self.issuer.clone());
        Ok(TokenIssuer::new(Inner {
            access: Access {
                issuer: self.issuer,
                audiences: self.audiences,
                client,
                lifetime: self.access,
                keys: self.keys,
            },
            store,
            revocations,
            secrets,
            lifetimes: self.lifetimes,
            unremembered,
            retry: self.retry,
            reload: self.reload,
            clock: self.clock,
        }))
    }

    fn unremembered(&self) -> Lifetimes {
        let most = |lifetime: Duration, days: u64| lifetime.min(Duration::from_secs(days * DAY));
        self.unremembered.unwrap_or(Lifetimes {
            refresh: most(self.lifetimes.refresh, 1),
            family: most(self.lifetimes.family, 7),
        })
    }

    fn check(&self, unremembered: Lifetimes) -> Result<(), ConfigError> {
        let refuse = |message: &'static str| Err(ConfigError::new(message));
        if self.issuer.is_empty() {
            return refuse("the issuer must not be empty");
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return refuse("tokens are for somebody: call `audience`");
        }
        if self.client.as_deref() == Some("") {
            return refuse("a client id is not empty");
        }
        if self.access.as_secs() == 0 || self.access > super::grant::LONGEST_ACCESS {
            return refuse("access tokens are good for a second at least, and a day at most");
        }
        for lifetimes in [self.lifetimes, unremembered] {
            if lifetimes.refresh < self.access || lifetimes.family < lifetimes.refresh {
                return refuse(
                    "a refresh token lives as long as an access token at least, and its family as long as that",
                );
            }
            if lifetimes.family > Duration::from_secs(10 * 366 * DAY) {
                return refuse("a family of tokens ends after ten years at most");
            }
        }
        if self.retry > Duration::from_secs(600) {
            return Err(ConfigError::new(format!(
                "the retry window must be at most ten minutes, got {:?}",
                self.retry
            )));
        }
        Ok(())
    }
}

impl fmt::Debug for TokenIssuerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuerBuilder")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
