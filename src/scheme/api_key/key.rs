//! [`PresentedKey`]: what a verifier gets to see.

use super::form::{self, Form, ParsedKey};
use crate::credential::{Credential, Place};
use sha2::{Digest, Sha256};
use std::fmt;

/// An API key, as the client sent it. `Debug` shows its length only.
#[derive(Clone)]
pub struct PresentedKey(Credential);

impl PresentedKey {
    /// A key from bytes of its own, such as for the test of a verifier.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Credential::new(Place::Header, bytes))
    }

    /// The key's bytes; [`ApiKey`](super::ApiKey) finds visible ASCII only.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The SHA-256 digest, by which keys are stored and looked up.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }

    /// The prefix and the id, if this is a generated key with the right checksum.
    ///
    /// It says nothing about whether such a key was ever issued. Where all keys are generated
    /// ones, `None` saves a lookup.
    #[must_use]
    pub fn parse(&self) -> Option<ParsedKey<'_>> {
        match form::read(self.as_bytes()) {
            Form::Generated(parsed) => Some(parsed),
            Form::Mistyped | Form::Other => None,
        }
    }
}

impl From<Credential> for PresentedKey {
    fn from(credential: Credential) -> Self {
        Self(credential)
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.as_bytes().len())
    }
}
