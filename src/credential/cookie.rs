//! `Cookie` fields (RFC 6265 section 4.2.1).

use super::{
    Credential, Found, Place,
    items::{elements, single},
};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// Finds the cookie of this name. HTTP/2 may split the field into several (RFC 9113 section
/// 8.2.3).
///
/// Names are case-sensitive. Double quotes are part of the value (RFC 6265 section 4.1.1).
pub(super) fn find(headers: &HeaderMap, name: &str) -> Found {
    let pairs = elements(headers.get_all(COOKIE), b';');
    let values = pairs.filter_map(|(field, pair, end)| {
        let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?;
        let value = value.strip_prefix(b"=")?;
        Some((field, end.saturating_sub(value.len())..end))
    });
    single(Place::Cookie, values, |(field, range)| {
        Some(Credential::of_field(Place::Cookie, field, range))
    })
}

/// Returns the name of the cookie in a `Set-Cookie` line.
pub(crate) fn cookie_name(line: &HeaderValue) -> &[u8] {
    let name = line.as_bytes().split(|byte| b"=;".contains(byte)).next();
    name.unwrap_or_default().trim_ascii()
}

/// Returns whether a response sets or clears the cookie of this name.
pub(crate) fn sets_cookie(headers: &HeaderMap, name: &[u8]) -> bool {
    let mut lines = headers.get_all(SET_COOKIE).iter();
    lines.any(|line| cookie_name(line) == name)
}
