//! [`ResponseFuture`].

use super::{Decide, OnResponse, ResponseBody};
use crate::{Rejection, rejection::OwnBody};
use http::{Request, Response, request::Parts};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
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
        // The states that wait are boxed, because most requests do not wait.
        /// Waits for the decision, without a permit of the inner service.
        Deciding { waiting: Option<Box<Deciding<S, B, D>>> },
        /// Is accepted, and waits for the inner service.
        Readying { waiting: Option<Box<(S, Request<B>, R)>> },
        Calling { #[pin] future: F, on_response: Option<R> },
        Rejected { response: Option<Response<OwnBody>> },
        Done,
    }
}

struct Deciding<S, B, D: Decide> {
    config: Arc<D::Config>,
    decision: D,
    head: Parts,
    body: B,
    service: S,
}

impl<S, B, D> ResponseFuture<S, B, D>
where
    S: Service<Request<B>>,
    D: Decide,
{
    pub(super) fn deciding(
        config: Arc<D::Config>,
        decision: D,
        head: Parts,
        body: B,
        service: S,
    ) -> Self {
        let waiting = Some(Box::new(Deciding {
            config,
            decision,
            head,
            body,
            service,
        }));
        Self {
            state: State::Deciding { waiting },
        }
    }

    pub(super) fn calling(future: S::Future, on_response: D::OnResponse) -> Self {
        Self {
            state: State::Calling {
                future,
                on_response: Some(on_response),
            },
        }
    }

    pub(super) fn rejected(response: Response<OwnBody>) -> Self {
        Self {
            state: State::Rejected {
                response: Some(response),
            },
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
            let next = match state.as_mut().project() {
                StateProject::Deciding { waiting } => {
                    let Some(deciding) = waiting else {
                        return Poll::Pending;
                    };
                    let result = ready!(deciding.poll(cx));
                    match waiting.take() {
                        Some(deciding) => (*deciding).decided(result),
                        None => State::Done,
                    }
                }
                StateProject::Readying { waiting } => {
                    let Some((service, ..)) = waiting.as_deref_mut() else {
                        return Poll::Pending;
                    };
                    let readiness = ready!(service.poll_ready(cx));
                    match (waiting.take().map(|waiting| *waiting), readiness) {
                        (_, Err(error)) => {
                            state.set(State::Done);
                            return Poll::Ready(Err(error));
                        }
                        (Some((mut service, request, on_response)), Ok(())) => State::Calling {
                            future: service.call(request),
                            on_response: Some(on_response),
                        },
                        (None, Ok(())) => State::Done,
                    }
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
                    state.set(State::Done);
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
                StateProject::Done => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

impl<S, B, D: Decide> Deciding<S, B, D> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        self.decision
            .poll_decide(&self.config, &mut self.head, Some(cx))
    }

    fn decided<F>(mut self, result: Result<(), Rejection>) -> State<S, B, D, F, D::OnResponse> {
        match result {
            Ok(()) => {
                let on_response = self.decision.accept(&self.config, &mut self.head);
                let request = Request::from_parts(self.head, self.body);
                State::Readying {
                    waiting: Some(Box::new((self.service, request, on_response))),
                }
            }
            Err(rejection) => State::Rejected {
                response: Some(
                    self.decision
                        .reject(&self.config, &mut self.head, rejection),
                ),
            },
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
