//! What a client sends, into [`Credentials`] (RFC 7617 section 2).

use super::{Credentials, credentials::Text};
use crate::Rejection;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::str;

/// Reads the `token68` behind the scheme's name.
pub(super) fn parse(token68: &[u8]) -> Result<Credentials, Rejection> {
    if token68.len() > MAX_ENCODED {
        return Err(Rejection::malformed());
    }
    // Three bytes for every four characters; padding makes it less.
    let mut text = Text::zeroed(token68.len().div_ceil(4).saturating_mul(3));
    // The standard engine takes canonical base64 only: padding in full, no stray bits.
    let len = STANDARD
        .decode_slice(token68, text.as_mut())
        .map_err(|_| Rejection::malformed())?;
    text.truncate(len);
    check(text)
}

/// The rules for what was encoded.
pub(super) fn check(text: Text) -> Result<Credentials, Rejection> {
    let bytes = text.as_ref();
    if bytes.len() > MAX_DECODED {
        return Err(Rejection::malformed());
    }
    let decoded = str::from_utf8(bytes).map_err(|_| Rejection::malformed())?;
    // Of ASCII and of Latin-1 (RFC 7617 section 2: "MUST NOT contain any control characters").
    if decoded.chars().any(char::is_control) {
        return Err(Rejection::malformed());
    }
    let colon = decoded.find(':').ok_or_else(Rejection::malformed)?;
    Ok(Credentials::of(text, colon))
}

/// Bytes of base64 that are decoded at most.
const MAX_ENCODED: usize = 4096;

/// Bytes that so many can encode.
const MAX_DECODED: usize = MAX_ENCODED / 4 * 3;
