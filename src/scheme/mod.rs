//! [`Scheme`]: finds its credentials in a request and has them verified.

pub mod api_key;
mod attached;
mod attempt;
#[cfg(feature = "basic")]
pub mod basic;
pub mod bearer;
mod browser_session;
mod schemes;
pub(crate) mod token_scheme;

pub(crate) use attached::AttachedExtensions;
pub use attempt::Attempt;
pub(crate) use attempt::{AcceptedHooks, Hooks, RejectedHooks};
pub use browser_session::BrowserSession;
#[cfg(any(feature = "issue", feature = "login"))]
pub(crate) use browser_session::Others;
pub(crate) use browser_session::join;
pub use schemes::Schemes;

use crate::{
    Location, Rejection,
    credential::{Credential, Found, Place},
    rejection::Challenges,
};
use http::{HeaderName, request};
use std::{borrow::Cow, sync::Arc};

/// An authentication scheme: finds its credentials in the head of a request and has them verified.
///
/// An [`AuthLayer`](crate::AuthLayer) calls the methods in this order:
///
/// 1. At construction: [`name`](Self::name), [`locations`](Self::locations),
///    [`companions`](Self::companions) and [`realm`](Self::realm), and
///    [`challenge`](Self::challenge) for a request without credentials, to see that there is one.
/// 2. For each request: [`find`](Self::find) of every scheme.
/// 3. If a credential was found, and only after the layer's own checks:
///    [`authenticate`](Self::authenticate) of the one scheme whose credential is used.
/// 4. If the request is rejected over HTTP: [`challenge`](Self::challenge) of every scheme.
///
/// Implement it for a scheme that this crate does not have. Users, keys and tokens are below a
/// scheme: they are verified by a [`Verify`](crate::Verify).
///
/// # A scheme for a new header
///
/// ```
/// use http::request::Parts;
/// use tower_auth::{AuthLayer, Identity};
/// use tower_auth::{scheme::Attempt, rejection::{Challenge, Challenges}, credential::{Credential, Found}};
/// use tower_auth::{Location, Rejection, Scheme};
///
/// /// Trusts a header that a proxy in front sets, and removes from the requests of clients.
/// struct Proxied(Location);
///
/// impl Scheme for Proxied {
///     fn name(&self) -> &'static str {
///         "Proxied"
///     }
///
///     fn locations(&self) -> Vec<Location> {
///         vec![self.0.clone()]
///     }
///
///     fn find(&self, head: &Parts) -> Found {
///         self.0.find(head) // several locations: fold their results with `Found::and`
///     }
///
///     fn authenticate(&self, _: &Parts, credential: Credential) -> Attempt {
///         let user = str::from_utf8(credential.as_bytes());
///         Attempt::new(user.map(Identity::new).map_err(|_| Rejection::malformed()))
///     }
///
///     fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
///         if rejection.status() == 401 {
///             let realm = challenges.realm();
///             challenges.push(Challenge::new("Proxied").param("realm", realm));
///         }
///     }
/// }
///
/// let layer = AuthLayer::new(Proxied(Location::header("x-remote-user")));
/// # let _ = layer;
/// ```
///
/// # A decorator
///
/// A scheme can wrap another one. The decorator sees the head of the request and the result of the
/// verification. It forwards the other required methods, and returns the wrapped scheme as
/// [`inner`](Self::inner). [`Schemes::map`] wraps every scheme of a layer.
///
/// A decorator does not see the requests that the layer itself rejects: those without credentials,
/// with several credentials, or from another site. To count every rejection, read the
/// [`Rejection`] from the extensions of the response in a layer outside of the `AuthLayer`.
///
/// ```
/// # use http::request::Parts;
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// # use tower_auth::{Location, Rejection, RejectionKind, Scheme};
/// # use tower_auth::{scheme::Attempt, rejection::Challenges, credential::{Credential, Found}};
///
/// /// Counts the rejected credentials of a scheme.
/// struct Counted<S>(S, Arc<AtomicU64>);
///
/// impl<S: Scheme> Scheme for Counted<S> {
///     fn authenticate(&self, head: &Parts, credential: Credential) -> Attempt {
///         let count = Arc::clone(&self.1);
///         self.0.authenticate(head, credential).map_verdict(|verdict| {
///             verdict.then(move |result| {
///                 if result.as_ref().is_err_and(|r| r.kind() == RejectionKind::Invalid) {
///                     count.fetch_add(1, Ordering::Relaxed);
///                 }
///                 result
///             })
///         })
///     }
///
///     fn name(&self) -> &'static str {
///         self.0.name()
///     }
///     fn locations(&self) -> Vec<Location> {
///         self.0.locations()
///     }
///     fn inner(&self) -> Option<&dyn Scheme> {
///         Some(&self.0)
///     }
///     fn find(&self, head: &Parts) -> Found {
///         self.0.find(head)
///     }
///     fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
///         self.0.challenge(rejection, challenges);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an authentication scheme",
    note = "a verifier goes into a scheme: `Bearer::new(jwt)`, `Basic::new(realm, users)`, `ApiKey::header(name, keys)`"
)]
pub trait Scheme: Send + Sync + 'static {
    /// Returns the name of the scheme, for identities, rejections and events.
    fn name(&self) -> &'static str;

    /// Returns every location that the scheme reads.
    ///
    /// Two schemes of one layer must not share a location. The layer marks header fields as
    /// sensitive, removes parameters and subprotocols from the request that inner services
    /// receive, and lets responses `Vary` by the fields.
    fn locations(&self) -> Vec<Location>;

    /// Returns the scheme that this scheme decorates; `None` by default.
    ///
    /// The methods with a default implementation call the same method of that scheme. A decorator
    /// that returns it here cannot forget to forward one of them: without [`realm`](Self::realm),
    /// identities would get another issuer, and without [`companions`](Self::companions) a repeated
    /// field would be accepted.
    fn inner(&self) -> Option<&dyn Scheme> {
        None
    }

    /// Returns the further header fields that [`authenticate`](Self::authenticate) reads, such as
    /// `DPoP`; none by default.
    ///
    /// They are marked as sensitive, and responses `Vary` by them. A request that uses this scheme
    /// and has such a field more than once is rejected with 400.
    fn companions(&self) -> Vec<HeaderName> {
        self.inner().map(Scheme::companions).unwrap_or_default()
    }

    /// Returns the realm within which subjects are unique, for identities without an issuer; by
    /// default the [realm of the layer](crate::AuthLayer::realm).
    fn realm(&self) -> Option<Cow<'static, str>> {
        self.inner()?.realm()
    }

    /// Returns the format of bearer tokens for OpenAPI documents (`bearerFormat`), such as `JWT`;
    /// unknown by default.
    fn token_format(&self) -> Option<&'static str> {
        self.inner()?.token_format()
    }

    /// Finds the credential of this scheme. Must neither verify nor wait.
    ///
    /// Report [`malformed`](Found::malformed) if the place cannot be read. The form of the credential
    /// itself is checked by [`authenticate`](Self::authenticate), which returns
    /// [`Rejection::malformed`].
    fn find(&self, head: &request::Parts) -> Found;

    /// Verifies this credential, which [`find`](Self::find) has found in the same request.
    ///
    /// The head serves companions and decorators. No other credential may be read from it.
    fn authenticate(&self, head: &request::Parts, credential: Credential) -> Attempt;

    /// Returns the attempt for a request whose credential in this place is ambiguous or malformed.
    ///
    /// The layer rejects the request as malformed, whatever the verdict. Implement this method
    /// only to add to the response, for example to clear a cookie.
    fn reject(&self, head: &request::Parts, place: Place) -> Attempt {
        match self.inner() {
            Some(inner) => inner.reject(head, place),
            None => Attempt::new(Err(Rejection::malformed())),
        }
    }

    /// Adds the challenge of this scheme to a rejection.
    ///
    /// Every scheme adds a challenge to a 401. An error code belongs there only if this scheme
    /// made the rejection: then [`Rejection::scheme`] is its name.
    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>);

    /// Returns the sessions that a browser keeps for this scheme, if there are any. A sign-in by
    /// another scheme of the layer then ends them. By default those of [`inner`](Self::inner).
    fn browser_session(&self) -> Option<Arc<dyn BrowserSession>> {
        self.inner()?.browser_session()
    }

    /// Combines this scheme with others. A request uses one of them.
    ///
    /// A credential that one scheme rejects is never offered to another one.
    fn or(self, other: impl Into<Schemes>) -> Schemes
    where
        Self: Sized,
    {
        Schemes::from(self).or(other)
    }
}

macro_rules! scheme_in_a_pointer {
    ($($pointer:ty, [$($scheme:tt)*];)*) => {$(
        impl $($scheme)* Scheme for $pointer {
            fn name(&self) -> &'static str {
                (**self).name()
            }

            fn locations(&self) -> Vec<Location> {
                (**self).locations()
            }

            fn inner(&self) -> Option<&dyn Scheme> {
                Some(&**self)
            }

            fn find(&self, head: &request::Parts) -> Found {
                (**self).find(head)
            }

            fn browser_session(&self) -> Option<Arc<dyn BrowserSession>> {
                (**self).browser_session()
            }

            fn authenticate(&self, head: &request::Parts, credential: Credential) -> Attempt {
                (**self).authenticate(head, credential)
            }

            fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
                (**self).challenge(rejection, challenges);
            }
        }
    )*};
}

scheme_in_a_pointer! {
    Arc<T>, [<T: Scheme>];
    Box<T>, [<T: Scheme>];
    Arc<dyn Scheme>, [];
    Box<dyn Scheme>, [];
}

/// Finds a credential and has it verified as a layer does. Returns the place where it was found
/// and the verdict.
#[cfg(test)]
pub(crate) fn attempt_of(
    scheme: &impl Scheme,
    head: &request::Parts,
) -> Option<(Place, crate::Verdict<crate::Identity>)> {
    let found = scheme.find(head);
    let place = found.place()?;
    let attempt = match found.into_credential() {
        Some(credential) => scheme.authenticate(head, credential),
        None => scheme.reject(head, place),
    };
    Some((place, attempt.into_verdict()))
}

/// Returns the result of [`attempt_of`], which must be ready.
#[cfg(test)]
pub(crate) fn authenticate(
    scheme: &impl Scheme,
    head: &request::Parts,
) -> Option<(Place, Result<crate::Identity, Rejection>)> {
    let (place, verdict) = attempt_of(scheme, head)?;
    Some((place, verdict.now().unwrap()))
}
