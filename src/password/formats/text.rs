//! Reading the parts of a stored hash, each in one spelling only.

use crate::ConfigError;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use std::{ops::RangeInclusive, str::FromStr};
use zeroize::Zeroizing;

/// A decimal number without a sign or leading zeros.
pub(super) fn number(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = digits.starts_with('0') && digits.len() > 1;
    (plain && !leading_zero)
        .then(|| u32::from_str(digits).ok())
        .flatten()
}

/// Base64 without padding.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD_NO_PAD.decode(text).ok()
}

/// Base64 with padding.
pub(super) fn base64_padded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// passlib's "adapted" base64: `.` for `+`, no padding.
pub(super) fn adapted_base64(text: &str) -> Option<Vec<u8>> {
    if text.contains('+') {
        return None;
    }
    base64(&Zeroizing::new(text.replace('.', "+")))
}

/// Lower-case hexadecimal.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

/// A salt that is used as it is written: letters, digits and the like.
pub(super) fn plain_salt(text: &str) -> Option<Vec<u8>> {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'$' && byte != b':')
        .then(|| text.as_bytes().to_vec())
}

/// Holds the length of a part to its bounds.
pub(super) fn sized(
    part: Vec<u8>,
    len: RangeInclusive<usize>,
    error: &'static str,
) -> Result<Vec<u8>, ConfigError> {
    if len.contains(&part.len()) {
        Ok(part)
    } else {
        Err(ConfigError::new(error))
    }
}
