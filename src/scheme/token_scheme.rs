//! [`TokenScheme`]: the common part of bearer tokens and API keys.

use super::Attempt;
use crate::{
    Location, Rejection, Verify,
    credential::{Credential, Locations},
    rejection::{Challenge, Challenges, is_token},
};
use http::StatusCode;
use std::borrow::Cow;

/// A scheme that passes its credential to a verifier as it is, from one of several locations.
pub(crate) struct TokenScheme<V> {
    pub(crate) locations: Locations,
    /// `None` is the layer's realm.
    pub(crate) realm: Option<Cow<'static, str>>,
    /// Parameters of the application's own in challenges.
    parameters: Vec<(&'static str, Cow<'static, str>)>,
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
            parameters: Vec::new(),
            max_bytes,
            verifier,
        }
    }

    /// Adds a parameter to challenges.
    #[track_caller]
    pub(crate) fn parameter(&mut self, name: &'static str, value: Cow<'static, str>) {
        const OWN: [&str; 7] = [
            "realm",
            "charset",
            "error",
            "error_description",
            "max_age",
            "scope",
            "resource_metadata",
        ];
        assert!(is_token(name), "parameter name {name:?} is not a token");
        // A name must occur only once in a challenge (RFC 9110 section 11.2).
        let is_name = |other: &str| other.eq_ignore_ascii_case(name);
        let is_set = self.parameters.iter().any(|(other, _)| is_name(other));
        assert!(
            !is_set && !OWN.into_iter().any(is_name),
            "parameter {name:?} must not be set twice, or if the scheme sets it"
        );
        self.parameters.push((name, value));
    }

    /// Adds the challenge of every authentication scheme that the locations name, or of this one if
    /// they name none. `make` creates it from the name and the realm.
    pub(crate) fn challenge(
        &self,
        name: &str,
        rejection: &Rejection,
        challenges: &mut Challenges<'_>,
        make: impl Fn(&str, &str) -> Option<Challenge>,
    ) {
        let realm = self.realm.as_deref().unwrap_or(challenges.realm());
        let named = || self.locations.all().iter().filter_map(Location::scheme);
        let is_first = |(i, name): &(usize, &str)| {
            let mut before = named().take(*i);
            !before.any(|other| other.eq_ignore_ascii_case(name))
        };
        let own = named().next().is_none().then_some(name);
        let distinct = named().enumerate().filter(is_first).map(|(_, name)| name);
        for name in distinct.chain(own) {
            if name.eq_ignore_ascii_case("Basic") {
                if rejection.status() == StatusCode::UNAUTHORIZED {
                    challenges.push(basic(realm));
                }
                continue;
            }
            if let Some(challenge) = make(name, realm) {
                let parameters = self.parameters.iter();
                challenges.push(parameters.fold(challenge, |challenge, (name, value)| {
                    challenge.param(name, value)
                }));
            }
        }
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

/// Returns the challenge of Basic credentials (RFC 7617 section 2).
pub(crate) fn basic(realm: &str) -> Challenge {
    Challenge::new("Basic")
        .param("realm", realm)
        .param("charset", "UTF-8")
}
