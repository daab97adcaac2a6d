//! [`LoginBuilder`]: everything that is fixed at start-up.

use super::{
    AuthRequest, Client, Customize, Hook, Inner, LoggedIn, Login, Paths, Secret,
    client::Method,
    provider::{Endpoints, Provider},
    refresh::Flights,
    return_to::Returns,
    seal::Sealer,
};
use crate::{
    ClaimPath, Clock, ConfigError, IntoVerdict, SystemClock,
    fetch::{Fetch, Guard},
    jwks::RemoteKeys,
    jwt::{Jwt, Keys},
    place::CrossSite,
    rejection::is_token,
    store::ShortLived,
};
use http::{HeaderMap, Uri, request};
use std::{fmt, sync::Arc, time::Duration};
use url::{Host, Url};
use zeroize::Zeroizing;

/// Beyond this a leeway is a mistake.
const MAX_LEEWAY: Duration = Duration::from_secs(3600);

/// Beyond this a session is a mistake.
const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);

/// Builds a [`Login`]; made by [`Login::builder`].
///
/// A client, a redirect URI and a [`Secret`] have to be configured, or building fails.
#[must_use = "a builder logs nobody in"]
pub struct LoginBuilder {
    issuer: Arc<str>,
    openid: bool,
    client: Option<Client>,
    redirect_uri: Option<String>,
    secrets: Vec<Secret>,
    request: AuthRequest,
    customize: Option<Box<Customize>>,
    hand: ByHand,
    keys: Option<Keys>,
    fetch: Option<Arc<dyn Fetch>>,
    allow_http: bool,
    login_path: String,
    callback_path: Option<String>,
    logout_path: String,
    by_provider: Option<String>,
    after_login: String,
    after_logout: String,
    post_logout: Option<String>,
    allowed: Vec<String>,
    cookie: String,
    lifetime: Duration,
    refresh_before: Duration,
    leeway: Duration,
    subject: Option<ClaimPath>,
    roles: Option<ClaimPath>,
    scopes: Option<ClaimPath>,
    store: Option<Arc<dyn ShortLived>>,
    in_store: bool,
    on_login: Option<Box<Hook>>,
    clock: Arc<dyn Clock>,
}

/// Endpoints that are not discovered.
#[derive(Default)]
struct ByHand {
    authorization: Option<String>,
    token: Option<String>,
    user_info: Option<String>,
    revocation: Option<String>,
    end_session: Option<String>,
    names_itself: bool,
}

impl LoginBuilder {
    pub(super) fn new(issuer: Arc<str>) -> Self {
        Self {
            issuer,
            openid: true,
            client: None,
            redirect_uri: None,
            secrets: Vec::new(),
            request: AuthRequest::default(),
            customize: None,
            hand: ByHand::default(),
            keys: None,
            fetch: None,
            allow_http: false,
            login_path: "/login".to_owned(),
            callback_path: None,
            logout_path: "/logout".to_owned(),
            by_provider: None,
            after_login: "/".to_owned(),
            after_logout: "/".to_owned(),
            post_logout: None,
            allowed: Vec::new(),
            cookie: "__Host-session".to_owned(),
            lifetime: Duration::from_secs(12 * 3600),
            refresh_before: Duration::from_secs(60),
            leeway: Duration::from_secs(60),
            subject: None,
            roles: None,
            scopes: None,
            store: None,
            in_store: false,
            on_login: None,
            clock: Arc::new(SystemClock),
        }
    }

    fn client(mut self, id: impl Into<String>, method: Method) -> Self {
        let id = id.into();
        self.client = Some(Client { id, method });
        self
    }

    /// This application's own id and secret, sent by the Basic scheme (`client_secret_basic`).
    pub fn client_basic(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client(id, Method::Basic(Zeroizing::new(secret.into())))
    }

    /// This application's own id and secret, sent in the form (`client_secret_post`).
    pub fn client_post(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client(id, Method::Post(Zeroizing::new(secret.into())))
    }

    /// This application's own id; it has no secret.
    pub fn public_client(self, id: impl Into<String>) -> Self {
        self.client(id, Method::Public)
    }

    /// Where the provider sends the browser back to, letter by letter as it is registered there.
    /// Its path is the one that the layer answers. `http` is for loopback only.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// The application's secret, the same on every server. Call it again with older ones: the
    /// first encrypts, all decrypt.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Asks for these scopes, separated by spaces, besides `openid`.
    pub fn scope(mut self, scopes: &str) -> Self {
        self.request = self.request.scope(scopes);
        self
    }

    /// Asks for an access token for this API (RFC 8707).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.request = self.request.resource(resource);
        self
    }

    /// Asks for an access token for this API, where the provider calls that `audience`.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.param("audience", audience)
    }

    /// Whether the user is asked: `none`, `login`, `consent`, `select_account`. Default: what the
    /// query of `/login` says, if anything.
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.request = self.request.prompt(prompt);
        self
    }

    /// How long ago the user may have been authenticated; whole seconds count. Default: what the
    /// query of `/login` says, which cannot ask for longer than this.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.request = self.request.max_age(age.as_secs());
        self
    }

    /// Which strengths of authentication are wished for, separated by spaces. Default: what the
    /// query of `/login` says.
    pub fn acr_values(mut self, values: impl Into<String>) -> Self {
        self.request = self.request.acr_values(values);
        self
    }

    /// Any other parameter for the provider.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request = self.request.param(name, value);
        self
    }

    /// Changes what the provider is asked for, by the request for `/login`. The request comes
    /// with what is configured and what the query asks for.
    pub fn customize(
        mut self,
        f: impl Fn(&request::Parts, AuthRequest) -> AuthRequest + Send + Sync + 'static,
    ) -> Self {
        self.customize = Some(Box::new(f));
        self
    }

    /// Plain OAuth 2.0: there is no ID token, and the user-info endpoint says who it is.
    ///
    /// The access token alone then says whose login this is. That is safe with the code flow and
    /// PKCE, as it is here, and in no other.
    pub fn without_openid(mut self) -> Self {
        self.openid = false;
        self
    }

    /// Where the browser is sent to. With this and [`token_endpoint`](Self::token_endpoint)
    /// nothing is discovered.
    pub fn authorization_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.authorization = Some(url.into());
        self
    }

    /// Where codes are exchanged.
    pub fn token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.token = Some(url.into());
        self
    }

    /// Where it is asked who a token is of.
    pub fn user_info_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.user_info = Some(url.into());
        self
    }

    /// Where tokens are revoked at log-out.
    pub fn revocation_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.revocation = Some(url.into());
        self
    }

    /// Where the browser is sent to at log-out.
    pub fn end_session_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.end_session = Some(url.into());
        self
    }

    /// The provider names itself in every answer (`iss`, RFC 9207). Where that is known of a
    /// provider whose endpoints are given by hand, an answer without it is refused.
    pub fn require_issuer_parameter(mut self) -> Self {
        self.hand.names_itself = true;
        self
    }

    /// The keys that ID tokens are signed with. Default: [`RemoteKeys::discover`].
    pub fn keys(mut self, keys: impl Into<Keys>) -> Self {
        self.keys = Some(keys.into());
        self
    }

    /// Sends requests by this client, instead of the one that the feature `reqwest` brings.
    pub fn fetch_with(mut self, client: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(client));
        self
    }

    /// Lets the provider be asked over plain `http`.
    ///
    /// Then whoever can see or change what is on the network can log in as anybody. For tests on
    /// loopback. Keys that are given by [`keys`](Self::keys) have a method of their own.
    pub fn dangerous_allow_http(mut self) -> Self {
        self.allow_http = true;
        self
    }

    /// The path where a login begins. Default: `/login`.
    pub fn login_path(mut self, path: impl Into<String>) -> Self {
        self.login_path = path.into();
        self
    }

    /// The path of the callback, as this layer sees it, where a proxy changes it. Default: that
    /// of the redirect URI.
    pub fn callback_path(mut self, path: impl Into<String>) -> Self {
        self.callback_path = Some(path.into());
        self
    }

    /// The path of the log-out. Default: `/logout`.
    pub fn logout_path(mut self, path: impl Into<String>) -> Self {
        self.logout_path = path.into();
        self
    }

    /// The path where the provider posts logout tokens (OpenID Connect Back-Channel Logout).
    /// Default: none. It takes a [store](Self::store).
    pub fn backchannel_logout_path(mut self, path: impl Into<String>) -> Self {
        self.by_provider = Some(path.into());
        self
    }

    /// Where a login without `return_to` ends. Default: `/`.
    pub fn after_login(mut self, path: impl Into<String>) -> Self {
        self.after_login = path.into();
        self
    }

    /// Where a log-out ends that the provider takes no part in. Default: `/`.
    pub fn after_logout(mut self, path: impl Into<String>) -> Self {
        self.after_logout = path.into();
        self
    }

    /// Where the provider sends the browser after its own log-out, as it is registered there.
    pub fn post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout = Some(uri.into());
        self
    }

    /// Lets `return_to` lead to this origin, such as `https://app.example.com`. Default: only to
    /// paths of this application.
    pub fn allow_return_to(mut self, origin: impl Into<String>) -> Self {
        self.allowed.push(origin.into());
        self
    }

    /// The name of the session's cookie, which begins with `__Host-`. Default: `__Host-session`.
    /// The other cookies' names begin with it.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie = name.into();
        self
    }

    /// How long a session lasts, whatever is refreshed. Default: 12 hours. Whole seconds count.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// How long before its end an access token is refreshed. Default: 60 seconds.
    pub fn refresh_before(mut self, time: Duration) -> Self {
        self.refresh_before = time;
        self
    }

    /// By how much the provider's clock may differ. Default: 60 seconds; at most an hour.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The claim that is the subject, a string or a whole number. Default: `sub`.
    ///
    /// It has to be one that the provider never gives to another, unlike an e-mail address.
    pub fn subject_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.subject = Some(path.into());
        self
    }

    /// The claim that holds the roles. Default: none, so that nobody has any.
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.roles = Some(path.into());
        self
    }

    /// The claim that holds the scopes. Default: none.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.scopes = Some(path.into());
        self
    }

    /// What servers share for a while: that a `state` has come back, that a session was ended,
    /// who refreshes. Every request with a session then reads it.
    pub fn store(mut self, store: impl ShortLived) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Keeps sessions in the [store](Self::store), encrypted; the cookie is then a name alone.
    pub fn sessions_in_store(mut self) -> Self {
        self.in_store = true;
        self
    }

    /// What becomes of a login, instead of a session of this module: fields for the response,
    /// such as cookies of the application's own. [`Login::session`] then knows nobody.
    pub fn on_login<F, R, M>(mut self, f: F) -> Self
    where
        F: Fn(LoggedIn) -> R + Send + Sync + 'static,
        R: IntoVerdict<HeaderMap, M>,
    {
        self.on_login = Some(Box::new(move |logged_in| f(logged_in).into_verdict()));
        self
    }

    /// Tells the time. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the login. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// If there is no client, redirect URI or secret; if a URL is none, is not `https` (a
    /// redirect URI on loopback may be `http`), or not in its normal form; if a path is none, or
    /// two are one; if the cookie's name does not begin with `__Host-`; if a duration is 0 or too
    /// long; if what takes a store has none; if the issuer has no place for metadata and there
    /// are no endpoints; if a parameter is one that the login sets itself; if there is no HTTP
    /// client.
    pub fn build(mut self) -> Result<Login, ConfigError> {
        self.check()?;
        let refuse = ConfigError::new;
        let client = self
            .client
            .take()
            .filter(|client| !client.id.is_empty())
            .ok_or_else(|| {
                refuse("a login needs this application's id: call `client_basic`, `client_post` or `public_client`")
            })?;
        let redirect_uri = self
            .redirect_uri
            .take()
            .ok_or_else(|| refuse("a login needs a redirect URI: call `redirect_uri`"))?;
        let base = redirect(&redirect_uri)?;
        let paths = self.paths(&base)?;
        let own = [&paths.login, &paths.callback, &paths.logout];
        let own = own.into_iter().chain(&paths.by_provider).cloned();
        let mut returns = Returns::new(base.clone(), own.collect());
        for origin in &self.allowed {
            returns.allow(origin)?;
        }
        let lands = |path: &str| {
            let landed = returns.check(path);
            landed.ok_or_else(|| ConfigError::new(format!("{path:?} is no place to end at")))
        };
        let (after_login, after_logout) = (lands(&self.after_login)?, lands(&self.after_logout)?);
        let mut cross_site = CrossSite::default();
        cross_site.trust(&base.origin().ascii_serialization());
        let guard = Guard::new(self.fetch.clone(), self.allow_http)?;
        let fixed = self.hand.endpoints(&guard)?;
        let jwt = self.jwt(&client)?;
        if fixed
            .as_ref()
            .is_some_and(|fixed| fixed.user_info.is_none())
            && !self.openid
        {
            return Err(refuse("without OpenID a login needs a user-info endpoint"));
        }
        let provider = Provider::new(Arc::clone(&self.issuer), fixed, guard.clone());
        for url in provider.urls() {
            guard.check(url).map_err(|error| {
                ConfigError::new(format!("{url} cannot be asked for metadata")).with_source(error)
            })?;
        }
        if provider.urls().is_empty() && self.hand.authorization.is_none() {
            return Err(refuse("the issuer is no URL that metadata could be at"));
        }
        let sealer = |purpose| Sealer::new(&self.secrets, purpose, &self.issuer, &client.id);
        if self.openid {
            self.request.scopes.retain(|scope| scope != "openid");
            self.request.scopes.insert(0, "openid".to_owned());
        }
        Ok(Login(Arc::new(Inner {
            pending: sealer("login")?,
            sessions: sealer("session")?,
            stored: sealer("stored session")?,
            client,
            redirect_uri,
            paths,
            returns,
            after_login,
            after_logout,
            post_logout: self.post_logout,
            cross_site,
            request: self.request,
            customize: self.customize,
            provider,
            jwt,
            just_now: format!("{}-just-now", self.cookie),
            cookie: self.cookie,
            lifetime: self.lifetime.as_secs(),
            refresh_before: self.refresh_before.as_secs(),
            leeway: self.leeway.as_secs(),
            subject: self.subject,
            roles: self.roles,
            scopes: self.scopes,
            store: self.store,
            in_store: self.in_store,
            on_login: self.on_login,
            flights: Flights::default(),
            issuer: self.issuer,
            clock: self.clock,
        })))
    }

    /// Who verifies ID tokens.
    fn jwt(&mut self, client: &Client) -> Result<Option<Jwt>, ConfigError> {
        if !self.openid {
            return Ok(None);
        }
        let keys = self.keys.take().unwrap_or_else(|| {
            let mut keys = RemoteKeys::discover();
            if let Some(fetch) = &self.fetch {
                keys = keys.client(Arc::clone(fetch));
            }
            if self.allow_http {
                keys = keys.dangerous_allow_http();
            }
            keys.into()
        });
        let clock = Arc::clone(&self.clock);
        let jwt = Jwt::issuer(Arc::clone(&self.issuer))
            .audience(client.id.as_str())
            .keys(keys)
            .leeway(self.leeway)
            .clock(move || clock.now())
            .of_logins()
            .build()?;
        Ok(Some(jwt))
    }

    fn paths(&self, base: &Url) -> Result<Paths, ConfigError> {
        let callback = self.callback_path.as_deref().unwrap_or(base.path());
        let paths = Paths {
            login: self.login_path.clone(),
            callback: callback.to_owned(),
            logout: self.logout_path.clone(),
            by_provider: self.by_provider.clone(),
        };
        let mut all = vec![&paths.login, &paths.callback, &paths.logout];
        all.extend(&paths.by_provider);
        for (i, path) in all.iter().enumerate() {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
            if !path.starts_with('/') || path.contains("//") || !path.bytes().all(is_plain) {
                return Err(ConfigError::new(format!("{path:?} is no plain path")));
            }
            if all.iter().take(i).any(|other| other == path) {
                return Err(ConfigError::new(format!("{path:?} cannot be two things")));
            }
        }
        Ok(paths)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |message: &'static str| Err(ConfigError::new(message));
        if self.issuer.is_empty() {
            return refuse("an issuer is not empty");
        }
        if !self.cookie.starts_with("__Host-") || !is_token(&self.cookie) {
            return refuse("the name of a session's cookie begins with \"__Host-\"");
        }
        if self.lifetime < Duration::from_secs(1) || self.lifetime > MAX_LIFETIME {
            return refuse("a session lasts between a second and a year");
        }
        if self.leeway > MAX_LEEWAY || self.refresh_before > MAX_LIFETIME {
            return refuse("a leeway is at most an hour, and what is refreshed lasts a year");
        }
        if self.store.is_none() && (self.in_store || self.by_provider.is_some()) {
            return refuse("sessions in a store, and log-out by the provider, take a store");
        }
        if self.by_provider.is_some() && !self.openid {
            return refuse("log-out by the provider takes OpenID");
        }
        if self.on_login.is_some() && self.in_store {
            return refuse("either sessions of this login or `on_login`");
        }
        let paths = [&self.subject, &self.roles, &self.scopes];
        let mut paths = paths.into_iter().flatten();
        if paths.any(|path| path.names().next().is_none()) {
            return refuse("the path of a claim has at least one name");
        }
        self.request.check()
    }
}

impl ByHand {
    fn endpoints(&self, guard: &Guard) -> Result<Option<Endpoints>, ConfigError> {
        let (authorization, token) = match (&self.authorization, &self.token) {
            (None, None) => return Ok(None),
            (Some(authorization), Some(token)) => (authorization, token),
            _ => {
                return Err(ConfigError::new(
                    "by hand an authorization endpoint and a token endpoint belong together",
                ));
            }
        };
        let uri = |text: &String| {
            let bad = || ConfigError::new(format!("{text:?} is no URL that may be asked"));
            let uri: Uri = text.parse().map_err(|error| bad().with_source(error))?;
            guard
                .check(&uri)
                .map_err(|error| bad().with_source(error))?;
            Ok(uri)
        };
        let url = |text: &String| {
            uri(text)?;
            Url::parse(text)
                .map_err(|error| ConfigError::new(format!("{text:?} is no URL")).with_source(error))
        };
        Ok(Some(Endpoints {
            authorization: url(authorization)?,
            token: uri(token)?,
            user_info: self.user_info.as_ref().map(uri).transpose()?,
            revocation: self.revocation.as_ref().map(uri).transpose()?,
            end_session: self.end_session.as_ref().map(url).transpose()?,
            names_itself: self.names_itself,
        }))
    }
}

/// A redirect URI: `https`, or `http` on loopback (RFC 8252 section 7.3).
fn redirect(text: &str) -> Result<Url, ConfigError> {
    let refuse =
        |why: &'static str| Err(ConfigError::new(format!("the redirect URI {text:?} {why}")));
    let Ok(url) = Url::parse(text) else {
        return refuse("is no URL");
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        _ => return refuse("is not https"),
    }
    if url.as_str() != text {
        return refuse("is not in its normal form");
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return refuse("has a fragment or a user");
    }
    let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if !url.host_str().unwrap_or_default().bytes().all(is_host_byte) {
        return refuse("has a strange host");
    }
    Ok(url)
}

impl fmt::Debug for LoginBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginBuilder")
            .field("issuer", &self.issuer)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
