//! [`IssuedTokens`]: what a client gets.

use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{fmt, time::Duration};
use zeroize::Zeroizing;

/// An access token that was issued. It is wiped on drop; `Debug` does not show it.
///
/// As JSON it is the answer of a token endpoint (RFC 6749 section 5.1).
#[derive(Clone)]
pub struct AccessToken {
    pub(super) token: Zeroizing<String>,
    pub(super) expires_in: Duration,
    pub(super) scopes: String,
    pub(super) id: Box<str>,
    pub(super) session: Option<Box<str>>,
}

/// An access token and a refresh token. Both are wiped on drop; `Debug` shows neither.
///
/// As JSON they are the answer of a token endpoint (RFC 6749 section 5.1), which is sent with
/// `Cache-Control: no-store`; an axum handler returns it as it is.
#[derive(Clone)]
pub struct IssuedTokens {
    pub(super) access: AccessToken,
    pub(super) refresh: Zeroizing<String>,
    pub(super) refresh_expires_in: Duration,
    /// Whether cookies outlast the browser, if the user was asked.
    pub(super) remember: Option<bool>,
}

impl AccessToken {
    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// For how long it is good, in whole seconds.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// Its id (`jti`).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("access_token", self.token.as_str())?;
        map.serialize_entry("token_type", "Bearer")?;
        map.serialize_entry("expires_in", &self.expires_in.as_secs())?;
        if !self.scopes.is_empty() {
            map.serialize_entry("scope", &self.scopes)?;
        }
        Ok(())
    }
}

impl IssuedTokens {
    /// The access token.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.access
    }

    /// The refresh token, for its client alone.
    #[must_use]
    pub fn refresh_token(&self) -> &str {
        &self.refresh
    }

    /// For how long the refresh token is good, in whole seconds.
    #[must_use]
    pub fn refresh_expires_in(&self) -> Duration {
        self.refresh_expires_in
    }

    /// The session that both belong to (`sid`).
    #[must_use]
    pub fn session_id(&self) -> &str {
        self.access.session.as_deref().unwrap_or_default()
    }
}

impl Serialize for AccessToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

impl Serialize for IssuedTokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.access.entries(&mut map)?;
        map.serialize_entry("refresh_token", self.refresh.as_str())?;
        map.end()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("id", &self.id)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedTokens")
            .field("access", &self.access)
            .field("refresh_expires_in", &self.refresh_expires_in)
            .finish_non_exhaustive()
    }
}
