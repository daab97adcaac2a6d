//! What a layer costs that does nothing but remember one token: how far down ours could come.
//!
//! It has a future and a body of its own, as every layer has that may refuse.

use crate::tokens::Material;
use bytes::Bytes;
use constant_time_eq::constant_time_eq;
use foldhash::fast::RandomState;
use http::{Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    hash::BuildHasher,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};
use tower::{Layer, Service};

/// Accepts this token, and refuses all others.
#[derive(Clone)]
pub(crate) struct Floor(Arc<Known>);

struct Known {
    random: RandomState,
    tokens: Mutex<HashMap<u64, Entry, RandomState>>,
}

struct Entry {
    token: Vec<u8>,
    until: i64,
    caller: Caller,
}

/// Who it is.
#[derive(Clone)]
struct Caller(#[expect(dead_code, reason = "a handler would read it")] Arc<str>);

impl Floor {
    pub(crate) fn new(material: &Material) -> Self {
        let random = RandomState::default();
        let token = material.token.as_bytes().to_vec();
        let hash = random.hash_one(end(&token));
        let entry = Entry {
            token,
            until: i64::MAX,
            caller: Caller("user".into()),
        };
        Self(Arc::new(Known {
            random,
            tokens: Mutex::new(HashMap::from_iter([(hash, entry)])),
        }))
    }
}

/// Enough of a token to tell it from all others.
fn end(token: &[u8]) -> &[u8] {
    token.last_chunk::<64>().map_or(token, |end| end)
}

impl<S> Layer<S> for Floor {
    type Service = Floored<S>;

    fn layer(&self, inner: S) -> Floored<S> {
        Floored {
            inner,
            known: self.0.clone(),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Floored<S> {
    inner: S,
    known: Arc<Known>,
}

impl<S, B> Service<Request<()>> for Floored<S>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body<B>>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        match self.known.caller(&mut request) {
            Some(caller) => {
                request.extensions_mut().insert(caller);
                Answer::Inner(self.inner.call(request))
            }
            None => Answer::Refused,
        }
    }
}

/// The inner service's answer, or 401.
pub(crate) enum Answer<F> {
    Inner(F),
    Refused,
}

/// The inner service's body, or one of the layer's.
pub(crate) type Body<B> = Either<B, Full<Bytes>>;

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>> + Unpin,
{
    type Output = Result<Response<Body<B>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Inner(future) => {
                let response = ready!(Pin::new(future).poll(context));
                Poll::Ready(response.map(|response| response.map(Either::Left)))
            }
            Self::Refused => {
                let mut response = Response::new(Either::Right(Full::default()));
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl Known {
    fn caller(&self, request: &mut Request<()>) -> Option<Caller> {
        let field = request.headers_mut().get_mut(header::AUTHORIZATION)?;
        field.set_sensitive(true);
        let token = field.as_bytes().strip_prefix(b"Bearer ")?;
        let hash = self.random.hash_one(end(token));
        let now = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
        let tokens = self.tokens.lock().ok()?;
        let entry = tokens.get(&hash)?;
        (constant_time_eq(&entry.token, token) && now < entry.until).then(|| entry.caller.clone())
    }
}
