//! [`ResourceMetadataLayer`]: serves the document, and passes everything else on.

use super::{ResourceMetadata, document::Document};
use crate::{ResponseBody, gate::release};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
        IF_NONE_MATCH,
    },
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
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

impl ResourceMetadataLayer {
    /// Serves this document.
    #[must_use]
    pub fn new(metadata: ResourceMetadata) -> Self {
        Self { metadata }
    }
}

impl<S> Layer<S> for ResourceMetadataLayer {
    type Service = ServeMetadata<S>;

    fn layer(&self, inner: S) -> ServeMetadata<S> {
        ServeMetadata {
            inner,
            metadata: self.metadata.clone(),
        }
    }
}

/// A service beside the document about it; made by [`ResourceMetadataLayer`].
#[derive(Clone)]
pub struct ServeMetadata<S> {
    inner: S,
    metadata: ResourceMetadata,
}

impl<S, B, R> Service<Request<B>> for ServeMetadata<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = MetadataFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let document = &*self.metadata.0;
        let uri = request.uri();
        let state = match uri.path_and_query() {
            Some(asked) if asked.as_str() == document.asked => {
                release(&mut self.inner);
                State::Document {
                    response: Some(document.answer(&request)),
                }
            }
            _ => State::Inner {
                future: self.inner.call(request),
            },
        };
        MetadataFuture { state }
    }
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");

impl Document {
    fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let mut response = match *request.method() {
            Method::GET | Method::HEAD => self.content(request),
            Method::OPTIONS => {
                let mut response = empty(StatusCode::NO_CONTENT);
                let headers = response.headers_mut();
                headers.insert(ALLOW, METHODS);
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                // MCP clients send `MCP-Protocol-Version`.
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ANY);
                headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
                response
            }
            _ => {
                let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
                response.headers_mut().insert(ALLOW, METHODS);
                response
            }
        };
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        response
    }

    fn content<B>(&self, request: &Request<B>) -> Response<Bytes> {
        let is_known = self.is_known(request);
        let is_get = request.method() == Method::GET;
        let mut response = match is_known {
            true => empty(StatusCode::NOT_MODIFIED),
            false if is_get => Response::new(self.json.clone()),
            false => empty(StatusCode::OK),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        if !is_known {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.json.len()));
        }
        response
    }

    /// Whether the client has this very document (RFC 9110 section 13.1.2, compared weakly).
    fn is_known<B>(&self, request: &Request<B>) -> bool {
        let is_it = |tag: &[u8]| {
            let tag = tag.trim_ascii();
            tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == self.etag.as_bytes()
        };
        let fields = request.headers().get_all(IF_NONE_MATCH);
        // None of our tags holds a comma.
        let mut tags = fields
            .iter()
            .flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
        tags.any(is_it)
    }
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

pin_project! {
    /// The inner service's response, or the document.
    pub struct MetadataFuture<F> {
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

impl<F, R, E> Future for MetadataFuture<F>
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

impl fmt::Debug for ResourceMetadataLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.fmt(f)
    }
}

impl<S> fmt::Debug for ServeMetadata<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.fmt(f)
    }
}

impl<F> fmt::Debug for MetadataFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetadataFuture")
    }
}
