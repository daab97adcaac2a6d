//! From what is configured to a [`Login`], or to what is wrong with it.

use super::{
    Login, LoginBuilder,
    base::Base,
    builder::ByHand,
    client::Client,
    cookies::Jar,
    path::is_plain,
    provider::{Fixed, Provider},
    recent::Recent,
    return_to::{self, Returns},
    seal::Sealer,
    session::ClaimPaths,
    state::{Inner, Paths},
    tenants::Tenants,
};
use crate::{
    ConfigError,
    csrf::CrossSite,
    fetch::Guard,
    jwt::JwtVerifier,
    jwt::remote::{RemoteKeys, metadata_urls},
    observe::outage::Outage,
    rejection::is_token,
    scheme::Others,
    util::single_flight::SingleFlight,
};
use http::Uri;
use std::{sync::Arc, time::Duration};
use url::Url;

/// The prefix of cookies that no other host can set (RFC 6265bis section 4.1.3.2).
const HOST: &str = "__Host-";

/// The largest number of refreshes under way, and of results that are kept.
const REFRESHES: usize = 10_000;

/// Beyond this a leeway is a mistake.
const MAX_LEEWAY: Duration = Duration::from_secs(3600);

/// Beyond this a session is a mistake.
const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);

impl LoginBuilder {
    /// Builds the login. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// If there is no client, address or secret; if a URL is none, is not `https` (an address of
    /// this application may be `http` on loopback), or not in its normal form; if the redirect URI
    /// is not below the public URL; if a path is none, or two are one; if the cookie's name does not begin with `__Host-`; if a duration is 0 or too
    /// long; if what takes a store has none; if the issuer has no place for metadata and there
    /// are no endpoints; if a parameter is one that the login sets itself; if there is no HTTP
    /// client.
    pub fn build(mut self) -> Result<Login, ConfigError> {
        self.check()?;
        if self.claims.subjects.is_empty() {
            // Some providers number their users, so `sub` may be a number here.
            self.claims.subjects.push("sub".into());
        }
        let refuse = ConfigError::new;
        let client = self
            .client
            .take()
            .filter(|client| !client.id.is_empty())
            .ok_or_else(|| {
                refuse("a login needs this application's id: call `client_basic`, `client_post` or `public_client`")
            })?;
        let (base, callback) = Base::of(
            self.public_url.as_deref(),
            self.redirect_uri.as_deref(),
            self.callback_path.as_deref(),
        )?;
        if self.insecure {
            self.without_secure_cookies(&base)?;
        }
        let paths = self.paths(&base, callback)?;
        let own = [&paths.login, &paths.callback, &paths.logout];
        let own = own.into_iter().chain(&paths.by_provider).cloned().collect();
        let prefix = base.prefix_of_paths();
        let mut returns = Returns::new(base.redirect_uri.clone(), prefix, own);
        for origin in &self.allowed {
            returns.allow(origin)?;
        }
        let lands = |path: &Option<String>| {
            let landed = |path: &String| {
                let landed = returns.check(prefix, &base.outside(path));
                landed.ok_or_else(|| {
                    ConfigError::new(format!("no login or log-out can end at {path:?}"))
                })
            };
            path.as_ref().map(landed).transpose()
        };
        let (after_login, after_logout) = (lands(&self.after_login)?, lands(&self.after_logout)?);
        let mut cross_site = CrossSite::default();
        cross_site.trust(&base.origin());
        for origin in &self.trusted {
            cross_site.trust(&return_to::origin(origin)?.ascii_serialization());
        }
        let guard = Guard::new(self.fetch.clone(), self.allow_http)?;
        let tenants = self.tenants.take();
        let tenants = tenants
            .map(|allowed| Tenants::new(&self.issuer, allowed))
            .transpose()?;
        let fixed = self.hand.endpoints(&guard)?;
        let keys_are_given = self.keys.is_some();
        let (jwt, signed_user_info) = match (self.openid, self.jwt(&client, tenants.as_ref())) {
            (true, jwt) => {
                let jwt = jwt?;
                (Some(jwt.clone()), Some(jwt))
            }
            (false, Err(error)) if keys_are_given => return Err(error),
            // The keys of such a provider need not be known.
            (false, jwt) => (None, jwt.ok()),
        };
        let is_fixed = self.metadata_at.is_none() && fixed.endpoints().is_some();
        if is_fixed && fixed.user_info.is_none() && (!self.openid || self.asks_user_info) {
            return Err(refuse(
                "user information needs an endpoint: call `user_info_endpoint`",
            ));
        }
        let named = tenants.as_ref().map(Tenants::template);
        let provider = Provider::new(
            named.unwrap_or_else(|| Arc::clone(&self.issuer)),
            fixed,
            self.metadata_urls(is_fixed)?,
            guard.clone(),
            Arc::clone(&self.clock),
        );
        for url in provider.urls() {
            guard.check(url).map_err(|error| {
                ConfigError::new(format!("{url} cannot be asked for metadata")).with_source(error)
            })?;
        }
        if provider.urls().is_empty() && !is_fixed {
            return Err(ConfigError::new(format!(
                "the issuer {:?} must be a URL below which metadata can be: call `metadata_at`, or set the endpoints",
                self.issuer
            )));
        }
        let sealer = |purpose| Sealer::new(&self.secrets, purpose, &self.issuer, &client.id);
        if self.openid {
            self.request.scopes.retain(|scope| scope != "openid");
            self.request.scopes.insert(0, "openid".to_owned());
        }
        Ok(Login(Arc::new(Inner {
            outage: Outage::new(),
            refresh_outage: Outage::new(),
            pending: sealer("login")?,
            sessions: sealer("session")?,
            stored: sealer("stored session")?,
            client,
            origin: base.origin(),
            base,
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
            signed_user_info,
            asks_user_info: self.asks_user_info,
            jar: Jar {
                is_secure: !self.insecure,
            },
            just_now: format!("{}-just-now", self.cookie),
            cookie: self.cookie,
            lifetime: self.lifetime.as_secs(),
            refresh_before: self.refresh_before.as_secs(),
            leeway: self.leeway.as_secs(),
            claims: ClaimPaths {
                identity: self.claims,
                issuer_is_a_tenants: tenants.is_some(),
            },
            tenants,
            store: self.store,
            in_store: self.in_store,
            form_post: self.form_post,
            on_login: self.on_login,
            on_session: self.on_session,
            on_logout: self.on_logout,
            refreshes: SingleFlight::new(REFRESHES),
            failing: Recent::default(),
            ended: Recent::default(),
            issuer: self.issuer,
            others: Others::default(),
            clock: self.clock,
        })))
    }

    /// Returns the verifier of ID tokens and signed responses.
    fn jwt(
        &mut self,
        client: &Client,
        tenants: Option<&Tenants>,
    ) -> Result<JwtVerifier, ConfigError> {
        let keys = self.keys.take().unwrap_or_else(|| {
            let url = self.metadata_at.clone();
            // A verifier of several issuers does not discover its keys by itself.
            let url = url.or_else(|| {
                let urls = tenants.and_then(|_| metadata_urls(&self.issuer));
                Some(urls?.first()?.to_string())
            });
            let mut keys = match url {
                Some(url) => RemoteKeys::metadata_at(url),
                None => RemoteKeys::discover(),
            };
            if let Some(tenants) = tenants {
                keys = keys.named_by_metadata(tenants.template());
            }
            if let Some(fetch) = &self.fetch {
                keys = keys.fetch_with(Arc::clone(fetch));
            }
            if self.allow_http {
                keys = keys.dangerous_allow_http();
            }
            keys.into()
        });
        let clock = Arc::clone(&self.clock);
        let jwt = match tenants {
            // The issuer is checked by the tenants.
            Some(_) => JwtVerifier::dangerous_any_issuer(),
            None => JwtVerifier::issuer(Arc::clone(&self.issuer)),
        };
        jwt.audience(client.id.as_str())
            .keys(keys)
            .leeway(self.leeway)
            .clock(move || clock.now())
            .of_logins()
            .build()
    }

    /// Prepares cookies without `Secure`, which `__Host-` and `SameSite=None` require.
    fn without_secure_cookies(&mut self, base: &Base) -> Result<(), ConfigError> {
        // `http` is possible on loopback only.
        if base.redirect_uri.scheme() != "http" {
            return Err(ConfigError::new(format!(
                "insecure cookies must be for http on loopback, and the redirect URI is {:?}",
                base.redirect_uri.as_str()
            )));
        }
        if self.form_post {
            return Err(ConfigError::new(
                "insecure cookies cannot be combined with `form_post`, whose cookies must be `Secure`",
            ));
        }
        if let Some(name) = self.cookie.strip_prefix(HOST) {
            self.cookie = name.to_owned();
        }
        Ok(())
    }

    /// Returns where the metadata is, in the order in which it is requested.
    fn metadata_urls(&self, is_fixed: bool) -> Result<Vec<Uri>, ConfigError> {
        let Some(url) = &self.metadata_at else {
            let urls = metadata_urls(&self.issuer).filter(|_| !is_fixed);
            return Ok(urls.unwrap_or_default());
        };
        let bad = |error| {
            ConfigError::new(format!("the URL of the metadata, {url:?}, must be a URL"))
                .with_source(error)
        };
        Ok(vec![url.parse().map_err(bad)?])
    }

    fn paths(&self, base: &Base, callback: String) -> Result<Paths, ConfigError> {
        let inside = |path: &str| base.inside(path).to_owned();
        let paths = Paths {
            login: inside(&self.login_path),
            callback,
            logout: inside(self.logout_path.as_deref().unwrap_or("/logout")),
            by_provider: self.by_provider.as_deref().map(inside),
        };
        let mut all = vec![&paths.login, &paths.callback, &paths.logout];
        all.extend(&paths.by_provider);
        for (i, path) in all.iter().enumerate() {
            if !is_plain(path) {
                return Err(ConfigError::new(format!(
                    "the path {path:?} must begin with a slash and have letters, digits and `-._~/` only"
                )));
            }
            if all.iter().take(i).any(|other| other == path) {
                return Err(ConfigError::new(format!(
                    "the path {path:?} must not be that of two of log-in, callback and log-out"
                )));
            }
        }
        Ok(paths)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |message: &'static str| Err(ConfigError::new(message));
        if self.issuer.is_empty() {
            return refuse("the issuer must not be empty");
        }
        if !is_token(&self.cookie) || !self.insecure && !self.cookie.starts_with(HOST) {
            return Err(ConfigError::new(format!(
                "the name of the session's cookie must begin with \"__Host-\", got {:?}",
                self.cookie
            )));
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
        if self.tenants.is_some() && (!self.openid || self.by_provider.is_some()) {
            return refuse(
                "tenants need OpenID, and cannot be combined with log-out by the provider",
            );
        }
        if self.by_provider.is_some() && !self.openid {
            return refuse("log-out by the provider takes OpenID");
        }
        if self.on_login.is_some() && (self.in_store || self.by_provider.is_some()) {
            return refuse("with `on_login` there are no sessions of this login to keep or to end");
        }
        if self.on_login.is_some() && self.on_session.is_some() {
            return refuse(
                "`on_login` makes a session in place of this login's, and `on_session` is about this login's: call one of them",
            );
        }
        if self.on_login.is_some() && self.logout_path.is_some() && self.on_logout.is_none() {
            return refuse(
                "with `on_login` this login cannot log out by itself: call `on_logout`, which ends your own session, or serve the log-out yourself",
            );
        }
        if let Some(uri) = &self.post_logout
            && !Url::parse(uri).is_ok_and(|uri| matches!(uri.scheme(), "http" | "https"))
        {
            return Err(ConfigError::new(format!(
                "the post-logout redirect URI {uri:?} is no http or https URL"
            )));
        }
        self.claims.check()?;
        self.request.check()
    }
}

impl ByHand {
    fn endpoints(&self, guard: &Guard) -> Result<Fixed, ConfigError> {
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
        Ok(Fixed {
            authorization: self.authorization.as_ref().map(url).transpose()?,
            token: self.token.as_ref().map(uri).transpose()?,
            user_info: self.user_info.as_ref().map(uri).transpose()?,
            revocation: self.revocation.as_ref().map(uri).transpose()?,
            end_session: self.end_session.as_ref().map(url).transpose()?,
            names_itself: self.names_itself,
        })
    }
}
