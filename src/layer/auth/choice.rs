//! Chooses the one scheme and the one credential that a request uses.

use crate::{
    Rejection, Scheme,
    credential::{Credential, Found, Place, is_repeated},
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
}

/// The credential that a request uses.
pub(super) struct Choice {
    /// The index of its scheme. `None` if several schemes are ambiguous together.
    pub(super) scheme: Option<usize>,
    pub(super) place: Place,
    /// `None` if the place is ambiguous or malformed.
    credential: Option<Credential>,
    pub(super) may_be_cross_site: bool,
}

/// Asks every scheme, and chooses by [`Found::and`]. Returns `None` if no scheme finds anything.
pub(super) fn choose(schemes: &[Configured], head: &Parts) -> Option<Choice> {
    let mut chosen = None;
    let mut found: Option<Found> = None;
    for (index, configured) in schemes.iter().enumerate() {
        let own = configured.scheme.find(head);
        if own.is_nothing() {
            continue;
        }
        found = Some(match found {
            None => {
                chosen = Some(index);
                own
            }
            Some(found) => {
                if found.yields_to(&own) {
                    chosen = Some(index);
                } else if found.is_explicit() && own.is_explicit() {
                    chosen = None;
                }
                found.and(own)
            }
        });
    }
    let found = found?;
    Some(Choice {
        scheme: chosen,
        place: found.place()?,
        may_be_cross_site: found.may_be_cross_site(),
        credential: found.into_credential(),
    })
}

impl Choice {
    /// Has the credential verified. The attempt of a request without exactly one credential is a
    /// rejection.
    pub(super) fn authenticate(self, schemes: &[Configured], head: &Parts) -> Attempt {
        let malformed = || Err(Rejection::malformed());
        let chosen = self.scheme.and_then(|index| schemes.get(index));
        let Some(Configured {
            scheme, companions, ..
        }) = chosen
        else {
            return Attempt::new(malformed());
        };
        let is_repeated = |name| is_repeated(&head.headers, name);
        match self.credential {
            Some(credential) if !companions.iter().any(is_repeated) => {
                scheme.authenticate(head, credential)
            }
            _ => {
                let mut attempt = scheme.reject(head, self.place);
                attempt.verdict = malformed().into();
                attempt
            }
        }
    }
}
