//! [`LoginBuilder`]: what is configured.

use super::{
    AuthRequest, LoggedIn, LoggedOut, LoggingOut, Login, Secret,
    client::{Client, Method},
    state::{Customize, Hook, LogoutHook},
    tenants::Allowed,
};
use crate::{
    claims::IdentityPaths,
    clock::{Clock, SystemClock},
    fetch::Fetch,
    identity::ClaimPath,
    jwt::Keys,
    store::EphemeralStore,
    verdict::IntoVerdict,
};
use http::{HeaderMap, request};
use std::{collections::HashSet, error::Error, fmt, sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// Builds a [`Login`](super::Login); made by [`Login::builder`](super::Login::builder).
///
/// A client, an address of this application ([`public_url`](Self::public_url) or
/// [`redirect_uri`](Self::redirect_uri)) and a [`Secret`] have to be configured, or building fails.
#[must_use = "a builder logs nobody in"]
pub struct LoginBuilder {
    pub(super) issuer: Arc<str>,
    pub(super) openid: bool,
    pub(super) asks_user_info: bool,
    pub(super) client: Option<Client>,
    pub(super) public_url: Option<String>,
    pub(super) redirect_uri: Option<String>,
    pub(super) secrets: Vec<Secret>,
    pub(super) request: AuthRequest,
    pub(super) customize: Option<Box<Customize>>,
    pub(super) metadata_at: Option<String>,
    pub(super) tenants: Option<Box<Allowed>>,
    pub(super) hand: ByHand,
    pub(super) keys: Option<Keys>,
    pub(super) fetch: Option<Arc<dyn Fetch>>,
    pub(super) allow_http: bool,
    pub(super) login_path: String,
    pub(super) callback_path: Option<String>,
    pub(super) logout_path: Option<String>,
    pub(super) by_provider: Option<String>,
    pub(super) after_login: Option<String>,
    pub(super) after_logout: Option<String>,
    pub(super) post_logout: Option<String>,
    pub(super) allowed: Vec<String>,
    pub(super) trusted: Vec<String>,
    pub(super) cookie: String,
    pub(super) insecure: bool,
    pub(super) lifetime: Duration,
    pub(super) refresh_before: Duration,
    pub(super) leeway: Duration,
    pub(super) claims: IdentityPaths,
    pub(super) store: Option<Arc<dyn EphemeralStore>>,
    pub(super) in_store: bool,
    pub(super) form_post: bool,
    pub(super) on_login: Option<Box<Hook>>,
    pub(super) on_session: Option<Box<Hook>>,
    pub(super) on_logout: Option<Box<LogoutHook>>,
    pub(super) clock: Arc<dyn Clock>,
}

/// Endpoints that are not discovered.
#[derive(Default)]
pub(super) struct ByHand {
    pub(super) authorization: Option<String>,
    pub(super) token: Option<String>,
    pub(super) user_info: Option<String>,
    pub(super) revocation: Option<String>,
    pub(super) end_session: Option<String>,
    pub(super) names_itself: bool,
}

impl Login {
    /// A login with this provider, by its issuer: letter by letter, a slash at its end counts.
    /// Its endpoints and keys are discovered, unless they are given.
    pub fn builder(issuer: impl Into<Arc<str>>) -> LoginBuilder {
        LoginBuilder::new(issuer.into())
    }
}

impl LoginBuilder {
    fn new(issuer: Arc<str>) -> Self {
        Self {
            issuer,
            openid: true,
            asks_user_info: false,
            client: None,
            public_url: None,
            redirect_uri: None,
            secrets: Vec::new(),
            request: AuthRequest::default(),
            customize: None,
            metadata_at: None,
            tenants: None,
            hand: ByHand::default(),
            keys: None,
            fetch: None,
            allow_http: false,
            login_path: "/login".to_owned(),
            callback_path: None,
            logout_path: None,
            by_provider: None,
            after_login: None,
            after_logout: None,
            post_logout: None,
            allowed: Vec::new(),
            trusted: Vec::new(),
            cookie: "__Host-session".to_owned(),
            insecure: false,
            lifetime: Duration::from_secs(12 * 3600),
            refresh_before: Duration::from_secs(60),
            leeway: Duration::from_secs(60),
            claims: IdentityPaths::default(),
            store: None,
            in_store: false,
            form_post: false,
            on_login: None,
            on_session: None,
            on_logout: None,
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

    /// Sets this application's id, and a function that makes its secret for each request. The secret
    /// is sent in the form (`client_secret_post`).
    ///
    /// Apple takes a JWT as the secret, which ends after six months at the latest:
    ///
    /// ```
    /// # #[cfg(feature = "issue")]
    /// # fn login() -> Result<(), tower_auth::ConfigError> {
    /// use std::time::{SystemTime, UNIX_EPOCH};
    /// use tower_auth::{issue::Signer, jwt::Algorithm, login::Login};
    ///
    /// # let pem = "";
    /// let signer = Signer::from_pem(Algorithm::ES256, pem)?.with_key_id("ABC123DEFG");
    /// let login = Login::builder("https://appleid.apple.com").client_secret_from("com.example.web", move || {
    ///     let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    ///     signer.sign_jwt(&serde_json::json!({
    ///         "iss": "DEF123GHIJ", // the team
    ///         "sub": "com.example.web",
    ///         "aud": "https://appleid.apple.com",
    ///         "iat": now,
    ///         "exp": now + 300,
    ///     }))
    /// });
    /// # let _ = login;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// If the function fails, the request is not sent and the login is
    /// [`Unavailable`](crate::RejectionKind::Unavailable).
    pub fn client_secret_from<S, E>(
        self,
        id: impl Into<String>,
        make: impl Fn() -> Result<S, E> + Send + Sync + 'static,
    ) -> Self
    where
        S: Into<String>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let make = move || match make() {
            Ok(secret) => Ok(Zeroizing::new(secret.into())),
            Err(error) => Err(error.into()),
        };
        self.client(id, Method::PostMade(Box::new(make)))
    }

    /// Sets this application's id, and the private key by which it proves the id (`private_key_jwt`,
    /// OpenID Connect Core section 9, RFC 7523 section 2.2). The provider has the public key.
    ///
    /// Each request has an assertion of its own, which ends after a minute. Its audience is the
    /// issuer.
    #[cfg(feature = "issue")]
    pub fn client_private_key(self, id: impl Into<String>, signer: crate::issue::Signer) -> Self {
        let id: String = id.into();
        let (client, issuer) = (id.clone(), self.issuer.clone());
        let make = move || {
            let now = crate::clock::now(&SystemClock);
            let name = crate::util::random::bytes::<16>()?;
            let claims = serde_json::json!({
                "iss": client,
                "sub": client,
                "aud": issuer,
                "jti": base16ct::lower::encode_string(&*name),
                "iat": now,
                "exp": now.saturating_add(60),
            });
            Ok(signer.sign_jwt(&claims).map(Zeroizing::new)?)
        };
        self.client(id, Method::Assertion(Box::new(make)))
    }

    /// This application's own id; it has no secret.
    pub fn public_client(self, id: impl Into<String>) -> Self {
        self.client(id, Method::Public)
    }

    /// Sets the URL under which browsers reach this application, such as
    /// `https://example.com/shop`. `http` is for loopback only. Default: the origin of the
    /// [redirect URI](Self::redirect_uri).
    ///
    /// This is the one setting for an application below a path. Every address that a browser is
    /// sent to is below this URL: log-in, callback, log-out, `return_to` and the page
    /// [where logins end](Self::after_login), which is by default this URL. Paths that are
    /// configured are below it, too. The application may receive paths with the prefix or without
    /// it, if a proxy or a router removes it.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Sets the address to which the provider sends the browser back, exactly as it is registered
    /// with the provider. `http` is for loopback only. Default: the
    /// [path of the callback](Self::callback_path) below the [public URL](Self::public_url). One of
    /// the two addresses must be set.
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// Sets the application's secret, the same on every server. If this method is called again with
    /// other secrets, the first secret encrypts, and all of them decrypt.
    ///
    /// To change the secret without logging users out, first give the new secret as the second to
    /// every server. Then give the new secret as the first and the old one as the second. Drop the
    /// old secret when the sessions that it has encrypted have expired. A server that lacks a
    /// secret cannot read the cookies that were encrypted by it. Users with such cookies are
    /// rejected there, and keep the cookies.
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

    /// Sets the largest age of the user's authentication, in whole seconds. Default: the value in
    /// the query of `/login`, which cannot exceed this one.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.request = self.request.max_age(age.as_secs());
        self
    }

    /// Sets the requested authentication context classes, separated by spaces. Default: the value
    /// in the query of `/login`.
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

    /// Reads the provider's metadata at this URL, instead of where the specifications put it below
    /// the issuer. The metadata must name the issuer all the same.
    ///
    /// For example, the metadata of a policy of Azure AD B2C names an issuer without the policy:
    ///
    /// ```
    /// use tower_auth::login::Login;
    ///
    /// let host = "https://shop.b2clogin.com";
    /// let login = Login::builder(format!("{host}/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0/"))
    ///     .metadata_at(format!("{host}/shop.onmicrosoft.com/B2C_1_signin/v2.0/.well-known/openid-configuration"));
    /// # let _ = login;
    /// ```
    pub fn metadata_at(mut self, url: impl Into<String>) -> Self {
        self.metadata_at = Some(url.into());
        self
    }

    /// Accepts users of these tenants of Microsoft Entra ID, by the tenants' ids (`tid`).
    ///
    /// The issuer of the login is then that of all tenants. The issuer of an identity is that of its
    /// tenant, because a subject is unique only within its issuer.
    ///
    /// ```
    /// use tower_auth::login::Login;
    ///
    /// let login = Login::builder("https://login.microsoftonline.com/organizations/v2.0")
    ///     .tenants(["8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "72f988bf-86f1-41af-91ab-2d7cd011db47"]);
    /// # let _ = login;
    /// ```
    pub fn tenants(self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let ids: HashSet<String> = ids.into_iter().map(Into::into).collect();
        self.tenants_where(move |tenant| ids.contains(tenant))
    }

    /// Accepts users of every tenant that a rule allows, as [`tenants`](Self::tenants) does.
    ///
    /// `tenants_where(|_| true)` accepts users of any tenant. Then everybody with an account at the
    /// provider can sign in, and the application has to decide who may do what by the issuer and the
    /// subject together.
    pub fn tenants_where(mut self, allowed: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.tenants = Some(Box::new(allowed));
        self
    }

    /// Sets the endpoint that the browser is sent to. If this and
    /// [`token_endpoint`](Self::token_endpoint) are set, and [`metadata_at`](Self::metadata_at) is
    /// not, no endpoint is discovered. Keys are still discovered, unless they are given by
    /// [`keys`](Self::keys). Otherwise each endpoint that is set replaces the discovered one.
    pub fn authorization_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.authorization = Some(url.into());
        self
    }

    /// Sets the endpoint that exchanges authorization codes.
    pub fn token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.token = Some(url.into());
        self
    }

    /// Calls the user-info endpoint in every login with OpenID, and again after each refresh. Many
    /// providers leave the e-mail address, the groups or the roles out of the ID token.
    ///
    /// Claims that the ID token lacks are added to the identity. Claims about the authentication,
    /// such as `auth_time` and `acr`, are taken from the ID token only. Default: the endpoint is
    /// called only if the ID token lacks a claim that [`subject_at`](Self::subject_at),
    /// [`roles_at`](Self::roles_at) or [`scopes_at`](Self::scopes_at) names. If this method is
    /// called and the endpoint rejects the access token, the login is rejected with 401.
    pub fn user_info(mut self) -> Self {
        self.asks_user_info = true;
        self
    }

    /// Sets the endpoint that returns the user of a token, and [calls it](Self::user_info).
    pub fn user_info_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.user_info = Some(url.into());
        self.user_info()
    }

    /// Sets the endpoint that revokes tokens at log-out.
    pub fn revocation_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.revocation = Some(url.into());
        self
    }

    /// Sets the address to which the browser is sent at log-out.
    pub fn end_session_endpoint(mut self, url: impl Into<String>) -> Self {
        self.hand.end_session = Some(url.into());
        self
    }

    /// Rejects an authorization response that does not name the provider (`iss`, RFC 9207).
    /// Default: only if the metadata says that every response does.
    pub fn require_issuer_parameter(mut self) -> Self {
        self.hand.names_itself = true;
        self
    }

    /// Has the provider answer by a form that the browser posts (`response_mode=form_post`, OAuth
    /// 2.0 Form Post Response Mode), so that the code is in no URL.
    ///
    /// If the provider's metadata does not list the mode (`response_modes_supported`, RFC 8414
    /// section 2), the answer is in the query. With this mode, the cookies of logins under way are
    /// `SameSite=None`, since another site posts the form. Apple's form has the user's name in
    /// [`LoggedIn::user`](super::LoggedIn::user), once. A previous session of the browser is not
    /// visible to that request. It ends by itself instead of at once.
    pub fn form_post(mut self) -> Self {
        self.form_post = true;
        self
    }

    /// The keys that ID tokens are signed with. Default: [`RemoteKeys::discover`](crate::jwt::remote::RemoteKeys::discover).
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

    /// Sets the path where a login begins, below the [public URL](Self::public_url). Default:
    /// `/login`.
    pub fn login_path(mut self, path: impl Into<String>) -> Self {
        self.login_path = path.into();
        self
    }

    /// Sets the path of the callback, below the [public URL](Self::public_url). Default: the path
    /// of the [redirect URI](Self::redirect_uri), or `/callback` if only the public URL is set.
    ///
    /// The redirect URI is the public URL and this path. Two of the three settings determine the
    /// third.
    pub fn callback_path(mut self, path: impl Into<String>) -> Self {
        self.callback_path = Some(path.into());
        self
    }

    /// Sets the path of the log-out, below the [public URL](Self::public_url). Default: `/logout`.
    /// With [`on_login`](Self::on_login), it needs [`on_logout`](Self::on_logout).
    pub fn logout_path(mut self, path: impl Into<String>) -> Self {
        self.logout_path = Some(path.into());
        self
    }

    /// Sets the path where the provider posts logout tokens (OpenID Connect Back-Channel Logout),
    /// below the [public URL](Self::public_url). Default: none. It takes a [store](Self::store).
    pub fn backchannel_logout_path(mut self, path: impl Into<String>) -> Self {
        self.by_provider = Some(path.into());
        self
    }

    /// Sets the path where a login without `return_to` ends, below the
    /// [public URL](Self::public_url). Default: that URL.
    pub fn after_login(mut self, path: impl Into<String>) -> Self {
        self.after_login = Some(path.into());
        self
    }

    /// Sets the path where a log-out without the provider ends, below the
    /// [public URL](Self::public_url). Default: that URL.
    pub fn after_logout(mut self, path: impl Into<String>) -> Self {
        self.after_logout = Some(path.into());
        self
    }

    /// Sets the address to which the provider sends the browser after its own log-out, as it is
    /// registered with the provider.
    pub fn post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout = Some(uri.into());
        self
    }

    /// Lets `return_to` lead to this origin, such as `https://app.example.com`. Default: only to
    /// paths below the [public URL](Self::public_url).
    pub fn allow_return_to(mut self, origin: impl Into<String>) -> Self {
        self.allowed.push(origin.into());
        self
    }

    /// Allows pages of this origin, such as a front end at `https://app.example.com`, to log out by
    /// a `POST`. Default: only this application's own origin, which the redirect URI names.
    ///
    /// For all other requests from that origin, also call
    /// [`AuthLayer::trust_origin`](crate::AuthLayer::trust_origin). The browser has to send the
    /// cookie from there.
    pub fn trust_origin(mut self, origin: impl Into<String>) -> Self {
        self.trusted.push(origin.into());
        self
    }

    /// The name of the session's cookie, which begins with `__Host-`. Default: `__Host-session`.
    /// The other cookies' names begin with it.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie = name.into();
        self
    }

    /// Sets cookies without `Secure`, for development in a browser that does not accept `Secure`
    /// cookies from `http://localhost`, such as Safari.
    ///
    /// Then a page of any program on this machine can read and set them over `http`, and their names
    /// do not begin with `__Host-`. The redirect URI must be `http` on loopback, so that the setting
    /// cannot reach a server that others use.
    pub fn dangerous_insecure_cookies_on_loopback(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Sets the lifetime of a session, in whole seconds. Refreshes do not extend it. Default: 12
    /// hours.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the time before its end at which an access token is refreshed. It is not refreshed
    /// before three quarters of its lifetime. Default: 60 seconds.
    pub fn refresh_before(mut self, time: Duration) -> Self {
        self.refresh_before = time;
        self
    }

    /// By how much the provider's clock may differ. Default: 60 seconds; at most an hour.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Adds a claim that is the subject, a string or a whole number. Default: `sub`.
    ///
    /// If this method is called several times, the first of these claims that the user has is the
    /// subject. The provider must never give a subject to another user, so an e-mail address is not
    /// suitable.
    pub fn subject_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.claims.subjects.push(path.into());
        self
    }

    /// Adds a claim that holds roles. The roles of several claims add up. Default: none, so that no
    /// user has a role.
    pub fn roles_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.claims.roles.push(path.into());
        self
    }

    /// Adds a claim that holds scopes. The scopes of several claims add up. Default: none.
    pub fn scopes_at(mut self, path: impl Into<ClaimPath>) -> Self {
        self.claims.scopes.push(path.into());
        self
    }

    /// Sets the store of values that servers share for a while: each `state` that has been used,
    /// each session that was ended, and the refreshes under way. Every request with a session then
    /// reads this store.
    pub fn store(mut self, store: impl EphemeralStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Keeps sessions in the [store](Self::store), encrypted; the cookie is then a name alone.
    pub fn sessions_in_store(mut self) -> Self {
        self.in_store = true;
        self
    }

    /// Calls this closure with every login from which a session of this module begins, for example to
    /// create the user in the application's database. The closure returns fields for the response,
    /// such as cookies of the application's own, or rejects the login.
    ///
    /// ```
    /// # use tower_auth::{Rejection, login::{LoggedIn, LoginBuilder}};
    /// # #[derive(Clone)] struct Users;
    /// # impl Users { async fn add(&self, _: &str, _: Option<&str>) -> Result<(), std::io::Error> { Ok(()) } }
    /// # fn with_users(login: LoginBuilder, users: Users) -> LoginBuilder {
    /// login.on_session(move |login: LoggedIn| {
    ///     let users = users.clone();
    ///     async move {
    ///         let added = users.add(login.identity.subject(), login.user.as_deref()).await;
    ///         added.map_err(Rejection::unavailable)?;
    ///         Ok(http::HeaderMap::new())
    ///     }
    /// })
    /// # }
    /// ```
    pub fn on_session<F, R, M>(mut self, f: F) -> Self
    where
        F: Fn(LoggedIn) -> R + Send + Sync + 'static,
        R: IntoVerdict<HeaderMap, M>,
    {
        self.on_session = Some(Box::new(move |logged_in| f(logged_in).into_verdict()));
        self
    }

    /// Calls this closure at every log-out that a user asks for in this browser, before anything
    /// ends. The closure ends what the application keeps for the user.
    ///
    /// If the closure rejects the log-out, for example because a database cannot be reached, nothing
    /// ends, and the user can try again. With [`on_login`](Self::on_login), the layer then serves
    /// `/logout`, and the closure ends the application's own session. Keep
    /// [`TokenSet::id_token`](super::TokenSet::id_token) in that session, so that the browser also
    /// logs out at the provider. A log-out by the provider does not call the closure.
    ///
    /// ```
    /// # use http::HeaderMap;
    /// # use tower_auth::{Rejection, login::{LoggedOut, LoggingOut, LoginBuilder}};
    /// # #[derive(Clone)] struct Sessions;
    /// # struct Session { id_token: String }
    /// # impl Sessions {
    /// #     async fn end(&self, _: &HeaderMap) -> Result<Option<Session>, std::io::Error> { Ok(None) }
    /// #     fn clear(&self) -> HeaderMap { HeaderMap::new() }
    /// # }
    /// # fn with_sessions(login: LoginBuilder, sessions: Sessions) -> LoginBuilder {
    /// login.on_logout(move |request: LoggingOut| {
    ///     let sessions = sessions.clone();
    ///     async move {
    ///         let ended = sessions.end(&request.headers).await.map_err(Rejection::unavailable)?;
    ///         let done = LoggedOut::new().with_fields(sessions.clear());
    ///         Ok(match ended {
    ///             Some(session) => done.with_id_token(session.id_token),
    ///             None => done,
    ///         })
    ///     }
    /// })
    /// # }
    /// ```
    pub fn on_logout<F, R, M>(mut self, f: F) -> Self
    where
        F: Fn(LoggingOut) -> R + Send + Sync + 'static,
        R: IntoVerdict<LoggedOut, M>,
    {
        self.on_logout = Some(Box::new(move |request| f(request).into_verdict()));
        self
    }

    /// Makes the application create a session of its own from a login, instead of one of this
    /// module. The closure returns fields for the response, such as cookies.
    ///
    /// There is then no session of this module: [`Login::session`](super::Login::session) panics.
    /// The layer passes `/logout` on to the application, which has to serve it and to end its
    /// session, unless [`on_logout`](Self::on_logout) ends it. Log-out by the
    /// provider ([`backchannel_logout_path`](Self::backchannel_logout_path)) is not possible.
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
}

impl fmt::Debug for LoginBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginBuilder")
            .field("issuer", &self.issuer)
            .field("public_url", &self.public_url)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
