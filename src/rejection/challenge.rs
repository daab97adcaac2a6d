//! `WWW-Authenticate` challenges (RFC 9110 sections 11.2, 11.3 and 11.6.1).

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use smallvec::SmallVec;

/// Collects the challenges of one response, a field line each.
///
/// Handed to [`Scheme::challenge`](crate::Scheme::challenge).
#[derive(Debug)]
pub struct Challenges<'a> {
    realm: &'a str,
    resource_metadata: Option<&'a str>,
    headers: &'a mut HeaderMap,
}

impl<'a> Challenges<'a> {
    pub(crate) fn new(realm: &'a str, headers: &'a mut HeaderMap) -> Self {
        Self {
            realm,
            resource_metadata: None,
            headers,
        }
    }

    pub(crate) fn with_resource_metadata(mut self, url: Option<&'a str>) -> Self {
        self.resource_metadata = url;
        self
    }

    /// The realm for schemes that have none of their own
    /// ([`AuthLayer::realm`](crate::AuthLayer::realm)).
    #[must_use]
    pub fn realm(&self) -> &'a str {
        self.realm
    }

    /// Where clients read which tokens are good here: `resource_metadata` in the challenges of
    /// schemes whose tokens an authorization server gives (RFC 9728 section 5.1).
    #[must_use]
    pub fn resource_metadata(&self) -> Option<&'a str> {
        self.resource_metadata
    }

    /// Adds one challenge.
    pub fn push(&mut self, challenge: Challenge) {
        self.headers
            .append(WWW_AUTHENTICATE, challenge.into_value());
    }
}

/// One challenge: a scheme and its parameters, quoted and escaped (RFC 9110 section 11.2).
///
/// ```
/// use tower_auth::Challenge;
///
/// let challenge = Challenge::new("Basic").param("realm", r#"the "inner" circle"#);
/// assert_eq!(challenge.into_value(), r#"Basic realm="the \"inner\" circle""#);
/// ```
#[derive(Clone, Debug)]
pub struct Challenge {
    /// On the stack while it is short, so that the value is the one allocation.
    text: SmallVec<[u8; 128]>,
    bare: bool,
}

impl Challenge {
    /// A challenge of the scheme with this name, without parameters yet.
    ///
    /// # Panics
    ///
    /// If the name is not a token (RFC 9110 section 5.6.2). Names are constants of a program.
    #[track_caller]
    #[must_use]
    pub fn new(scheme: &'static str) -> Self {
        assert!(is_token(scheme), "scheme name {scheme:?} is not a token");
        Self {
            text: SmallVec::from_slice(scheme.as_bytes()),
            bare: true,
        }
    }

    /// Adds a parameter as a quoted string.
    ///
    /// `"` and `\` are escaped. Control characters, which a quoted string cannot hold
    /// (RFC 9110 section 5.6.4), become spaces.
    ///
    /// # Panics
    ///
    /// If the parameter's name is not a token. Names are constants of a program.
    #[track_caller]
    #[must_use]
    pub fn param(mut self, name: &'static str, value: &str) -> Self {
        assert!(is_token(name), "parameter name {name:?} is not a token");
        let mut push = |bytes: &[u8]| self.text.extend_from_slice(bytes);
        push(if self.bare { b" " } else { b", " });
        push(name.as_bytes());
        push(b"=\"");
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~' if byte != b'"' && byte != b'\\');
        if value.bytes().all(is_plain) {
            push(value.as_bytes());
        } else {
            let mut utf8 = [0; 4];
            for c in value.chars() {
                if matches!(c, '"' | '\\') {
                    push(b"\\");
                }
                let c = if c.is_control() { ' ' } else { c };
                push(c.encode_utf8(&mut utf8).as_bytes());
            }
        }
        push(b"\"");
        self.bare = false;
        self
    }

    /// The value for a `WWW-Authenticate` field.
    #[must_use]
    pub fn into_value(self) -> HeaderValue {
        // Control characters are gone, so this cannot fail; were it to, a bare `Bearer`-like
        // challenge is still an honest one.
        HeaderValue::from_bytes(&self.text).unwrap_or_else(|_| HeaderValue::from_static("Unknown"))
    }
}

/// `token` of RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
