//! `Cookie` fields (RFC 6265 section 4.2.1).

use super::location::{Look, Raw};
use http::{HeaderMap, header::COOKIE};

/// The cookie of this name. HTTP/2 may split the field into several (RFC 9113 section 8.2.3).
///
/// Names are case-sensitive. Double quotes are part of the value (RFC 6265 section 4.1.1).
pub(super) fn look<'a>(headers: &'a HeaderMap, name: &str) -> Look<'a> {
    let mut look = Look::Nothing;
    for field in headers.get_all(COOKIE) {
        let bytes = field.as_bytes();
        let mut start = 0;
        for pair in bytes.split(|&byte| byte == b';') {
            let end = start + pair.len();
            let trimmed = start + leading_spaces(pair);
            if let Some(value) = value_at(&bytes[trimmed..end], name) {
                look = look.and(Raw::Field(field, trimmed + value..end));
            }
            start = end + 1;
        }
    }
    look
}

fn leading_spaces(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|&&byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// Where the value begins, if the pair is of this name. White space before the `=` would be
/// trimmed by user agents, so it is not part of any name they send.
fn value_at(pair: &[u8], name: &str) -> Option<usize> {
    let rest = pair.strip_prefix(name.as_bytes())?;
    (rest.first() == Some(&b'=')).then_some(name.len() + 1)
}
