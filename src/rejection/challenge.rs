//! `WWW-Authenticate` challenges (RFC 9110 sections 11.2, 11.3 and 11.6.1).

use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};

/// Collects the challenges of one response, a field line each.
///
/// A parameter of [`Scheme::challenge`](crate::Scheme::challenge).
///
/// A challenge with `resource_metadata` goes before the others, because some clients read the first
/// one only. A response to a script has no challenge that makes a browser open its dialog (`Basic`,
/// `Digest`): the dialog would cover the page. If there is no other challenge, the name of the scheme
/// begins with `x`, as in `xBasic`, which no browser knows.
#[derive(Debug)]
pub struct Challenges<'a> {
    realm: &'a str,
    resource_metadata: Option<&'a str>,
    headers: &'a mut HeaderMap,
    by_script: bool,
    opens_dialog: bool,
    /// The number of challenges that name resource metadata.
    first: usize,
    /// Whether there is a challenge.
    is_answered: bool,
    /// A challenge that scripts do not get.
    withheld: Option<Challenge>,
}

impl<'a> Challenges<'a> {
    pub(crate) fn new(realm: &'a str, headers: &'a mut HeaderMap) -> Self {
        Self {
            realm,
            resource_metadata: None,
            headers,
            by_script: false,
            opens_dialog: false,
            first: 0,
            is_answered: false,
            withheld: None,
        }
    }

    pub(crate) fn with_resource_metadata(mut self, url: Option<&'a str>) -> Self {
        self.resource_metadata = url;
        self
    }

    /// Sets whether a script of a page sent the request.
    pub(crate) fn for_script(mut self, by_script: bool) -> Self {
        self.by_script = by_script;
        self
    }

    /// Returns the realm for schemes that have none of their own
    /// ([`AuthLayer::realm`](crate::AuthLayer::realm)).
    #[must_use]
    pub fn realm(&self) -> &'a str {
        self.realm
    }

    /// Returns the URL of the metadata of this resource: `resource_metadata` in the challenges of
    /// schemes whose tokens an authorization server issues (RFC 9728 section 5.1).
    #[must_use]
    pub fn resource_metadata(&self) -> Option<&'a str> {
        self.resource_metadata
    }

    /// Adds one challenge.
    pub fn push(&mut self, challenge: Challenge) {
        if challenge.opens_dialog() {
            self.opens_dialog = true;
            if self.by_script {
                self.withheld.get_or_insert(challenge);
                return;
            }
        }
        self.is_answered = true;
        if !challenge.names_metadata {
            self.headers
                .append(WWW_AUTHENTICATE, challenge.into_value());
            return;
        }
        let lines = self.headers.get_all(WWW_AUTHENTICATE).iter().cloned();
        let mut lines: Vec<_> = lines.collect();
        lines.insert(self.first.min(lines.len()), challenge.into_value());
        self.first = self.first.saturating_add(1);
        self.headers.remove(WWW_AUTHENTICATE);
        for line in lines {
            self.headers.append(WWW_AUTHENTICATE, line);
        }
    }

    /// Completes the challenges. Returns whether one of them makes browsers open a dialog.
    pub(crate) fn finish(mut self) -> bool {
        // RFC 9110 section 15.5.2: every 401 has a challenge.
        if let Some(withheld) = self.withheld.take().filter(|_| !self.is_answered) {
            let withheld = withheld.without_dialog().into_value();
            self.headers.append(WWW_AUTHENTICATE, withheld);
        }
        self.opens_dialog
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
    names_metadata: bool,
}

impl Challenge {
    /// Creates a challenge of the scheme with this name, without parameters.
    ///
    /// # Panics
    ///
    /// If the name is not a token (RFC 9110 section 5.6.2). Names are constants of a program.
    #[track_caller]
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        assert!(is_token(scheme), "scheme name {scheme:?} is not a token");
        let mut text = String::with_capacity(128);
        text.push_str(scheme);
        Self {
            text,
            bare: true,
            names_metadata: false,
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
        self.names_metadata |= name == "resource_metadata";
        self
    }

    /// Returns whether browsers open a dialog for the name and password of the user.
    fn opens_dialog(&self) -> bool {
        let scheme = self.text.split(' ').next().unwrap_or_default();
        ["Basic", "Digest"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(scheme))
    }

    fn without_dialog(mut self) -> Self {
        self.text.insert(0, 'x');
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
