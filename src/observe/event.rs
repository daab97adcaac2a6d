//! One structured event per decision, from one site.
//!
//! The target is `tower_auth`. Accepted requests are logged at `DEBUG` and rejected ones at `INFO`. A
//! missing `AuthLayer` and other bugs of the application, which somebody has to repair, are logged at
//! `ERROR`, and so is the begin of an outage. The other rejections of an outage are logged at `DEBUG`,
//! because there may be one for each request, and its end at `INFO`. An anonymous caller whose cookie
//! was rejected is logged at `INFO`, with the kind of the rejection. If a 503 is sent because clients
//! request too much ([`Rejection::busy`]), it is logged at `INFO`. No field is secret.

use super::outage::Outage;
use crate::{Identity, Rejection, credential::Place};

/// The decision of one layer or extractor on one request.
#[cfg_attr(
    not(feature = "tracing"),
    expect(dead_code, reason = "nothing is logged")
)]
pub(crate) struct Decision<'a> {
    pub(crate) scheme: Option<&'static str>,
    pub(crate) place: Option<Place>,
    /// The identity, if it was established before the decision.
    pub(crate) identity: Option<&'a Identity>,
    /// Whether the caller is anonymous, because the rejection is that of a cookie on an open path.
    pub(crate) is_anonymous: bool,
    /// The policy that was asked last; named only if somebody listens.
    pub(crate) policy: Option<&'a dyn crate::Policy>,
}

impl<'a> Decision<'a> {
    /// A decision about an established identity, or about a visitor.
    pub(crate) fn about(
        identity: Option<&'a Identity>,
        policy: Option<&'a dyn crate::Policy>,
    ) -> Self {
        Self {
            scheme: identity.map(Identity::scheme),
            place: identity.and_then(Identity::place),
            identity,
            is_anonymous: false,
            policy,
        }
    }
}

/// Logs the rejection of a response that an inner service returned, unless the layer or extractor
/// that made the rejection has logged it.
pub(crate) fn emit_returned<'a>(
    rejection: &Rejection,
    outage: Option<&Outage>,
    decision: impl FnOnce() -> Decision<'a>,
) {
    if !rejection.is_logged() {
        emit(Some(rejection), outage, decision);
    }
}

/// Logs the end of an outage of this part, if there was one.
pub(crate) fn recovered(outage: &Outage, part: &'static str) {
    if outage.ends() {
        #[cfg(feature = "tracing")]
        tracing::info!(target: "tower_auth", part, "an outage is over");
        #[cfg(not(feature = "tracing"))]
        let _ = part;
    }
}

/// Does nothing without the feature `tracing`.
#[cfg(not(feature = "tracing"))]
pub(crate) fn emit<'a>(
    _: Option<&Rejection>,
    _: Option<&Outage>,
    _: impl FnOnce() -> Decision<'a>,
) {
}

/// Logs that a request was accepted, or why it was rejected. `decision` is called only if the event
/// is enabled.
///
/// If something is unavailable, the first rejection of the outage is logged at `ERROR`, the following
/// ones at `DEBUG`, and the end of the outage at `INFO`. Without a state, each is logged at `ERROR`.
#[cfg(feature = "tracing")]
pub(crate) fn emit<'a>(
    rejection: Option<&Rejection>,
    outage: Option<&Outage>,
    decision: impl FnOnce() -> Decision<'a>,
) {
    use crate::{
        RejectionKind::{Forbidden, Internal, Invalid, NoAuthLayer, Unavailable},
        error::Chain,
    };
    use std::error::Error as _;
    use tracing::{Level, enabled, event};

    macro_rules! at {
        ($level:expr) => {
            if enabled!(target: "tower_auth", $level) {
                let Decision { scheme, place, identity, is_anonymous, policy } = decision();
                let outcome = match (rejection, identity) {
                    (Some(_), _) if !is_anonymous => "rejected",
                    (_, Some(_)) => "allowed",
                    (_, None) => "anonymous",
                };
                let error = rejection.and_then(|rejection| rejection.source());
                let policy = policy.map(crate::Policy::name);
                event!(
                    target: "tower_auth",
                    $level,
                    outcome,
                    scheme,
                    place = place.map(Place::as_str),
                    kind = rejection.map(|rejection| rejection.kind().as_str()),
                    detail = rejection.map(Rejection::detail),
                    issuer = identity.and_then(Identity::issuer),
                    subject = identity.map(Identity::subject),
                    policy = policy.as_deref(),
                    error = error.map(Chain).map(tracing::field::display),
                );
            }
        };
    }
    if let Some(rejection) = rejection {
        rejection.mark_logged();
    }
    let is_answer = |kind| matches!(kind, None | Some(Invalid | Forbidden));
    if let Some(outage) = outage
        && is_answer(rejection.map(Rejection::kind))
    {
        recovered(outage, "verification");
    }
    match rejection.map(Rejection::kind) {
        None => at!(Level::DEBUG),
        Some(Unavailable) if rejection.is_some_and(Rejection::is_busy) => at!(Level::INFO),
        Some(Internal) if rejection.is_some_and(Rejection::is_repeated) => at!(Level::DEBUG),
        Some(Unavailable) if outage.is_some_and(|outage| !outage.begins()) => at!(Level::DEBUG),
        Some(Unavailable | NoAuthLayer | Internal) => at!(Level::ERROR),
        Some(_) => at!(Level::INFO),
    }
}
