//! [`Csrf`]: the double-submit token, for clients that need one.

use super::{IssuedTokens, TokenIssuer};
use crate::{Identity, Policy, Rejection, Verdict};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use constant_time_eq::constant_time_eq;
use http::{HeaderName, Method, request::Parts};
use std::borrow::Cow;

/// The double-submit token against cross-site requests, bound to the session.
///
/// The [cross-site check](crate::AuthLayer#cross-site-requests) of every layer is enough for
/// browsers of today; this is for clients that need a token, as those of Flask-JWT-Extended do.
/// It is in the cookie `__Host-csrf`, which scripts can read, and comes back in the field
/// `X-CSRF-TOKEN` of every request that changes something. As a [`Policy`] it asks so of
/// credentials from a cookie; others need no token.
///
/// ```
/// use tower_auth::{RequireLayer, issue::{Cookies, IssuedTokens, TokenIssuer}};
///
/// # fn wire(tokens: &TokenIssuer, issued: &IssuedTokens, headers: &mut http::HeaderMap) -> Result<(), tower_auth::Rejection> {
/// let cookies = Cookies::new().with_csrf(tokens); // set and cleared with the others
/// cookies.set(issued, headers)?;
/// let layer = RequireLayer::new(tokens.csrf());
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Csrf(TokenIssuer);

const FIELD: HeaderName = HeaderName::from_static("x-csrf-token");

const PURPOSE: &[u8] = b"tower-auth csrf";

impl TokenIssuer {
    /// The double-submit token against cross-site requests, for clients that need one.
    #[must_use]
    pub fn csrf(&self) -> Csrf {
        Csrf(self.clone())
    }
}

impl Csrf {
    /// The token of a session.
    #[must_use]
    pub fn token(&self, issued: &IssuedTokens) -> String {
        let mut made = self.0.macs(PURPOSE, issued.session_id().as_bytes());
        made.next()
            .map(|mac| URL_SAFE_NO_PAD.encode(mac))
            .unwrap_or_default()
    }

    fn is_right(&self, identity: &Identity, head: &Parts) -> bool {
        let mut sent = head.headers.get_all(FIELD).iter();
        let (Some(sent), None) = (sent.next(), sent.next()) else {
            return false;
        };
        let Some(session) = identity.session_id() else {
            return false;
        };
        // All are compared, so that the time does not tell which one it was.
        let macs = self.0.macs(PURPOSE, session.as_bytes());
        macs.fold(false, |found, mac| {
            let expected = URL_SAFE_NO_PAD.encode(mac);
            found | constant_time_eq(expected.as_bytes(), sent.as_bytes())
        })
    }
}

impl Policy for Csrf {
    fn check(&self, identity: &Identity, head: &Parts) -> Verdict<()> {
        let is_ambient = identity
            .place()
            .is_some_and(crate::credential::Place::is_ambient);
        // RFC 9110 section 9.2.1.
        let is_safe = matches!(
            head.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
        );
        Verdict::ready(
            match !is_ambient || is_safe || self.is_right(identity, head) {
                true => Ok(()),
                false => {
                    Err(Rejection::forbidden().with_detail("the CSRF token is missing or wrong"))
                }
            },
        )
    }

    fn name(&self) -> Cow<'_, str> {
        "csrf".into()
    }
}
