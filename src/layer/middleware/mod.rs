//! How a layer stands in front of a service: tower's contract, kept in one place.
//!
//! [`AuthLayer`](crate::AuthLayer) and [`RequireLayer`](crate::RequireLayer) decide; this
//! module passes requests on or refuses them:
//!
//! 1. A request that is admitted at once goes to the very service that was polled ready.
//! 2. A refused request gives back what that readiness reserved: the ready service is dropped
//!    and a clone takes its place.
//! 3. A request that has to wait for its verdict holds nothing either. Once admitted, a clone
//!    is polled ready and called.

mod body;
mod future;

pub use body::ResponseBody;
pub use future::ResponseFuture;

use crate::{Rejection, rejection::OwnBody};
use http::{Request, Response, request::Parts};
use std::{
    mem,
    task::{Context, Poll},
};
use tower_service::Service;

/// Decides about one request and sees its response.
// Public only in a private module: it stands in the type of a public future.
#[allow(unreachable_pub)]
pub trait Judge {
    /// What it goes by, for all requests alike.
    type Config: Clone;

    /// What is left to do once the inner service has answered.
    type After: Finish;

    /// Comes to a decision; without a context only as far as no waiting is needed.
    fn decide(
        &mut self,
        config: &Self::Config,
        head: &mut Parts,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>>;

    /// Makes the head ready to be passed inward; called once, and nothing after it.
    fn admit(&mut self, config: &Self::Config, head: &mut Parts) -> Self::After;

    /// The response instead; it may have the head's memory. Called once, and nothing after it.
    fn refuse(
        &mut self,
        config: &Self::Config,
        head: &mut Parts,
        rejection: Rejection,
    ) -> Response<OwnBody>;
}

/// Completes the inner service's response.
#[allow(unreachable_pub)]
pub trait Finish {
    /// With a body, if that takes the place of the service's own.
    fn finish<B>(self, response: &mut Response<B>) -> Option<OwnBody>;
}

/// Decides as far as possible now, and calls the ready service if that is a pass.
#[inline]
pub(crate) fn call<S, B, J>(
    service: &mut S,
    request: Request<B>,
    config: &J::Config,
    judge: impl FnOnce(&J::Config, &Parts) -> J,
) -> ResponseFuture<S, B, J>
where
    S: Service<Request<B>> + Clone,
    J: Judge,
{
    // Taken apart here, so that the head moves no more often than it must.
    let (mut head, body) = request.into_parts();
    let after = {
        let mut judge = judge(config, &head);
        match judge.decide(config, &mut head, None) {
            Poll::Ready(Ok(())) => judge.admit(config, &mut head),
            Poll::Ready(Err(rejection)) => {
                return refuse(service, config, &mut judge, &mut head, rejection);
            }
            Poll::Pending => return wait(service, config.clone(), judge, head, body),
        }
    };
    ResponseFuture::calling(service.call(Request::from_parts(head, body)), after)
}

// Apart, as what follows: whoever passes at once need not make room for it.
#[inline(never)]
fn refuse<S, B, J>(
    service: &mut S,
    config: &J::Config,
    judge: &mut J,
    head: &mut Parts,
    rejection: Rejection,
) -> ResponseFuture<S, B, J>
where
    S: Service<Request<B>> + Clone,
    J: Judge,
{
    release(service);
    ResponseFuture::refused(judge.refuse(config, head, rejection))
}

#[inline(never)]
fn wait<S, B, J>(
    service: &mut S,
    config: J::Config,
    judge: J,
    head: Parts,
    body: B,
) -> ResponseFuture<S, B, J>
where
    S: Service<Request<B>> + Clone,
    J: Judge,
{
    release(service);
    ResponseFuture::judging(config, judge, head, body, service.clone())
}

/// Gives back what a ready service holds. Clones are not ready, by tower's contract.
pub(crate) fn release<S: Clone>(service: &mut S) {
    let fresh = service.clone();
    drop(mem::replace(service, fresh));
}
