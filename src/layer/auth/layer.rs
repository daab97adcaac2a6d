//! The layer: what it is built from, and the service it makes.

use super::{
    authentication::Authentication,
    choice::Configured,
    config::{Config, LaneConfig},
    decision::Decision,
    load::LoadFn,
};
use crate::{
    AccessRules, Anonymous, Identity, Rejection,
    credential::Strip,
    csrf::CrossSite,
    identity::{Hierarchy, Realm},
    layer::middleware::{self, ResponseBody, ResponseFuture},
    rejection::{BodyError, OwnBody, RequestSummary, Responder},
    scheme::{self, Schemes},
    verdict::IntoVerdict,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use std::{
    any::TypeId,
    borrow::Cow,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Says who is calling, to everything behind it.
///
/// Behind it, exactly one of [`Identity`] and [`Anonymous`](crate::Anonymous) is in the
/// request's extensions; whoever may not pass is refused, see [`Rejection`].
///
/// ```
/// use tower_auth::{AuthLayer, Identity, Rejection, bearer::{Bearer, Token}, verify_fn};
///
/// let tokens = verify_fn(|token: Token| match token.as_bytes() {
///     b"open-sesame" => Ok(Identity::new("ali")), // a real one hashes, and compares in constant time
///     _ => Err(Rejection::invalid()),
/// });
/// let layer = AuthLayer::new(Bearer::new(tokens)).realm("cave");
/// # let _ = layer;
/// ```
///
/// # Responses
///
/// A response to a credential outside `Authorization`, and every one of a layer that lets
/// visitors in, gets `Cache-Control: private`, unless it is stricter, and `Vary` by the fields
/// that credentials are read from: a shared cache must not give it to somebody else.
///
/// Shared caches do not store other responses to `Authorization`, unless `Cache-Control` has
/// `public`, `s-maxage` or `must-revalidate` (RFC 9111 section 3.5). Such a response gets `Vary:
/// Authorization`. If it has `must-revalidate` alone, it also gets `private`. If a shared cache
/// ignores section 3.5, the handler has to set `private` or `no-store`.
///
/// # Challenges
///
/// A 401 has the challenges of all schemes. A challenge with `resource_metadata` is the first one. A
/// script of a page does not get a challenge of `Basic`, which would make the browser cover the page
/// with its dialog: that is a request with `Sec-Fetch-Mode` other than `navigate`, or with
/// `X-Requested-With: XMLHttpRequest`. If the layer has no other scheme, the challenge is `xBasic`,
/// which browsers ignore.
///
/// # In axum
///
/// A layer covers the routes that were added before it: `.layer(AuthLayer::new(…))` comes last.
/// `route_layer` on a `MethodRouter` covers the methods added before it: `get(a).post(b)` first,
/// then `.route_layer(RequireLayer::new(…))`.
///
/// # With other layers
///
/// Layers of tower, tower-http and tonic work on both sides. A rejected request holds no permit of
/// the inner service, and neither does a request whose verdict is pending.
///
/// | layer | where |
/// |---|---|
/// | CORS | outside: preflights have no credentials |
/// | time-outs | outside: they cover verification as well |
/// | `CatchPanicLayer`, compression | either side |
/// | traces that log header fields | inside. Outside, they need `SetSensitiveRequestHeadersLayer` around them, because this layer marks credentials as sensitive for inner services only |
/// | layers that change the path or method | outside: rules apply to the path and method that this layer receives |
/// | retries | inside. Outside, each attempt is verified anew |
/// | concurrency limits | inside, they limit the service; outside, they limit verification as well |
/// | `tonic_web::GrpcWebLayer` | outside, with [`grpc`](Self::grpc), so that rejections are gRPC responses |
///
/// # As an option
///
/// `tower::util::option_layer` takes only layers that do not change the type of the response, and
/// this layer changes the type of its body. In axum, change the router instead:
/// `if enabled { app.layer(auth) } else { app }`. Anywhere else, map the body back to the type of
/// the inner service, outside of the layer:
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, body::Body, routing::get};
/// use http::Response;
/// use tower::util::{MapResponseLayer, option_layer};
/// use tower_auth::{AuthLayer, Scheme, layer::ResponseBody};
///
/// fn app(scheme: Option<impl Scheme>) -> Router {
///     let auth = scheme.map(|scheme| {
///         let boxed = |response: Response<ResponseBody<Body>>| response.map(Body::new);
///         (MapResponseLayer::new(boxed), AuthLayer::new(scheme))
///     });
///     Router::new()
///         .route("/", get(|| async { "hello" }))
///         .layer(option_layer(auth))
/// }
/// # use tower_auth::{Identity, Rejection, bearer::{Bearer, Token}, verify_fn};
/// # let bearer = Bearer::new(verify_fn(|_: Token| Ok::<Identity, Rejection>(Identity::new("ann"))));
/// # let _ = app(Some(bearer));
/// # }
/// ```
///
/// Without the layer, extractors and `RequireLayer` respond with 500, so routes that need an
/// identity stay closed.
///
/// # Cross-site requests
///
/// Browsers send cookies, client certificates and Basic credentials by themselves, also with a
/// request that another site made them send. If the request also has a cookie or certificate, the
/// same applies to a credential in the query or a subprotocol: another site can fill these to
/// replace the user with its own. Such a request passes if
///
/// 1. it is a `GET` or `HEAD` that opens no WebSocket: one that changes something all the same is
///    not protected;
/// 2. its `Origin` is [trusted](Self::trust_origin), or trusted by a
///    [closure](Self::trust_origin_fn);
/// 3. it has `Sec-Fetch-Site`, and that is `same-origin` or `none`: where the field is, it decides;
/// 4. it has none, and either no `Origin` (no browser) or one that is the host it is for. `http`
///    and `https` of one host count as one here.
///
/// Everything else is refused with 403.
///
/// The host is `:authority` or `Host`, as it arrives; no `X-Forwarded-Host` is read. Behind a proxy
/// that changes it, trust the public origin, or what comes without `Sec-Fetch-Site` (browsers send
/// that over `https` and to `localhost` only) is refused. A proxy that drops the port makes other
/// ports of the same host look like the own, where that field does not say otherwise.
#[derive(Clone)]
#[must_use]
pub struct AuthLayer {
    config: Arc<LaneConfig>,
}

impl AuthLayer {
    /// Creates a layer that requires credentials of this scheme, or of one of several schemes that
    /// are combined by [`or`](crate::Scheme::or).
    ///
    /// # Panics
    ///
    /// If two schemes read the same location, or locations that overlap: their order would decide
    /// which one verifies. Or if no scheme has a challenge for a request without credentials: every 401 carries one
    /// (RFC 9110 section 15.5.2).
    #[track_caller]
    pub fn new(schemes: impl Into<Schemes>) -> Self {
        let schemes = schemes.into();
        let sessions = schemes.iter().filter_map(crate::Scheme::browser_session);
        scheme::join(&sessions.collect::<Vec<_>>());
        let schemes = Configured::all(schemes);
        let companions = schemes.iter().flat_map(Configured::companions).cloned();
        let companions: Vec<_> = companions.collect();
        let mut config = Config {
            schemes,
            optional: false,
            map: None,
            load: None,
            rules: None,
            grpc: false,
            preflight: false,
            forward_auth: false,
            responder: None,
            listener: None,
            outage: Arc::default(),
            realm: Realm::from("api"),
            resource_metadata: None,
            cross_site: CrossSite::default(),
            implied: None,
            vary: None,
            opens_dialog: false,
            strip: Arc::default(),
        };
        let locations = config.locations();
        let mut rest = locations.as_slice();
        while let Some((location, others)) = rest.split_first() {
            if let Some(other) = others.iter().find(|other| other.overlaps(location)) {
                let also = match other == location {
                    true => String::new(),
                    false => format!(" and {other:?}, which overlap"),
                };
                panic!("two schemes read {location:?}{also}");
            }
            rest = others;
        }
        let mut challenges = HeaderMap::new();
        config.opens_dialog = config.challenge(&Rejection::missing(), false, &mut challenges);
        assert!(
            !challenges.is_empty(),
            "the scheme has no challenge for a request without credentials"
        );
        let strip = Strip::new(&locations, companions);
        config.vary = vary(&strip);
        config.strip = Arc::new(strip);
        Self {
            config: Arc::new(LaneConfig::new(config)),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config).change());
        self
    }

    /// Accepts requests without credentials, as [`Anonymous`](crate::Anonymous).
    ///
    /// A request with a cookie that is invalid, malformed or ambiguous is accepted as anonymous, too,
    /// because a browser sends an old cookie until it expires. `Anonymous` has the
    /// [rejection](crate::Anonymous::rejection). If the cookie cannot be verified now, the response
    /// is 503. Any other invalid credential is rejected, and so is an `Authorization` field of a
    /// scheme that this layer does not have.
    pub fn optional(self) -> Self {
        self.with(|config| config.optional = true)
    }

    /// Changes the identity of every request with credentials, by a closure, plain or async. Policies
    /// and inner services see the changed identity.
    ///
    /// This is for roles and scopes of an application's own, whatever the scheme is. The closure is
    /// called for every request. Its rejection is the response: 503 for
    /// [`Rejection::unavailable`](crate::Rejection::unavailable), so that an outage of a database is
    /// not a denial. It is skipped for anonymous callers. Users are [loaded](Self::load) and
    /// [rules](Self::rules) are applied afterwards. Another call replaces the closure.
    ///
    /// ```
    /// use tower_auth::{AccessRules, AuthLayer, Identity, Rejection, Scheme, authenticated, role};
    ///
    /// # async fn roles_of(_: Option<&str>, _: &str) -> Result<Vec<String>, std::io::Error> { Ok(Vec::new()) }
    /// # fn layer(scheme: impl Scheme) -> AuthLayer {
    /// AuthLayer::new(scheme)
    ///     .map_identity(|identity: Identity| async move {
    ///         let roles = roles_of(identity.issuer(), identity.subject()).await;
    ///         Ok(identity.with_roles(roles.map_err(Rejection::unavailable)?))
    ///     })
    ///     .rules(AccessRules::new().require("/admin/{*rest}", role("admin")).otherwise(authenticated()))
    /// # }
    /// ```
    ///
    /// For one verifier among several, see
    /// [`VerifyExt::map_identity`](crate::revocation::VerifyExt::map_identity).
    pub fn map_identity<F, R, M>(self, f: F) -> Self
    where
        F: Fn(Identity) -> R + Send + Sync + 'static,
        R: IntoVerdict<Identity, M>,
    {
        self.with(|config| config.map = Some(Arc::new(move |identity| f(identity).into_verdict())))
    }

    /// Loads the application's own user by the identity and puts it into the request's
    /// extensions, as a `U`.
    ///
    /// No user (`Ok(None)`) is 401, an error is answered as it says, such as 503 for
    /// [`Rejection::unavailable`]. Skipped for visitors. Rules are applied afterwards. A
    /// layer further inside that decides anew removes the user with the identity.
    ///
    /// The loaded user does not change the identity: policies still receive the roles and scopes of
    /// the credentials. If roles come from a database, add them by
    /// [`map_identity`](Self::map_identity).
    ///
    /// ```
    /// # use tower_auth::{AuthLayer, Identity, Rejection, Scheme};
    /// # #[derive(Clone)] struct User;
    /// # async fn user(_: &str) -> Result<Option<User>, std::io::Error> { Ok(Some(User)) }
    /// # fn layer(scheme: impl Scheme) -> AuthLayer {
    /// AuthLayer::new(scheme).load(|identity: Identity| async move {
    ///     user(identity.subject()).await.map_err(Rejection::unavailable)
    /// })
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the user is an [`Identity`] or an [`Anonymous`](crate::Anonymous): such a value would
    /// replace the caller that the layer has established.
    #[track_caller]
    pub fn load<F, R, U, M>(self, f: F) -> Self
    where
        F: Fn(Identity) -> R + Send + Sync + 'static,
        R: IntoVerdict<Option<U>, M>,
        U: Clone + Send + Sync + 'static,
        M: 'static,
    {
        let user = TypeId::of::<U>();
        assert!(
            user != TypeId::of::<Identity>() && user != TypeId::of::<Anonymous>(),
            "`load` must not return an `Identity` or `Anonymous`: it puts the application's own \
             user beside the identity; add roles and scopes by `map_identity`"
        );
        self.with(|config| config.load = Some(Arc::new(LoadFn::new(f))))
    }

    /// Applies rules over paths and methods, deny by default.
    ///
    /// What the rules open is reachable for visitors; everything else takes an identity, with or
    /// without [`optional`](Self::optional).
    pub fn rules(self, rules: AccessRules) -> Self {
        self.with(|config| config.rules = Some(Arc::new(rules)))
    }

    /// Refuses gRPC requests in gRPC: HTTP 200 with `grpc-status` and no body.
    ///
    /// A gRPC request is a `POST` with `Content-Type: application/grpc`, alone or followed by
    /// `+` or `;`. All others are refused in HTTP, as without this. A gRPC request that is refused
    /// in HTTP gets no body: its client goes by the status.
    pub fn grpc(self) -> Self {
        self.with(|config| config.grpc = true)
    }

    /// Answers the questions of a proxy about the requests of others: forward authentication, as
    /// `auth_request` of nginx, `forwardAuth` of Traefik and `forward_auth` of Caddy do it.
    ///
    /// | decision | status |
    /// |---|---|
    /// | accepted | that of the handler, such as 204; its fields name the caller |
    /// | rejected with 401 or 403 | the same, with challenges |
    /// | rejected with 400 or 429 | 403, because nginx responds to its client with 500 otherwise |
    /// | rejected with 503 | 503. nginx responds to its client with 500, which is not a denial |
    ///
    /// The same applies to rejections of handlers and of a
    /// [`RequireLayer`](crate::RequireLayer) inside. The rejection in the extensions of the response
    /// is the original one. A [responder](Self::responder) cannot redirect.
    ///
    /// The request of the proxy is a `GET`, whatever the browser has sent. The
    /// [cross-site check](Self#cross-site-requests) therefore reads `X-Forwarded-Method` and
    /// `X-Forwarded-Host`. Traefik and Caddy set both. nginx needs `proxy_set_header` for both.
    /// Without `X-Forwarded-Method`, a cookie of a cross-site request is rejected, also if the
    /// browser has sent a `GET`.
    ///
    /// [Rules](Self::rules) apply to the path that the proxy requests, such as `/verify`.
    ///
    /// Clients must not reach the layer except through the proxy. The example `forward_auth` has
    /// the configuration of the three proxies.
    ///
    /// ```
    /// # #[cfg(feature = "axum")] {
    /// use axum::{Router, http::{HeaderValue, StatusCode}, routing::get};
    /// use tower_auth::{AuthLayer, Identity, Rejection, Scheme};
    ///
    /// async fn verify(identity: Identity) -> Result<(StatusCode, [(&'static str, HeaderValue); 1]), Rejection> {
    ///     let user = HeaderValue::from_bytes(identity.subject().as_bytes());
    ///     let user = user.map_err(|_| Rejection::forbidden())?;
    ///     Ok((StatusCode::NO_CONTENT, [("x-user", user)]))
    /// }
    ///
    /// fn app(scheme: impl Scheme) -> Router {
    ///     let auth = AuthLayer::new(scheme).forward_auth();
    ///     Router::new().route("/verify", get(verify)).layer(auth)
    /// }
    /// # let _ = app(tower_auth::api_key::ApiKey::header("x-api-key", tower_auth::api_key::ApiKeys::new()));
    /// # }
    /// ```
    pub fn forward_auth(self) -> Self {
        self.with(|config| {
            config.forward_auth = true;
            config.cross_site.of_forwarded_requests();
        })
    }

    /// Renders rejections in the application's own way, also those of handlers and of a
    /// [`RequireLayer`](crate::RequireLayer) inside.
    ///
    /// The closure receives the rejection and a [summary](RequestSummary) of the request. It may
    /// return a body of any type: `Json(…).into_response()` of axum, `Response<String>`, the bodies
    /// of tonic and `http-body-util`. A stream remains a stream.
    ///
    /// ```
    /// # #[cfg(feature = "axum")] {
    /// use axum::{Json, response::{Html, IntoResponse, Redirect}};
    /// use tower_auth::{AuthLayer, RejectionKind, Scheme};
    ///
    /// fn auth(scheme: impl Scheme) -> AuthLayer {
    ///     AuthLayer::new(scheme).responder(|rejection, request| match rejection.kind() {
    ///         RejectionKind::Missing | RejectionKind::Invalid if request.is_navigation() => {
    ///             Redirect::to(&format!("/login?next={}", request.return_to())).into_response()
    ///         }
    ///         _ if request.accepts("text/html") => {
    ///             Html(format!("<h1>{}</h1>", rejection.detail())).into_response()
    ///         }
    ///         kind => Json(serde_json::json!({ "error": kind.as_str() })).into_response(),
    ///     })
    /// }
    /// # use tower_auth::{Identity, Rejection, bearer::{Bearer, Token}, verify_fn};
    /// # let bearer = Bearer::new(verify_fn(|_: Token| Ok::<Identity, Rejection>(Identity::new("ann"))));
    /// # let _ = auth(bearer);
    /// # }
    /// ```
    ///
    /// The layer sets the status, `WWW-Authenticate`, `Retry-After` and `Cache-Control`. The values
    /// of the closure's response for these are not used, with one exception:
    ///
    /// | request | response of the closure | response to the client |
    /// |---|---|---|
    /// | a page ([`is_navigation`](RequestSummary::is_navigation)) | 303 with `Location` | 303, without challenges and `Retry-After` |
    /// | any other request | 303 with `Location` | the status and challenges of the rejection, without `Location` |
    /// | any request | any other status | the status and challenges of the rejection |
    /// | gRPC ([`grpc`](Self::grpc)) | any status | 200 with `grpc-status`, without a body; the fields are metadata |
    ///
    /// A handler's response that has its own body keeps the body. Without a responder, nothing of
    /// the request is kept.
    pub fn responder<F, B>(self, f: F) -> Self
    where
        F: Fn(&Rejection, &RequestSummary) -> Response<B> + Send + Sync + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let responder: Arc<Responder> =
            Arc::new(move |rejection, request| f(rejection, request).map(OwnBody::custom));
        self.with(|config| config.responder = Some(responder))
    }

    /// Calls a closure with each [`Decision`] of this layer, for metrics and audits: accepted,
    /// anonymous and rejected requests. The closure cannot change the response.
    ///
    /// It is called in the task of the request, before the inner service is called or the response
    /// is returned. It must not block; send to a channel what has to be written elsewhere. Another
    /// call replaces the closure.
    ///
    /// A rejection by a handler or a [`RequireLayer`](crate::RequireLayer) inside is not a decision
    /// of this layer. It is in the extensions of the response.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use tower_auth::{AuthLayer, Scheme, layer::Outcome};
    ///
    /// static REJECTED: AtomicU64 = AtomicU64::new(0);
    ///
    /// fn auth(scheme: impl Scheme) -> AuthLayer {
    ///     AuthLayer::new(scheme).on_decision(|decision| {
    ///         if decision.outcome() == Outcome::Rejected {
    ///             REJECTED.fetch_add(1, Ordering::Relaxed);
    ///         }
    ///     })
    /// }
    /// # use tower_auth::{Identity, Rejection, bearer::{Bearer, Token}, verify_fn};
    /// # let bearer = Bearer::new(verify_fn(|_: Token| Ok::<Identity, Rejection>(Identity::new("ann"))));
    /// # let _ = auth(bearer);
    /// ```
    pub fn on_decision<F>(self, f: F) -> Self
    where
        F: Fn(&Decision<'_>) + Send + Sync + 'static,
    {
        self.with(|config| config.listener = Some(Arc::new(f)))
    }

    /// Names the realm in the challenges of schemes that have none of their own; default `api`.
    ///
    /// It is also the issuer of identities that have no other.
    ///
    /// Schemes without an issuer or realm of their own share it: `subject("api", "42")` then
    /// means user 42 of each of them. Give each a realm of its own where these are different
    /// people.
    pub fn realm(self, realm: impl Into<Cow<'static, str>>) -> Self {
        let realm = Realm::from(realm.into());
        self.with(|config| config.realm = realm)
    }

    /// Sets the URL of the document about this resource, which challenges then name.
    #[track_caller]
    pub(crate) fn with_resource_metadata(self, url: &Arc<str>) -> Self {
        let layer = self.with(|config| config.resource_metadata = Some(Arc::clone(url)));
        let names_url = |value: &HeaderValue| {
            let text = value.to_str().unwrap_or_default();
            text.contains(&**url)
        };
        assert!(
            layer.config.challenges().values().any(names_url),
            "no scheme of this layer tells clients of resource metadata"
        );
        layer
    }

    /// Returns the schemes, and whether anonymous callers are allowed.
    #[cfg(feature = "openapi")]
    pub(crate) fn schemes(&self) -> (impl Iterator<Item = &dyn crate::Scheme>, bool) {
        let schemes = self.config.schemes.iter().map(|all| &*all.scheme);
        (schemes, self.config.optional)
    }

    /// Lets CORS preflights (Fetch standard, section 3.2.2: `OPTIONS` with `Origin` and
    /// `Access-Control-Request-Method`) go inward as [`Anonymous`](crate::Anonymous), without
    /// rules.
    ///
    /// Only for applications that answer them inside of this layer; better put the CORS layer
    /// outside, where preflights never get here. Anybody can send one: a handler for every method
    /// is then open to `OPTIONS`. A layer inside must not override methods by a header field
    /// (`X-HTTP-Method-Override`). Otherwise any request could be sent as a preflight, without
    /// rules.
    pub fn allow_preflight(self) -> Self {
        self.with(|config| config.preflight = true)
    }

    /// Which roles come with others, wherever an identity's roles are asked for.
    pub fn role_hierarchy(self, hierarchy: Hierarchy) -> Self {
        self.with(|config| Arc::make_mut(config.implied.get_or_insert_default()).roles = hierarchy)
    }

    /// Which scopes come with others, wherever an identity's scopes are asked for.
    pub fn scope_hierarchy(self, hierarchy: Hierarchy) -> Self {
        self.with(|config| Arc::make_mut(config.implied.get_or_insert_default()).scopes = hierarchy)
    }

    /// Trusts this origin, such as `https://app.example.com`, with the credentials that browsers
    /// send by themselves; see [cross-site requests](Self#cross-site-requests).
    ///
    /// # Panics
    ///
    /// If it is no origin.
    #[track_caller]
    pub fn trust_origin(mut self, origin: impl AsRef<str>) -> Self {
        Arc::make_mut(&mut self.config)
            .change()
            .cross_site
            .trust(origin.as_ref());
        self
    }

    /// Trusts the origins for which a closure returns true, beside those of
    /// [`trust_origin`](Self::trust_origin): preview deployments, or tenants of a database in
    /// memory. Call it again for another closure.
    ///
    /// The closure receives an origin as browsers send it: a scheme and a host in lower case, and a
    /// port other than the default port of the scheme. It is not called for `null` or for any other
    /// text. Compare the whole origin: `ends_with("example.com")` also trusts
    /// `https://evil-example.com`, and every subdomain that a stranger may register.
    ///
    /// ```
    /// # use tower_auth::{AuthLayer, Scheme};
    /// # fn layer(scheme: impl Scheme) -> AuthLayer {
    /// // https://pr-42.preview.example.com
    /// AuthLayer::new(scheme).trust_origin_fn(|origin| {
    ///     let number = origin
    ///         .strip_prefix("https://pr-")
    ///         .and_then(|rest| rest.strip_suffix(".preview.example.com"));
    ///     number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    /// })
    /// # }
    /// ```
    pub fn trust_origin_fn<F>(self, f: F) -> Self
    where
        F: Fn(&str) -> bool + Send + Sync + 'static,
    {
        self.with(|config| config.cross_site.trust_by(f))
    }

    /// Turns the [cross-site check](Self#cross-site-requests) off.
    ///
    /// Any web page can then make its visitors' browsers act on their behalf, unless the
    /// application prevents that in another way.
    pub fn dangerous_allow_cross_site_requests(self) -> Self {
        self.with(|config| config.cross_site.turn_off())
    }
}

/// Returns the fields that schemes read, for `Vary`.
fn vary(strip: &Strip) -> Option<HeaderValue> {
    let names: Vec<_> = strip.fields().iter().map(HeaderName::as_str).collect();
    let value = HeaderValue::try_from(names.join(", ")).ok();
    value.filter(|value| !value.is_empty())
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService {
            inner,
            config: self.config.clone(),
        }
    }
}

/// A service that knows who is calling; made by [`AuthLayer`].
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    config: Arc<LaneConfig>,
}

impl<S, B, R> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, Authentication>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        middleware::call(&mut self.inner, request, self.config.own())
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self.config, f)
    }
}

impl<S> fmt::Debug for AuthService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self.config, f)
    }
}
