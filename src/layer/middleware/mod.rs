//! The middleware under all layers of this crate: tower's contract in one place.
//!
//! Each layer [decides](Decide) on requests. This module calls the inner service, or not:
//!
//! 1. A request that is accepted at once is passed to the service that was polled ready.
//! 2. A rejected request releases what that readiness reserved: the ready service is dropped, and
//!    a clone takes its place.
//! 3. A request whose decision is pending holds nothing either. Once it is accepted, a clone is
//!    polled ready and called.

mod body;
mod future;

pub use body::ResponseBody;
pub use future::ResponseFuture;

use crate::Rejection;
use bytes::Bytes;
use http::{Request, Response, request::Parts};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The decision on one request.
// Public only in a private module: it is part of the type of a public future.
#[allow(unreachable_pub)]
pub trait Decide: Default {
    /// The configuration of the layer.
    type Config;

    /// The work that is left once the inner service has responded.
    type OnResponse: OnResponse;

    /// Decides on the request. Without a context, it decides only if nothing has to be awaited.
    fn poll_decide(
        &mut self,
        config: &Arc<Self::Config>,
        head: &mut Parts,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>>;

    /// Prepares the head of an accepted request for the inner service.
    fn accept(self, config: &Arc<Self::Config>, head: &mut Parts) -> Self::OnResponse;

    /// Returns the response to a rejected request.
    fn reject(
        self,
        config: &Arc<Self::Config>,
        head: &mut Parts,
        rejection: Rejection,
    ) -> Response<Bytes>;
}

/// The work that is left once the inner service has responded.
#[allow(unreachable_pub)]
pub trait OnResponse {
    /// Completes the response. Returns a body if it replaces the body of the inner service.
    fn on_response<B>(self, response: &mut Response<B>) -> Option<Bytes>;
}

impl OnResponse for () {
    fn on_response<B>(self, _: &mut Response<B>) -> Option<Bytes> {
        None
    }
}

/// Decides as far as possible without waiting, and calls the ready service if the request is
/// accepted.
pub(crate) fn call<S, B, D>(
    service: &mut S,
    request: Request<B>,
    config: &Arc<D::Config>,
) -> ResponseFuture<S, B, D>
where
    S: Service<Request<B>> + Clone,
    D: Decide,
{
    let (mut head, body) = request.into_parts();
    let mut decision = D::default();
    match decision.poll_decide(config, &mut head, None) {
        Poll::Ready(Ok(())) => {
            let on_response = decision.accept(config, &mut head);
            let future = service.call(Request::from_parts(head, body));
            ResponseFuture::calling(future, on_response)
        }
        Poll::Ready(Err(rejection)) => {
            release(service);
            ResponseFuture::rejected(decision.reject(config, &mut head, rejection))
        }
        Poll::Pending => {
            release(service);
            let config = Arc::clone(config);
            ResponseFuture::deciding(config, decision, head, body, service.clone())
        }
    }
}

/// Releases what a ready service holds. Clones are not ready, by tower's contract.
pub(crate) fn release<S: Clone>(service: &mut S) {
    let fresh = service.clone();
    drop(mem::replace(service, fresh));
}
