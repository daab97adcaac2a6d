//! Credentials in `Sec-WebSocket-Protocol` (RFC 6455 section 11.3.4).

use super::{
    Credential, Found, Place,
    items::{elements, single},
};
use http::{HeaderMap, header::SEC_WEBSOCKET_PROTOCOL};

/// Finds the one element that begins with the prefix. The credential is the rest of the element.
pub(super) fn find(headers: &HeaderMap, prefix: &str) -> Found {
    let all = elements(headers.get_all(SEC_WEBSOCKET_PROTOCOL), b',');
    let values = all.filter_map(|(field, element, end)| {
        let value = element.trim_ascii_start().strip_prefix(prefix.as_bytes())?;
        let start = end.saturating_sub(value.len());
        let end = start.saturating_add(value.trim_ascii_end().len());
        Some((field, start..end))
    });
    single(Place::WebSocketProtocol, values, |(field, range)| {
        Some(Credential::of_field(Place::WebSocketProtocol, field, range))
    })
}
