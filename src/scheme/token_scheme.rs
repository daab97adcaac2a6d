//! [`TokenScheme`]: the common part of bearer tokens and API keys.

use super::Attempt;
use crate::{
    Location, Rejection, Verify,
    credential::{Credential, Locations},
};
use std::borrow::Cow;

/// A scheme that passes its credential to a verifier as it is, from one of several locations.
pub(crate) struct TokenScheme<V> {
    pub(crate) locations: Locations,
    /// `None` is the layer's realm.
    pub(crate) realm: Option<Cow<'static, str>>,
    /// The size above which a credential is rejected before it is verified.
    pub(crate) max_bytes: usize,
    pub(crate) verifier: V,
}

impl<V> TokenScheme<V> {
    #[track_caller]
    pub(crate) fn new(
        locations: impl IntoIterator<Item = Location>,
        max_bytes: usize,
        verifier: V,
    ) -> Self {
        Self {
            locations: Locations::new(locations),
            realm: None,
            max_bytes,
            verifier,
        }
    }

    /// Returns the name of the realm in a challenge.
    pub(crate) fn realm_or<'a>(&'a self, layers: &'a str) -> &'a str {
        self.realm.as_deref().unwrap_or(layers)
    }

    /// Verifies a credential if it is well-formed.
    pub(crate) fn authenticate<C>(
        &self,
        credential: Credential,
        is_well_formed: impl Fn(&[u8]) -> bool,
    ) -> Attempt
    where
        V: Verify<C>,
        C: From<Credential>,
    {
        let bytes = credential.as_bytes();
        if bytes.len() > self.max_bytes {
            return Attempt::new(Err(Rejection::malformed().with_source(
                "the credential is longer than the scheme's limit, such as `Bearer::max_token_bytes`",
            )));
        }
        if !is_well_formed(bytes) {
            return Attempt::new(Err(Rejection::malformed()));
        }
        Attempt::new(self.verifier.verify(credential.into()))
    }
}
