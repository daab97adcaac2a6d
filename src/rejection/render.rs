//! Rejections as responses: `application/problem+json` (RFC 9457) or trailers-only gRPC.

use super::{Format, OwnBody, RejectionKind, RequestSummary, rejection::Rejection};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
    response,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::time::Duration;

/// A custom rendering, see [`AuthLayer::responder`](crate::AuthLayer::responder).
pub(crate) type Responder = dyn Fn(&Rejection, &RequestSummary) -> Response<OwnBody> + Send + Sync;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Renders a rejection into the head of a response and returns the body. Fields of other names
/// stay. The caller leaves the rejection in the extensions.
pub(crate) fn render(rejection: &Rejection, format: Format, head: &mut response::Parts) -> Bytes {
    clear_body(head);
    let body = match format {
        Format::Http => {
            let json = HeaderValue::from_static("application/problem+json");
            head.headers.insert(CONTENT_TYPE, json);
            problem(rejection)
        }
        Format::Grpc => Bytes::new(),
    };
    complete(rejection, format, head);
    body
}

/// Renders a rejection as [`render`] does, with the fields and the body of a responder.
///
/// The responder cannot change the meaning of the rejection: its status and the fields that depend
/// on the rejection are not used. The one exception is a redirect of a page by 303 (RFC 9110
/// section 15.4.4), because a browser would not follow any other status.
pub(crate) fn render_custom(
    rejection: &Rejection,
    responder: &Responder,
    request: &RequestSummary,
    head: &mut response::Parts,
) -> OwnBody {
    clear_body(head);
    let (mut custom, body) = responder(rejection, request).into_parts();
    let is_redirect = custom.status == StatusCode::SEE_OTHER
        && custom.headers.contains_key(LOCATION)
        && request.is_navigation()
        && request.format() == Format::Http;
    for name in [WWW_AUTHENTICATE, RETRY_AFTER, CONTENT_LENGTH] {
        custom.headers.remove(name);
    }
    if !is_redirect {
        custom.headers.remove(LOCATION);
    }
    // Replaces fields of the same name, and keeps all lines of one, as of `Set-Cookie`.
    head.headers.extend(custom.headers);
    complete(rejection, request.format(), head);
    if is_redirect {
        head.status = StatusCode::SEE_OTHER;
        // On a redirect, the field would delay the browser (RFC 9110 section 10.2.3).
        head.headers.remove(RETRY_AFTER);
    }
    match request.format() {
        Format::Http => body,
        // The body of a reply that is all trailers is empty.
        Format::Grpc => Bytes::new().into(),
    }
}

/// Removes the fields that describe the body that is replaced.
fn clear_body(head: &mut response::Parts) {
    for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING] {
        head.headers.remove(name);
    }
}

/// Sets the status and the fields that depend on the rejection.
fn complete(rejection: &Rejection, format: Format, head: &mut response::Parts) {
    let headers = &mut head.headers;
    head.status = rejection.status();
    if format == Format::Grpc {
        head.status = StatusCode::OK;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(
            GRPC_STATUS,
            HeaderValue::from(u16::from(rejection.kind().grpc_code())),
        );
        let message = utf8_percent_encode(rejection.detail(), NOT_IN_MESSAGES).to_string();
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert(GRPC_MESSAGE, message);
        }
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A response that is rendered again may have the field of another rejection.
    headers.remove(RETRY_AFTER);
    if let Some(after) = rejection.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
}

/// Returns the response to a rejection over HTTP, without challenges. An `AuthLayer` outside adds
/// them, and may render the rejection anew.
pub(crate) fn response(rejection: Rejection) -> Response<Bytes> {
    let (mut parts, ()) = Response::new(()).into_parts();
    let body = render(&rejection, Format::Http, &mut parts);
    parts.extensions.insert(rejection.rendered());
    Response::from_parts(parts, body)
}

/// Rounded up, at least one (RFC 9110 section 10.2.3 knows whole seconds only).
fn whole_seconds(duration: Duration) -> u64 {
    let rest = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(rest).max(1)
}

/// Returns the problem document (RFC 9457).
fn problem(rejection: &Rejection) -> Bytes {
    let kind = rejection.kind();
    if rejection.detail() == kind.detail() {
        return Bytes::from_static(plain_problem(kind));
    }
    let status = kind.status();
    let title = status.canonical_reason().unwrap_or_default();
    let detail = serde_json::Value::from(rejection.detail());
    let status = status.as_u16();
    Bytes::from(format!(
        r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":{detail}}}"#
    ))
}

/// Returns the problem document of a kind with its own detail.
fn plain_problem(kind: RejectionKind) -> &'static [u8] {
    match kind {
        RejectionKind::Missing => br#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"credentials are required"}"#,
        RejectionKind::Malformed => br#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"the credentials are malformed or ambiguous"}"#,
        RejectionKind::Invalid => br#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"the credentials are not valid"}"#,
        RejectionKind::InsufficientAuthentication => br#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"a stronger or more recent login is required"}"#,
        RejectionKind::Forbidden => br#"{"type":"about:blank","title":"Forbidden","status":403,"detail":"not allowed"}"#,
        RejectionKind::TooMany => br#"{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"too many attempts"}"#,
        RejectionKind::Unavailable => br#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the credentials cannot be checked now"}"#,
        RejectionKind::NoAuthLayer => br#"{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"the server is misconfigured"}"#,
        RejectionKind::Internal => br#"{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"the server has an internal error"}"#,
    }
}

/// The characters of `grpc-message` that are percent-encoded (gRPC over HTTP/2, "Responses"), beside
/// those that are not ASCII.
const NOT_IN_MESSAGES: &AsciiSet = &CONTROLS.add(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_problems_say_what_their_kind_says() {
        for kind in [
            RejectionKind::Missing,
            RejectionKind::Malformed,
            RejectionKind::Invalid,
            RejectionKind::InsufficientAuthentication,
            RejectionKind::Forbidden,
            RejectionKind::TooMany,
            RejectionKind::Unavailable,
            RejectionKind::NoAuthLayer,
            RejectionKind::Internal,
        ] {
            let problem: serde_json::Value = serde_json::from_slice(plain_problem(kind)).unwrap();
            assert_eq!(problem["status"], kind.status().as_u16());
            assert_eq!(problem["title"], kind.status().canonical_reason().unwrap());
            assert_eq!(problem["detail"], kind.detail());
        }
    }

    #[test]
    fn a_grpc_message_is_percent_encoded() {
        let encoded = utf8_percent_encode("a b% é\n\u{7f}", NOT_IN_MESSAGES).to_string();
        assert_eq!(encoded, "a b%25 %C3%A9%0A%7F");
    }

    #[test]
    fn retry_after_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
