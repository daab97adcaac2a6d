//! [`Cookies`]: tokens in a browser.

use super::{Csrf, IssuedTokens, TokenIssuer, log};
use crate::{
    Location, Rejection, Scheme, Verdict, Verify,
    bearer::{Bearer, Token},
    credential::{Credential, Found, sets_cookie},
    jwt::TokenError,
    rejection::Challenges,
    revocation::RevokedBy,
    scheme::{Attempt, BrowserSession, Others},
    util::loopback::is_http_on_loopback,
};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
    request::Parts,
};
use std::{
    borrow::Cow,
    error::Error as _,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use zeroize::Zeroizing;

/// The names and attributes of a browser's token cookies.
///
/// `__Host-access` and `__Host-refresh`, with `Secure`, `HttpOnly`, `SameSite=Lax` and `Path=/`
/// (RFC 6265bis sections 4.1.2 and 4.1.3): scripts cannot read them, other sites and subdomains
/// can neither set them nor have them sent with a request that changes something. Chrome and
/// Firefox accept `Secure` cookies from `http://localhost`, too; Safari does not, see
/// [`dangerous_insecure_cookies_on_loopback`](Self::dangerous_insecure_cookies_on_loopback).
///
/// New cookies replace those of an earlier session, but that session does not end. To end it at a
/// sign-in, use [`BrowserSessions::begin`](super::BrowserSessions::begin), or call
/// [`TokenIssuer::log_out_by_refresh_token`] with the [refresh token](Self::refresh_token) that the
/// sign-in request carries.
///
/// ```
/// use tower_auth::{AuthLayer, issue::{Cookies, IssuedTokens, TokenIssuer}};
///
/// # fn wire(tokens: &TokenIssuer, issued: &IssuedTokens, headers: &mut http::HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
/// let cookies = Cookies::new();
/// // Tokens from the cookie or from `Authorization`, which goes first.
/// let layer = AuthLayer::new(cookies.bearer(tokens.verifier()?));
/// // After a login, and after a log-out:
/// cookies.set(issued, headers)?;
/// cookies.clear(headers);
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cookies(Arc<Names>);

#[derive(Clone, Debug)]
struct Names {
    access: Cookie,
    refresh: Cookie,
    same_site: SameSite,
    lifetime: Lifetime,
    csrf: Option<Csrf>,
    /// The sessions of other schemes in the same browser.
    others: Arc<Others>,
    /// The number of times that the tokens were set.
    sets: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
struct Cookie {
    /// Without its prefix.
    base: Box<str>,
    path: Box<str>,
    /// With it.
    name: Box<str>,
    at: Location,
    is_secure: bool,
}

/// The largest size of a cookie that every browser keeps, name and value together, in bytes.
const LONGEST: usize = 4096;

#[derive(Clone, Copy, Debug)]
enum Lifetime {
    /// That of the token.
    Token,
    AtMost(Duration),
    Browser,
}

/// With which requests of other sites a browser sends a cookie (RFC 6265bis section 4.1.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// With none, not even when a link is followed.
    Strict,
    /// With links that are followed.
    Lax,
}

impl Cookie {
    fn new(base: &str, path: &str, is_secure: bool) -> Self {
        // Both prefixes require `Secure`, and `__Host-` the path `/` (RFC 6265bis section 4.1.3).
        let prefix = match is_secure {
            true if path == "/" => "__Host-",
            true => "__Secure-",
            false => "",
        };
        let name = format!("{prefix}{base}");
        Self {
            base: base.into(),
            path: path.into(),
            at: Location::cookie(&name),
            name: name.into(),
            is_secure,
        }
    }

    fn named(&self, base: &str) -> Self {
        Self::new(base, &self.path, self.is_secure)
    }

    fn at(&self, path: &str) -> Self {
        Self::new(&self.base, path, self.is_secure)
    }

    fn without_secure(&self) -> Self {
        Self::new(&self.base, &self.path, false)
    }
}

impl Cookies {
    /// The cookies `__Host-access` and `__Host-refresh`.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Names {
            access: Cookie::new("access", "/", true),
            refresh: Cookie::new("refresh", "/", true),
            same_site: SameSite::Lax,
            lifetime: Lifetime::Token,
            csrf: None,
            others: Arc::default(),
            sets: Arc::default(),
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Names)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Begins the names with this and `-`, where several applications share a host.
    ///
    /// # Panics
    ///
    /// If it is no token of letters, digits, `-` and `_`.
    #[track_caller]
    #[must_use]
    pub fn named(self, application: &str) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(
            !application.is_empty() && application.bytes().all(is_plain),
            "{application:?} cannot begin the name of a cookie"
        );
        self.with(|names| {
            names.access = names.access.named(&format!("{application}-access"));
            names.refresh = names.refresh.named(&format!("{application}-refresh"));
        })
    }

    /// Sends the refresh token to this path only, such as `/refresh`. Its cookie is called
    /// `__Secure-…` then, since `__Host-` requires `/`; [`path`](Self::path) describes the
    /// consequences. Do not use this with a [`RenewLayer`](super::RenewLayer), which needs the
    /// cookie on every path.
    ///
    /// # Panics
    ///
    /// If it is no path.
    #[track_caller]
    #[must_use]
    pub fn refresh_path(self, path: &str) -> Self {
        let path = checked(path);
        self.with(|names| names.refresh = names.refresh.at(path))
    }

    /// Sends both cookies to this path and below only. They are called `__Secure-…` then.
    ///
    /// Unlike a `__Host-…` cookie, such a cookie can be set for this host by any other host of the
    /// same site (RFC 6265bis section 8.6). That host can put a browser without a session into a
    /// session of its own. If it sets a second cookie of the same name, every request of the
    /// browser is answered with 400. Keep the default if an application that you do not trust runs
    /// on a sibling domain.
    ///
    /// # Panics
    ///
    /// If it is no path.
    #[track_caller]
    #[must_use]
    pub fn path(self, path: &str) -> Self {
        let path = checked(path);
        self.with(|names| {
            names.access = names.access.at(path);
            names.refresh = names.refresh.at(path);
        })
    }

    /// Sets with which requests of other sites the cookies are sent. Default: [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(self, same_site: SameSite) -> Self {
        self.with(|names| names.same_site = same_site)
    }

    /// Lets a browser keep the cookies for so long at most. Default: as long as their tokens are
    /// valid. The cookies of a session that is [not remembered](super::TokenSubject::with_remember)
    /// are deleted earlier, when the browser is closed.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        self.with(|names| names.lifetime = Lifetime::AtMost(lifetime))
    }

    /// Lets a browser delete the cookies when it is closed, unless the user has chosen otherwise, by
    /// [`TokenSubject::with_remember`](super::TokenSubject::with_remember).
    #[must_use]
    pub fn until_browser_closes(self) -> Self {
        self.with(|names| names.lifetime = Lifetime::Browser)
    }

    /// Sets cookies without `Secure`, for development in a browser that does not accept `Secure`
    /// cookies from `http://localhost`, such as Safari. The application has to be at this URL.
    ///
    /// Then a page of any program on this machine can read and set them over `http`, and their names
    /// do not begin with `__Host-` or `__Secure-`. Because the URL must be `http` on loopback, the
    /// setting does not reach a server that others use.
    ///
    /// ```
    /// # use tower_auth::issue::Cookies;
    /// # let public_url = "http://localhost:3000";
    /// let mut cookies = Cookies::new();
    /// if public_url.starts_with("http://localhost:") {
    ///     cookies = cookies.dangerous_insecure_cookies_on_loopback(public_url);
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If this is not an `http` URL on loopback, such as `http://localhost:3000`.
    #[track_caller]
    #[must_use]
    pub fn dangerous_insecure_cookies_on_loopback(self, public_url: &str) -> Self {
        assert!(
            is_http_on_loopback(public_url),
            "insecure cookies must be for http on loopback, and the public URL is {public_url:?}"
        );
        self.with(|names| {
            names.access = names.access.without_secure();
            names.refresh = names.refresh.without_secure();
        })
    }

    /// Sets and clears the [double-submit token](Csrf) with the others. What asks for it is
    /// [`TokenIssuer::csrf`], as a policy.
    #[must_use]
    pub fn with_csrf(self, tokens: &TokenIssuer) -> Self {
        self.with(|names| names.csrf = Some(tokens.csrf()))
    }

    /// Returns the location of access tokens.
    #[must_use]
    pub fn location(&self) -> Location {
        Location::cookie(&self.0.access.name)
    }

    /// The bearer scheme with tokens from `Authorization`, or else from the cookie.
    ///
    /// The cookie of an access token that has expired or was revoked is cleared with the 401, or with
    /// the page that an anonymous caller [navigates](Attempt::clear_cookie) to. No other cookie is
    /// cleared: not that of a token that cannot be verified now (503), not that of a token with another
    /// defect, which may belong to another application of the same host, and never that of a refresh
    /// token. A response does not clear the cookie if this process has [set](Self::set) tokens since
    /// the request arrived, because the browser may have a new token. If another server has set it, the
    /// refresh token continues the session.
    pub fn bearer<V: Verify<Token>>(&self, verifier: V) -> CookieBearer<V> {
        let locations = [Location::authorization("Bearer"), self.location()];
        CookieBearer {
            bearer: Bearer::new(verifier).locations(locations),
            cookies: self.clone(),
            session: Arc::new(CookieSession(self.clone())),
        }
    }

    /// Sets both tokens on a response, as after a sign-in. The cookies of other schemes of a layer that
    /// has [these](Self::bearer) are cleared, because the last sign-in counts.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::RejectionKind::Unavailable) if the access token is so long that
    /// browsers would drop its cookie. The limit is 4,096 bytes, including the name (RFC 6265bis
    /// section 5.6). In that case nothing is set. Such a token has too many roles, scopes or custom
    /// claims. It is not split into several cookies: the browser sends it with every request, and
    /// many servers accept only 8 KB of header fields. Load large data by the subject instead, for
    /// example by [`AuthLayer::load`](crate::AuthLayer::load).
    pub fn set(&self, issued: &IssuedTokens, headers: &mut HeaderMap) -> Result<(), Rejection> {
        self.renew(issued, headers)?;
        for line in self.0.others.cleared() {
            headers.append(SET_COOKIE, line);
        }
        Ok(())
    }

    /// Sets both tokens of a session that continues.
    fn renew(&self, issued: &IssuedTokens, headers: &mut HeaderMap) -> Result<(), Rejection> {
        let access = issued.access_token();
        let cookie = &self.0.access;
        let length = cookie.name.len().saturating_add(access.expose().len());
        if length > LONGEST {
            return Err(Rejection::unavailable(format!(
                "the cookie {} must have at most {LONGEST} bytes, and its access token makes it {length}",
                cookie.name
            )));
        }
        let life = self.kept_for(access.expires_in(), issued.remember);
        let line = self.line(cookie, access.expose(), life, true);
        headers.append(SET_COOKIE, line);
        self.set_refresh(issued, headers);
        Ok(())
    }

    /// Returns the number of times that the tokens were set, on any response. If it changes while a
    /// request is handled, the response must not clear a cookie: the browser may have a new one.
    pub(super) fn sets(&self) -> u64 {
        self.0.sets.load(Ordering::SeqCst)
    }

    /// Sets the refresh token and the double-submit token. Both live equally long.
    fn set_refresh(&self, issued: &IssuedTokens, headers: &mut HeaderMap) {
        self.0.sets.fetch_add(1, Ordering::SeqCst);
        let life = self.kept_for(issued.refresh_expires_in(), issued.remember);
        let line = self.line(&self.0.refresh, issued.refresh_token(), life, true);
        headers.append(SET_COOKIE, line);
        if let Some(csrf) = &self.0.csrf {
            csrf.set(self, issued, headers);
        }
    }

    /// Clears both tokens on a response, as after a log-out.
    pub fn clear(&self, headers: &mut HeaderMap) {
        for cookie in [&self.0.access, &self.0.refresh] {
            headers.append(SET_COOKIE, self.cleared(cookie));
        }
        if let Some(csrf) = &self.0.csrf {
            csrf.clear(self, headers);
        }
    }

    /// The refresh token of a request.
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::RejectionKind::Malformed) if there are several.
    pub fn refresh_token(&self, head: &Parts) -> Result<Option<Zeroizing<String>>, Rejection> {
        self.read(&self.0.refresh, head)
    }

    pub(super) fn access_token(
        &self,
        head: &Parts,
    ) -> Result<Option<Zeroizing<String>>, Rejection> {
        self.read(&self.0.access, head)
    }

    fn read(&self, cookie: &Cookie, head: &Parts) -> Result<Option<Zeroizing<String>>, Rejection> {
        let found = cookie.at.find(head);
        if found.is_nothing() {
            return Ok(None);
        }
        let credential = found.into_credential().ok_or_else(Rejection::malformed)?;
        let text =
            std::str::from_utf8(credential.as_bytes()).map_err(|_| Rejection::malformed())?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    /// Puts the new tokens in the place of the old ones, as if the browser had sent them.
    pub(super) fn replace_in(&self, headers: &mut HeaderMap, issued: &IssuedTokens) {
        let new = [
            (&self.0.access.name, issued.access_token().expose()),
            (&self.0.refresh.name, issued.refresh_token()),
        ];
        let mut kept: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::with_capacity(4096));
        for (name, value) in new {
            for part in [name, "=", value, "; "] {
                kept.extend_from_slice(part.as_bytes());
            }
        }
        for field in headers.get_all(COOKIE) {
            for pair in field.as_bytes().split(|&byte| byte == b';') {
                let pair = pair.trim_ascii();
                let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
                if pair.is_empty() || new.iter().any(|(own, _)| own.as_bytes() == name) {
                    continue;
                }
                kept.extend_from_slice(pair);
                kept.extend_from_slice(b"; ");
            }
        }
        let kept = kept.strip_suffix(b"; ").unwrap_or(&kept);
        if let Ok(mut value) = HeaderValue::from_bytes(kept) {
            value.set_sensitive(true);
            headers.insert(COOKIE, value);
        }
    }

    /// Sets both tokens, unless the response sets either cookie itself: log-out stays log-out.
    pub(super) fn set_unless_set(&self, issued: &IssuedTokens, headers: &mut HeaderMap) -> bool {
        let names = &*self.0;
        if [&names.access, &names.refresh]
            .iter()
            .any(|cookie| sets_cookie(headers, cookie.name.as_bytes()))
        {
            return false;
        }
        if let Err(rejection) = self.renew(issued, headers) {
            // The session continues, although each request has to renew it.
            log::not_set(&rejection);
            self.set_refresh(issued, headers);
        }
        true
    }

    /// Clears the refresh token, unless the response sets the cookie itself.
    pub(super) fn clear_refresh_unless_set(&self, headers: &mut HeaderMap) {
        if !sets_cookie(headers, self.0.refresh.name.as_bytes()) {
            headers.append(SET_COOKIE, self.cleared(&self.0.refresh));
            if let Some(csrf) = &self.0.csrf {
                csrf.clear(self, headers);
            }
        }
    }

    /// Returns the `Max-Age` of a cookie whose token has this lifetime. `None` means that the
    /// cookie is kept until the browser is closed. The choice of the user comes first.
    fn kept_for(&self, life: Duration, remember: Option<bool>) -> Option<Duration> {
        match (remember, self.0.lifetime) {
            (Some(false), _) | (None, Lifetime::Browser) => None,
            (_, Lifetime::AtMost(most)) => Some(most.min(life)),
            (_, Lifetime::Token | Lifetime::Browser) => Some(life),
        }
    }

    fn cleared(&self, cookie: &Cookie) -> HeaderValue {
        self.line(cookie, "", Some(Duration::ZERO), true)
    }

    /// Returns a cookie that scripts may read, set beside the tokens. It lives as long as the
    /// cookie of the refresh token. Without tokens, it is cleared.
    fn readable(&self, value: &str, issued: Option<&IssuedTokens>) -> HeaderValue {
        let life = match issued {
            Some(issued) => self.kept_for(issued.refresh_expires_in(), issued.remember),
            None => Some(Duration::ZERO),
        };
        let base = match self.0.access.base.strip_suffix("access") {
            Some(application) => format!("{application}csrf"),
            None => "csrf".to_owned(),
        };
        self.line(&self.0.access.named(&base), value, life, false)
    }

    fn line(
        &self,
        cookie: &Cookie,
        value: &str,
        life: Option<Duration>,
        http_only: bool,
    ) -> HeaderValue {
        let Cookie {
            name,
            path,
            is_secure,
            ..
        } = cookie;
        let mut line = Zeroizing::new(String::with_capacity(value.len().saturating_add(160)));
        for part in [name, "=", value, "; Path=", path] {
            line.push_str(part);
        }
        if *is_secure {
            line.push_str("; Secure");
        }
        if http_only {
            line.push_str("; HttpOnly");
        }
        line.push_str(match self.0.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
        });
        if let Some(life) = life {
            line.push_str(&format!("; Max-Age={}", life.as_secs()));
        }
        // Names and paths were checked, and tokens are plain ASCII.
        let mut value = HeaderValue::from_str(&line)
            .unwrap_or_else(|_| HeaderValue::from_static("invalid=; Max-Age=0"));
        value.set_sensitive(true);
        value
    }
}

impl Csrf {
    /// Sets the token's cookie on a response, beside the tokens' own; [`Cookies::with_csrf`] does
    /// it by itself.
    pub fn set(&self, cookies: &Cookies, issued: &IssuedTokens, headers: &mut HeaderMap) {
        let line = cookies.readable(&self.token(issued), Some(issued));
        headers.append(SET_COOKIE, line);
    }

    /// Clears the token's cookie, as after a log-out.
    pub fn clear(&self, cookies: &Cookies, headers: &mut HeaderMap) {
        headers.append(SET_COOKIE, cookies.readable("", None));
    }
}

#[track_caller]
fn checked(path: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b";,\"\\".contains(&byte);
    assert!(
        path.starts_with('/') && path.bytes().all(is_plain),
        "{path:?} is not the path of a cookie"
    );
    path
}

impl Default for Cookies {
    fn default() -> Self {
        Self::new()
    }
}

/// A session in these cookies, which the sign-in of another scheme displaces. The cookies are
/// cleared, and with them the session cannot be renewed.
struct CookieSession(Cookies);

impl BrowserSession for CookieSession {
    fn join(&self, others: &[Weak<dyn BrowserSession>]) {
        self.0.0.others.add(others);
    }

    fn displace(self: Arc<Self>, head: Option<&Parts>) -> Verdict<Vec<HeaderValue>> {
        let Cookies(names) = &self.0;
        let is_empty = |cookie: &Cookie| head.is_some_and(|head| cookie.at.find(head).is_nothing());
        if is_empty(&names.access) && is_empty(&names.refresh) {
            return Verdict::ready(Ok(Vec::new()));
        }
        let mut headers = HeaderMap::new();
        self.0.clear(&mut headers);
        Verdict::ready(Ok(headers.into_iter().map(|(_, line)| line).collect()))
    }
}

/// Bearer tokens in `Authorization` or in a cookie; made by [`Cookies::bearer`].
pub struct CookieBearer<V> {
    bearer: Bearer<V>,
    cookies: Cookies,
    session: Arc<CookieSession>,
}

impl<V: Verify<Token>> CookieBearer<V> {
    /// Sets the realm, see [`Bearer::realm`].
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Cow<'static, str>>) -> Self {
        self.bearer = self.bearer.realm(realm);
        self
    }
}

/// Returns whether a rejected token is one that the verifier of this application has accepted
/// before: its signature was verified, and it has expired or was revoked. A token with another
/// defect may belong to another application of the same host.
fn is_own(rejection: &Rejection) -> bool {
    let Some(source) = rejection.source() else {
        return false;
    };
    let error = source.downcast_ref::<TokenError>();
    matches!(error, Some(TokenError::Expired { .. })) || source.is::<RevokedBy>()
}

impl<V: Verify<Token>> Scheme for CookieBearer<V> {
    fn name(&self) -> &'static str {
        self.bearer.name()
    }

    fn locations(&self) -> Vec<Location> {
        Scheme::locations(&self.bearer)
    }

    fn inner(&self) -> Option<&dyn Scheme> {
        Some(&self.bearer)
    }

    fn find(&self, head: &Parts) -> Found {
        self.bearer.find(head)
    }

    fn browser_session(&self) -> Option<Arc<dyn BrowserSession>> {
        let session: Arc<dyn BrowserSession> = self.session.clone();
        Some(session)
    }

    fn authenticate(&self, head: &Parts, credential: Credential) -> Attempt {
        let is_cookie = credential.place().is_ambient();
        let attempt = self.bearer.authenticate(head, credential);
        if !is_cookie || matches!(attempt.verdict().peek(), Some(Ok(_))) {
            return attempt;
        }
        let (cookies, sets) = (self.cookies.clone(), self.cookies.sets());
        attempt.clear_cookie(
            move |rejection| match is_own(rejection) && cookies.sets() == sets {
                true => vec![cookies.cleared(&cookies.0.access)],
                false => Vec::new(),
            },
        )
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        self.bearer.challenge(rejection, challenges);
    }
}

impl<V> fmt::Debug for CookieBearer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bearer.fmt(f)
    }
}
