//! `application/x-www-form-urlencoded`, read and written (RFC 6749 appendix B).

use super::LoginError;
use std::borrow::Cow;
use url::form_urlencoded::{byte_serialize, parse};
use zeroize::Zeroizing;

/// The parameters of a query or form.
pub(super) struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// More than this no request of ours has.
const MAX_PARAMETERS: usize = 64;

impl<'a> Form<'a> {
    pub(super) fn read(text: &'a [u8]) -> Result<Self, LoginError> {
        let pairs: Vec<_> = parse(text).take(MAX_PARAMETERS.saturating_add(1)).collect();
        match pairs.len() > MAX_PARAMETERS {
            true => Err(LoginError::Request),
            false => Ok(Self(pairs)),
        }
    }

    /// The parameter of this name; one that is there twice is an error (RFC 6749 section 3.1),
    /// and one without a value is none.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, LoginError> {
        let mut values = self.0.iter().filter(|(other, _)| other == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(Some(&**value).filter(|value| !value.is_empty())),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(LoginError::Request),
        }
    }
}

/// A form to be sent; it may hold secrets, and is wiped.
#[derive(Default)]
pub(super) struct Body(Zeroizing<String>);

impl Body {
    pub(super) fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(byte_serialize(name.as_bytes()));
        self.0.push('=');
        self.0.extend(byte_serialize(value.as_bytes()));
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 appendix B.
    #[test]
    fn a_form_is_encoded_as_the_rfc_does() {
        let mut body = Body::default();
        body.push("a", " %&+£€");
        assert_eq!(body.as_bytes(), b"a=+%25%26%2B%C2%A3%E2%82%AC");
        body.push("b", "-._*~");
        assert!(body.as_bytes().ends_with(b"&b=-._*%7E"));
    }

    #[test]
    fn a_parameter_counts_once_and_with_a_value() {
        let form = Form::read(b"a=1&b=&c=2&c=2&d=%20+x").unwrap();
        assert!(matches!(form.one("a"), Ok(Some("1"))));
        assert!(matches!(form.one("b"), Ok(None)));
        assert!(matches!(form.one("e"), Ok(None)));
        assert!(form.one("c").is_err());
        assert!(matches!(form.one("d"), Ok(Some("  x"))));
        assert!(Form::read("a=1&".repeat(65).as_bytes()).is_err());
    }
}
