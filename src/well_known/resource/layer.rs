//! [`ResourceMetadataLayer`]: serves the document, and passes everything else on.

use super::ResourceMetadata;
use crate::{
    AuthLayer,
    layer::{ResponseBody, middleware::release},
    well_known::PublishedFuture,
};
use http::{Request, Response, uri::PathAndQuery};
use std::{
    fmt,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Serves a [`ResourceMetadata`] at its path, to everybody, and passes everything else on.
///
/// It stands outside of the [`AuthLayer`](crate::AuthLayer). A request is for the document if its
/// path and query are, byte by byte, those of [`url`](ResourceMetadata::url):
///
/// | method | answer |
/// |---|---|
/// | `GET`, `HEAD` | 200 with `ETag`, or 304 where `If-None-Match` has it (RFC 9110 section 13.1.2) |
/// | `OPTIONS` | 204: pages of any origin may read it (Fetch standard, section 3.2) |
/// | any other | 405 |
///
/// Several resources of one server are several layers.
#[derive(Clone)]
pub struct ResourceMetadataLayer {
    metadata: ResourceMetadata,
}

impl ResourceMetadata {
    /// Returns the layer that serves the document.
    #[must_use]
    pub fn layer(&self) -> ResourceMetadataLayer {
        ResourceMetadataLayer::new(self.clone())
    }
}

impl ResourceMetadataLayer {
    /// Serves this document.
    #[must_use]
    pub fn new(metadata: ResourceMetadata) -> Self {
        Self { metadata }
    }
}

impl AuthLayer {
    /// Tells clients without a good token where to get one: the challenges of bearer tokens name
    /// the URL of this document (RFC 9728 section 5.1), as MCP clients expect it.
    ///
    /// The document itself is served by its [own layer](crate::well_known::ResourceMetadata::layer),
    /// outside of this one; [`well_known`](crate::well_known) shows both.
    ///
    /// # Panics
    ///
    /// If no scheme of this layer would tell anybody: it takes no bearer tokens.
    #[track_caller]
    pub fn resource(self, metadata: &ResourceMetadata) -> Self {
        self.with_resource_metadata(&metadata.shared_url())
    }
}

impl<S> Layer<S> for ResourceMetadataLayer {
    type Service = ResourceMetadataService<S>;

    fn layer(&self, inner: S) -> ResourceMetadataService<S> {
        ResourceMetadataService {
            inner,
            metadata: self.metadata.clone(),
        }
    }
}

/// A service beside the document about it; made by [`ResourceMetadataLayer`].
#[derive(Clone)]
pub struct ResourceMetadataService<S> {
    inner: S,
    metadata: ResourceMetadata,
}

impl<S, B, R> Service<Request<B>> for ResourceMetadataService<S>
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
        let document = &*self.metadata.0;
        let is_asked = |asked: &PathAndQuery| asked.as_str() == document.asked;
        match request.uri().path_and_query().is_some_and(is_asked) {
            true => {
                release(&mut self.inner);
                PublishedFuture::document(document.published.answer(&request))
            }
            false => PublishedFuture::inner(self.inner.call(request)),
        }
    }
}

impl fmt::Debug for ResourceMetadataLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.fmt(f)
    }
}

impl<S> fmt::Debug for ResourceMetadataService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.fmt(f)
    }
}
