//! [`RenewLayer`]: sessions of browsers that renew themselves.

use super::{Cookies, IssuedTokens, TokenIssuer, log, renewal::Late};
use crate::{
    Rejection, RejectionKind, Verdict, clock,
    json::Object,
    layer::middleware::{self, Decide, OnResponse, ResponseBody, ResponseFuture},
    rejection::{OwnBody, response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL},
    request::Parts,
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// Renews the session of a browser before its access token ends, unseen.
///
/// It stands outside of the [`AuthLayer`](crate::AuthLayer), which then sees the new token:
///
/// 1. A request with an `Authorization` field is left alone, and so is one without the cookie of
///    a refresh token.
/// 2. If the access token in its cookie is missing, over, or will be within
///    [some minutes](Self::before), the refresh token is spent, and the new access token takes the
///    place of the old one in the request.
/// 3. Another request may have spent the refresh token before, with a response that the browser
///    does not have yet. The spent token returns the same tokens again within the [retry
///    window](super::TokenIssuerBuilder::retry_within). After that, as behind a handler that takes
///    minutes, the request continues unchanged, as long as its access token is valid and the new
///    refresh token is unspent. Once the access token has expired, the use is treated as reuse.
/// 4. The response sets both cookies, whatever it is, unless it sets one of them itself:
///    log-out stays log-out. Requests that are sent at once get the same refresh token.
/// 5. The cookie of an invalid refresh token is cleared, with a response that is a 401. Any other
///    response may be late, and the browser may have the cookie of a new session. If it is unknown
///    whether the token is valid, the request continues unchanged, and nothing is cleared. Both cases
///    are logged.
///
/// A slow response may set its cookies after those of a later response. If the user has signed in
/// again meanwhile, the browser returns to its earlier session. An application with such slow
/// handlers should end the earlier session at each sign-in, by
/// [`log_out_by_refresh_token`](TokenIssuer::log_out_by_refresh_token) with the cookie that the sign-in
/// request carries.
///
/// ```
/// use tower_auth::{AuthLayer, issue::{Cookies, RenewLayer, TokenIssuer}};
///
/// # fn wire(tokens: TokenIssuer) -> Result<(), tower_auth::ConfigError> {
/// let cookies = Cookies::new();
/// let auth = AuthLayer::new(cookies.bearer(tokens.verifier()?));
/// let renew = RenewLayer::new(tokens, cookies); // the outer one: in axum it is added last
/// # let _ = (auth, renew);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RenewLayer {
    config: Arc<Config>,
}

/// The configuration of a layer.
// Public only in a private module: it stands in the type of a public future.
#[derive(Clone, Debug)]
pub struct Config {
    tokens: TokenIssuer,
    cookies: Cookies,
    before: Duration,
}

impl RenewLayer {
    /// Renews these cookies with these tokens, five minutes before an access token expires, or when a
    /// quarter of its lifetime is left, whichever is later.
    pub fn new(tokens: TokenIssuer, cookies: Cookies) -> Self {
        Self {
            config: Arc::new(Config {
                before: Duration::from_secs(300),
                tokens,
                cookies,
            }),
        }
    }

    /// Sets the time before its expiry at which an access token is renewed, in whole seconds. It is
    /// limited to a quarter of the token's lifetime, so that a short-lived token is not renewed by
    /// every request.
    pub fn before(mut self, before: Duration) -> Self {
        Arc::make_mut(&mut self.config).before = before;
        self
    }
}

impl<S> Layer<S> for RenewLayer {
    type Service = RenewService<S>;

    fn layer(&self, inner: S) -> RenewService<S> {
        RenewService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose sessions renew themselves; made by [`RenewLayer`].
#[derive(Clone)]
pub struct RenewService<S> {
    inner: S,
    layer: RenewLayer,
}

impl<S, B, R> Service<Request<B>> for RenewService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, Renewal>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        middleware::call(&mut self.inner, request, &self.layer.config)
    }
}

/// The decision on one request: it is accepted in any case, once its session is renewed.
#[allow(missing_debug_implementations, reason = "nothing outside can name it")]
#[derive(Default)]
pub struct Renewal {
    /// Whether the session is being renewed, once that is known.
    renewing: Option<Verdict<Option<IssuedTokens>>>,
    outcome: Outcome,
}

/// The outcome for a session.
#[derive(Default)]
enum Outcome {
    #[default]
    Unchanged,
    Renewed(IssuedTokens),
    /// The session has ended. The number is [`Cookies::sets`] at that time.
    Over(u64),
}

impl Config {
    /// Returns the refresh token if it is time to spend it, and the action if it was spent long
    /// ago.
    fn due(&self, head: &Parts) -> Option<(zeroize::Zeroizing<String>, Late)> {
        if head.headers.contains_key(AUTHORIZATION) {
            return None;
        }
        // A cookie that is sent twice is rejected by the layer inside.
        let refresh = self.cookies.refresh_token(head).ok()??;
        let access = self.cookies.access_token(head).ok()?;
        let life = access.and_then(|access| Life::of(&access));
        let now = clock::seconds(self.tokens.now());
        match life.filter(|life| now < life.expiry) {
            Some(life) if life.is_long(now, self.before) => None,
            Some(_) => Some((refresh, Late::IsLeft)),
            None => Some((refresh, Late::EndsSession)),
        }
    }
}

/// The dates of an access token, in seconds since 1970. They are read without verifying the token.
/// At worst a refresh token is spent too early, or a spent one is left alone, which grants nothing.
struct Life {
    issued_at: u64,
    expiry: u64,
}

impl Life {
    fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims = Object::parse(payload).ok()?;
        Some(Self {
            issued_at: claims.get(["iat"])?,
            expiry: claims.get(["exp"])?,
        })
    }

    /// Returns whether more is left of the token's lifetime than this time, or than a quarter of the
    /// lifetime if that is less.
    fn is_long(&self, now: u64, before: Duration) -> bool {
        let quarter = self.expiry.saturating_sub(self.issued_at) / 4;
        now.saturating_add(before.as_secs().min(quarter)) < self.expiry
    }
}

impl Config {
    /// Begins to renew the session, if it is time.
    fn renew(&self, head: &Parts) -> Verdict<Option<IssuedTokens>> {
        let Some((token, late)) = self.due(head) else {
            return Verdict::ready(Ok(None));
        };
        let tokens = self.tokens.clone();
        Verdict::pending(async move { tokens.renew(&token, late).await })
    }
}

impl Decide for Renewal {
    type Config = Config;
    type OnResponse = SetCookies;

    fn poll_decide(
        &mut self,
        config: &Arc<Config>,
        head: &mut Parts,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        let renewing = self.renewing.get_or_insert_with(|| config.renew(head));
        self.outcome = match ready!(renewing.poll_if(cx)) {
            Ok(Some(issued)) => Outcome::Renewed(issued),
            Ok(None) => Outcome::Unchanged,
            Err(rejection) => {
                log::not_renewed(&rejection);
                match rejection.kind() {
                    RejectionKind::Invalid => Outcome::Over(config.cookies.sets()),
                    _ => Outcome::Unchanged,
                }
            }
        };
        Poll::Ready(Ok(()))
    }

    fn accept(self, config: &Arc<Config>, head: &mut Parts) -> SetCookies {
        if let Outcome::Renewed(issued) = &self.outcome {
            config.cookies.replace_in(&mut head.headers, issued);
        }
        SetCookies {
            config: Arc::clone(config),
            outcome: self.outcome,
        }
    }

    /// Never called: every request is accepted.
    fn reject(self, _: &Arc<Config>, _: &mut Parts, rejection: Rejection) -> Response<OwnBody> {
        response(rejection).map(Into::into)
    }
}

/// The cookies that the response sets.
#[allow(missing_debug_implementations, reason = "nothing outside can name it")]
pub struct SetCookies {
    config: Arc<Config>,
    outcome: Outcome,
}

impl OnResponse for SetCookies {
    fn on_response<B>(self, response: &mut Response<B>) -> Option<OwnBody> {
        let cookies = &self.config.cookies;
        let status = response.status();
        let headers = response.headers_mut();
        match &self.outcome {
            Outcome::Unchanged => return None,
            Outcome::Renewed(issued) => {
                if !cookies.set_unless_set(issued, headers) {
                    return None;
                }
            }
            Outcome::Over(sets)
                if status == StatusCode::UNAUTHORIZED && cookies.sets() == *sets =>
            {
                cookies.clear_refresh_unless_set(headers);
            }
            Outcome::Over(_) => return None,
        }
        // A shared cache must not give these cookies to another caller.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        None
    }
}

impl<S> fmt::Debug for RenewService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layer.fmt(f)
    }
}
