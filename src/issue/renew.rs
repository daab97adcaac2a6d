//! [`RenewLayer`]: sessions of browsers that renew themselves.

use super::{Cookies, Issued, Tokens};
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
/// 3. The response sets both cookies, whatever it is, unless it sets one of them itself:
///    log-out stays log-out. Requests that are sent at once get the same refresh token.
/// 4. A refresh token that is not good is cleared. Where nobody can tell, the request goes on as
///    it came, and nothing is cleared.
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

    /// Sets how long before its end an access token is renewed; whole seconds count.
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
    renewing: Option<Verdict<Issued>>,
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
        let renewing = config.due(head).map(|token| {
            let tokens = config.tokens.clone();
            Verdict::pending(async move { tokens.refresh(&token).await })
        });
        Self {
            renewing,
            outcome: Outcome::AsItWas,
        }
    }
}

impl Config {
    /// The refresh token, if it is time to spend it.
    fn due(&self, head: &Parts) -> Option<zeroize::Zeroizing<String>> {
        if head.headers.contains_key(AUTHORIZATION) {
            return None;
        }
        // What is there twice is for the layer inside to refuse.
        let refresh = self.cookies.refresh_token(head).ok()??;
        match self.cookies.access_token(head).ok()? {
            Some(access) if !self.is_nearly_over(&access) => None,
            _ => Some(refresh),
        }
    }

    /// By what the token itself says, which nobody has verified: at worst a refresh token is
    /// spent too early.
    fn is_nearly_over(&self, token: &str) -> bool {
        let now = clock::seconds(self.tokens.now());
        let expiry = expiry(token).unwrap_or_default();
        now.saturating_add(self.before.as_secs()) >= expiry
    }
}

fn expiry(token: &str) -> Option<u64> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?;
    let claims = Object::parse(payload).ok()?;
    claims.at(&"exp".into())?.to()
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
                Ok(issued) => Outcome::Renewed(issued),
                Err(rejection) if rejection.kind() == RejectionKind::Invalid => Outcome::Over,
                Err(_) => Outcome::AsItWas,
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
