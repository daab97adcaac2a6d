//! `WWW-Authenticate` challenges (RFC 9110 sections 11.2, 11.3 and 11.6.1).

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};

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
/// use tower_auth::rejection::Challenge;
///
/// let challenge = Challenge::new("Basic").param("realm", r#"the "inner" circle"#);
/// assert_eq!(challenge.into_value(), r#"Basic realm="the \"inner\" circle""#);
/// ```
#[derive(Clone, Debug)]
pub struct Challenge {
    text: String,
    /// Whether there are no parameters yet.
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
        let mut text = String::with_capacity(128);
        text.push_str(scheme);
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
        self.text.push_str(if self.bare { " " } else { ", " });
        self.text.push_str(name);
        self.text.push_str("=\"");
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                self.text.push('\\');
            }
            self.text.push(if c.is_control() { ' ' } else { c });
        }
        self.text.push('"');
        self.bare = false;
        self
    }

    /// Converts into the value of a `WWW-Authenticate` field.
    #[must_use]
    pub fn into_value(self) -> HeaderValue {
        // Control characters are gone, so this cannot fail. If it did, a challenge without
        // parameters is still valid.
        HeaderValue::from_bytes(self.text.as_bytes())
            .unwrap_or_else(|_| HeaderValue::from_static("Unknown"))
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

    proptest! {
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
