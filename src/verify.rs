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
/// A verifier can wrap another one. [`with_revocation`](crate::revocation::VerifyExt::with_revocation) is such
/// a decorator. This one adds the roles that a database has for the subject:
///
/// ```
/// use std::sync::Arc;
/// use tower_auth::{Identity, Rejection, Verdict, Verify};
///
/// # struct Database;
/// # impl Database {
/// #     async fn roles_of(&self, _: &str) -> Result<Vec<String>, std::io::Error> { Ok(Vec::new()) }
/// # }
/// struct WithRoles<V> {
///     inner: V,
///     database: Arc<Database>,
/// }
///
/// impl<C, V: Verify<C>> Verify<C> for WithRoles<V> {
///     fn verify(&self, credential: C) -> Verdict<Identity> {
///         self.inner.verify(credential).and_then(&self.database, |database, identity| {
///             let database = database.clone();
///             Verdict::pending(async move {
///                 let roles = database.roles_of(identity.subject()).await;
///                 Ok(identity.with_roles(roles.map_err(Rejection::unavailable)?))
///             })
///         })
///     }
///
///     fn token_format(&self) -> Option<&'static str> {
///         self.inner.token_format()
///     }
/// }
/// ```
///
/// If the change needs no I/O, [`Verdict::map`] is enough:
///
/// ```
/// # use tower_auth::{Identity, Verdict, Verify};
/// struct MapIdentity<V, F> {
///     inner: V,
///     f: F,
/// }
///
/// impl<C, V, F> Verify<C> for MapIdentity<V, F>
/// where
///     V: Verify<C>,
///     F: Fn(Identity) -> Identity + Clone + Send + Sync + 'static,
/// {
///     fn verify(&self, credential: C) -> Verdict<Identity> {
///         self.inner.verify(credential).map(self.f.clone())
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
