//! [`Introspection`]: the verifier.

use super::{
    IntrospectionError,
    cache::Cache,
    call::Endpoint,
    flights::{Answer, Flight, Flights, Waiter},
    shape::Shape,
};
use crate::{Clock, Identity, Verdict, Verify, bearer::Token, fetch, util::digest::Digest};
use std::{fmt, sync::Arc, time::Duration};
use tokio::runtime::Handle;

/// The time that a request waits beyond the time-out of a call.
const GRACE: Duration = Duration::from_secs(1);

/// Verifies opaque tokens by asking the authorization server (RFC 7662). Cloning is cheap, and
/// clones share what they know.
///
/// Made by [`Introspection::endpoint`] and the [`IntrospectionBuilder`](super::IntrospectionBuilder) that it returns. See the
/// [module](super) for what is done, in which order.
#[derive(Clone)]
pub struct Introspection(Arc<Inner>);

pub(super) struct Inner {
    pub(super) shape: Shape,
    pub(super) cache: Cache,
    pub(super) flights: Flights,
    pub(super) endpoint: Endpoint,
    pub(super) clock: Arc<dyn Clock>,
}

impl Introspection {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl Verify<Token> for Introspection {
    fn verify(&self, token: Token) -> Verdict<Identity> {
        let inner = &self.0;
        if !inner.shape.fits(token.as_str()) {
            return Verdict::ready(Err(IntrospectionError::Form.into_rejection()));
        }
        let digest = inner.cache.digest(token.as_str());
        if let Some(known) = inner.cache.get(&digest, inner.clock.now()) {
            return Verdict::ready(known.map_err(IntrospectionError::into_rejection));
        }
        let inner = Arc::clone(inner);
        Verdict::pending(async move {
            let answer = answer(inner, token, digest).await;
            match answer {
                Ok(prepared) => Ok(prepared.identity()),
                Err(error) => Err(error.into_rejection()),
            }
        })
    }
}

/// The answer of a call that is under way, or of one that begins here.
async fn answer(inner: Arc<Inner>, token: Token, digest: Digest) -> Answer {
    // Each request has a timer of its own, because the call may be on another runtime.
    let limit = inner.endpoint.time_out.saturating_add(GRACE);
    let timer = fetch::timer(limit).ok_or(IntrospectionError::NoRuntime)?;
    let (flight, waiting) = match inner.flights.join(digest) {
        Waiter::Shared(waiting) => return waiting.answer(timer).await,
        Waiter::First(flight, waiting) => (flight, waiting),
        Waiter::None => return Err(IntrospectionError::Busy),
    };
    // Another call may have ended since the cache was asked.
    if let Some(known) = inner.cache.get(&digest, inner.clock.now()) {
        let known = known.map(Into::into);
        flight.finish(known.clone());
        return known;
    }
    // A task of its own: whoever waits may give up.
    let runtime = Handle::try_current().map_err(|_| IntrospectionError::NoRuntime)?;
    runtime.spawn(fly(inner, token, flight));
    waiting.answer(timer).await
}

async fn fly(inner: Arc<Inner>, token: Token, flight: Flight) {
    let asked = inner.clock.now();
    let answer = inner.endpoint.ask(token.as_str()).await.map(Into::into);
    inner.cache.keep(flight.digest(), &answer, asked);
    flight.finish(answer);
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.0.endpoint;
        f.debug_struct("Introspection")
            .field("host", &endpoint.host())
            .field("issuer", &endpoint.rules.issuer)
            .field("audiences", &endpoint.rules.audiences)
            .finish_non_exhaustive()
    }
}
