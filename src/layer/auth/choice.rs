//! Chooses the one scheme and the one credential that a request uses.

use crate::{
    Rejection, Scheme,
    credential::{Found, is_repeated},
    identity::Realm,
    observe::outage::Outage,
    scheme::{Attempt, Schemes},
};
use http::{HeaderName, request::Parts};
use std::sync::Arc;

/// A scheme of a layer, with the properties that are asked once.
#[derive(Clone)]
pub(super) struct Configured {
    pub(super) scheme: Arc<dyn Scheme>,
    pub(super) name: &'static str,
    pub(super) realm: Option<Realm>,
    /// The state of the store or server that the scheme verifies with.
    pub(super) outage: Arc<Outage>,
    companions: Vec<HeaderName>,
}

impl Configured {
    pub(super) fn all(schemes: Schemes) -> Vec<Self> {
        let schemes = schemes.into_vec().into_iter();
        let configured = schemes.map(|scheme| Self {
            name: scheme.name(),
            realm: scheme.realm().map(Realm::from),
            companions: scheme.companions(),
            outage: Arc::default(),
            scheme: Arc::from(scheme),
        });
        configured.collect()
    }

    pub(super) fn companions(&self) -> &[HeaderName] {
        &self.companions
    }

    /// Returns whether the request has one of the companions more than once.
    pub(super) fn repeats_companion(&self, head: &Parts) -> bool {
        let is_repeated = |name| is_repeated(&head.headers, name);
        self.companions.iter().any(is_repeated)
    }
}

/// Asks every scheme, and chooses by [`Found::and`]. Returns `None` if no scheme finds anything.
pub(super) fn choose(schemes: &[Configured], head: &Parts) -> Option<Found> {
    let found = schemes.iter().enumerate().map(|(index, configured)| {
        let found = configured.scheme.find(head);
        found.of_scheme(index)
    });
    found.reduce(Found::and).filter(|found| !found.is_nothing())
}

/// Has a credential verified. If there is not exactly one, the attempt is a rejection.
pub(super) fn authenticate(found: Found, schemes: &[Configured], head: &Parts) -> Attempt {
    let malformed = || Err(Rejection::malformed());
    let chosen = found.scheme().and_then(|index| schemes.get(index));
    let (Some(configured), Some(place)) = (chosen, found.place()) else {
        return Attempt::new(malformed());
    };
    let scheme = &configured.scheme;
    match found.into_credential() {
        Some(credential) if !configured.repeats_companion(head) => {
            scheme.authenticate(head, credential)
        }
        _ => {
            let mut attempt = scheme.reject(head, place);
            attempt.verdict = malformed().into();
            attempt
        }
    }
}
