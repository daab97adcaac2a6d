//! The compact form: three parts of base64url (RFC 7515 section 7.1).

use super::TokenError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::str;

/// The longest header that is decoded, in characters of base64url; real ones have about 100.
const MAX_HEADER: usize = 4096;

/// The longest signature that is decoded, in bytes: that of an RSA key of 8192 bits.
pub(super) const MAX_SIGNATURE: usize = 1024;

/// The parts of a token, still encoded.
pub(super) struct Compact<'a> {
    /// Header and payload with the dot between them: what is signed.
    pub(super) signed: &'a [u8],
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    pub(super) fn split(token: &'a [u8], max_bytes: usize) -> Result<Self, TokenError> {
        if token.len() > max_bytes {
            return Err(TokenError::TooLong);
        }
        let token = str::from_utf8(token).map_err(|_| TokenError::Form)?;
        // A further dot ends up in the payload, and is no base64url.
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Form)?;
        Ok(Self {
            signed: signed.as_bytes(),
            header,
            payload,
            signature,
        })
    }

    /// Decodes the header into a buffer, in place of what was there.
    pub(super) fn header(&self, buffer: &mut Vec<u8>) -> Result<(), TokenError> {
        if self.header.len() > MAX_HEADER {
            return Err(TokenError::TooLong);
        }
        // The payload goes there next, and is longer as a rule.
        buffer.reserve(self.header.len().max(self.payload.len()));
        decode(self.header, buffer)
    }

    /// Decodes the payload into a buffer, in place of what was there.
    pub(super) fn payload(&self, buffer: &mut Vec<u8>) -> Result<(), TokenError> {
        decode(self.payload, buffer)
    }

    pub(super) fn signature<'b>(
        &self,
        buffer: &'b mut [u8; MAX_SIGNATURE],
    ) -> Result<&'b [u8], TokenError> {
        let length = URL_SAFE_NO_PAD
            .decode_slice(self.signature, buffer)
            .map_err(|_| TokenError::Form)?;
        buffer.get(..length).ok_or(TokenError::Form)
    }
}

/// Without padding, and strictly: bits that do not count have to be zero, so that a token has
/// one spelling only (RFC 4648 section 3.5).
fn decode(text: &str, buffer: &mut Vec<u8>) -> Result<(), TokenError> {
    buffer.clear();
    URL_SAFE_NO_PAD
        .decode_vec(text, buffer)
        .map_err(|_| TokenError::Form)
}
