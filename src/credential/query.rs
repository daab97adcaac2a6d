//! Query parameters (`application/x-www-form-urlencoded`, WHATWG URL section 5.1).

use super::location::{Look, Raw};
use std::borrow::Cow;

/// The parameter of this name; names are decoded first and are case-sensitive.
pub(super) fn look<'a>(query: Option<&'a str>, name: &str) -> Look<'a> {
    let mut look = Look::Nothing;
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if is_name(key, name) {
            look = look.and(Raw::Query(value));
        }
    }
    look
}

/// Whether an encoded parameter name reads as this one. A broken escape is the name of nothing.
pub(super) fn is_name(encoded: &str, name: &str) -> bool {
    encoded == name
        || (encoded.contains(['%', '+'])
            && decode(encoded.as_bytes()).is_some_and(|decoded| decoded == name.as_bytes()))
}

/// Percent-decodes, `+` being a space; `None` on a broken escape.
pub(super) fn decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            byte => byte,
        });
    }
    Some(Cow::Owned(decoded))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_escape_is_refused() {
        assert_eq!(decode(b"a%20b+c").as_deref(), Some(&b"a b c"[..]));
        assert_eq!(decode(b"plain").as_deref(), Some(&b"plain"[..]));
        for broken in ["%", "%2", "%zz", "a%2", "%+1", "%é"] {
            assert_eq!(decode(broken.as_bytes()), None, "{broken}");
        }
    }
}
