//! [`RenewLayer`]: sessions of browsers that renew themselves.

use super::{Cookies, Issued, Tokens, log, tokens::Late};
use crate::{
    Rejection, RejectionKind, Verdict, clock,
    gate::{self, Finish, Judge, ResponseBody, ResponseFuture},
    json::Object,
    rejection::OwnBody,
    require::refusal,
};
use base64_simd::URL_SAFE_NO_PAD;
use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, CACHE_CONTROL},
    request::Parts,
};
use std::{
    fmt, mem,
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
/// 3. A refresh token that was spent before by another request, whose response the browser does
///    not have yet, gives the same tokens again within the
///    [retry window](super::TokensBuilder::retry_within). After that, as behind a handler that
///    takes minutes, the request goes on as it came, as long as its access token is good and the
///    new refresh token is unspent. Once the access token is over, it is treated as reuse.
/// 4. The response sets both cookies, whatever it is, unless it sets one of them itself:
///    log-out stays log-out. Requests that are sent at once get the same refresh token.
/// 5. A refresh token that is not good is cleared. Where nobody can tell, the request goes on as
///    it came, and nothing is cleared. Either is logged.
///
/// A response that takes long may set its cookies after those of a later one: if the user has
/// signed in anew meanwhile, the browser is back in its earlier session. An application whose
/// handlers take that long ends the earlier session at each sign-in, by
/// [`log_out_by_refresh_token`](Tokens::log_out_by_refresh_token) with the cookie that the sign-in
/// request carries.
///
/// ```
/// use tower_auth::{AuthLayer, issue::{Cookies, RenewLayer, Tokens}};
///
/// # fn wire(tokens: Tokens) -> Result<(), tower_auth::ConfigError> {
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

/// What a layer was built from.
// Public only in a private module: it stands in the type of a public future.
#[derive(Clone, Debug)]
pub struct Config {
    tokens: Tokens,
    cookies: Cookies,
    before: Duration,
}

impl RenewLayer {
    /// Renews these cookies with these tokens, five minutes before an access token ends, or when a
    /// third of its life is left, whichever is later.
    pub fn new(tokens: Tokens, cookies: Cookies) -> Self {
        let third = tokens.access_lifetime() / 3;
        Self {
            config: Arc::new(Config {
                before: third.min(Duration::from_secs(300)),
                tokens,
                cookies,
            }),
        }
    }

    /// Sets how long before its end an access token is renewed; whole seconds count. At most a
    /// third of the token's life counts, so that a short-lived one is not renewed by every request.
    pub fn before(mut self, before: Duration) -> Self {
        Arc::make_mut(&mut self.config).before = before;
        self
    }
}

impl<S> Layer<S> for RenewLayer {
    type Service = Renew<S>;

    fn layer(&self, inner: S) -> Renew<S> {
        Renew {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose sessions renew themselves; made by [`RenewLayer`].
#[derive(Clone)]
pub struct Renew<S> {
    inner: S,
    layer: RenewLayer,
}

impl<S, B, R> Service<Request<B>> for Renew<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, RenewJudge>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        gate::call(
            &mut self.inner,
            request,
            &self.layer.config,
            RenewJudge::new,
        )
    }
}

/// One request whose session may be renewed.
#[allow(missing_debug_implementations, reason = "nobody outside can name it")]
pub struct RenewJudge {
    renewing: Option<Verdict<Option<Issued>>>,
    outcome: Outcome,
}

/// What became of a session.
#[derive(Default)]
enum Outcome {
    #[default]
    AsItWas,
    Renewed(Issued),
    Over,
}

impl RenewJudge {
    fn new(config: &Arc<Config>, head: &Parts) -> Self {
        let renewing = config.due(head).map(|(token, late)| {
            let tokens = config.tokens.clone();
            Verdict::pending(async move { tokens.renew(&token, late).await })
        });
        Self {
            renewing,
            outcome: Outcome::AsItWas,
        }
    }
}

impl Config {
    /// The refresh token, if it is time to spend it, and what to do if it was spent long ago.
    fn due(&self, head: &Parts) -> Option<(zeroize::Zeroizing<String>, Late)> {
        if head.headers.contains_key(AUTHORIZATION) {
            return None;
        }
        // What is there twice is for the layer inside to refuse.
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

/// The dates of an access token, in seconds since 1970. They are read without verifying it: at
/// worst a refresh token is spent too early, or a spent one is left alone, which gives nothing.
struct Life {
    issued_at: u64,
    expiry: u64,
}

impl Life {
    fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?;
        let claims = Object::parse(payload).ok()?;
        Some(Self {
            issued_at: claims.at(&"iat".into())?.to()?,
            expiry: claims.at(&"exp".into())?.to()?,
        })
    }

    /// Whether it is not over yet within this time, or the last third of its life.
    fn is_long(&self, now: u64, before: Duration) -> bool {
        let third = self.expiry.saturating_sub(self.issued_at) / 3;
        now.saturating_add(before.as_secs().min(third)) < self.expiry
    }
}

impl Judge for RenewJudge {
    type Config = Arc<Config>;
    type After = RenewFinish;

    fn decide(
        &mut self,
        _: &Arc<Config>,
        _: &mut Parts,
        cx: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        if let Some(renewing) = &mut self.renewing {
            let result = ready!(renewing.poll_if(cx));
            self.renewing = None;
            self.outcome = match result {
                Ok(Some(issued)) => Outcome::Renewed(issued),
                Ok(None) => Outcome::AsItWas,
                Err(rejection) => {
                    log::not_renewed(&rejection);
                    match rejection.kind() {
                        RejectionKind::Invalid => Outcome::Over,
                        _ => Outcome::AsItWas,
                    }
                }
            };
        }
        Poll::Ready(Ok(()))
    }

    fn admit(&mut self, config: &Arc<Config>, head: &mut Parts) -> RenewFinish {
        if let Outcome::Renewed(issued) = &self.outcome {
            config.cookies.replace_in(&mut head.headers, issued);
        }
        RenewFinish {
            config: Arc::clone(config),
            outcome: mem::take(&mut self.outcome),
        }
    }

    fn refuse(
        &mut self,
        _: &Arc<Config>,
        head: &mut Parts,
        rejection: Rejection,
    ) -> Response<OwnBody> {
        // It refuses nothing.
        refusal(
            rejection,
            mem::take(&mut head.headers),
            mem::take(&mut head.extensions),
        )
    }
}

/// What is left to do on the response.
#[allow(missing_debug_implementations, reason = "nobody outside can name it")]
pub struct RenewFinish {
    config: Arc<Config>,
    outcome: Outcome,
}

impl Finish for RenewFinish {
    fn finish<B>(self, response: &mut Response<B>) -> Option<OwnBody> {
        let cookies = &self.config.cookies;
        let headers = response.headers_mut();
        match &self.outcome {
            Outcome::AsItWas => return None,
            Outcome::Renewed(issued) => {
                if !cookies.set_unless_set(issued, headers) {
                    return None;
                }
            }
            Outcome::Over => cookies.clear_refresh_unless_set(headers),
        }
        // A shared cache must not hand these cookies to somebody else.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        None
    }
}

impl<S> fmt::Debug for Renew<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layer.fmt(f)
    }
}
