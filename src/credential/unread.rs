//! [`UnreadAuthorization`]: an `Authorization` field that no scheme of a layer reads.

use super::Location;
use crate::rejection::is_token;
use http::HeaderValue;
use std::{error::Error, fmt};

/// The longest name of a scheme that is logged, in bytes.
const LONGEST_NAME: usize = 32;

/// The request has an `Authorization` field that no scheme of the layer reads: the source of a
/// [`Rejection`](crate::Rejection) whose kind is [`Missing`](crate::RejectionKind::Missing).
///
/// ```
/// use std::error::Error;
/// use tower_auth::{Rejection, credential::UnreadAuthorization};
///
/// fn hint(rejection: &Rejection) -> Option<String> {
///     let unread: &UnreadAuthorization = rejection.source()?.downcast_ref()?;
///     Some(format!("{:?} instead of {}", unread.scheme(), unread.accepted()))
/// }
/// # let _ = hint;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadAuthorization {
    scheme: Option<Box<str>>,
    accepted: Box<str>,
}

impl UnreadAuthorization {
    pub(crate) fn new(field: &HeaderValue, locations: &[Location]) -> Self {
        let accepted: Vec<_> = locations
            .iter()
            .map(|location| format!("{location:?}"))
            .collect();
        Self {
            scheme: name(field.as_bytes()).map(Into::into),
            accepted: accepted.join(", ").into(),
        }
    }

    /// Returns the name of the scheme that the field names. Returns `None` if the field does not
    /// begin with the name of a scheme: then its first word may be the credential.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        self.scheme.as_deref()
    }

    /// Returns the locations that the schemes of the layer read, such as `authorization "Bearer"`.
    #[must_use]
    pub fn accepted(&self) -> &str {
        &self.accepted
    }
}

/// Returns the name of the scheme of a field (RFC 9110 section 11.4), if it cannot be a credential.
///
/// A name is followed by credentials. It is a token of at most 32 characters, which begins with a
/// letter and has no other characters than letters, `-` and `_`, or it is the name of a scheme that is
/// known to have digits. A word with digits may be a secret that somebody put there.
fn name(field: &[u8]) -> Option<&str> {
    let (name, credentials) = std::str::from_utf8(field).ok()?.split_once(' ')?;
    let is_plain = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'))
    };
    let is_known = |name: &str| {
        ["AWS4-HMAC-SHA256", "SCRAM-SHA-1", "SCRAM-SHA-256"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    let is_name = name.len() <= LONGEST_NAME
        && is_token(name)
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && (is_plain(name) || is_known(name));
    (is_name && !credentials.trim().is_empty()).then_some(name)
}

impl fmt::Display for UnreadAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scheme {
            Some(scheme) => write!(f, "the Authorization field has the scheme \"{scheme}\"")?,
            None => f.write_str("the Authorization field does not begin with a scheme")?,
        }
        write!(f, "; the layer reads: {}", self.accepted)
    }
}

impl Error for UnreadAuthorization {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_named_and_a_credential_is_not() {
        for (field, expected) in [
            ("Token abc", Some("Token")),
            ("AWS4-HMAC-SHA256 Credential=a", Some("AWS4-HMAC-SHA256")),
            ("Api-Key  abc", Some("Api-Key")),
            ("eyJhbGciOiJIUzI1NiJ9.e30.c2ln", None),
            ("secret", None),
            ("secret ", None),
            ("s3cr3t s3cr3t", None),
            ("user:password x", None),
            ("-x abc", None),
            ("a23456789012345678901234567890123 x", None),
            ("abcdefghabcdefghabcdefghabcdefgha x", None),
            ("", None),
            (" Token abc", None),
        ] {
            assert_eq!(name(field.as_bytes()), expected, "{field:?}");
        }
        assert_eq!(name(b"T\xffken abc"), None);
        assert_eq!(name(b"Token \xff"), None);
    }
}
