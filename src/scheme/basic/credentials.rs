//! [`Credentials`]: a user name and a password.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use smallvec::SmallVec;
use std::{fmt, str};
use zeroize::{Zeroize, Zeroizing};

/// A user name and a password, as a client sent them.
///
/// Wiped on drop; `Debug` shows the user only. Neither holds control characters, and the user
/// holds no colon (RFC 7617 section 2); both may be empty.
///
/// ```
/// use tower_auth::basic::Credentials;
///
/// let credentials = Credentials::parse(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==")?;
/// assert_eq!(credentials.user(), "Aladdin");
/// assert_eq!(credentials.password(), "open sesame");
/// # Ok::<(), tower_auth::Rejection>(())
/// ```
pub struct Credentials {
    text: Text,
    /// Where the colon between the two is.
    colon: usize,
}

impl Credentials {
    /// `text` is UTF-8 and has a colon at `colon`.
    pub(super) fn of(text: Text, colon: usize) -> Self {
        Self { text, colon }
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        let user = self.text.as_ref().get(..self.colon);
        str::from_utf8(user.unwrap_or_default()).unwrap_or_default()
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        let password = self.text.as_ref().get(self.colon.saturating_add(1)..);
        str::from_utf8(password.unwrap_or_default()).unwrap_or_default()
    }

    /// The value of an `Authorization` field for these credentials, marked as sensitive.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let mut text = Zeroizing::new(String::from("Basic "));
        STANDARD.encode_string(self.text.as_ref(), &mut text);
        // Base64 always makes a header value; were it not to, `Basic` alone is no credential.
        let mut value = HeaderValue::from_bytes(text.as_bytes())
            .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}

/// Bytes that are wiped on drop. Few of them need no allocation.
pub(super) struct Text {
    bytes: SmallVec<[u8; INLINE]>,
    len: usize,
}

/// In bytes: enough for nearly every user name and password with the colon.
const INLINE: usize = 144;

impl Text {
    pub(super) fn zeroed(len: usize) -> Self {
        let bytes = SmallVec::from_elem(0, len);
        Self { bytes, len }
    }

    /// Removes the bytes after `len`. They are wiped on drop, too.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = len.min(self.len);
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Text {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
