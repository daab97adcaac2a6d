//! [`Verify`]: what an application plugs in below a scheme.

use crate::{
    Identity, IntoVerdict, Rejection, Verdict,
    identity::Prepared,
    revocation::{RevocationCheck, WithRevocation},
};
use std::{fmt, marker::PhantomData, sync::Arc};

/// Judges the credentials that a scheme found: users, keys, tokens.
///
/// A verifier never sees a request, only small owned credentials, so it can be tested without
/// one and shared between schemes. The answers mean different things and must be told apart:
///
/// | the credentials are | answer |
/// |---|---|
/// | good | `Ok(identity)` |
/// | wrong, expired, revoked, unknown | `Err(Rejection::invalid())`: 401 |
/// | impossible to judge now (database down) | `Err(Rejection::unavailable(error))`: 503 |
///
/// Most applications write a closure: [`verify_fn`].
pub trait Verify<C>: Send + Sync + 'static {
    /// Judges one set of credentials.
    fn verify(&self, credentials: C) -> Verdict<Identity>;

    /// The answer to credentials that are one string of bytes, if it is there without keeping
    /// them; `None` to be asked by [`verify`](Self::verify), which must answer alike.
    ///
    /// Only this crate's verifiers have their own, which save a copy. They let nothing pass that
    /// is not of the scheme's form: that is looked at only where they do not pass it.
    #[doc(hidden)]
    fn verify_borrowed(&self, _: &[u8]) -> Option<Result<Prepared, Rejection>> {
        None
    }

    /// How the tokens are made, for descriptions of an API: `JWT`, where that is known.
    #[doc(hidden)]
    fn token_format(&self) -> Option<&'static str> {
        None
    }

    /// Refuses what this verifier accepts, once it is [revoked](crate::revocation).
    ///
    /// The list is asked on every request, also where the verifier remembers what it has judged.
    ///
    /// ```
    /// # use tower_auth::{Identity, verify_fn};
    /// use tower_auth::{Verify, revocation::Revocations};
    ///
    /// # struct Ticket;
    /// # let tickets = verify_fn(|_: Ticket| Ok(Identity::new("42")));
    /// let revocations = Revocations::new();
    /// let verifier = tickets.with_revocation(revocations.clone());
    /// # let _ = verifier;
    /// ```
    fn with_revocation(self, revoked: impl RevocationCheck) -> WithRevocation<Self>
    where
        Self: Sized,
    {
        WithRevocation::new(self, revoked)
    }
}

impl<C, V: Verify<C> + ?Sized> Verify<C> for Arc<V> {
    fn verify(&self, credentials: C) -> Verdict<Identity> {
        (**self).verify(credentials)
    }

    fn verify_borrowed(&self, bytes: &[u8]) -> Option<Result<Prepared, Rejection>> {
        (**self).verify_borrowed(bytes)
    }

    fn token_format(&self) -> Option<&'static str> {
        (**self).token_format()
    }
}

impl<C, V: Verify<C> + ?Sized> Verify<C> for Box<V> {
    fn verify(&self, credentials: C) -> Verdict<Identity> {
        (**self).verify(credentials)
    }

    fn verify_borrowed(&self, bytes: &[u8]) -> Option<Result<Prepared, Rejection>> {
        (**self).verify_borrowed(bytes)
    }

    fn token_format(&self) -> Option<&'static str> {
        (**self).token_format()
    }
}

/// A verifier from a closure, plain or async.
///
/// The type of the closure's argument says which credentials it judges: an API key, a bearer
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

/// A closure that judges credentials; made by [`verify_fn`].
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
