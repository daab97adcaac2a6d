//! Credentials in `Sec-WebSocket-Protocol` (RFC 6455 section 11.3.4).

use super::location::{Look, Raw, elements};
use http::{HeaderMap, header::SEC_WEBSOCKET_PROTOCOL};

/// What follows the prefix in the one element that begins with it.
pub(super) fn look<'a>(headers: &'a HeaderMap, prefix: &str) -> Look<'a> {
    let mut look = Look::Nothing;
    for field in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        for (element, end) in elements(field, b',') {
            let value = element.trim_ascii_start().strip_prefix(prefix.as_bytes());
            if let Some(value) = value {
                let start = end.saturating_sub(value.len());
                let end = start.saturating_add(value.trim_ascii_end().len());
                look = look.and(Raw::Field(field, start, end));
            }
        }
    }
    look
}
