//! [`Decide`] and [`OnResponse`]: the steps of a layer for one request and its response.

use crate::{Rejection, rejection::OwnBody};
use http::{Response, request::Parts};
use std::{
    sync::Arc,
    task::{Context, Poll},
};

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
    ) -> Response<OwnBody>;
}

/// The work that is left once the inner service has responded.
#[allow(unreachable_pub)]
pub trait OnResponse {
    /// Completes the response. Returns a body if it replaces the body of the inner service.
    fn on_response<B>(self, response: &mut Response<B>) -> Option<OwnBody>;
}

impl OnResponse for () {
    fn on_response<B>(self, _: &mut Response<B>) -> Option<OwnBody> {
        None
    }
}
