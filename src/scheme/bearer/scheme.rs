//! [`Bearer`]: the scheme.

use super::{
    MAX_TOKEN_SIZE, Token,
    challenge::{NAME, challenge},
    syntax,
};
use crate::{
    Location, Rejection, Scheme, Verify,
    credential::{Credential, Found, Locations},
    rejection::Challenges,
    scheme::{Attempt, token_scheme::TokenScheme},
};
use http::request::Parts;
use std::{borrow::Cow, fmt};

/// The `Bearer` authentication scheme: finds a token and has it verified.
///
/// Reads `Authorization: Bearer` by default. The [module](super) has the rules.
pub struct Bearer<V> {
    inner: TokenScheme<V>,
}

impl<V: Verify<Token>> Bearer<V> {
    /// Bearer tokens in the `Authorization` field, judged by this verifier.
    #[must_use]
    pub fn new(verifier: V) -> Self {
        Self {
            inner: TokenScheme::new([Location::authorization(NAME)], MAX_TOKEN_SIZE, verifier),
        }
    }

    /// Sets where tokens are looked for, instead of in `Authorization: Bearer`.
    ///
    /// Of several cookies the first in this order is used; if it is invalid, the next one is tried.
    /// Two explicit locations that are filled at once are rejected with 400. The challenge names the
    /// schemes of the locations.
    ///
    /// ```
    /// # use tower_auth::{Identity, Location, bearer::{Bearer, Token}, verify_fn};
    /// # let verifier = verify_fn(|_: Token| Ok(Identity::new("42")));
    /// let bearer = Bearer::new(verifier).locations([
    ///     Location::authorization("Bearer"),
    ///     Location::cookie("access_token"),
    ///     Location::websocket_protocol("bearer."),
    /// ]);
    /// # let _ = bearer;
    /// ```
    ///
    /// # Panics
    ///
    /// If there is none, or one of them twice.
    #[track_caller]
    #[must_use]
    pub fn locations(mut self, locations: impl IntoIterator<Item = Location>) -> Self {
        self.inner.locations = Locations::new(locations);
        self
    }

    /// Sets the realm of this scheme: in its challenges, and that within which the subject of
    /// an identity without an issuer is unique. The layer's realm by default.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Cow<'static, str>>) -> Self {
        self.inner.realm = Some(realm.into());
        self
    }

    /// Adds a parameter to the challenges of this scheme, such as `service` for clients of container
    /// registries.
    ///
    /// ```
    /// # use tower_auth::{Identity, bearer::{Bearer, Token}, verify_fn};
    /// # let verifier = verify_fn(|_: Token| Ok(Identity::new("42")));
    /// let scheme = Bearer::new(verifier)
    ///     .realm("https://auth.example.com/token")
    ///     .challenge_param("service", "registry.example.com");
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
        self.inner.parameter(name, value.into());
        self
    }

    /// Sets the size above which a token is refused unread, in bytes; 16 KiB by default.
    ///
    /// A longer token is rejected with 400. To accept longer tokens, raise the limit of the verifier,
    /// too, such as `JwtVerifierBuilder::max_token_bytes`.
    #[must_use]
    pub fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.inner.max_bytes = bytes;
        self
    }
}

impl<V: Verify<Token>> Scheme for Bearer<V> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn locations(&self) -> Vec<Location> {
        self.inner.locations.all().to_vec()
    }

    fn realm(&self) -> Option<Cow<'static, str>> {
        self.inner.realm.clone()
    }

    fn token_format(&self) -> Option<&'static str> {
        self.inner.verifier.token_format()
    }

    fn find(&self, head: &Parts) -> Found {
        self.inner.locations.find(head)
    }

    fn authenticate(&self, _: &Parts, credential: Credential) -> Attempt {
        self.inner.authenticate(credential, syntax::is_b64token)
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        let metadata = challenges.resource_metadata();
        let make = |name: &str, realm: &str| challenge(name, realm, metadata, rejection);
        self.inner.challenge(NAME, rejection, challenges, make);
    }
}

impl<V> fmt::Debug for Bearer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("locations", &self.inner.locations)
            .field("realm", &self.inner.realm)
            .field("max_token_bytes", &self.inner.max_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
