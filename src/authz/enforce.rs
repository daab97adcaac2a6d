//! Checks policies for layers, and adds the scopes that a client lacks to the rejection.

use crate::{Identity, Policy, Rejection, RejectionKind, Verdict};
use http::request::Parts;
use std::sync::Arc;

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
