//! The parser of [`Credentials`] (RFC 7617 section 2).

use super::{Credentials, credentials::Text};
use crate::{ConfigError, Rejection, error::fail_if};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::str;

impl Credentials {
    /// What a client sends for this user and password, for tests and tools.
    ///
    /// # Errors
    ///
    /// If the user's name has a colon, either has a control character, or both together are
    /// longer than 3071 bytes: no server would accept that.
    pub fn new(user: &str, password: &str) -> Result<Self, ConfigError> {
        fail_if!(user.contains(':'), "a user's name cannot have a colon");
        let mut text = Text::zeroed(user.len().saturating_add(password.len()).saturating_add(1));
        let parts = user.bytes().chain([b':']).chain(password.bytes());
        for (to, from) in text.as_mut().iter_mut().zip(parts) {
            *to = from;
        }
        check(text).map_err(|_| {
            ConfigError::new(
                "a user's name and password have no control characters and at most 3071 bytes",
            )
        })
    }

    /// Reads what follows `Basic` and its spaces in an `Authorization` field.
    ///
    /// Canonical base64 of the standard alphabet, padding included (RFC 4648 sections 3.2, 3.5
    /// and 4), at most 4096 bytes of it; UTF-8 inside; up to the first colon the user, behind it
    /// the password; no control characters.
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::RejectionKind::Malformed) for everything else.
    pub fn parse(token68: &[u8]) -> Result<Self, Rejection> {
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
}

/// The rules for what was encoded.
fn check(text: Text) -> Result<Credentials, Rejection> {
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

#[cfg(test)]
mod tests;
