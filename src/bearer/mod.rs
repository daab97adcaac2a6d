//! bearer

use crate::Credential;
use std::fmt;

/// A bearer token as it lay in the request.
#[derive(Clone)]
pub struct Token(Credential);

impl Token {
    /// A token from bytes of its own.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Credential::new(bytes))
    }

    #[allow(dead_code, reason = "until the scheme is there")]
    pub(crate) fn from_credential(credential: Credential) -> Self {
        Self(credential)
    }

    /// The bytes; a client chose them, and they may be anything.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
