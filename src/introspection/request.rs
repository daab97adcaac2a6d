//! The request to the endpoint (RFC 7662 section 2.1), and the credentials of this service.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderValue, Request, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use zeroize::Zeroizing;

/// This service's own credentials, ready to be sent.
pub(super) enum Credentials {
    Basic(HeaderValue),
    /// A piece of a form.
    Post(Zeroizing<String>),
}

impl Credentials {
    /// By the Basic scheme: both are form-encoded first (RFC 6749 section 2.3.1), so that a colon
    /// in the id does not end it.
    pub(super) fn basic(id: &str, secret: &str) -> Self {
        let mut pair = Zeroizing::new(String::new());
        encode(id, &mut pair);
        pair.push(':');
        encode(secret, &mut pair);
        let mut value = Zeroizing::new("Basic ".to_owned());
        STANDARD.encode_string(pair.as_bytes(), &mut value);
        // Base64 is visible ASCII.
        let field = HeaderValue::from_str(&value);
        let mut field = field.unwrap_or_else(|_| HeaderValue::from_static(""));
        field.set_sensitive(true);
        Self::Basic(field)
    }

    /// In the body, next to the token (RFC 6749 section 2.3.1).
    pub(super) fn post(id: &str, secret: &str) -> Self {
        let mut form = Zeroizing::new("&client_id=".to_owned());
        encode(id, &mut form);
        form.push_str("&client_secret=");
        encode(secret, &mut form);
        Self::Post(form)
    }
}

/// Returns the request about one token. Its body holds the token and may hold the secret. The body
/// is wiped when the client drops it, but copies that the client makes are not wiped.
pub(super) fn about(token: &str, endpoint: &Uri, credentials: &Credentials) -> Request<Bytes> {
    let more = match credentials {
        Credentials::Basic(_) => 0,
        Credentials::Post(form) => form.len(),
    };
    // A body that grows would leave a copy behind. A byte takes at most three bytes in the form.
    let room = token.len().saturating_mul(3).saturating_add(more);
    let mut body = Zeroizing::new(String::with_capacity(room.saturating_add(64)));
    body.push_str("token=");
    encode(token, &mut body);
    body.push_str("&token_type_hint=access_token");
    if let Credentials::Post(form) = credentials {
        body.push_str(form);
    }
    let mut request = Request::new(Bytes::from_owner(body));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = endpoint.clone();
    let fields = request.headers_mut();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    fields.insert(CONTENT_TYPE, form);
    fields.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Credentials::Basic(field) = credentials {
        fields.insert(AUTHORIZATION, field.clone());
    }
    request
}

/// `application/x-www-form-urlencoded` of UTF-8 (RFC 6749 appendix B).
fn encode(text: &str, form: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                form.push(char::from(byte));
            }
            b' ' => form.push('+'),
            _ => {
                form.push('%');
                for nibble in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(nibble.into(), 16).unwrap_or('0');
                    form.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 appendix B.
    #[test]
    fn a_form_is_encoded_as_the_rfc_does() {
        let mut form = String::new();
        encode(" %&+£€", &mut form);
        assert_eq!(form, "+%25%26%2B%C2%A3%E2%82%AC");
    }

    #[test]
    fn what_b64tokens_are_made_of_survives_a_form() {
        let mut form = String::new();
        encode("aZ09-._~+/==", &mut form);
        assert_eq!(form, "aZ09-._%7E%2B%2F%3D%3D");
    }
}
