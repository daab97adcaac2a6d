//! [`ResponseFuture`].

use super::{Decide, OnResponse, ResponseBody};
use crate::rejection::OwnBody;
use http::{Request, Response, request::Parts};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// The response of the inner service, or the response to a rejected request.
    pub struct ResponseFuture<S, B, D>
    where
        S: Service<Request<B>>,
        D: Decide,
    {
        #[pin]
        state: State<S, B, D, S::Future, D::OnResponse>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<S, B, D, F, R> where D: Decide {
        // Boxed, because most requests do not wait. `None` after completion.
        Waiting { waiting: Option<Box<Waiting<S, B, D>>> },
        Calling { #[pin] future: F, on_response: Option<R> },
        // `None` after completion.
        Rejected { response: Option<Response<OwnBody>> },
    }
}

/// A request that waits for the decision, then for the inner service. While it waits for the
/// decision, it holds no permit of the inner service.
pub(super) struct Waiting<S, B, D: Decide> {
    pub(super) config: Arc<D::Config>,
    pub(super) decision: D,
    pub(super) head: Parts,
    pub(super) body: B,
    pub(super) service: S,
    /// The work after the response; `None` until the request is accepted.
    pub(super) on_response: Option<D::OnResponse>,
}

impl<S, B, D> Waiting<S, B, D>
where
    S: Service<Request<B>>,
    D: Decide,
{
    /// Returns the response to a rejected request, or `None` once the service is ready.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Response<OwnBody>>, S::Error>> {
        let (config, head) = (&self.config, &mut self.head);
        if self.on_response.is_none() {
            let result = ready!(self.decision.poll_decide(config, head, Some(cx)));
            let decision = mem::take(&mut self.decision);
            match result {
                Ok(()) => self.on_response = Some(decision.accept(config, head)),
                Err(rejection) => {
                    return Poll::Ready(Ok(Some(decision.reject(config, head, rejection))));
                }
            }
        }
        self.service.poll_ready(cx).map_ok(|()| None)
    }
}

impl<S, B, D> ResponseFuture<S, B, D>
where
    S: Service<Request<B>>,
    D: Decide,
{
    pub(super) fn waiting(waiting: Waiting<S, B, D>) -> Self {
        let waiting = Some(Box::new(waiting));
        Self {
            state: State::Waiting { waiting },
        }
    }

    pub(super) fn calling(future: S::Future, on_response: D::OnResponse) -> Self {
        let on_response = Some(on_response);
        Self {
            state: State::Calling {
                future,
                on_response,
            },
        }
    }

    pub(super) fn rejected(response: Response<OwnBody>) -> Self {
        let response = Some(response);
        Self {
            state: State::Rejected { response },
        }
    }
}

impl<S, B, D, R> Future for ResponseFuture<S, B, D>
where
    S: Service<Request<B>, Response = Response<R>>,
    D: Decide,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProject::Waiting { waiting } => {
                    let Some(mut request) = waiting.take() else {
                        return Poll::Pending;
                    };
                    let Poll::Ready(result) = request.poll(cx) else {
                        *waiting = Some(request);
                        return Poll::Pending;
                    };
                    if let Some(response) = result? {
                        return Poll::Ready(Ok(response.map(ResponseBody::own)));
                    }
                    let on_response = request.on_response.take();
                    let future = request
                        .service
                        .call(Request::from_parts(request.head, request.body));
                    state.set(State::Calling {
                        future,
                        on_response,
                    });
                }
                StateProject::Calling {
                    future,
                    on_response,
                } => {
                    let mut response = ready!(future.poll(cx));
                    let body = match (on_response.take(), &mut response) {
                        (Some(on_response), Ok(response)) => on_response.on_response(response),
                        _ => None,
                    };
                    // A completed future keeps nothing of the inner service.
                    state.set(State::Rejected { response: None });
                    return Poll::Ready(
                        response.map(|response| response.map(|own| ResponseBody::new(own, body))),
                    );
                }
                StateProject::Rejected { response } => {
                    // A future that is polled after completion never returns a second response.
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response.map(ResponseBody::own))),
                        None => Poll::Pending,
                    };
                }
            }
        }
    }
}

impl<S, B, D> fmt::Debug for ResponseFuture<S, B, D>
where
    S: Service<Request<B>>,
    D: Decide,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
