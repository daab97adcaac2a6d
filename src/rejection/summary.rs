//! [`RequestSummary`]: the part of a rejected request that a responder receives.

use super::Format;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header::ACCEPT, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The characters that are percent-encoded in the value of a query parameter.
const NOT_IN_VALUES: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The part of a rejected request that a [responder](crate::AuthLayer::responder) receives.
///
/// It has no credentials: the URI has lost its user information, the query parameters that the
/// schemes of the layer read, and `access_token` (RFC 6750 section 2.3).
#[derive(Clone)]
pub struct RequestSummary {
    method: Method,
    uri: Uri,
    /// The fields `Accept` and `Sec-Fetch-Mode`.
    headers: HeaderMap,
    is_navigation: bool,
    format: Format,
}

impl RequestSummary {
    /// `uri` is the URI of the request without credentials.
    pub(crate) fn new(head: &Parts, uri: Uri, format: Format) -> Self {
        let mut headers = HeaderMap::new();
        for name in [ACCEPT, MODE] {
            for value in head.headers.get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        let navigates = match head.headers.get(MODE) {
            Some(mode) => mode == "navigate",
            // Old browsers do not send any of the fields.
            None => !head.headers.contains_key(SITE) && !head.headers.contains_key(DEST),
        };
        Self {
            method: head.method.clone(),
            uri,
            is_navigation: navigates && accepts(&headers, "text/html"),
            headers,
            format,
        }
    }

    /// Returns the summary of the request of a proxy, to which no page is shown.
    pub(crate) fn of_proxy(mut self) -> Self {
        self.is_navigation = false;
        self
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the URI without credentials, as the layer received it: under axum's `nest` without
    /// the prefix.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns the path and query, percent-encoded as the value of a query parameter:
    /// `format!("/login?next={}", request.return_to())`.
    ///
    /// The value is `/` if a browser would read the path as the address of another host, such as
    /// `//evil.example`. The page that redirects to this value has to check it again, because
    /// anybody can write such a link.
    #[must_use]
    pub fn return_to(&self) -> String {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        // Browsers read a backslash as a slash (URL standard, section 4.4).
        let is_local = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
        utf8_percent_encode(if is_local { path } else { "/" }, NOT_IN_VALUES).to_string()
    }

    /// Returns whether `Accept` lists this media type, such as `text/html`, with a quality other
    /// than zero (RFC 9110 section 12.5.1). Wildcards are not media types: `*/*`, which most
    /// programs send, lists none.
    #[must_use]
    pub fn accepts(&self, media_type: &str) -> bool {
        accepts(&self.headers, media_type)
    }

    /// Returns the value of `Sec-Fetch-Mode` (Fetch Metadata section 2.2), such as `navigate` or
    /// `cors`.
    #[must_use]
    pub fn fetch_mode(&self) -> Option<&str> {
        self.headers.get(MODE)?.to_str().ok()
    }

    /// Returns whether a browser shows the response as a page: it accepts `text/html`, and
    /// `Sec-Fetch-Mode` is `navigate`, or the browser is too old to send Fetch Metadata. Always
    /// false for [forward authentication](crate::AuthLayer::forward_auth), because a proxy receives
    /// the response.
    #[must_use]
    pub fn is_navigation(&self) -> bool {
        self.is_navigation
    }

    /// Returns the protocol of the response.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let fields = headers.get_all(ACCEPT).iter();
    let texts = fields.filter_map(|field: &HeaderValue| field.to_str().ok());
    let mut ranges = texts.flat_map(|text| text.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        is_named && !parts.any(is_zero_quality)
    })
}

/// Returns whether a parameter is `q=0`, `q=0.0`, `q=0.00` or `q=0.000`.
fn is_zero_quality(parameter: &str) -> bool {
    let value = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    value.is_some_and(|value| value.parse() == Ok(0.0))
}

impl fmt::Debug for RequestSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSummary")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("is_navigation", &self.is_navigation)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
