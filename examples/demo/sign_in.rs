//! "Sign in with …": an OpenID Provider says who somebody is; the session is the demo's own.
//!
//! So a visitor from elsewhere has the very cookies that a password brings, and renewal, the CSRF
//! token, log-out and API keys are the same for everybody.

use crate::setup::Stores;
use aws_lc_rs::digest::{Context, SHA256};
use axum::http::{HeaderMap, Uri};
use std::{env, error::Error, sync::Arc, time::Duration};
use tower_auth::{
    Identity, Rejection,
    issue::{Cookies, TokenIssuer, TokenSubject},
    login::{LoggedIn, Login, Secret},
};

/// How long a session from elsewhere lasts, and how long ago the provider may have seen its user:
/// whoever loses a role there has lost it here by then.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// The provider's roles that mean something here. Its others are none of the demo's business.
const ROLES: [&str; 1] = ["admin"];

/// What subjects from elsewhere begin with; those of accounts are hexadecimal.
const ELSEWHERE: &str = "elsewhere-";

/// A provider to sign in with.
#[derive(Clone)]
pub struct SignIn {
    pub login: Login,
    /// What the page calls it.
    pub host: Arc<str>,
}

impl SignIn {
    /// The provider that the environment names, if it names one. It sends browsers back to
    /// `/callback` of this URL.
    pub fn from_env(
        public_url: &str,
        stores: &Stores,
        tokens: TokenIssuer,
        cookies: Cookies,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let Ok(issuer) = env::var("ISSUER") else {
            return Ok(None);
        };
        let uri: Option<Uri> = issuer.parse().ok();
        let host = uri.as_ref().and_then(Uri::host);
        let host = host.ok_or("ISSUER is no URL")?.into();
        let id = env::var("CLIENT_ID")
            .map_err(|_| "ISSUER knows this demo by an id: set CLIENT_ID, too")?;

        let mut login = Login::builder(issuer.as_str())
            .redirect_uri(format!("{public_url}/callback"))
            .secret(Secret::new(stores.secret_for("sign-in")?)?)
            .store(stores.database.clone())
            .scope("profile")
            .roles_at("roles")
            // With it the provider also says when it was, for keys are made within the hour.
            .max_age(LONGEST)
            // `/login` and `/logout` are the demo's own.
            .login_path("/sign-in")
            .cookie_name("__Host-sign-in")
            // In the place of a session of this login: one like any other here. The provider's
            // tokens are dropped. So is its session when the demo's is ended: whoever logs out
            // here is still known there, and signs in again by a click.
            .on_login(move |LoggedIn { identity, .. }| {
                let (tokens, cookies) = (tokens.clone(), cookies.clone());
                async move { session(&tokens, &cookies, &identity).await }
            });
        login = match env::var("CLIENT_SECRET") {
            Ok(secret) => login.client_basic(id, secret),
            Err(_) => login.public_client(id),
        };
        // The provider of `examples/provider`.
        if issuer.starts_with("http://127.0.0.1:") {
            login = login.dangerous_allow_http();
        }
        let login = login.build()?;
        Ok(Some(Self { login, host }))
    }
}

/// Our own tokens in our own cookies.
async fn session(
    tokens: &TokenIssuer,
    cookies: &Cookies,
    identity: &Identity,
) -> Result<HeaderMap, Rejection> {
    let issued = tokens.start_session(grant(identity)?).await?;
    let mut fields = HeaderMap::new();
    cookies.set(&issued, &mut fields)?;
    Ok(fields)
}

fn grant(identity: &Identity) -> Result<TokenSubject, Rejection> {
    let roles = ROLES.into_iter().filter(|role| identity.has_role(role));
    let mut grant = TokenSubject::new(subject(identity))
        .with_roles(roles)
        .with_scope("data:read");
    if let Some(at) = identity.authenticated_at() {
        grant = grant.with_authenticated_at(at);
    }
    // A cookie holds four kilobytes, and the name is another's choice.
    let name = identity.claim::<String>("name");
    let name = name.map(|name| name.chars().take(64).collect::<String>());
    grant
        .with_claim("name", name)
        .map_err(Rejection::unavailable)
}

/// Who it is in our tokens. A provider's subject is unique only among its own: the same "42" of
/// another provider, or of an account here, is somebody else. So the issuer is part of it; both
/// are hashed, the length of the first before it, so that no two pairs are the same text.
fn subject(identity: &Identity) -> String {
    let issuer = identity.issuer().unwrap_or_default();
    let mut digest = Context::new(&SHA256);
    digest.update(&(issuer.len() as u64).to_be_bytes());
    digest.update(issuer.as_bytes());
    digest.update(identity.subject().as_bytes());
    let digest = digest.finish();
    let half = digest.as_ref().iter().take(16);
    let hex: String = half.map(|byte| format!("{byte:02x}")).collect();
    format!("{ELSEWHERE}{hex}")
}

/// Whether a subject has no account here.
pub fn is_from_elsewhere(subject: &str) -> bool {
    subject.starts_with(ELSEWHERE)
}
