//! Completes the rejections of policies for layers, by the scopes that a client lacks.

use crate::{Policy, Rejection, RejectionKind};

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

/// Returns the rejection of an anonymous caller by a layer that has this policy.
pub(crate) fn missing(policy: &dyn Policy) -> Rejection {
    let scopes = policy.scopes();
    if scopes.is_empty() {
        return Rejection::missing();
    }
    Rejection::missing().with_scopes(scopes.iter().cloned())
}
