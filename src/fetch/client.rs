//! [`Fetch`]: what an application plugs in below whatever fetches.

use super::FetchError;
use bytes::Bytes;
use http::{Request, Response};
use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

/// The answer that a [`Fetch`] is working on.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Response<Bytes>, FetchError>> + Send>>;

/// Sends one HTTP request and reads the whole answer.
///
/// A response of any status is an answer. The client returns an error only if there was no
/// response. A client does not follow redirects to other hosts, sends no cookies, and stops reading
/// after [`MAX_BODY`](super::MAX_BODY) bytes. The request's headers and body may hold secrets.
pub trait Fetch: Send + Sync + 'static {
    /// Sends the request. Nothing happens before the answer is polled.
    fn fetch(&self, request: Request<Bytes>) -> Fetching;
}

impl<F: Fetch + ?Sized> Fetch for Arc<F> {
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        (**self).fetch(request)
    }
}

/// An application's own client, as an async closure.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use tower_auth::fetch::{Fetch, fetch_fn};
///
/// let canned = fetch_fn(|request: Request<Bytes>| async move {
///     assert_eq!(request.method(), "GET");
///     Ok::<_, std::io::Error>(Response::new(Bytes::from_static(b"{\"keys\":[]}")))
/// });
/// # let _: &dyn Fetch = &canned;
/// ```
pub fn fetch_fn<F, Fut, E>(f: F) -> FetchFn<F>
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Bytes>, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    FetchFn(f)
}

/// A closure that fetches; made by [`fetch_fn`].
#[derive(Clone)]
pub struct FetchFn<F>(F);

impl<F, Fut, E> Fetch for FetchFn<F>
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<Bytes>, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        let answer = (self.0)(request);
        Box::pin(async move { answer.await.map_err(FetchError::new) })
    }
}

impl<F> fmt::Debug for FetchFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FetchFn")
    }
}
