//! [`Policy`]: a requirement on an identity.

use super::{PolicyRequest, combine};
use crate::{Identity, Verdict, rejection::Scope};
use std::{borrow::Cow, fmt, sync::Arc};

/// A requirement on an identity, checked after authentication.
///
/// The answer is `Ok(())`, or a [`Rejection`](crate::Rejection): [`forbidden`](crate::Rejection::forbidden) is "not
/// allowed" (403), [`unavailable`](crate::Rejection::unavailable) is "cannot tell" (503), and the
/// combinators keep the two apart:
///
/// | | answer |
/// |---|---|
/// | [`and`](Self::and), [`all`](crate::authz::all) | "not allowed" wins, then any other refusal, then a pass |
/// | [`or`](Self::or), [`any`](crate::authz::any) | a pass wins, then any other refusal, then "not allowed" |
/// | [`not`](Self::not) | turns a pass into "not allowed" and back; any other refusal stays |
///
/// Most applications use the ready-made ones ([`role`](crate::role), [`scope`](crate::scope),
/// [`subject`](crate::subject) …) or a closure: [`policy_fn`](crate::policy_fn).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy",
    note = "write `role(\"admin\")`, `scope(\"read\")` …, or wrap a closure: `policy_fn(\"name\", |identity, request| …)`"
)]
pub trait Policy: Send + Sync + 'static {
    /// Checks one identity for one request.
    fn check(&self, identity: &Identity, request: &PolicyRequest<'_>) -> Verdict<()>;

    /// Returns the name of the policy, for logs.
    fn name(&self) -> Cow<'_, str>;

    /// The scopes that the policy asks for, for the challenge of a client that lacks them.
    fn scopes(&self) -> &[Scope] {
        &[]
    }

    /// Both this policy and another one.
    fn and(self, other: impl Policy) -> Combined
    where
        Self: Sized,
    {
        all([Box::new(self) as Box<dyn Policy>, Box::new(other)])
    }

    /// This policy or another one.
    fn or(self, other: impl Policy) -> Combined
    where
        Self: Sized,
    {
        any([Box::new(self) as Box<dyn Policy>, Box::new(other)])
    }

    /// The opposite of this policy.
    fn not(self) -> Not<Self>
    where
        Self: Sized,
    {
        Not(self)
    }
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        impl<P: Policy + ?Sized> Policy for $pointer<P> {
            fn check(&self, identity: &Identity, request: &PolicyRequest<'_>) -> Verdict<()> {
                (**self).check(identity, request)
            }

            fn name(&self) -> Cow<'_, str> {
                (**self).name()
            }

            fn scopes(&self) -> &[Scope] {
                (**self).scopes()
            }
        }
    )*};
}

forward!(Arc, Box);

/// Requires every one of several policies; of two, [`Policy::and`] is shorter.
///
/// # Panics
///
/// If there are none: that would allow everybody.
#[track_caller]
#[must_use]
pub fn all(policies: impl IntoIterator<Item = Box<dyn Policy>>) -> Combined {
    let policies: Vec<_> = policies.into_iter().collect();
    assert!(!policies.is_empty(), "all of no policies allows everybody");
    let mut scopes: Vec<Scope> = Vec::new();
    for scope in policies.iter().flat_map(Policy::scopes) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    Combined {
        operator: Operator::And,
        policies,
        scopes,
    }
}

/// Requires at least one of several policies; of two, [`Policy::or`] is shorter.
///
/// ```
/// use tower_auth::{Policy, role, scope, authz::any};
///
/// let policy = any([Box::new(role("admin")) as Box<dyn Policy>, Box::new(scope("write"))]);
/// # let _ = policy;
/// ```
///
/// # Panics
///
/// If there are none: that would allow nobody.
#[track_caller]
#[must_use]
pub fn any(policies: impl IntoIterator<Item = Box<dyn Policy>>) -> Combined {
    let policies: Vec<_> = policies.into_iter().collect();
    assert!(!policies.is_empty(), "any of no policies allows nobody");
    // The scopes of the first alternative that scopes would satisfy.
    let mut scopes = policies.iter().map(Policy::scopes);
    let scopes = scopes.find(|scopes| !scopes.is_empty());
    Combined {
        operator: Operator::Or,
        scopes: scopes.unwrap_or_default().to_vec(),
        policies,
    }
}

/// Several policies, joined by "and" or "or"; made by [`Policy::and`], [`Policy::or`], [`all`] and
/// [`any`].
pub struct Combined {
    operator: Operator,
    policies: Vec<Box<dyn Policy>>,
    scopes: Vec<Scope>,
}

enum Operator {
    And,
    Or,
}

impl Policy for Combined {
    fn check(&self, identity: &Identity, request: &PolicyRequest<'_>) -> Verdict<()> {
        let policies = self.policies.iter();
        let verdicts = policies.map(|policy| policy.check(identity, request));
        match self.operator {
            Operator::And => combine::all(verdicts),
            Operator::Or => combine::any(verdicts),
        }
    }

    fn name(&self) -> Cow<'_, str> {
        let names: Vec<_> = self.policies.iter().map(Policy::name).collect();
        let word = match self.operator {
            Operator::And => " and ",
            Operator::Or => " or ",
        };
        format!("({})", names.join(word)).into()
    }

    fn scopes(&self) -> &[Scope] {
        &self.scopes
    }
}

/// The opposite of a policy; made by [`Policy::not`].
pub struct Not<P>(P);

impl<P: Policy> Policy for Not<P> {
    fn check(&self, identity: &Identity, request: &PolicyRequest<'_>) -> Verdict<()> {
        combine::not(self.0.check(identity, request))
    }

    fn name(&self) -> Cow<'_, str> {
        format!("not {}", self.0.name()).into()
    }
}

impl fmt::Debug for Combined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl<P: Policy> fmt::Debug for Not<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
