//! The client credentials of this application at the provider.

use super::{LoginError, form::Body};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, Request, header::AUTHORIZATION};
use std::error::Error;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// Makes a secret or an assertion for one request.
type Make = dyn Fn() -> Result<Zeroizing<String>, Box<dyn Error + Send + Sync>> + Send + Sync;

/// The value of `client_assertion_type` (RFC 7523 section 2.2).
#[cfg(feature = "issue")]
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client, and how it proves to be it.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) method: Method,
}

pub(super) enum Method {
    /// A public client: PKCE is all that ties a code to it.
    Public,
    /// `client_secret_basic`.
    Basic(Zeroizing<String>),
    /// `client_secret_post`.
    Post(Zeroizing<String>),
    /// `client_secret_post`, with a secret that is made for each request.
    PostMade(Box<Make>),
    /// `private_key_jwt` (OpenID Connect Core section 9).
    #[cfg(feature = "issue")]
    Assertion(Box<Make>),
}

impl Client {
    /// Adds the credentials that belong to the form.
    pub(super) fn fill(&self, form: &mut Body) -> Result<(), LoginError> {
        if matches!(self.method, Method::Basic(_)) {
            return Ok(());
        }
        form.push("client_id", &self.id);
        match &self.method {
            Method::Basic(_) | Method::Public => {}
            Method::Post(secret) => form.push("client_secret", secret),
            Method::PostMade(make) => {
                form.push("client_secret", &make().map_err(LoginError::provider)?);
            }
            #[cfg(feature = "issue")]
            Method::Assertion(make) => {
                form.push("client_assertion_type", JWT_BEARER);
                form.push("client_assertion", &make().map_err(LoginError::provider)?);
            }
        }
        Ok(())
    }

    /// Adds the credentials that belong to the head. The id and the secret are form-encoded first
    /// (RFC 6749 section 2.3.1), so that a colon in the id does not end it.
    pub(super) fn sign<B>(&self, request: &mut Request<B>) {
        let Method::Basic(secret) = &self.method else {
            return;
        };
        let mut pair = Zeroizing::new(String::new());
        pair.extend(byte_serialize(self.id.as_bytes()));
        pair.push(':');
        pair.extend(byte_serialize(secret.as_bytes()));
        let encoded = Zeroizing::new(STANDARD.encode(&*pair));
        let value = Zeroizing::new(format!("Basic {}", *encoded));
        // Base64 is visible ASCII.
        if let Ok(mut field) = HeaderValue::from_str(&value) {
            field.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_secret_are_form_encoded_before_they_are_joined() {
        let secret = "s3c:r+t%41 &=/~\"".to_owned();
        let client = Client {
            id: "odd:client+id%20/e".into(),
            method: Method::Basic(secret.into()),
        };
        let mut request = Request::new(());
        client.sign(&mut request);
        let field = request.headers()[AUTHORIZATION].to_str().unwrap();
        let decoded = STANDARD.decode(field.strip_prefix("Basic ").unwrap());
        assert_eq!(
            String::from_utf8(decoded.unwrap()).unwrap(),
            "odd%3Aclient%2Bid%2520%2Fe:s3c%3Ar%2Bt%2541+%26%3D%2F%7E%22"
        );
    }
}
