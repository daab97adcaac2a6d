//! [`JwksLayer`]: serves the public keys.

use super::{PublishedFuture, published::Published};
use crate::{
    issue::SigningKeys,
    layer::{ResponseBody, middleware::release},
};
use http::{Request, Response};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// Serves the public keys of [`SigningKeys`] at `/.well-known/jwks.json`, to everybody, and passes
/// everything else on.
///
/// It stands outside of any [`AuthLayer`](crate::AuthLayer). `Cache-Control` says five minutes,
/// well under the hour for which a key is published before it signs; there is an `ETag`, and 304
/// for who has the set already.
///
/// ```
/// use tower_auth::{issue::{Signer, SigningKeys}, jwt::Algorithm, well_known::JwksLayer};
///
/// let keys = SigningKeys::new(Signer::generate(Algorithm::ES256)?);
/// let layer = JwksLayer::new(keys);
/// # let _ = layer;
/// # Ok::<(), tower_auth::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct JwksLayer {
    keys: SigningKeys,
    path: Arc<str>,
    max_age: Duration,
    /// The key set that was served last, with the generation of the keys that it was made of.
    made: Arc<Mutex<Option<(u64, Published)>>>,
}

impl JwksLayer {
    /// Serves these keys.
    pub fn new(keys: SigningKeys) -> Self {
        Self {
            keys,
            path: "/.well-known/jwks.json".into(),
            max_age: Duration::from_secs(300),
            made: Arc::default(),
        }
    }

    /// Serves them at another path.
    ///
    /// # Panics
    ///
    /// If it does not begin with `/`.
    #[track_caller]
    pub fn path(mut self, path: &str) -> Self {
        assert!(path.starts_with('/'), "{path:?} is not a path");
        self.path = path.into();
        self
    }

    /// For how long others may keep the set. Default: five minutes; whole seconds count.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self.made = Arc::default();
        self
    }

    fn published(&self) -> Option<Published> {
        // The generation is read before the set. If the set changes meanwhile, it is made again for
        // the next request.
        let generation = self.keys.generation();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, published)) = &*made
            && *of == generation
        {
            return Some(published.clone());
        }
        let published = Published::new(self.keys.jwks(), self.max_age).ok()?;
        *made = Some((generation, published.clone()));
        Some(published)
    }
}

impl<S> Layer<S> for JwksLayer {
    type Service = JwksService<S>;

    fn layer(&self, inner: S) -> JwksService<S> {
        JwksService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service beside its issuer's public keys; made by [`JwksLayer`].
#[derive(Clone)]
pub struct JwksService<S> {
    inner: S,
    layer: JwksLayer,
}

impl<S, B, R> Service<Request<B>> for JwksService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = PublishedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.uri().path() == &*self.layer.path
            && let Some(published) = self.layer.published()
        {
            release(&mut self.inner);
            return PublishedFuture::document(published.answer(&request));
        }
        PublishedFuture::inner(self.inner.call(request))
    }
}

impl fmt::Debug for JwksLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksLayer")
            .field("keys", &self.keys)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for JwksService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layer.fmt(f)
    }
}
