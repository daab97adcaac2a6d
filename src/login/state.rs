//! [`Login`], and the state that its layer and its scheme share.

use super::{
    AuthRequest, LoginError, TokenSet,
    base::Base,
    client::Client,
    cookies::Jar,
    provider::{NO_USER_INFO, Provider},
    recent::Recent,
    return_to::Returns,
    seal::Sealer,
    session::{ClaimPaths, Outcome},
    tenants::Tenants,
    tokens::Hidden,
};
use crate::{
    ConfigError, Identity, Verdict, clock::Clock, csrf::CrossSite, jwt::JwtVerifier,
    observe::outage::Outage, scheme::Others, store::EphemeralStore,
    util::single_flight::SingleFlight,
};
use http::{HeaderMap, StatusCode, request::Parts};
use std::{fmt, sync::Arc};
use tokio::time::Instant;

/// Signs users in with one provider. Cloning is cheap.
///
/// See the [module](super) for what happens when.
#[derive(Clone)]
pub struct Login(pub(super) Arc<Inner>);

impl Login {
    /// Asks the provider where its endpoints are, so that what is configured wrongly fails at
    /// start-up. Needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// If the provider's metadata cannot be had now, is that of another issuer, or lacks a user-info
    /// endpoint that the login needs.
    pub async fn connect(&self) -> Result<(), ConfigError> {
        let endpoints = self.0.provider.endpoints().await;
        let endpoints = endpoints.and_then(|endpoints| {
            let needs_user_info = self.0.asks_user_info || self.0.jwt.is_none();
            match endpoints.user_info.is_none() && needs_user_info {
                true => Err(LoginError::Metadata(NO_USER_INFO.into())),
                false => Ok(()),
            }
        });
        endpoints.map_err(|error| {
            ConfigError::new(format!("cannot sign in with {}", self.0.issuer)).with_source(error)
        })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("issuer", &self.0.issuer)
            .field("redirect_uri", &self.0.base.redirect_uri.as_str())
            .finish_non_exhaustive()
    }
}

/// The result of a login, for [`LoginBuilder::on_login`](super::LoginBuilder::on_login) and
/// [`LoginBuilder::on_session`](super::LoginBuilder::on_session).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The user's identity. The provider is the issuer, and the claims are those of the ID token.
    pub identity: Identity,
    /// The provider's tokens.
    pub tokens: TokenSet,
    /// The JSON text of the form field `user`, which Apple sends at the first sign-in of a user only
    /// ([`form_post`](super::LoginBuilder::form_post)). At most 4,096 bytes.
    ///
    /// The provider does not sign this text, so the user can change it. It serves as a name to show,
    /// such as `{"name":{"firstName":"Ada","lastName":"Lovelace"}}`. For an e-mail address, use the
    /// claim of the ID token.
    pub user: Option<String>,
}

/// A log-out that was asked for in a browser, for
/// [`LoginBuilder::on_logout`](super::LoginBuilder::on_logout).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggingOut {
    /// The user whose session of this module ends. `None` if there is no such session, or if the
    /// application keeps sessions of its own.
    pub identity: Option<Identity>,
    /// The header fields of the request, with the application's own cookies.
    pub headers: HeaderMap,
}

/// The application's part of a log-out, for
/// [`LoginBuilder::on_logout`](super::LoginBuilder::on_logout).
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct LoggedOut {
    pub(super) fields: HeaderMap,
    pub(super) id_token: Option<Hidden>,
    pub(super) revoked: Option<Hidden>,
}

impl LoggedOut {
    /// Creates a part that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets fields of the response, such as `Set-Cookie` lines that clear the application's cookies.
    pub fn with_fields(mut self, fields: HeaderMap) -> Self {
        self.fields = fields;
        self
    }

    /// Names the session that is to end at the provider, by the ID token of its login
    /// (`id_token_hint`, OpenID Connect RP-Initiated Logout section 2). Default: the ID token of
    /// the session of this module.
    pub fn with_id_token(mut self, token: impl Into<String>) -> Self {
        self.id_token = Some(Hidden::new(token));
        self
    }

    /// Revokes a refresh token at the provider (RFC 7009), in the background. Return it only at the
    /// first log-out of a session: each call starts a request.
    pub fn revoking(mut self, refresh_token: impl Into<String>) -> Self {
        self.revoked = Some(Hidden::new(refresh_token));
        self
    }
}

pub(super) type LogoutHook = dyn Fn(LoggingOut) -> Verdict<LoggedOut> + Send + Sync;
pub(super) type Hook = dyn Fn(LoggedIn) -> Verdict<HeaderMap> + Send + Sync;
pub(super) type Customize = dyn Fn(&Parts, AuthRequest) -> AuthRequest + Send + Sync;

/// The status of a failed refresh, and the time since which no other answer has come.
pub(super) type Failing = (StatusCode, Instant);

/// The paths that a login answers, below the public URL.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) login: String,
    pub(super) callback: String,
    pub(super) logout: String,
    /// For logout tokens.
    pub(super) by_provider: Option<String>,
}

/// The state that the layer and the scheme share.
pub(super) struct Inner {
    pub(super) issuer: Arc<str>,
    /// The state of the provider and of the store.
    pub(super) outage: Outage,
    /// The state of refreshes.
    pub(super) refresh_outage: Outage,
    pub(super) client: Client,
    pub(super) base: Base,
    /// The origin of the redirect URI.
    pub(super) origin: String,
    pub(super) paths: Paths,
    pub(super) returns: Returns,
    pub(super) after_login: Option<String>,
    pub(super) after_logout: Option<String>,
    pub(super) post_logout: Option<String>,
    pub(super) cross_site: CrossSite,
    pub(super) request: AuthRequest,
    pub(super) customize: Option<Box<Customize>>,
    pub(super) provider: Provider,
    /// `None` without OpenID.
    pub(super) jwt: Option<JwtVerifier>,
    /// Verifies signed responses of the user-info endpoint. `None` if there are no keys.
    pub(super) signed_user_info: Option<JwtVerifier>,
    /// Whether the user-info endpoint is called in every login.
    pub(super) asks_user_info: bool,
    pub(super) pending: Sealer,
    pub(super) sessions: Sealer,
    /// For what is in the store.
    pub(super) stored: Sealer,
    pub(super) jar: Jar,
    /// The name of the session's cookie.
    pub(super) cookie: String,
    /// The name of the cookie that says that a login has just ended.
    pub(super) just_now: String,
    /// In seconds, and so are the next two.
    pub(super) lifetime: u64,
    pub(super) refresh_before: u64,
    pub(super) leeway: u64,
    pub(super) claims: ClaimPaths,
    pub(super) tenants: Option<Tenants>,
    pub(super) store: Option<Arc<dyn EphemeralStore>>,
    pub(super) in_store: bool,
    pub(super) form_post: bool,
    pub(super) on_login: Option<Box<Hook>>,
    pub(super) on_session: Option<Box<Hook>>,
    pub(super) on_logout: Option<Box<LogoutHook>>,
    pub(super) refreshes: SingleFlight<Outcome>,
    /// The failing refreshes, by the id of the session.
    pub(super) failing: Recent<Failing>,
    /// The sessions that have ended in their browsers by requests to this process, and the invalid
    /// cookies that a login has replaced.
    pub(super) ended: Recent<()>,
    /// The sessions of other schemes in the same browser.
    pub(super) others: Others,
    pub(super) clock: Arc<dyn Clock>,
}
