//! Credentials in `Sec-WebSocket-Protocol` (RFC 6455 section 11.3.4).

use super::location::{Look, Raw};
use http::{HeaderMap, header::SEC_WEBSOCKET_PROTOCOL};

/// What follows the prefix in the one element that begins with it.
pub(super) fn look<'a>(headers: &'a HeaderMap, prefix: &str) -> Look<'a> {
    let mut look = Look::Nothing;
    for field in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let bytes = field.as_bytes();
        let mut start = 0;
        for element in bytes.split(|&byte| byte == b',') {
            let end = start + element.len();
            let trimmed = element.trim_ascii();
            if trimmed.starts_with(prefix.as_bytes()) {
                let lead = element.len() - element.trim_ascii_start().len();
                let from = start + lead + prefix.len();
                look = look.and(Raw::Field(field, from..start + lead + trimmed.len()));
            }
            start = end + 1;
        }
    }
    look
}
