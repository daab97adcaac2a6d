//! [`Login`], and the state that its layer and its scheme share.

use super::{
    AuthRequest, TokenSet,
    base::Base,
    client::Client,
    provider::Provider,
    recent::Recent,
    return_to::Returns,
    seal::Sealer,
    session::{ClaimPaths, Outcome},
};
use crate::{
    ConfigError, Identity, Verdict, clock::Clock, csrf::CrossSite, jwt::JwtVerifier,
    store::EphemeralStore, util::single_flight::SingleFlight,
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
    /// If the provider's metadata cannot be had now, or is that of another issuer.
    pub async fn connect(&self) -> Result<(), ConfigError> {
        let endpoints = self.0.provider.endpoints().await;
        endpoints.map(drop).map_err(|error| {
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

/// The result of a login, for [`LoginBuilder::on_login`](super::LoginBuilder::on_login).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The user's identity. The provider is the issuer, and the claims are those of the ID token.
    pub identity: Identity,
    /// The provider's tokens.
    pub tokens: TokenSet,
}

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
    pub(super) pending: Sealer,
    pub(super) sessions: Sealer,
    /// For what is in the store.
    pub(super) stored: Sealer,
    /// The name of the session's cookie.
    pub(super) cookie: String,
    /// The name of the cookie that says that a login has just ended.
    pub(super) just_now: String,
    /// In seconds, and so are the next two.
    pub(super) lifetime: u64,
    pub(super) refresh_before: u64,
    pub(super) leeway: u64,
    pub(super) claims: ClaimPaths,
    pub(super) store: Option<Arc<dyn EphemeralStore>>,
    pub(super) in_store: bool,
    pub(super) form_post: bool,
    pub(super) on_login: Option<Box<Hook>>,
    pub(super) refreshes: SingleFlight<Outcome>,
    /// The failing refreshes, by the id of the session.
    pub(super) failing: Recent<Failing>,
    /// The sessions that have ended in their browsers by requests to this process.
    pub(super) ended: Recent<()>,
    pub(super) clock: Arc<dyn Clock>,
}
