//! [`CredentialEndpointLayer`]: in front of endpoints that take credentials in their bodies.

use crate::{
    Rejection,
    csrf::CrossSite,
    layer::middleware::{self, Decide, OnResponse, ResponseBody, ResponseFuture},
    observe::{
        event::{self, Decision},
        outage::Outage,
    },
    rejection::{Challenge, Challenges, OwnBody, response},
};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE},
    request::Parts,
};
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Guards `/login`, `/register`, `/refresh` and the like: endpoints that credentials are sent to
/// in a body or a cookie, and that no [`AuthLayer`](crate::AuthLayer) stands in front of.
///
/// 1. A request that another site made a browser send is refused, by the
///    [cross-site check](crate::AuthLayer#cross-site-requests): nobody is logged in as somebody
///    else unawares.
/// 2. Answers are not kept by caches (RFC 6749 section 5.1).
/// 3. A [`Rejection`] with status 401 gets a challenge, `Bearer` (RFC 9110 section 15.5.2), and
///    every one is an event, as those of an `AuthLayer` are.
///
/// ```
/// use tower_auth::issue::CredentialEndpointLayer;
///
/// let layer = CredentialEndpointLayer::new().trust_origin("https://app.example.com");
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct CredentialEndpointLayer {
    cross_site: Arc<CrossSite>,
}

impl CredentialEndpointLayer {
    /// A layer that trusts no other origin.
    pub fn new() -> Self {
        Self {
            cross_site: Arc::default(),
        }
    }

    /// Trusts this origin, such as `https://app.example.com`.
    ///
    /// # Panics
    ///
    /// If it is no origin.
    #[track_caller]
    pub fn trust_origin(mut self, origin: impl AsRef<str>) -> Self {
        Arc::make_mut(&mut self.cross_site).trust(origin.as_ref());
        self
    }

    /// Trusts the origins for which a closure returns true, see
    /// [`AuthLayer::trust_origin_fn`](crate::AuthLayer::trust_origin_fn).
    pub fn trust_origin_fn(mut self, f: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.cross_site).trust_by(f);
        self
    }

    /// Turns the cross-site check off: any web page can then log its visitors in as somebody of
    /// its choice.
    pub fn dangerous_allow_cross_site_requests(mut self) -> Self {
        Arc::make_mut(&mut self.cross_site).turn_off();
        self
    }
}

impl Default for CredentialEndpointLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CredentialEndpointLayer {
    type Service = CredentialEndpointService<S>;

    fn layer(&self, inner: S) -> CredentialEndpointService<S> {
        CredentialEndpointService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service behind an [`CredentialEndpointLayer`].
#[derive(Clone)]
pub struct CredentialEndpointService<S> {
    inner: S,
    layer: CredentialEndpointLayer,
}

impl<S, B, R> Service<Request<B>> for CredentialEndpointService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, CrossSiteCheck>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        middleware::call(&mut self.inner, request, &self.layer.cross_site)
    }
}

/// The state of the stores that endpoints use. One for the process, because an application has one
/// group of such endpoints.
static OUTAGE: Outage = Outage::new();

/// The decision on one request to an endpoint.
#[derive(Debug, Default)]
pub struct CrossSiteCheck;

impl Decide for CrossSiteCheck {
    type Config = CrossSite;
    type OnResponse = NotCached;

    fn poll_decide(
        &mut self,
        cross_site: &Arc<CrossSite>,
        head: &mut Parts,
        _: Option<&mut Context<'_>>,
    ) -> Poll<Result<(), Rejection>> {
        Poll::Ready(cross_site.check(head))
    }

    fn accept(self, _: &Arc<CrossSite>, _: &mut Parts) -> NotCached {
        NotCached
    }

    fn reject(self, _: &Arc<CrossSite>, _: &mut Parts, rejection: Rejection) -> Response<OwnBody> {
        event::emit(Some(&rejection), Some(&OUTAGE), || {
            Decision::about(None, None)
        });
        response(rejection).map(Into::into)
    }
}

/// The changes to responses of an endpoint.
#[derive(Debug)]
pub struct NotCached;

impl OnResponse for NotCached {
    fn on_response<B>(self, response: &mut Response<B>) -> Option<OwnBody> {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        let open = response.extensions().get::<Rejection>();
        let open = open.filter(|rejection| rejection.is_open());
        match open {
            // No other layer logs a login or refresh token that was rejected.
            Some(rejection) => {
                event::emit_returned(rejection, Some(&OUTAGE), || Decision::about(None, None));
            }
            None => event::recovered(&OUTAGE, "an endpoint"),
        }
        if open.is_some()
            && response.status() == StatusCode::UNAUTHORIZED
            && !response.headers().contains_key(WWW_AUTHENTICATE)
        {
            let mut challenges = Challenges::new("api", response.headers_mut());
            let realm = challenges.realm();
            challenges.push(Challenge::new("Bearer").param("realm", realm));
            let extensions = response.extensions_mut();
            if let Some(rejection) = extensions.remove::<Rejection>() {
                extensions.insert(rejection.challenged());
            }
        }
        None
    }
}

impl<S> fmt::Debug for CredentialEndpointService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.layer.fmt(f)
    }
}
