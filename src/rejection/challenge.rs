//! `WWW-Authenticate` challenges (RFC 9110 sections 11.2, 11.3 and 11.6.1).

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use std::fmt;

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
        self.push_value(challenge.into_value());
    }

    pub(crate) fn push_value(&mut self, challenge: HeaderValue) {
        self.headers.append(WWW_AUTHENTICATE, challenge);
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
    text: Text,
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
        let mut text = Text::default();
        text.push(scheme.as_bytes());
        Self { text, bare: true }
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
        self.add(name, value);
        self
    }

    /// [`param`](Self::param) for a challenge that stays where it is. The text is on the stack:
    /// to move it takes longer than to write most parameters.
    pub(crate) fn add(&mut self, name: &'static str, value: &str) {
        debug_assert!(is_token(name), "names of this crate's are");
        let mut push = |bytes: &[u8]| self.text.push(bytes);
        push(if self.bare { b" " } else { b", " });
        push(name.as_bytes());
        push(b"=\"");
        if Self::is_plain(value) {
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
    }

    /// Whether a text is quoted as it stands; what `error_description` may hold is just that,
    /// too (RFC 6750 section 3).
    pub(crate) fn is_plain(text: &str) -> bool {
        let is_plain = |byte| matches!(byte, b' '..=b'!' | b'#'..=b'[' | b']'..=b'~');
        // Without branches in the loop it is done in vectors.
        text.bytes().fold(true, |ok, byte| ok & is_plain(byte))
    }

    /// The value for a `WWW-Authenticate` field.
    #[must_use]
    pub fn into_value(self) -> HeaderValue {
        self.value()
    }

    /// [`into_value`](Self::into_value) of one that stays where it is.
    pub(crate) fn value(&self) -> HeaderValue {
        // Control characters are gone, so this cannot fail; were it to, a bare `Bearer`-like
        // challenge is still an honest one.
        HeaderValue::from_bytes(self.text.as_bytes())
            .unwrap_or_else(|_| HeaderValue::from_static("Unknown"))
    }
}

/// Text that is put together on the stack while it is short, so that the value is the one
/// allocation.
#[derive(Clone)]
struct Text {
    short: [u8; 128],
    length: usize,
    /// All of it, if that is more.
    long: Vec<u8>,
}

impl Text {
    // Inlined, so that constants are stored and not copied by a call.
    #[inline(always)]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        match self.short.get_mut(self.length..end) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.spill(bytes, end),
        }
        self.length = end;
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8], end: usize) {
        if self.long.is_empty() {
            self.long.reserve(end.saturating_mul(2));
            let so_far = self.short.get(..self.length).unwrap_or_default();
            self.long.extend_from_slice(so_far);
        }
        self.long.extend_from_slice(bytes);
    }

    fn as_bytes(&self) -> &[u8] {
        self.short.get(..self.length).unwrap_or(&self.long)
    }
}

impl Default for Text {
    fn default() -> Self {
        Self {
            short: [0; 128],
            length: 0,
            long: Vec::new(),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.as_bytes()).fmt(f)
    }
}

/// `token` of RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_classed_as_the_grammar_does() {
        for byte in 0..=u8::MAX {
            let listed = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token_byte(byte), listed, "{byte:#x}");
        }
    }

    #[test]
    fn a_text_is_whole_on_both_sides_of_what_fits_on_the_stack() {
        for first in 0..140 {
            for second in [0, 1, 127, 128, 129, 300] {
                let (a, b) = ("a".repeat(first), "b".repeat(second));
                let mut text = Text::default();
                for part in [&a, &b, "c", ""] {
                    text.push(part.as_bytes());
                }
                assert_eq!(text.as_bytes(), format!("{a}{b}c").as_bytes());
            }
        }
    }

    proptest! {
        /// As written without any care for speed.
        #[test]
        fn parameters_are_quoted_and_escaped(
            values in proptest::collection::vec("[ -~]{0,40}|[\"\\\\a\t\n\u{7f}\u{85}é]{0,9}|a{100,140}", 0..4),
        ) {
            let mut challenge = Challenge::new("Bearer");
            let mut params = Vec::new();
            for value in &values {
                challenge = challenge.param("realm", value);
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                params.push(format!("realm=\"{}\"", escaped.replace(char::is_control, " ")));
            }
            let expected = format!("Bearer {}", params.join(", "));
            let value = challenge.into_value();
            prop_assert_eq!(value.as_bytes(), expected.trim_end().as_bytes());
        }
    }
}
