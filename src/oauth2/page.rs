//! What the login's own paths answer with.

use super::{Inner, scheme::NAME};
use crate::{Challenge, Format, Rejection, rejection::render};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
        REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
    request::Parts,
};

/// No script, no style, no frame: a page of text and one link.
const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// On to another address, by `GET` (RFC 9110 section 15.4.4).
pub(super) fn see_other(location: &str) -> Result<Response<Bytes>, Rejection> {
    let location = HeaderValue::try_from(location).map_err(Rejection::unavailable)?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address of a callback has the code in it (RFC 9700 section 4.2.4).
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

pub(super) fn not_allowed(methods: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
    response
}

/// Whether whoever asks reads HTML.
pub(super) fn wants_html(head: &Parts) -> bool {
    let mut fields = head.headers.get_all(ACCEPT).iter();
    fields.any(|field| {
        let text = field.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',')
            .any(|range| range.split(';').next().unwrap_or_default().trim() == "text/html")
    })
}

/// Whether a browser is about to show the answer as a page (Fetch Metadata section 2.2).
pub(super) fn is_navigation(head: &Parts) -> bool {
    let mode = HeaderName::from_static("sec-fetch-mode");
    head.method == http::Method::GET
        && head
            .headers
            .get(mode)
            .is_some_and(|mode| mode == "navigate")
        && wants_html(head)
}

/// Whether this very origin asks, or the user, and no other site (Fetch Metadata section 2.4);
/// `None` from a browser that does not say.
pub(super) fn is_own(head: &Parts) -> Option<bool> {
    let name = HeaderName::from_static("sec-fetch-site");
    let mut sites = head.headers.get_all(name).iter();
    let site = sites.next()?;
    Some((site == "same-origin" || site == "none") && sites.next().is_none())
}

/// A refusal: as a page for a browser, as `application/problem+json` otherwise.
pub(super) fn refuse(inner: &Inner, html: bool, rejection: Rejection) -> Response<Bytes> {
    let (mut parts, ()) = Response::new(()).into_parts();
    let mut body = render(&rejection, Format::Http, None, &mut parts).into_bytes();
    if html {
        body = Bytes::from(page(inner, &rejection));
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        parts.headers.insert(CONTENT_TYPE, kind);
    }
    harden(&mut parts.headers);
    if rejection.status() == StatusCode::UNAUTHORIZED {
        let challenge = Challenge::new(NAME).param("realm", "login");
        parts
            .headers
            .append(WWW_AUTHENTICATE, challenge.into_value());
    }
    parts.extensions.insert(rejection.challenged());
    Response::from_parts(parts, body)
}

fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// All texts are constants; the path has no character that HTML knows.
fn page(inner: &Inner, rejection: &Rejection) -> String {
    let title = rejection.status().canonical_reason().unwrap_or_default();
    let (detail, login) = (rejection.detail(), &inner.paths.login);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <h1>{title}</h1><p>{detail}.</p><p><a href=\"{login}\">Sign in again</a></p></html>"
    )
}
