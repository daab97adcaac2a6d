//! The responses of the paths that the login answers.

use super::{base::Base, path::join, scheme::NAME, state::Inner};
use crate::{
    Rejection,
    rejection::{Challenge, Format, render},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
        LOCATION, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    },
    request::Parts,
};
use std::borrow::Cow;
use url::form_urlencoded::byte_serialize;

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

const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// Returns whether a browser is going to show the response as a page (Fetch Metadata section 2.2).
/// Old browsers do not send any of the fields.
pub(super) fn is_navigation(head: &Parts) -> bool {
    let navigates = match head.headers.get(MODE) {
        Some(mode) => mode == "navigate",
        None => !head.headers.contains_key(SITE) && !head.headers.contains_key(DEST),
    };
    head.method == http::Method::GET && navigates && wants_html(head)
}

/// Returns from where the user has navigated to this address: `same-origin`, or `none` for the
/// address bar or another program. Returns `None` for any other request, such as an image or a
/// prefetch.
pub(super) fn comes_from(head: &Parts) -> Option<&'static str> {
    let only = |name| {
        let mut values = head.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    };
    let is_page = only(MODE) == Some("navigate")
        && only(DEST) == Some("document")
        && !head.headers.contains_key(PURPOSE);
    match only(SITE) {
        Some("same-origin") if is_page => Some("same-origin"),
        Some("none") if is_page => Some("none"),
        _ => None,
    }
}

/// Whether this very origin asks, or the user, and no other site (Fetch Metadata section 2.4);
/// `None` from a browser that does not say.
pub(super) fn is_own(head: &Parts) -> Option<bool> {
    let mut sites = head.headers.get_all(SITE).iter();
    let site = sites.next()?;
    Some((site == "same-origin" || site == "none") && sites.next().is_none())
}

/// A refusal: as a page for a browser, as `application/problem+json` otherwise.
pub(super) fn refuse(
    inner: &Inner,
    head: &Parts,
    rejection: Rejection,
    return_to: Option<&str>,
) -> Response<Bytes> {
    let (mut parts, ()) = Response::new(()).into_parts();
    let mut body = render(&rejection, Format::Http, &mut parts);
    if wants_html(head) {
        let login = inner.login_url(inner.base.prefix(head), return_to);
        body = show(&login, &rejection, &mut parts.headers);
    } else {
        harden(&mut parts.headers);
    }
    if rejection.status() == StatusCode::UNAUTHORIZED {
        let challenge = Challenge::new(NAME).param("realm", "login");
        parts
            .headers
            .append(WWW_AUTHENTICATE, challenge.into_value());
    }
    parts.extensions.insert(rejection.challenged());
    Response::from_parts(parts, body)
}

/// Returns the body of a page about a rejection with a link to the login, and sets its fields.
pub(super) fn show(login: &str, rejection: &Rejection, headers: &mut HeaderMap) -> Bytes {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    headers.remove(CONTENT_LENGTH);
    harden(headers);
    Bytes::from(page(login, rejection))
}

/// Returns a page with a button that signs out.
pub(super) fn ask_to_sign_out(path: &str) -> Response<Bytes> {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Sign out</title>\
         <form method=\"post\" action=\"{path}\"><button>Sign out</button></form></html>"
    );
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    harden(headers);
    // The policy has no `form-action`, because browsers also apply it to the redirect to the
    // provider.
    let policy =
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
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

/// Returns the page. Its texts are constants. Neither a path nor an encoded address has a character
/// with a meaning in HTML.
fn page(login: &str, rejection: &Rejection) -> String {
    let title = rejection.status().canonical_reason().unwrap_or_default();
    let detail = rejection.detail();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <h1>{title}</h1><p>{detail}.</p><p><a href=\"{login}\">Sign in again</a></p></html>"
    )
}

impl Inner {
    /// Returns the URL of a login that ends at `return_to`. The prefix is that of
    /// [`Base::prefix`].
    pub(super) fn login_url(&self, prefix: &str, return_to: Option<&str>) -> String {
        let mut url = join(prefix, &self.paths.login);
        if let Some(return_to) = return_to {
            url.push_str("?return_to=");
            url.extend(byte_serialize(return_to.as_bytes()));
        }
        url
    }

    /// Returns the URL of a log-out.
    pub(super) fn logout_url(&self, head: &Parts) -> String {
        join(self.base.prefix(head), &self.paths.logout)
    }

    /// Returns the address where a login without `return_to` ends.
    pub(super) fn after_login<'a>(&'a self, head: &'a Parts) -> Cow<'a, str> {
        ends_at(&self.base, self.after_login.as_deref(), head)
    }

    /// Returns the address where a log-out without the provider ends.
    pub(super) fn after_logout<'a>(&'a self, head: &'a Parts) -> Cow<'a, str> {
        ends_at(&self.base, self.after_logout.as_deref(), head)
    }
}

fn ends_at<'a>(base: &'a Base, path: Option<&'a str>, head: &'a Parts) -> Cow<'a, str> {
    path.map_or_else(|| base.home(head), Cow::Borrowed)
}
