//! Credentials in `Sec-WebSocket-Protocol` (RFC 6455 section 11.3.4).

use super::{
    Credential, Found, Place,
    items::{elements, single},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header::SEC_WEBSOCKET_PROTOCOL};

/// The form of a credential behind a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    /// Base64url without padding (RFC 4648 section 5).
    Base64Url,
}

/// Finds the one element that begins with the prefix. The credential is the rest of the element.
pub(super) fn find(headers: &HeaderMap, prefix: &str, encoding: Encoding) -> Found {
    let all = elements(headers.get_all(SEC_WEBSOCKET_PROTOCOL), b',');
    let values = all.filter_map(|(field, element, end)| {
        let value = element.trim_ascii_start().strip_prefix(prefix.as_bytes())?;
        let start = end.saturating_sub(value.len());
        let end = start.saturating_add(value.trim_ascii_end().len());
        Some((field, start..end))
    });
    let place = Place::WebSocketProtocol;
    single(place, values, |(field, range)| match encoding {
        Encoding::Plain => Some(Credential::of_field(place, field, range)),
        Encoding::Base64Url => {
            let encoded = field.as_bytes().get(range).unwrap_or_default();
            let decoded = URL_SAFE_NO_PAD.decode(encoded).ok()?;
            Some(Credential::new(place, decoded))
        }
    })
}
