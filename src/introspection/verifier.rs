//! [`Introspection`]: the verifier.

use super::{
    IntrospectionError,
    cache::{Answer, Cache},
    call::Endpoint,
    shape::Shape,
};
use crate::{
    Identity, Verdict, Verify,
    bearer::Token,
    clock::Clock,
    fetch,
    util::{
        digest::Digest,
        single_flight::{Full, NoResult, SingleFlight},
    },
};
use std::{fmt, sync::Arc, time::Duration};

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
    pub(super) calls: SingleFlight<Answer>,
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
            answer.map_err(IntrospectionError::into_rejection)
        })
    }
}

/// Returns the answer of a call that is under way, or of a call that is started here.
async fn answer(inner: Arc<Inner>, token: Token, digest: Digest) -> Answer {
    // Each request has a timer of its own, because the call may be on another runtime.
    let limit = inner.endpoint.time_out.saturating_add(GRACE);
    let timer = fetch::timer(limit).ok_or(IntrospectionError::NoRuntime)?;
    let call = ask(Arc::clone(&inner), token, digest);
    // The cache keeps the answer, so the call does not.
    let call = inner.calls.join(digest, |_| true, |_| Duration::ZERO, call);
    let call = call.map_err(|Full| IntrospectionError::Busy)?;
    call.result_before(timer)
        .await
        .unwrap_or_else(|missing| match missing {
            NoResult::Lost => Err(IntrospectionError::Lost),
            NoResult::TimedOut => Err(IntrospectionError::TimedOut),
        })
}

async fn ask(inner: Arc<Inner>, token: Token, digest: Digest) -> Answer {
    // Another call may have ended since the cache was read.
    let asked = inner.clock.now();
    if let Some(known) = inner.cache.get(&digest, asked) {
        return known;
    }
    let answer = inner.endpoint.ask(token.as_str()).await;
    inner.cache.keep(digest, &answer, asked);
    answer
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
