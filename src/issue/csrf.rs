//! [`Csrf`]: the double-submit token, for forms and for clients that need one.

use super::{IssuedTokens, TokenIssuer};
use crate::{Identity, Policy, Rejection, Verdict, authz::PolicyRequest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use constant_time_eq::constant_time_eq;
use http::{HeaderName, Method};
use std::borrow::Cow;

/// The double-submit token against cross-site requests, bound to the session.
///
/// The [cross-site check](crate::AuthLayer#cross-site-requests) of every layer is enough for
/// browsers of today. This token is for applications that need one beside it.
///
/// | | the client gets the token | the client sends the token | the token is verified |
/// |---|---|---|---|
/// | scripts, as those of Flask-JWT-Extended | in the cookie `__Host-csrf`, which scripts can read | in the field `X-CSRF-TOKEN` of every request that changes something | by this value as a [`Policy`] |
/// | forms | in a hidden field, from [`token_for`](Self::token_for) | in the form | by the handler, with [`verify`](Self::verify) |
///
/// Only credentials from a cookie need a token: a browser attaches others to no request by itself.
/// The token of a session stays the same when the session is renewed, and its cookie lives as long
/// as the cookie of the refresh token.
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
///
/// In the handlers of a form:
///
/// ```
/// use tower_auth::{Identity, Rejection, issue::Csrf};
///
/// fn form(csrf: &Csrf, identity: &Identity) -> String {
///     let token = csrf.token_for(identity).unwrap_or_default(); // base64url: nothing to escape
///     format!("<form method=post><input type=hidden name=csrf value={token:?}>…</form>")
/// }
///
/// fn submitted(csrf: &Csrf, identity: &Identity, field: &str) -> Result<(), Rejection> {
///     csrf.verify(identity, field)?; // 403 if it is missing or wrong
///     Ok(())
/// }
/// # let _ = (form, submitted);
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
    /// Returns the token of the session that has just begun or been renewed.
    #[must_use]
    pub fn token(&self, issued: &IssuedTokens) -> String {
        self.of_session(issued.session_id())
    }

    /// Returns the token of the session that an identity belongs to, for a form. `None` if the
    /// identity does not belong to a session of this issuer.
    #[must_use]
    pub fn token_for(&self, identity: &Identity) -> Option<String> {
        self.session_of(identity)
            .map(|session| self.of_session(session))
    }

    /// Verifies a token that was sent in a form, or in any other place.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::RejectionKind::Forbidden) if the credentials of this identity were in a
    /// cookie, and this is not the token of their session.
    pub fn verify(&self, identity: &Identity, token: &str) -> Result<(), Rejection> {
        let is_ambient = identity
            .place()
            .is_some_and(crate::credential::Place::is_ambient);
        match !is_ambient || self.is_of_session(identity, token.as_bytes()) {
            true => Ok(()),
            false => Err(Rejection::forbidden().with_detail("the CSRF token is missing or wrong")),
        }
    }

    fn of_session(&self, session: &str) -> String {
        let mut made = self.0.macs(PURPOSE, session.as_bytes());
        made.next()
            .map(|mac| URL_SAFE_NO_PAD.encode(mac))
            .unwrap_or_default()
    }

    fn session_of<'a>(&self, identity: &'a Identity) -> Option<&'a str> {
        let is_own = identity.own_issuer() == Some(self.0.name());
        identity.session_id().filter(|_| is_own)
    }

    fn is_of_session(&self, identity: &Identity, token: &[u8]) -> bool {
        let Some(session) = self.session_of(identity) else {
            return false;
        };
        // All are compared, so that the time does not depend on the secret that matches.
        let macs = self.0.macs(PURPOSE, session.as_bytes());
        macs.fold(false, |found, mac| {
            let expected = URL_SAFE_NO_PAD.encode(mac);
            found | constant_time_eq(expected.as_bytes(), token)
        })
    }
}

impl Policy for Csrf {
    fn check(&self, identity: &Identity, request: &PolicyRequest<'_>) -> Verdict<()> {
        // RFC 9110 section 9.2.1.
        let is_safe = matches!(
            request.method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
        );
        if is_safe {
            return Verdict::ready(Ok(()));
        }
        let mut sent = request.headers.get_all(FIELD).iter();
        let token = match (sent.next(), sent.next()) {
            (Some(token), None) => token.to_str().unwrap_or_default(),
            _ => "",
        };
        Verdict::ready(self.verify(identity, token))
    }

    fn name(&self) -> Cow<'_, str> {
        "csrf".into()
    }
}
