//! The inner service's response, or a document.

use crate::layer::ResponseBody;
use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The inner service's response, or the document.
    pub struct PublishedFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProject]
    enum State<F> {
        Inner { #[pin] future: F },
        Document { response: Option<Response<Bytes>> },
    }
}

impl<F> PublishedFuture<F> {
    pub(crate) fn inner(future: F) -> Self {
        Self {
            state: State::Inner { future },
        }
    }

    pub(crate) fn document(response: Response<Bytes>) -> Self {
        Self {
            state: State::Document {
                response: Some(response),
            },
        }
    }
}

impl<F, R, E> Future for PublishedFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProject::Inner { future } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
            StateProject::Document { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response.map(ResponseBody::own))),
                // Polled after completion: never a second answer.
                None => Poll::Pending,
            },
        }
    }
}

impl<F> fmt::Debug for PublishedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublishedFuture")
    }
}
