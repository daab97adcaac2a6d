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
pub(crate) fn decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let is_whole = escapes(text).all(|byte| byte.is_some());
    is_whole.then(|| percent_decode(text).into())
}
