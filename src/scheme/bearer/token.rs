//! [`Token`]: what a verifier gets to see.

use crate::credential::{Credential, Place};
use sha2::{Digest, Sha256};
use std::fmt;

/// A bearer token, as the client sent it. `Debug` shows its length only.
#[derive(Clone)]
pub struct Token(Credential);

impl Token {
    /// A token from bytes of its own, such as for the test of a verifier.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Credential::new(Place::Authorization, bytes))
    }

    /// Converts into the credential.
    pub(crate) fn into_credential(self) -> Credential {
        self.0
    }

    /// The token's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The token's text.
    ///
    /// A token that [`Bearer`](super::Bearer) found is ASCII. One that [`new`](Self::new) made
    /// of bytes that are no text reads as the empty string, which is no valid token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The SHA-256 digest, by which opaque tokens are stored and looked up.
    ///
    /// It tells nothing about a token that cannot be guessed, one of 128 random bits or more.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }
}

impl From<Credential> for Token {
    fn from(credential: Credential) -> Self {
        Self(credential)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.as_bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_token() {
        assert_eq!(format!("{:?}", Token::new("secret")), "Token(6 bytes)");
    }

    #[test]
    fn bytes_that_are_no_text_read_as_no_token() {
        assert_eq!(Token::new("abc").as_str(), "abc");
        assert_eq!(Token::new([0xff, 0xfe]).as_str(), "");
    }
}
