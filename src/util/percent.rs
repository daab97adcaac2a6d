//! Percent-encoding (RFC 3986 section 2.1), with broken escapes rejected.

use percent_encoding::percent_decode;
use std::borrow::Cow;

/// Returns the bytes that the escapes of a text stand for, in their order; `None` for an escape that
/// is broken.
pub(crate) fn escapes(text: &[u8]) -> impl Iterator<Item = Option<u8>> {
    let escape = |rest: &[u8]| {
        let [high, low, ..] = *rest else { return None };
        let is_whole = high.is_ascii_hexdigit() && low.is_ascii_hexdigit();
        is_whole
            .then(|| percent_decode(&[b'%', high, low]).next())
            .flatten()
    };
    text.split(|&byte| byte == b'%').skip(1).map(escape)
}

/// Decodes a text; `None` if an escape is broken.
///
/// The text may be a secret. A copy is therefore made in memory that never has to grow: memory that
/// is replaced by larger memory is freed, but not wiped.
pub(crate) fn decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    if !escapes(text).all(|byte| byte.is_some()) {
        return None;
    }
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend(percent_decode(text));
    Some(Cow::Owned(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoded_text_is_the_only_copy() {
        for text in [
            "%41",
            "a%20b",
            "secret-%41-with-a-long-end-behind-its-escape",
            "%41%42%43",
        ] {
            let Some(Cow::Owned(decoded)) = decode(text.as_bytes()) else {
                panic!("{text} is not copied");
            };
            let expected: Vec<u8> = percent_decode(text.as_bytes()).collect();
            assert_eq!(decoded, expected);
            // Memory of this size from the start has never been replaced by larger memory.
            assert_eq!(decoded.capacity(), text.len());
        }
    }

    #[test]
    fn a_text_without_escapes_is_borrowed_and_a_broken_one_rejected() {
        assert!(matches!(decode(b"plain"), Some(Cow::Borrowed(b"plain"))));
        for broken in ["%", "%4", "%4g", "%+1", "a%%41"] {
            assert!(decode(broken.as_bytes()).is_none(), "{broken}");
        }
    }
}
