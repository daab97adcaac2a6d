//! [`Policy`]: a requirement on an identity.

use crate::{Identity, IntoVerdict, Rejection, RejectionKind, Scope, Verdict};
use http::request::Parts;
use std::{borrow::Cow, fmt, marker::PhantomData, sync::Arc};

/// A requirement on an identity, checked after authentication.
///
/// The answer is `Ok(())`, or a [`Rejection`]: [`forbidden`](Rejection::forbidden) is "not
/// allowed" (403), [`unavailable`](Rejection::unavailable) is "cannot tell" (503), and the
/// combinators keep the two apart:
///
/// | | answer |
/// |---|---|
/// | [`and`](Self::and), [`all`](crate::all) | "not allowed" wins, then any other refusal, then a pass |
/// | [`or`](Self::or), [`any`](crate::any) | a pass wins, then any other refusal, then "not allowed" |
/// | [`not`](Self::not) | turns a pass into "not allowed" and back; any other refusal stays |
///
/// Most applications use the ready-made ones ([`role`](crate::role), [`scope`](crate::scope),
/// [`subject`](crate::subject) …) or a closure: [`policy_fn`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy",
    note = "write `role(\"admin\")`, `scope(\"read\")` …, or wrap a closure: `policy_fn(\"name\", |identity, head| …)`"
)]
pub trait Policy: Send + Sync + 'static {
    /// Checks one identity for one request.
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()>;

    /// How logs name the policy.
    fn name(&self) -> Cow<'_, str>;

    /// The scopes that the policy asks for, for the challenge of a client that lacks them.
    fn scopes(&self) -> &[Scope] {
        &[]
    }

    /// Both this policy and another one.
    fn and(self, other: impl Policy) -> crate::All
    where
        Self: Sized,
    {
        crate::all([Box::new(self) as Box<dyn Policy>, Box::new(other)])
    }

    /// This policy or another one.
    fn or(self, other: impl Policy) -> crate::Any
    where
        Self: Sized,
    {
        crate::any([Box::new(self) as Box<dyn Policy>, Box::new(other)])
    }

    /// The opposite of this policy.
    fn not(self) -> crate::Not<Self>
    where
        Self: Sized,
    {
        crate::Not::new(self)
    }
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()> {
        (**self).check(identity, head)
    }

    fn name(&self) -> Cow<'_, str> {
        (**self).name()
    }

    fn scopes(&self) -> &[Scope] {
        (**self).scopes()
    }
}

impl<P: Policy + ?Sized> Policy for Arc<P> {
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()> {
        (**self).check(identity, head)
    }

    fn name(&self) -> Cow<'_, str> {
        (**self).name()
    }

    fn scopes(&self) -> &[Scope] {
        (**self).scopes()
    }
}

/// Checks a policy on behalf of a layer: who was judged, and all scopes that it takes.
pub(crate) fn enforce(policy: &Arc<dyn Policy>, identity: &Identity, head: &Parts) -> Verdict<()> {
    let scheme = identity.scheme();
    match policy.check(identity, head).now() {
        Ok(result) => Verdict::ready(result.map_err(|r| explained(r, &**policy, scheme))),
        Err(pending) => {
            let policy = Arc::clone(policy);
            Verdict::pending(
                async move { pending.await.map_err(|r| explained(r, &*policy, scheme)) },
            )
        }
    }
}

fn explained(rejection: Rejection, policy: &dyn Policy, scheme: &'static str) -> Rejection {
    let rejection = if scheme.is_empty() {
        rejection
    } else {
        rejection.with_scheme(scheme)
    };
    // A client that comes back with one scope more should not fail on the next one.
    if rejection.kind() == RejectionKind::Forbidden && !rejection.scopes().is_empty() {
        let mut needed = policy.scopes().to_vec();
        // A closure names its scopes in its answer only.
        needed.extend(
            rejection
                .scopes()
                .iter()
                .filter(|s| !policy.scopes().contains(s))
                .cloned(),
        );
        return rejection.with_scopes(needed);
    }
    rejection
}

/// What a request without credentials is told by a layer that has this policy.
pub(crate) fn missing(policy: &dyn Policy) -> Rejection {
    let scopes = policy.scopes();
    if scopes.is_empty() {
        return Rejection::missing();
    }
    Rejection::missing().with_scopes(scopes.iter().cloned())
}

/// A policy from a closure, plain or async.
///
/// An async closure cannot keep the two references (`lifetime may not live long enough`); it takes
/// what it needs out of them first.
///
/// ```
/// use tower_auth::{Identity, Rejection, policy_fn};
///
/// let office_hours = policy_fn("office_hours", |identity, _head| {
///     if identity.has_role("night_shift") { Ok(()) } else { Err(Rejection::forbidden()) }
/// });
///
/// # async fn allowed(_: &str, _: &str) -> Result<bool, std::io::Error> { Ok(true) }
/// let decided_elsewhere = policy_fn("pdp", |identity: &Identity, head| {
///     let (subject, path) = (identity.subject().to_owned(), head.uri.path().to_owned());
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
    F: Fn(&Identity, &Parts) -> R + Send + Sync + 'static,
    R: IntoVerdict<(), M>,
{
    PolicyFn {
        name,
        f,
        marker: PhantomData,
    }
}

/// A closure that checks identities; made by [`policy_fn`].
pub struct PolicyFn<F, M> {
    name: &'static str,
    f: F,
    marker: PhantomData<fn() -> M>,
}

impl<F, R, M> Policy for PolicyFn<F, M>
where
    F: Fn(&Identity, &Parts) -> R + Send + Sync + 'static,
    R: IntoVerdict<(), M>,
    M: 'static,
{
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()> {
        (self.f)(identity, head).into_verdict()
    }

    fn name(&self) -> Cow<'_, str> {
        self.name.into()
    }
}

impl<F, M> fmt::Debug for PolicyFn<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyFn({})", self.name)
    }
}
