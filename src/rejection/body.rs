//! [`OwnBody`]: the body of a response that this crate or a responder has made.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

/// The error of a body of any type.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

type Boxed = Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>;

/// The body of a response that this crate or a responder has made.
// Public only in a private module: it is part of the type of a public future.
#[allow(unreachable_pub)]
pub enum OwnBody {
    /// A body in memory; `None` once it has been sent.
    Bytes(Option<Bytes>),
    /// A body of a responder. The lock is never contended, because only `size_hint` and
    /// `is_end_stream` take it. It makes bodies `Sync` that are not, such as those of axum.
    Custom(Mutex<Boxed>),
}

impl OwnBody {
    /// Keeps the body of a responder as it is: a stream remains a stream.
    pub(crate) fn custom<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self::Custom(Mutex::new(Box::pin(Converted { body })))
    }
}

impl From<Bytes> for OwnBody {
    fn from(body: Bytes) -> Self {
        Self::Bytes(Some(body).filter(|body| !body.is_empty()))
    }
}

impl Body for OwnBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Bytes(body) => Poll::Ready(body.take().map(Frame::data).map(Ok)),
            Self::Custom(body) => {
                let body = body.get_mut().unwrap_or_else(PoisonError::into_inner);
                body.as_mut().poll_frame(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(body) => body.is_none(),
            Self::Custom(body) => locked(body).is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(body) => {
                let length = body.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(length as u64)
            }
            Self::Custom(body) => locked(body).size_hint(),
        }
    }
}

fn locked(body: &Mutex<Boxed>) -> MutexGuard<'_, Boxed> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for OwnBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(body) => f.debug_tuple("Bytes").field(body).finish(),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

pin_project! {
    /// A body whose errors are boxed.
    struct Converted<B> {
        #[pin]
        body: B,
    }
}

impl<B> Body for Converted<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = self.project().body.poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
