//! [`Published`]: a JSON document, and the responses to requests for it.

use crate::ConfigError;
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
        IF_NONE_MATCH,
    },
};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A JSON document, and what caches may do with it.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) text: Bytes,
    etag: HeaderValue,
    cache_control: HeaderValue,
}

impl Published {
    /// # Errors
    ///
    /// Never, as a digest and a number are header values.
    pub(crate) fn new(json: impl Into<Bytes>, max_age: Duration) -> Result<Self, ConfigError> {
        let text = json.into();
        let header = |value: String| {
            HeaderValue::try_from(value).map_err(|error| {
                ConfigError::new("this cannot be a header value").with_source(error)
            })
        };
        Ok(Self {
            etag: header(etag(&text))?,
            cache_control: header(format!("public, max-age={}", max_age.as_secs()))?,
            text,
        })
    }
}

/// A strong entity tag (RFC 9110 section 8.8.3): 64 bits of the document's digest.
fn etag(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    let first = digest.first_chunk().copied().unwrap_or_default();
    format!("\"{:016x}\"", u64::from_be_bytes(first))
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");

impl Published {
    /// Returns the response to a request for the document.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Response<Bytes> {
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
            false if is_get => Response::new(self.text.clone()),
            false => empty(StatusCode::OK),
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, self.cache_control.clone());
        if !is_known {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.text.len()));
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
