//! [`Basic`]: the scheme itself.

use super::Credentials;
use crate::{
    Attempt, Challenge, Challenges, Found, Location, Rejection, Scheme, Verdict, Verify,
    place::Locations,
};
use http::{StatusCode, request::Parts};
use std::{fmt, sync::Arc};

/// The Basic authentication scheme (RFC 7617), for [`Users`](super::Users) or a verifier of the
/// application's own.
///
/// The rules are at the head of [this module](super).
pub struct Basic<V> {
    realm: Arc<str>,
    locations: Locations,
    verifier: V,
}

impl<V: Verify<Credentials>> Basic<V> {
    /// Users of this realm, judged by this verifier.
    ///
    /// The realm names the protected part of the server, is shown to people by browsers, and is
    /// what subjects are unique within (RFC 9110 section 11.5).
    pub fn new(realm: impl Into<String>, verifier: V) -> Self {
        Self {
            realm: realm.into().into(),
            locations: Locations::new([Location::authorization("Basic")]),
            verifier,
        }
    }
}

impl<V: Verify<Credentials>> Scheme for Basic<V> {
    fn locations(&self) -> Vec<Location> {
        self.locations.all().to_vec()
    }

    fn find(&self, head: &Parts) -> Found {
        let found = self.locations.find(head);
        if found.is_nothing() {
            found
        } else {
            found.sent_by_browsers()
        }
    }

    fn authenticate(&self, head: &Parts) -> Option<Attempt> {
        let (place, taken) = self.locations.take(head)?;
        let verdict = match taken.and_then(|raw| Credentials::parse(raw.as_bytes())) {
            Ok(credentials) => self.verifier.verify(credentials),
            Err(rejection) => Verdict::ready(Err(rejection)),
        };
        Some(Attempt::new(NAME, place, verdict).with_realm(Arc::clone(&self.realm)))
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        if rejection.status() == StatusCode::UNAUTHORIZED {
            challenges.push(
                Challenge::new(NAME)
                    .param("realm", &self.realm)
                    .param("charset", "UTF-8"),
            );
        }
    }
}

impl<V> fmt::Debug for Basic<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic")
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

const NAME: &str = "Basic";
