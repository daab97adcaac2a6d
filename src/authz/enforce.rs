//! Completes the rejections of policies for layers, by the scopes that a client lacks.

use crate::{Anonymous, Policy, Rejection, RejectionKind};
use http::{Extensions, StatusCode};

/// Completes the rejection of an applied policy: by the scheme whose credential the request has,
/// and by all scopes that the policy needs.
pub(crate) fn explained(
    mut rejection: Rejection,
    policy: Option<&dyn Policy>,
    scheme: Option<&'static str>,
) -> Rejection {
    let Some(policy) = policy else {
        return rejection;
    };
    if let Some(scheme) = scheme.filter(|scheme| !scheme.is_empty()) {
        rejection = rejection.with_scheme(scheme);
    }
    // A client that comes back with one scope more should not fail on the next one.
    if rejection.kind() == RejectionKind::Forbidden && !rejection.scopes().is_empty() {
        let mut needed = policy.scopes().to_vec();
        // A closure names its scopes in its answer only.
        let named = rejection.scopes().iter();
        needed.extend(named.filter(|s| !policy.scopes().contains(s)).cloned());
        return rejection.with_scopes(needed);
    }
    rejection
}

/// Returns the rejection of an anonymous caller by a layer that has this policy: that of the
/// caller's cookie, if the request has one.
pub(crate) fn missing(policy: &dyn Policy, extensions: &Extensions) -> Rejection {
    let anonymous = extensions.get().and_then(Anonymous::rejection);
    let rejection = anonymous.cloned().unwrap_or_else(Rejection::missing);
    with_needed_scopes(rejection, policy)
}

/// Adds the scopes of a policy to a rejection with status 401. A client that returns with better
/// credentials should bring the scopes that the path needs.
pub(crate) fn with_needed_scopes(rejection: Rejection, policy: &dyn Policy) -> Rejection {
    let scopes = policy.scopes();
    let is_complete = scopes.is_empty() || !rejection.scopes().is_empty();
    if rejection.status() != StatusCode::UNAUTHORIZED || is_complete {
        return rejection;
    }
    rejection.with_scopes(scopes.iter().cloned())
}
