//! `and`, `or` and `not` in three values: allowed, not allowed, cannot tell.

use crate::{Identity, Policy, Rejection, RejectionKind, Scope, Verdict};
use http::request::Parts;
use std::{borrow::Cow, fmt};

/// Requires every one of several policies; of two, [`Policy::and`] is shorter.
///
/// # Panics
///
/// If there are none: that would allow everybody.
#[track_caller]
#[must_use]
pub fn all(policies: impl IntoIterator<Item = Box<dyn Policy>>) -> All {
    let policies: Vec<_> = policies.into_iter().collect();
    assert!(!policies.is_empty(), "all of no policies allows everybody");
    let mut scopes: Vec<Scope> = Vec::new();
    for scope in policies.iter().flat_map(Policy::scopes) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    All { policies, scopes }
}

/// Requires at least one of several policies; of two, [`Policy::or`] is shorter.
///
/// ```
/// use tower_auth::{Policy, any, role, scope};
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
pub fn any(policies: impl IntoIterator<Item = Box<dyn Policy>>) -> Any {
    let policies: Vec<_> = policies.into_iter().collect();
    assert!(!policies.is_empty(), "any of no policies allows nobody");
    Any(policies)
}

/// Every one of some policies; made by [`Policy::and`] and [`all`].
pub struct All {
    policies: Vec<Box<dyn Policy>>,
    scopes: Vec<Scope>,
}

impl Policy for All {
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()> {
        combine(
            &self.policies,
            identity,
            head,
            Tally {
                answer: Ok(()),
                wins: is_forbidden,
            },
        )
    }

    fn name(&self) -> Cow<'_, str> {
        joined(&self.policies, " and ")
    }

    fn scopes(&self) -> &[Scope] {
        &self.scopes
    }
}

/// At least one of some policies; made by [`Policy::or`] and [`any`].
pub struct Any(Vec<Box<dyn Policy>>);

impl Policy for Any {
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()> {
        let answer = Err(Rejection::forbidden());
        combine(
            &self.0,
            identity,
            head,
            Tally {
                answer,
                wins: Result::is_ok,
            },
        )
    }

    fn name(&self) -> Cow<'_, str> {
        joined(&self.0, " or ")
    }

    /// Of the first alternative that scopes would satisfy.
    fn scopes(&self) -> &[Scope] {
        self.0
            .iter()
            .map(Policy::scopes)
            .find(|s| !s.is_empty())
            .unwrap_or_default()
    }
}

type Answer = Result<(), Rejection>;

/// The answer so far, and which answer ends the matter.
struct Tally {
    answer: Answer,
    wins: fn(&Answer) -> bool,
}

impl Tally {
    /// Takes one more answer into account; true if it decides.
    fn add(&mut self, answer: Answer) -> bool {
        let decides = (self.wins)(&answer);
        // "Cannot tell" stands against everything but what decides.
        let weight = |answer: &Answer| match answer {
            Err(rejection) if rejection.kind() != RejectionKind::Forbidden => 2,
            // Of two that are not allowed, the one that a scope would help.
            Err(rejection) if !rejection.scopes().is_empty() => 1,
            _ => 0,
        };
        if decides || weight(&answer) > weight(&self.answer) {
            self.answer = answer;
        }
        decides
    }
}

fn is_forbidden(answer: &Answer) -> bool {
    answer
        .as_ref()
        .is_err_and(|rejection| rejection.kind() == RejectionKind::Forbidden)
}

/// Asks everyone who can answer now before anyone who has to be waited for.
fn combine(
    policies: &[Box<dyn Policy>],
    identity: &Identity,
    head: &Parts,
    mut tally: Tally,
) -> Verdict<()> {
    let mut waiting = Vec::new();
    for policy in policies {
        match policy.check(identity, head).now() {
            Ok(answer) => {
                if tally.add(answer) {
                    return Verdict::ready(tally.answer);
                }
            }
            Err(pending) => waiting.push(pending),
        }
    }
    if waiting.is_empty() {
        return Verdict::ready(tally.answer);
    }
    Verdict::pending(async move {
        for pending in waiting {
            if tally.add(pending.await) {
                break;
            }
        }
        tally.answer
    })
}

fn joined(policies: &[Box<dyn Policy>], word: &str) -> Cow<'static, str> {
    let names: Vec<_> = policies.iter().map(|policy| policy.name()).collect();
    format!("({})", names.join(word)).into()
}

/// The opposite of a policy; made by [`Policy::not`].
pub struct Not<P>(P);

impl<P: Policy> Not<P> {
    pub(crate) fn new(policy: P) -> Self {
        Self(policy)
    }
}

impl<P: Policy> Policy for Not<P> {
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()> {
        match self.0.check(identity, head).now() {
            Ok(answer) => Verdict::ready(turned(answer)),
            Err(pending) => Verdict::pending(async move { turned(pending.await) }),
        }
    }

    fn name(&self) -> Cow<'_, str> {
        format!("not {}", self.0.name()).into()
    }
}

fn turned(answer: Answer) -> Answer {
    match answer {
        Ok(()) => Err(Rejection::forbidden()),
        Err(rejection) if rejection.kind() == RejectionKind::Forbidden => Ok(()),
        Err(rejection) => Err(rejection),
    }
}

impl fmt::Debug for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl<P: Policy> fmt::Debug for Not<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
