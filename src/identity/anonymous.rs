//! [`Anonymous`]: a caller without valid credentials.

use crate::Rejection;

/// An anonymous caller: an [`AuthLayer`](crate::AuthLayer) has accepted the request without an
/// identity, because the layer is [`optional`](crate::AuthLayer::optional) or its rules open the
/// path.
///
/// Behind an `AuthLayer` exactly one of [`Identity`](crate::Identity) and `Anonymous` is in the
/// extensions.
#[derive(Clone, Debug)]
pub struct Anonymous(Option<Rejection>);

impl Anonymous {
    /// Creates an anonymous caller, with the rejection of the cookie if the request has one.
    pub(crate) fn new(rejection: Option<Rejection>) -> Self {
        Self(rejection)
    }

    /// Returns the reason for which the cookie of the request was rejected. `None` if the request
    /// has no credentials.
    ///
    /// A browser sends an old cookie until it expires, so such a cookie does not close open paths. A
    /// [`RequireLayer`](crate::RequireLayer) inside, and an extractor of an identity, return this
    /// rejection.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        self.0.as_ref()
    }
}
