//! [`Decision`]: the decision of an `AuthLayer` on one request, for listeners.

use crate::{Anonymous, Identity, Rejection, credential::Place};
use http::{Method, request::Parts};
use std::fmt;

/// The decision of an [`AuthLayer`](crate::AuthLayer) on one request, see
/// [`on_decision`](crate::AuthLayer::on_decision).
#[derive(Clone, Copy)]
pub struct Decision<'a> {
    pub(super) scheme: Option<&'static str>,
    pub(super) place: Option<Place>,
    pub(super) rejection: Option<&'a Rejection>,
    pub(super) head: &'a Parts,
}

/// A closure that receives decisions.
pub(super) type Listener = dyn Fn(&Decision<'_>) + Send + Sync;

/// The outcome of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The request continues with an [`Identity`].
    Accepted,
    /// The request continues as [`Anonymous`](crate::Anonymous).
    Anonymous,
    /// The request is answered with a [`Rejection`].
    Rejected,
}

impl<'a> Decision<'a> {
    /// Returns the outcome.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (self.rejection, self.identity()) {
            (Some(_), _) => Outcome::Rejected,
            (None, Some(_)) => Outcome::Accepted,
            (None, None) => Outcome::Anonymous,
        }
    }

    /// Returns the name of the scheme whose credential was used.
    #[must_use]
    pub fn scheme(&self) -> Option<&'static str> {
        self.scheme
    }

    /// Returns the place where the credential was found.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// Returns the identity, also if a loader or a rule has rejected it.
    #[must_use]
    pub fn identity(&self) -> Option<&'a Identity> {
        self.head.extensions.get()
    }

    /// Returns the rejection. Its kind, detail and source are the reason. For an anonymous caller,
    /// this is the [rejection of the cookie](Anonymous::rejection) of the request, if it has one.
    #[must_use]
    pub fn rejection(&self) -> Option<&'a Rejection> {
        let anonymous = self.head.extensions.get();
        self.rejection
            .or_else(|| anonymous.and_then(Anonymous::rejection))
    }

    /// Returns the method of the request.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        &self.head.method
    }

    /// Returns the path of the request, as the layer received it. The client has chosen it, so its
    /// length and its characters are arbitrary.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.head.uri.path()
    }
}

impl fmt::Debug for Decision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("outcome", &self.outcome())
            .field("scheme", &self.scheme)
            .field("place", &self.place)
            .field("identity", &self.identity())
            .field("rejection", &self.rejection())
            .field("method", self.method())
            .field("path", &self.path())
            .finish()
    }
}
