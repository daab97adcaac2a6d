//! [`PolicyFn`]: a policy from a closure.

use super::PolicyRequest;
use crate::{Identity, Policy, Verdict, verdict::IntoVerdict};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// Creates a policy from a closure, plain or async. The closure receives the identity and the
/// [request](PolicyRequest), with the parameters of its path.
///
/// An async closure cannot keep the two references (`lifetime may not live long enough`); it takes
/// what it needs out of them first.
///
/// ```
/// use tower_auth::{Identity, Rejection, policy_fn};
///
/// let office_hours = policy_fn("office_hours", |identity, _request| {
///     if identity.has_role("night_shift") { Ok(()) } else { Err(Rejection::forbidden()) }
/// });
///
/// # async fn allowed(_: &str, _: &str) -> Result<bool, std::io::Error> { Ok(true) }
/// let decided_elsewhere = policy_fn("pdp", |identity: &Identity, request| {
///     let (subject, path) = (identity.subject().to_owned(), request.uri.path().to_owned());
///     async move {
///         match allowed(&subject, &path).await.map_err(Rejection::unavailable)? {
///             true => Ok(()),
///             false => Err(Rejection::forbidden()),
///         }
///     }
/// });
/// # let _ = (office_hours, decided_elsewhere);
/// ```
pub fn policy_fn<F, R, M>(name: &'static str, f: F) -> PolicyFn<F, M>
where
    F: Fn(&Identity, &PolicyRequest<'_>) -> R + Send + Sync + 'static,
    R: IntoVerdict<(), M>,
{
    PolicyFn(name, f, PhantomData)
}

/// A closure that checks identities; made by [`policy_fn`].
pub struct PolicyFn<F, M>(&'static str, F, PhantomData<fn() -> M>);

impl<F, R, M> Policy for PolicyFn<F, M>
where
    F: Fn(&Identity, &PolicyRequest<'_>) -> R + Send + Sync + 'static,
    R: IntoVerdict<(), M>,
    M: 'static,
{
    fn check(&self, identity: &Identity, request: &PolicyRequest<'_>) -> Verdict<()> {
        (self.1)(identity, request).into_verdict()
    }

    fn name(&self) -> Cow<'_, str> {
        self.0.into()
    }
}

impl<F, M> fmt::Debug for PolicyFn<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyFn({})", self.0)
    }
}
