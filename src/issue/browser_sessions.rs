//! [`BrowserSessions`]: log-in, renewal and log-out of browsers, in one object.

use super::{CookieBearer, Cookies, IssuedTokens, RenewLayer, TokenIssuer, TokenSubject};
use crate::{ConfigError, Identity, Rejection, jwt::JwtVerifier, revocation::WithRevocation};
use http::{HeaderMap, request::Parts};

/// The sessions of browsers: a [`TokenIssuer`] and the [`Cookies`] that hold its tokens.
///
/// ```
/// use http::{HeaderMap, request::Parts};
/// use tower_auth::{AuthLayer, Identity, Rejection, issue::{BrowserSessions, Cookies, TokenIssuer, TokenSubject}};
///
/// # fn wire(tokens: TokenIssuer) -> Result<(), tower_auth::ConfigError> {
/// let sessions = BrowserSessions::new(tokens, Cookies::new());
/// let auth = AuthLayer::new(sessions.bearer()?);
/// let renew = sessions.renew_layer(); // outside of `auth`: in axum it is added last
/// # let _ = (auth, renew);
/// # Ok(())
/// # }
/// # struct Form { remember_me: bool }
/// # async fn handlers(sessions: &BrowserSessions, identity: Identity, head: &Parts, form: Form) -> Result<(), Rejection> {
///
/// // The handler of a log-in form, with the identity from `Accounts::log_in`:
/// let subject = TokenSubject::from(identity).with_remember(form.remember_me);
/// let mut headers = HeaderMap::new(); // of the response
/// sessions.begin(subject, head, &mut headers).await?;
///
/// // The handler of a log-out button:
/// sessions.end(head, &mut headers).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BrowserSessions {
    tokens: TokenIssuer,
    cookies: Cookies,
}

impl BrowserSessions {
    /// Keeps the tokens of this issuer in these cookies.
    #[must_use]
    pub fn new(tokens: TokenIssuer, cookies: Cookies) -> Self {
        Self { tokens, cookies }
    }

    /// Returns the issuer of the tokens.
    #[must_use]
    pub fn tokens(&self) -> &TokenIssuer {
        &self.tokens
    }

    /// Returns the cookies.
    #[must_use]
    pub fn cookies(&self) -> &Cookies {
        &self.cookies
    }

    /// Returns the scheme of these sessions: tokens from `Authorization`, or else from the cookie.
    ///
    /// # Errors
    ///
    /// The errors of [`TokenIssuer::verifier`].
    pub fn bearer(&self) -> Result<CookieBearer<WithRevocation<JwtVerifier>>, ConfigError> {
        Ok(self.cookies.bearer(self.tokens.verifier()?))
    }

    /// Returns the layer that renews these sessions. It stands outside of the `AuthLayer`.
    pub fn renew_layer(&self) -> RenewLayer {
        RenewLayer::new(self.tokens.clone(), self.cookies.clone())
    }

    /// Begins a session, sets its cookies on the response, and ends the session whose cookies the
    /// request carries. `head` is the request's, `headers` are the response's.
    ///
    /// # Errors
    ///
    /// The errors of [`TokenIssuer::start_session`] and [`Cookies::set`].
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the earlier session cannot be ended. In
    /// these cases no cookie is set.
    pub async fn begin(
        &self,
        subject: impl Into<TokenSubject>,
        head: &Parts,
        headers: &mut HeaderMap,
    ) -> Result<IssuedTokens, Rejection> {
        // Two cookies of one name, as another host of the site may set, do not prevent a sign-in.
        let earlier = self.cookies.refresh_token(head).unwrap_or_default();
        let issued = self.tokens.start_session(subject).await?;
        let mut lines = HeaderMap::new();
        self.cookies.set(&issued, &mut lines)?;
        if let Some(earlier) = earlier {
            self.tokens.log_out_by_refresh_token(&earlier).await?;
        }
        append(headers, lines);
        Ok(issued)
    }

    /// Renews the session whose cookies the request carries, and sets its new cookies on the
    /// response.
    ///
    /// # Errors
    ///
    /// [`Missing`](crate::RejectionKind::Missing) if there is no cookie of a refresh token, and the
    /// errors of [`Cookies::refresh_token`], [`TokenIssuer::refresh`] and [`Cookies::set`].
    pub async fn refresh(
        &self,
        head: &Parts,
        headers: &mut HeaderMap,
    ) -> Result<IssuedTokens, Rejection> {
        let token = self.cookies.refresh_token(head)?;
        let token = token.ok_or_else(Rejection::missing)?;
        let issued = self.tokens.refresh(&token).await?;
        self.cookies.set(&issued, headers)?;
        Ok(issued)
    }

    /// Ends the session of the request, and clears its cookies on the response. The session is found
    /// by the identity of an `AuthLayer`, if there is one in front, and by the cookie of the refresh
    /// token. Without either, only the cookies are cleared.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if a store cannot be reached, and
    /// [`Malformed`](crate::RejectionKind::Malformed) if there are several cookies of a refresh
    /// token. Then the cookies stay, so that the user can try again.
    pub async fn end(&self, head: &Parts, headers: &mut HeaderMap) -> Result<(), Rejection> {
        let token = self.cookies.refresh_token(head)?;
        // An API key has the same issuer, and is not ended here.
        let is_token = |identity: &&Identity| {
            identity.own_issuer() == Some(self.tokens.name())
                && (identity.session_id().is_some() || identity.has_claims())
        };
        let identity = head.extensions.get::<Identity>().filter(is_token);
        if let Some(identity) = identity {
            self.tokens.end_session(identity).await?;
        }
        let ended = identity.and_then(Identity::session_id);
        let session = |token: &str| Some(self.tokens.0.read(token)?.1.family());
        // The cookie is of the same session as a rule, which ends once.
        if let Some(token) = token.filter(|token| session(token).as_deref() != ended) {
            self.tokens.log_out_by_refresh_token(&token).await?;
        }
        self.cookies.clear(headers);
        Ok(())
    }
}

fn append(headers: &mut HeaderMap, lines: HeaderMap) {
    for line in lines.into_iter().map(|(_, line)| line) {
        headers.append(http::header::SET_COOKIE, line);
    }
}
