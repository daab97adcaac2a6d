//! The bytes of one credential, without a copy where that can be.

use http::HeaderValue;
use std::{fmt, ops::Range};
use zeroize::Zeroizing;

/// The bytes of one credential, as they lay in the request.
///
/// Part of a header field shares the field's memory; what had to be decoded is a copy of its
/// own, wiped on drop. `Debug` shows neither.
#[derive(Clone)]
pub struct Credential(Bytes);

#[derive(Clone)]
enum Bytes {
    Field(HeaderValue, Range<usize>),
    Copy(Zeroizing<Vec<u8>>),
}

impl Credential {
    pub(super) fn of_field(value: &HeaderValue, range: Range<usize>) -> Self {
        let mut value = value.clone();
        value.set_sensitive(true);
        Self(Bytes::Field(value, range))
    }

    /// A credential from bytes of its own, for tests and for places this crate does not know.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Bytes::Copy(Zeroizing::new(bytes.into())))
    }

    /// The bytes; a client chose them, and they may be anything.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Field(value, range) => value.as_bytes().get(range.clone()).unwrap_or_default(),
            Bytes::Copy(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} bytes)", self.as_bytes().len())
    }
}
