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
    /// Of several cookies the first in this order counts; two explicit locations that are filled
    /// at once are 400.
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

    /// Sets the realm of this scheme: in its challenges, and that within which the subject of
    /// an identity without an issuer is unique. The layer's realm by default.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Cow<'static, str>>) -> Self {
        self.0.realm = Some(realm.into());
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
        if rejection.status() == StatusCode::UNAUTHORIZED {
            let realm = self.0.realm_or(challenges.realm());
            challenges.push(Challenge::new(NAME).param("realm", realm));
        }
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
