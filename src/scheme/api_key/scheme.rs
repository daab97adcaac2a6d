//! [`ApiKey`]: the scheme.

use super::PresentedKey;
use crate::{
    Location, Rejection, Scheme, Verify,
    credential::{Credential, Found},
    rejection::{Challenge, Challenges},
    scheme::{Attempt, token_scheme::TokenScheme},
};
use http::{StatusCode, request::Parts};
use std::{borrow::Cow, fmt};

const NAME: &str = "ApiKey";

/// In bytes. Known kinds of keys stay below 256.
pub(super) const MAX_SIZE: usize = 512;

/// The `ApiKey` authentication scheme: finds a key and has it verified.
///
/// The rules stand in the [module](super).
pub struct ApiKey<V>(TokenScheme<V>);

impl<V: Verify<PresentedKey>> ApiKey<V> {
    /// API keys in these locations, judged by this verifier.
    ///
    /// Of several cookies the first in this order is used; if it is invalid, the next one is tried.
    /// Two explicit locations that are filled at once are rejected with 400. The challenge names the
    /// schemes of the locations, or `ApiKey`.
    ///
    /// ```
    /// # use tower_auth::{Location, api_key::{ApiKey, ApiKeys}};
    /// # let keys = ApiKeys::new();
    /// let scheme = ApiKey::new(
    ///     [Location::header("x-api-key"), Location::authorization("ApiKey")],
    ///     keys,
    /// );
    /// # let _ = scheme;
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no location, or one of them twice.
    #[track_caller]
    #[must_use]
    pub fn new(locations: impl IntoIterator<Item = Location>, verifier: V) -> Self {
        Self(TokenScheme::new(locations, MAX_SIZE, verifier))
    }

    /// API keys in the header field of this name.
    ///
    /// # Panics
    ///
    /// If this is no name of a field, as in [`Location::header`].
    #[track_caller]
    #[must_use]
    pub fn header(name: &str, verifier: V) -> Self {
        Self::new([Location::header(name)], verifier)
    }

    /// Creates a scheme for API keys in the place of bearer tokens: `Authorization: Bearer KEY`.
    ///
    /// For keys beside JSON Web Tokens, see [`KeysAsTokens`](super::KeysAsTokens).
    #[must_use]
    pub fn bearer(verifier: V) -> Self {
        Self::new([Location::authorization("Bearer")], verifier)
    }

    /// Creates a scheme for API keys as the password, or the user name, of Basic credentials, for
    /// clients such as git, docker and npm. [`Location::basic`] has the rules.
    ///
    /// ```
    /// use tower_auth::{Scheme, api_key::{ApiKey, ApiKeys}};
    ///
    /// let keys = ApiKeys::new();
    /// // git clone https://x-access-token:KEY@git.example.com/repo.git
    /// let scheme = ApiKey::basic(keys.clone()).or(ApiKey::header("x-api-key", keys));
    /// # let _ = scheme;
    /// ```
    #[must_use]
    pub fn basic(verifier: V) -> Self {
        Self::new([Location::basic()], verifier)
    }

    /// Sets the realm of this scheme: in its challenges, and that within which the subject of
    /// an identity without an issuer is unique. The layer's realm by default.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Cow<'static, str>>) -> Self {
        self.0.realm = Some(realm.into());
        self
    }

    /// Adds a parameter to the challenges of this scheme, such as `service` for clients of container
    /// registries.
    ///
    /// ```
    /// # use tower_auth::api_key::{ApiKey, ApiKeys};
    /// let scheme = ApiKey::bearer(ApiKeys::new()).challenge_param("service", "registry.example.com");
    /// # let _ = scheme;
    /// ```
    ///
    /// # Panics
    ///
    /// If the name is not a token, is added twice, or is that of a parameter that the scheme sets
    /// itself, such as `realm` or `scope`.
    #[track_caller]
    #[must_use]
    pub fn challenge_param(
        mut self,
        name: &'static str,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.0.parameter(name, value.into());
        self
    }
}

impl<V: Verify<PresentedKey>> Scheme for ApiKey<V> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn locations(&self) -> Vec<Location> {
        self.0.locations.all().to_vec()
    }

    fn realm(&self) -> Option<Cow<'static, str>> {
        self.0.realm.clone()
    }

    fn find(&self, head: &Parts) -> Found {
        self.0.locations.find(head)
    }

    fn authenticate(&self, _: &Parts, credential: Credential) -> Attempt {
        self.0.authenticate(credential, is_key)
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        self.0
            .challenge(NAME, rejection, challenges, |name, realm| {
                let is_needed = rejection.status() == StatusCode::UNAUTHORIZED;
                is_needed.then(|| Challenge::new(name).param("realm", realm))
            });
    }
}

impl<V> fmt::Debug for ApiKey<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("locations", &self.0.locations)
            .field("realm", &self.0.realm)
            .finish_non_exhaustive()
    }
}

/// Whether this can be a key at all: visible ASCII, bounded.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    // Without an early end, so that it is done many bytes at a time.
    let visible = |all, byte: &u8| all & byte.is_ascii_graphic();
    (1..=MAX_SIZE).contains(&bytes.len()) && bytes.iter().fold(true, visible)
}

#[cfg(test)]
mod tests;
