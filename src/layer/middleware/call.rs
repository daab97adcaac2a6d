//! Calls of a service that is ready.

use super::{Decide, ResponseFuture, future::Waiting};
use http::Request;
use std::{mem, sync::Arc, task::Poll};
use tower_service::Service;

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
            ResponseFuture::waiting(Waiting {
                config: Arc::clone(config),
                decision,
                head,
                body,
                service: service.clone(),
                on_response: None,
            })
        }
    }
}

/// Releases what a ready service holds. Clones are not ready, by tower's contract.
pub(crate) fn release<S: Clone>(service: &mut S) {
    let fresh = service.clone();
    drop(mem::replace(service, fresh));
}
