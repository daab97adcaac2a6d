//! [`Basic`]: the scheme itself.

use super::Credentials;
use crate::{
    Location, Rejection, Scheme, Verdict, Verify,
    credential::{Credential, Found},
    rejection::Challenges,
    scheme::{Attempt, token_scheme::basic},
};
use http::{StatusCode, request::Parts};
use std::{borrow::Cow, fmt};

/// The Basic authentication scheme (RFC 7617), for [`Users`](super::Users) or a verifier of the
/// application's own.
///
/// The rules are at the head of [this module](super).
pub struct Basic<V> {
    realm: Cow<'static, str>,
    location: Location,
    verifier: V,
}

impl<V: Verify<Credentials>> Basic<V> {
    /// Users of this realm, judged by this verifier.
    ///
    /// The realm names the protected part of the server, is shown to people by browsers, and is
    /// what subjects are unique within (RFC 9110 section 11.5).
    pub fn new(realm: impl Into<Cow<'static, str>>, verifier: V) -> Self {
        Self {
            realm: realm.into(),
            location: Location::authorization(NAME),
            verifier,
        }
    }
}

impl<V: Verify<Credentials>> Scheme for Basic<V> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn locations(&self) -> Vec<Location> {
        vec![self.location.clone()]
    }

    fn realm(&self) -> Option<Cow<'static, str>> {
        Some(self.realm.clone())
    }

    fn find(&self, head: &Parts) -> Found {
        self.location.find(head).sent_by_browsers()
    }

    fn authenticate(&self, _: &Parts, credential: Credential) -> Attempt {
        Attempt::new(match Credentials::parse(credential.as_bytes()) {
            Ok(credentials) => self.verifier.verify(credentials),
            Err(rejection) => Verdict::ready(Err(rejection)),
        })
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        if rejection.status() == StatusCode::UNAUTHORIZED {
            challenges.push(basic(&self.realm));
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

#[cfg(test)]
mod tests;
