//! Query parameters (`application/x-www-form-urlencoded`, WHATWG URL section 5.1).

use super::location::{Look, Raw};
use crate::util::percent;
use std::borrow::Cow;
use zeroize::Zeroizing;

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
    if !text.contains(&b'+') {
        return percent::decode(text);
    }
    let mut spaced = Zeroizing::new(text.to_vec());
    for byte in spaced.iter_mut().filter(|byte| **byte == b'+') {
        *byte = b' ';
    }
    Some(Cow::Owned(percent::decode(&spaced)?.into_owned()))
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
