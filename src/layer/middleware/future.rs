//! The future of a guarded call.

use super::{Finish, Judge, ResponseBody};
use crate::rejection::OwnBody;
use http::{Request, Response, request::Parts};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_service::Service;

pin_project! {
    /// The response of a guarded service, or that of a rejection.
    pub struct ResponseFuture<S, B, J>
    where
        S: Service<Request<B>>,
        J: Judge,
    {
        #[pin]
        state: State<S, B, J, J::Config, S::Future, J::After>,
        // What is left to do once the inner service has answered.
        after: Option<J::After>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<S, B, J, C, F, A> {
        /// Waits for a verdict, holding no permit of the inner service. Boxed, so that requests
        /// that need not wait do not move that much memory around.
        Judging { waiting: Option<Box<(C, J, Parts, B, S)>> },
        /// Admitted after waiting; waits for the inner service.
        Readying { waiting: Option<Box<(S, Request<B>, A)>> },
        Calling { #[pin] future: F },
        Refused { response: Option<Response<OwnBody>> },
        Done,
    }
}

impl<S, B, J> ResponseFuture<S, B, J>
where
    S: Service<Request<B>>,
    J: Judge,
{
    pub(super) fn judging(config: J::Config, judge: J, head: Parts, body: B, service: S) -> Self {
        Self {
            state: State::Judging {
                waiting: Some(Box::new((config, judge, head, body, service))),
            },
            after: None,
        }
    }

    /// Inlined, so that the future is made where it stays.
    #[inline(always)]
    pub(super) fn calling(future: S::Future, after: J::After) -> Self {
        Self {
            state: State::Calling { future },
            after: Some(after),
        }
    }

    #[inline(always)]
    pub(super) fn refused(response: Response<OwnBody>) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
            after: None,
        }
    }
}

impl<S, B, J, R> Future for ResponseFuture<S, B, J>
where
    S: Service<Request<B>, Response = Response<R>>,
    J: Judge,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            match this.state.as_mut().project() {
                StateProject::Calling { future } => {
                    let mut response = ready!(future.poll(cx));
                    let own = match (this.after.take(), &mut response) {
                        (Some(after), Ok(response)) => after.finish(response),
                        _ => None,
                    };
                    // Whoever keeps this future keeps nothing of the inner service with it.
                    this.state.set(State::Done);
                    return Poll::Ready(match response {
                        Ok(response) => Ok(response.map(|body| ResponseBody::new(body, own))),
                        Err(error) => Err(error),
                    });
                }
                StateProject::Refused { response } => {
                    // Polled after completion: never a second answer.
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response.map(ResponseBody::own))),
                        None => Poll::Pending,
                    };
                }
                StateProject::Done => return Poll::Pending,
                StateProject::Judging { .. } | StateProject::Readying { .. } => {
                    if let Err(error) = ready!(self.as_mut().wait(cx)) {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
    }
}

impl<S, B, J> ResponseFuture<S, B, J>
where
    S: Service<Request<B>>,
    J: Judge,
{
    /// Goes on from a verdict or permit that had to be waited for.
    #[inline(never)]
    fn wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let mut this = self.project();
        let next = match this.state.as_mut().project() {
            StateProject::Judging { waiting } => {
                let decision = match waiting {
                    Some(waiting) => {
                        let (config, judge, head, ..) = &mut **waiting;
                        ready!(judge.decide(config, head, Some(cx)))
                    }
                    None => return Poll::Pending,
                };
                match (waiting.take().map(|waiting| *waiting), decision) {
                    (Some((config, mut judge, mut head, body, service)), Ok(())) => {
                        let after = judge.admit(&config, &mut head);
                        let request = Request::from_parts(head, body);
                        State::Readying {
                            waiting: Some(Box::new((service, request, after))),
                        }
                    }
                    (Some((config, mut judge, mut head, ..)), Err(rejection)) => State::Refused {
                        response: Some(judge.refuse(&config, &mut head, rejection)),
                    },
                    (None, _) => State::Done,
                }
            }
            StateProject::Readying { waiting } => {
                let readiness = match waiting {
                    Some(waiting) => ready!(waiting.0.poll_ready(cx)),
                    None => return Poll::Pending,
                };
                match (waiting.take().map(|waiting| *waiting), readiness) {
                    (Some((mut service, request, after)), Ok(())) => {
                        *this.after = Some(after);
                        State::Calling {
                            future: service.call(request),
                        }
                    }
                    (_, Err(error)) => {
                        this.state.set(State::Done);
                        return Poll::Ready(Err(error));
                    }
                    (None, Ok(())) => State::Done,
                }
            }
            StateProject::Calling { .. } | StateProject::Refused { .. } | StateProject::Done => {
                return Poll::Ready(Ok(()));
            }
        };
        this.state.set(next);
        Poll::Ready(Ok(()))
    }
}

impl<S, B, J> fmt::Debug for ResponseFuture<S, B, J>
where
    S: Service<Request<B>>,
    J: Judge,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
