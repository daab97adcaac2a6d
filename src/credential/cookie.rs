//! `Cookie` fields (RFC 6265 section 4.2.1).

use super::location::{Look, Raw, elements};
use http::{HeaderMap, header::COOKIE};

/// The cookie of this name. HTTP/2 may split the field into several (RFC 9113 section 8.2.3).
///
/// Names are case-sensitive. Double quotes are part of the value (RFC 6265 section 4.1.1).
pub(super) fn look<'a>(headers: &'a HeaderMap, name: &str) -> Look<'a> {
    let mut look = Look::Nothing;
    for field in headers.get_all(COOKIE) {
        for (pair, end) in elements(field, b';') {
            let value = pair
                .trim_ascii_start()
                .strip_prefix(name.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="));
            if let Some(value) = value {
                look = look.and(Raw::Field(field, end.saturating_sub(value.len()), end));
            }
        }
    }
    look
}
