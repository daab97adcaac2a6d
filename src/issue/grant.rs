//! [`TokenSubject`]: what tokens say of a subject.

use crate::{ConfigError, Identity, clock, revocation::SESSION_BEGUN, store::Account};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    fmt,
    time::{Duration, SystemTime},
};

/// The longest lifetime of an access token. A revocation of one is kept for longer.
pub(super) const LONGEST_ACCESS: Duration = Duration::from_secs(24 * 3600);

/// The claims of a subject's tokens, and their lifetime.
///
/// ```
/// use tower_auth::issue::TokenSubject;
///
/// let grant = TokenSubject::new("42")
///     .with_role("editor")
///     .with_scope("orders:read")
///     .with_claim("email", "ada@example.com")?;
/// # let _ = grant;
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
///
/// An [`Identity`] becomes one with its subject, roles and scopes, and when it was authenticated.
#[derive(Clone, Serialize, Deserialize)]
#[must_use]
pub struct TokenSubject {
    #[serde(rename = "sub")]
    pub(super) subject: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    /// The time when `Accounts` began to check the credentials, in milliseconds since 1970. It is
    /// set only at login.
    #[serde(skip)]
    pub(super) checked: Option<u64>,
    /// Whether the session outlasts the browser, if the user was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) remember: Option<bool>,
    /// In seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) auth_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) claims: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) header: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) audiences: Vec<String>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lifetime: Option<u64>,
}

/// Claims that are set by other means.
const OWN_CLAIMS: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    SESSION_BEGUN,
    "auth_time",
    "client_id",
    "scope",
    "roles",
    "fresh",
    "cnf",
];

/// Parameters of the header that are set by other means, or that no token may have.
const OWN_HEADER: [&str; 10] = [
    "alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip",
];

impl TokenSubject {
    /// A grant to this subject, without roles and scopes yet.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            roles: Vec::new(),
            scopes: Vec::new(),
            client: None,
            checked: None,
            remember: None,
            auth_time: None,
            claims: Map::new(),
            header: Map::new(),
            audiences: Vec::new(),
            lifetime: None,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Adds a role (`roles`).
    pub fn with_role(self, role: impl Into<String>) -> Self {
        self.with_roles([role])
    }

    /// Adds several roles.
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles.extend(roles.into_iter().map(Into::into));
        self
    }

    /// Adds a scope (`scope`, RFC 6749 section 3.3).
    pub fn with_scope(self, scope: impl Into<String>) -> Self {
        self.with_scopes([scope])
    }

    /// Adds several scopes.
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Sets the client that tokens are for (`client_id`, RFC 9068 section 2.2). Default: the
    /// issuer's own, see [`TokenIssuerBuilder::client_id`](super::TokenIssuerBuilder::client_id).
    pub fn with_client_id(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Sets when the subject was authenticated (`auth_time`). Default: when the family of tokens
    /// began.
    pub fn with_authenticated_at(mut self, at: SystemTime) -> Self {
        self.auth_time = Some(clock::seconds(at));
        self
    }

    /// Sets whether the session is remembered: the choice "Remember me" of a log-in form. The
    /// session keeps the choice when it is renewed.
    ///
    /// | | [`Cookies`](super::Cookies) | lifetime of the session |
    /// |---|---|---|
    /// | `true` | kept as long as their tokens are valid | [`refresh_lifetime`](super::TokenIssuerBuilder::refresh_lifetime), [`family_lifetime`](super::TokenIssuerBuilder::family_lifetime) |
    /// | `false` | deleted when the browser is closed | [`unremembered_lifetimes`](super::TokenIssuerBuilder::unremembered_lifetimes) |
    ///
    /// Default: the lifetime of the session as for `true`, and the cookies as they are
    /// [configured](super::Cookies::until_browser_closes).
    ///
    /// ```
    /// use tower_auth::{Identity, Rejection, issue::{IssuedTokens, TokenIssuer, TokenSubject}};
    ///
    /// # async fn log_in(tokens: &TokenIssuer, identity: Identity, remember_me: bool) -> Result<IssuedTokens, Rejection> {
    /// let subject = TokenSubject::from(identity).with_remember(remember_me);
    /// let issued = tokens.start_session(subject).await?;
    /// # Ok(issued)
    /// # }
    /// ```
    pub fn with_remember(mut self, remember: bool) -> Self {
        self.remember = Some(remember);
        self
    }

    /// Sets whom tokens are for (`aud`), instead of the issuer's audiences. Call it again for
    /// another.
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the lifetime of the access token, instead of the issuer's lifetime; at least a second,
    /// and at most a day.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        let lifetime = lifetime.clamp(Duration::from_secs(1), LONGEST_ACCESS);
        self.lifetime = Some(lifetime.as_secs());
        self
    }

    /// Adds a claim of the application's.
    ///
    /// # Errors
    ///
    /// If it is one that tokens have anyway (`iss`, `sub`, `roles` …), or no JSON.
    pub fn with_claim(
        mut self,
        name: impl Into<String>,
        value: impl Serialize,
    ) -> Result<Self, ConfigError> {
        insert(&mut self.claims, &OWN_CLAIMS, name.into(), value)?;
        Ok(self)
    }

    /// Adds a parameter to the header.
    ///
    /// # Errors
    ///
    /// If it is one that this crate sets, or that would change what the token means (`alg`,
    /// `crit`, `jwk` …), or no JSON.
    pub fn with_header(
        mut self,
        name: impl Into<String>,
        value: impl Serialize,
    ) -> Result<Self, ConfigError> {
        insert(&mut self.header, &OWN_HEADER, name.into(), value)?;
        Ok(self)
    }
}

fn insert(
    map: &mut Map<String, Value>,
    own: &[&str],
    name: String,
    value: impl Serialize,
) -> Result<(), ConfigError> {
    if own.contains(&name.as_str()) {
        return Err(ConfigError::new(format!(
            "{name:?} is set by the issuer, not by a grant"
        )));
    }
    let value = serde_json::to_value(value)
        .map_err(|error| ConfigError::new(format!("{name:?} is no JSON")).with_source(error))?;
    map.insert(name, value);
    Ok(())
}

impl From<&Identity> for TokenSubject {
    fn from(identity: &Identity) -> Self {
        let grant = Self::new(identity.subject())
            .with_roles(identity.roles())
            .with_scopes(identity.scopes());
        let Some(at) = identity.authenticated_at() else {
            return grant;
        };
        let mut grant = grant.with_authenticated_at(at);
        // The time is set only for credentials that were checked here. Other identities contain the
        // time when a session began elsewhere.
        if identity.data::<Account>().is_some() {
            grant.checked = Some(clock::millis(at));
        }
        grant
    }
}

impl From<Identity> for TokenSubject {
    fn from(identity: Identity) -> Self {
        Self::from(&identity)
    }
}

impl fmt::Debug for TokenSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Claims stay out: they are the application's, and may be private.
        f.debug_struct("TokenSubject")
            .field("subject", &self.subject)
            .field("roles", &self.roles)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
