//! Reading the parts of a stored hash, each in one spelling only.

use super::{parsed::Bytes, phc::base64};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::str::FromStr;
use zeroize::Zeroizing;

/// A decimal number without a sign or leading zeros.
pub(super) fn number(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = digits.starts_with('0') && digits.len() > 1;
    (plain && !leading_zero)
        .then(|| u32::from_str(digits).ok())
        .flatten()
}

/// Decodes base64 with padding.
pub(super) fn base64_padded(text: &str) -> Option<Bytes> {
    STANDARD.decode(text).ok().map(Bytes::new)
}

/// Decodes passlib's "adapted" base64: `.` for `+`, no padding.
pub(super) fn adapted_base64(text: &str) -> Option<Bytes> {
    if text.contains('+') {
        return None;
    }
    base64(&Zeroizing::new(text.replace('.', "+")))
}

/// Decodes lower-case hexadecimal.
pub(super) fn hex(text: &str) -> Option<Bytes> {
    base16ct::lower::decode_vec(text).ok().map(Bytes::new)
}

/// Returns a salt that is used as it is written: letters, digits and the like.
pub(super) fn plain_salt(text: &str) -> Option<Bytes> {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'$' && byte != b':')
        .then(|| Bytes::new(text.as_bytes().to_vec()))
}
