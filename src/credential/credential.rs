//! [`Credential`]: one credential of a request.

use super::Place;
use http::HeaderValue;
use std::{fmt, ops::Range};
use zeroize::Zeroizing;

/// One credential: its bytes, and the place where it was found.
///
/// Part of a header field shares the memory of the field. Any other credential has bytes of its
/// own, which are wiped on drop. `Debug` shows neither.
#[derive(Clone)]
pub struct Credential {
    place: Place,
    bytes: Bytes,
}

#[derive(Clone)]
enum Bytes {
    Field(HeaderValue, Range<usize>),
    Own(Zeroizing<Vec<u8>>),
}

impl Credential {
    /// Creates a credential with bytes of its own, for tests and for places that
    /// [`Location`](crate::Location) does not read, such as a client certificate.
    pub fn new(place: Place, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            place,
            bytes: Bytes::Own(Zeroizing::new(bytes.into())),
        }
    }

    /// Creates a credential from part of a header field, without a copy of its bytes.
    ///
    /// The credential is empty if the range is outside of the field.
    pub fn of_field(place: Place, value: &HeaderValue, range: Range<usize>) -> Self {
        let mut value = value.clone();
        value.set_sensitive(true);
        Self {
            place,
            bytes: Bytes::Field(value, range),
        }
    }

    /// Returns the bytes. The client chose them, and they can be anything.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Field(value, range) => value.as_bytes().get(range.clone()).unwrap_or_default(),
            Bytes::Own(bytes) => bytes,
        }
    }

    /// Returns the place where the credential was found.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({} bytes)", self.as_bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_field_is_a_credential_and_debug_hides_it() {
        let field = HeaderValue::from_static("Bearer secret");
        let credential = Credential::of_field(Place::Authorization, &field, 7..13);
        assert_eq!(credential.as_bytes(), b"secret");
        assert_eq!(credential.place(), Place::Authorization);
        assert_eq!(format!("{credential:?}"), "Credential(6 bytes)");
    }

    #[test]
    fn a_range_outside_of_the_field_is_an_empty_credential() {
        let field = HeaderValue::from_static("short");
        let credential = Credential::of_field(Place::Header, &field, 3..99);
        assert_eq!(credential.as_bytes(), b"");
    }
}
