//! A request through an `AuthLayer`, and what came of it.

use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header::WWW_AUTHENTICATE,
    request::Parts,
};
use std::{
    cell::RefCell,
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use tower_auth::{AuthLayer, Identity};
use tower_layer::Layer;
use tower_service::Service;

pub struct Answer {
    pub status: StatusCode,
    /// The lines of `WWW-Authenticate`.
    pub challenges: Vec<HeaderValue>,
    /// What the inner service got, if it was called.
    pub inner: Option<Parts>,
    /// Who verifiers were asked about.
    pub judged: Vec<Vec<u8>>,
}

impl Answer {
    /// Who the inner service was told is calling.
    pub fn identity(&self) -> Option<&Identity> {
        self.inner.as_ref()?.extensions.get()
    }
}

thread_local! {
    static JUDGED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// For verifiers: notes that they were asked.
pub fn note(credential: &[u8]) {
    JUDGED.with_borrow_mut(|judged| judged.push(credential.to_vec()));
}

/// Sends a request through the layer, whose verifiers must not wait for anything.
pub fn through(layer: &AuthLayer, request: Request<()>) -> Answer {
    JUDGED.take();
    let inner = Inner::default();
    let mut service = layer.layer(inner.clone());
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut context) else {
        panic!("nothing here has to wait");
    };
    let fields = response.headers().get_all(WWW_AUTHENTICATE);
    Answer {
        status: response.status(),
        challenges: fields.iter().cloned().collect(),
        inner: inner.0.take(),
        judged: JUDGED.take(),
    }
}

/// Answers 200, and keeps what it was called with.
#[derive(Clone, Default)]
struct Inner(Rc<RefCell<Option<Parts>>>);

impl Service<Request<()>> for Inner {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.0.replace(Some(request.into_parts().0));
        ready(Ok(Response::new(())))
    }
}

/// A request out of lines: `METHOD URI`, then `name: value`. `None`, if a server could not
/// have received it.
pub fn request(text: &[u8]) -> Option<Request<()>> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let (method, uri) = split_once(lines.next()?, b' ')?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method).ok()?;
    *request.uri_mut() = Uri::try_from(uri).ok()?;
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = split_once(line, b':')?;
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

pub fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Percent-decodes once. What is no escape stays as it is, as most servers have it.
pub fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                rest = &behind[2..];
            }
            _ => {
                decoded.push(*first);
                rest = behind;
            }
        }
    }
    decoded
}
