//! [`Verify`]: verifies the credentials that a scheme found.

use crate::{Identity, Verdict, verdict::IntoVerdict};
use std::{fmt, marker::PhantomData, sync::Arc};

/// Verifies the credentials that a scheme found: users, keys, tokens.
///
/// A verifier never sees a request, only small owned credentials. It can therefore be tested
/// without a request and shared between schemes. The results have different meanings:
///
/// | credentials | result |
/// |---|---|
/// | valid | `Ok(identity)` |
/// | wrong, expired, revoked, unknown | `Err(Rejection::invalid())`: 401 |
/// | cannot be verified now (database down) | `Err(Rejection::unavailable(error))`: 503 |
///
/// Most applications write a closure: [`verify_fn`].
///
/// # A decorator
///
/// A verifier can wrap another one, as [`with_revocation`](crate::revocation::VerifyExt::with_revocation) and
/// [`map_identity`](crate::revocation::VerifyExt::map_identity) do. This one allows a set of subjects:
///
/// ```
/// use std::{collections::HashSet, sync::Arc};
/// use tower_auth::{Identity, Rejection, Verdict, Verify};
///
/// struct Only<V> {
///     inner: V,
///     subjects: Arc<HashSet<String>>,
/// }
///
/// impl<C, V: Verify<C>> Verify<C> for Only<V> {
///     fn verify(&self, credential: C) -> Verdict<Identity> {
///         self.inner.verify(credential).and_then(&self.subjects, |subjects, identity| {
///             let is_allowed = subjects.contains(identity.subject());
///             Verdict::ready(if is_allowed { Ok(identity) } else { Err(Rejection::invalid()) })
///         })
///     }
///
///     fn token_format(&self) -> Option<&'static str> {
///         self.inner.token_format()
///     }
/// }
/// ```
pub trait Verify<C>: Send + Sync + 'static {
    /// Verifies one credential. A pending verdict keeps it.
    fn verify(&self, credential: C) -> Verdict<Identity>;

    /// Returns the format of tokens for OpenAPI documents (`bearerFormat`), such as `JWT`; unknown
    /// by default.
    fn token_format(&self) -> Option<&'static str> {
        None
    }
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        impl<C, V: Verify<C> + ?Sized> Verify<C> for $pointer<V> {
            fn verify(&self, credential: C) -> Verdict<Identity> {
                (**self).verify(credential)
            }

            fn token_format(&self) -> Option<&'static str> {
                (**self).token_format()
            }
        }
    )*};
}

forward!(Arc, Box);

/// Creates a verifier from a closure, plain or async.
///
/// The type of the closure's argument says which credentials it verifies: an API key, a bearer
/// token, a user and password, or an application's own.
///
/// ```
/// use tower_auth::{Identity, Rejection, verify_fn};
///
/// struct Ticket(u64);
///
/// # async fn owner_of(_: u64) -> Result<Option<String>, std::io::Error> { Ok(None) }
/// let tickets = verify_fn(|ticket: Ticket| async move {
///     let owner = owner_of(ticket.0)
///         .await
///         .map_err(Rejection::unavailable)? // an outage is never a denial
///         .ok_or_else(Rejection::invalid)?;
///     Ok(Identity::new(owner))
/// });
/// # let _ = tickets;
/// ```
pub fn verify_fn<C, F, R, M>(f: F) -> VerifyFn<F, (C, M)>
where
    F: Fn(C) -> R + Send + Sync + 'static,
    R: IntoVerdict<Identity, M>,
{
    VerifyFn(f, PhantomData)
}

/// A verifier made from a closure by [`verify_fn`].
pub struct VerifyFn<F, M>(F, PhantomData<fn() -> M>);

impl<C, F, R, M> Verify<C> for VerifyFn<F, (C, M)>
where
    C: 'static,
    F: Fn(C) -> R + Send + Sync + 'static,
    R: IntoVerdict<Identity, M>,
    M: 'static,
{
    fn verify(&self, credentials: C) -> Verdict<Identity> {
        (self.0)(credentials).into_verdict()
    }
}

impl<F: Clone, M> Clone for VerifyFn<F, M> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<F, M> fmt::Debug for VerifyFn<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyFn")
    }
}

/// A verifier whose identities an application changes; made by
/// [`VerifyExt::map_identity`](crate::revocation::VerifyExt::map_identity).
pub struct MapIdentity<V, F, M> {
    verifier: V,
    f: Arc<F>,
    marker: PhantomData<fn() -> M>,
}

impl<V, F, M> MapIdentity<V, F, M> {
    pub(crate) fn new(verifier: V, f: F) -> Self {
        Self {
            verifier,
            f: Arc::new(f),
            marker: PhantomData,
        }
    }
}

impl<C, V, F, R, M> Verify<C> for MapIdentity<V, F, M>
where
    V: Verify<C>,
    F: Fn(Identity) -> R + Send + Sync + 'static,
    R: IntoVerdict<Identity, M>,
    M: 'static,
{
    fn verify(&self, credential: C) -> Verdict<Identity> {
        let verdict = self.verifier.verify(credential);
        verdict.and_then(&self.f, |f, identity| f(identity).into_verdict())
    }

    fn token_format(&self) -> Option<&'static str> {
        self.verifier.token_format()
    }
}

impl<V: Clone, F, M> Clone for MapIdentity<V, F, M> {
    fn clone(&self) -> Self {
        Self {
            verifier: self.verifier.clone(),
            f: Arc::clone(&self.f),
            marker: PhantomData,
        }
    }
}

impl<V: fmt::Debug, F, M> fmt::Debug for MapIdentity<V, F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapIdentity")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}
