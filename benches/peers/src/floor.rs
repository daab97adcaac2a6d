//! What a layer costs that does nothing but remember one token: how far down ours could come.

use crate::tokens::Material;
use constant_time_eq::constant_time_eq;
use foldhash::fast::RandomState;
use http::{Request, Response, StatusCode, header};
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Ready, ready},
    hash::BuildHasher,
    sync::{Arc, Mutex},
    task::{Context, Poll},
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
        let hash = random.hash_one(token.as_slice());
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

type Answer = Ready<Result<Response<()>, Infallible>>;

impl<S> Service<Request<()>> for Floored<S>
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible, Future = Answer>,
{
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<()>) -> Answer {
        match self.known.caller(&mut request) {
            Some(caller) => {
                request.extensions_mut().insert(caller);
                self.inner.call(request)
            }
            None => {
                let mut response = Response::new(());
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                ready(Ok(response))
            }
        }
    }
}

impl Known {
    fn caller(&self, request: &mut Request<()>) -> Option<Caller> {
        let field = request.headers_mut().get_mut(header::AUTHORIZATION)?;
        field.set_sensitive(true);
        let token = field.as_bytes().strip_prefix(b"Bearer ")?;
        let hash = self.random.hash_one(token);
        let now = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
        let tokens = self.tokens.lock().ok()?;
        let entry = tokens.get(&hash)?;
        (constant_time_eq(&entry.token, token) && now < entry.until).then(|| entry.caller.clone())
    }
}
