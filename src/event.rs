//! One structured event per decision, from one site.
//!
//! Target `tower_auth`. Passes are `DEBUG`, refusals `INFO`, "cannot tell" and a missing
//! `AuthLayer`, which somebody has to repair, `ERROR`. Never a secret: the fields are names.

use crate::{Identity, Place, Rejection};

/// What was decided about one request, by one layer or extractor.
#[allow(dead_code, reason = "read only with the feature `tracing`")]
pub(crate) struct Decision<'a> {
    pub(crate) scheme: Option<&'static str>,
    pub(crate) place: Option<Place>,
    pub(crate) outcome: Outcome<'a>,
    /// The policy that was asked last; named only if somebody listens.
    pub(crate) policy: Option<&'a dyn crate::Policy>,
}

#[allow(dead_code, reason = "read only with the feature `tracing`")]
#[derive(Clone, Copy)]
pub(crate) enum Outcome<'a> {
    Allowed(&'a Identity),
    /// A visitor was let in.
    Anonymous,
    /// Refused; with the identity, if it had got so far.
    Rejected(&'a Rejection, Option<&'a Identity>),
}

/// Without the feature, deciding is all there is.
#[cfg(not(feature = "tracing"))]
pub(crate) fn emit(_: &Decision<'_>) {}

#[cfg(feature = "tracing")]
pub(crate) fn emit(decision: &Decision<'_>) {
    use crate::RejectionKind::{NoAuthLayer, Unavailable};
    use std::error::Error as _;
    use tracing::{Level, enabled, event};

    macro_rules! at {
        ($level:expr) => {
            if enabled!(target: "tower_auth", $level) {
                let (outcome, rejection, identity) = match decision.outcome {
                    Outcome::Allowed(identity) => ("allowed", None, Some(identity)),
                    Outcome::Anonymous => ("anonymous", None, None),
                    Outcome::Rejected(rejection, identity) => {
                        ("rejected", Some(rejection), identity)
                    }
                };
                let error = rejection.and_then(|rejection| rejection.source());
                let policy = decision.policy.map(crate::Policy::name);
                event!(
                    target: "tower_auth",
                    $level,
                    outcome,
                    scheme = decision.scheme,
                    place = decision.place.map(Place::as_str),
                    kind = rejection.map(|rejection| rejection.kind().as_str()),
                    detail = rejection.map(Rejection::detail),
                    issuer = identity.and_then(Identity::issuer),
                    subject = identity.map(Identity::subject),
                    policy = policy.as_deref(),
                    error = error.map(tracing::field::display),
                );
            }
        };
    }
    match decision.outcome {
        Outcome::Allowed(_) | Outcome::Anonymous => at!(Level::DEBUG),
        Outcome::Rejected(rejection, _)
            if matches!(rejection.kind(), Unavailable | NoAuthLayer) =>
        {
            at!(Level::ERROR);
        }
        Outcome::Rejected(..) => at!(Level::INFO),
    }
}
