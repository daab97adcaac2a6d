//! Rejections as responses: `application/problem+json` (RFC 9457) or trailers-only gRPC.

use super::{Rejection, RejectionKind};
use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use std::time::Duration;

/// In which protocol a rejection is told to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// An HTTP response with the status of the rejection's kind.
    Http,
    /// A trailers-only gRPC reply: HTTP 200 with `grpc-status`, whose body stays empty.
    Grpc,
}

/// A custom rendering, see [`AuthLayer::responder`](crate::AuthLayer::responder).
pub(crate) type Responder = dyn Fn(&Rejection, Format) -> Response<Bytes> + Send + Sync;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Renders a rejection and leaves it in the response's extensions.
///
/// `headers` and `extensions` come from the request that was refused: what they hold is
/// dropped, the memory they sit in serves again.
pub(crate) fn render(
    rejection: Rejection,
    format: Format,
    responder: Option<&Responder>,
    mut headers: HeaderMap,
    mut extensions: Extensions,
) -> Response<Bytes> {
    headers.clear();
    extensions.clear();
    let mut body = Bytes::new();
    match responder {
        Some(responder) => {
            let (parts, custom) = responder(&rejection, format).into_parts();
            headers = parts.headers;
            extensions = parts.extensions;
            body = custom;
            // A responder renders; what the rejection means is not for it to decide.
            headers.remove(WWW_AUTHENTICATE);
            headers.remove(RETRY_AFTER);
        }
        None if format == Format::Http => {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            );
            body = problem(&rejection);
        }
        None => {}
    }
    let mut status = rejection.status();
    if format == Format::Grpc {
        status = StatusCode::OK;
        body = Bytes::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(
            GRPC_STATUS,
            HeaderValue::from(u16::from(rejection.kind().grpc_code())),
        );
        if let Ok(message) = HeaderValue::from_str(&percent_encode(rejection.detail())) {
            headers.insert(GRPC_MESSAGE, message);
        }
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = rejection.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    extensions.insert(rejection.rendered());
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    *response.extensions_mut() = extensions;
    response
}

/// Rounded up, at least one (RFC 9110 section 10.2.3 knows whole seconds only).
fn whole_seconds(duration: Duration) -> u64 {
    let rest = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(rest).max(1)
}

/// The problem document; the common ones are constants.
fn problem(rejection: &Rejection) -> Bytes {
    let kind = rejection.kind();
    if rejection.detail() == kind.detail() {
        return Bytes::from_static(plain_problem(kind));
    }
    let status = kind.status();
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": rejection.detail(),
    });
    Bytes::from(problem.to_string())
}

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
    }
}

/// `grpc-message` is percent-encoded UTF-8 (gRPC over HTTP/2, "Responses").
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..=0x1f | 0x7f.. => encoded.push_str(&format!("%{byte:02X}")),
            byte => encoded.push(char::from(byte)),
        }
    }
    encoded
}

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
        ] {
            let problem: serde_json::Value = serde_json::from_slice(plain_problem(kind)).unwrap();
            assert_eq!(problem["status"], kind.status().as_u16());
            assert_eq!(problem["title"], kind.status().canonical_reason().unwrap());
            assert_eq!(problem["detail"], kind.detail());
        }
    }

    #[test]
    fn a_grpc_message_is_percent_encoded() {
        assert_eq!(percent_encode("a b% é\n"), "a b%25 %C3%A9%0A");
    }

    #[test]
    fn retry_after_is_rounded_up() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
