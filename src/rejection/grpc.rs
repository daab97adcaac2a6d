//! gRPC requests, and what their clients make of a refusal in plain HTTP.

use super::OwnBody;
use bytes::Bytes;
use http::{
    Method, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};

/// A client must not choose how it is refused: only what every gRPC request is counts.
///
/// Media types are case-insensitive, and spaces may precede their parameters (RFC 9110
/// sections 8.3.1 and 5.6.6).
pub(crate) fn is_grpc(head: &Parts) -> bool {
    let content_type = head
        .headers
        .get(CONTENT_TYPE)
        .map_or(&b""[..], |value| value.as_bytes());
    let Some((name, rest)) = content_type.split_at_checked(GRPC.len()) else {
        return false;
    };
    let ends = |rest: &[u8]| matches!(rest.first(), None | Some(b';'));
    head.method == Method::POST
        && name.eq_ignore_ascii_case(GRPC)
        && (rest.starts_with(b"+") || ends(rest.trim_ascii_start()))
}

const GRPC: &[u8] = b"application/grpc";

/// A refusal as a gRPC client can read it, be it in gRPC or not: without a body.
///
/// Clients go by the HTTP status where there is no `grpc-status` (`http-grpc-status-mapping.md`).
/// tonic's takes a body for messages first, whatever its type, and then reports `INTERNAL`.
pub(crate) fn without_body(mut response: Response<OwnBody>) -> Response<OwnBody> {
    if response.status() != StatusCode::OK {
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response.map(|_| Bytes::new().into())
}
