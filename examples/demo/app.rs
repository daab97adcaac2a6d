//! How everything is wired: which credentials a route takes, and what it requires.

use crate::{
    body, openapi, routes,
    setup::Stores,
    sign_in::{self, SignIn},
};
use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{delete, get, post, put},
};
use std::{env, error::Error, time::Duration};
use tower_auth::{
    AuthLayer, ConfigError, Policy, RequireLayer, Scheme,
    account::Accounts,
    api_key::{ApiKey, StoredKeys},
    authz::authenticated_within,
    basic::Basic,
    issue::{
        Cookies, CredentialEndpointLayer, RenewLayer, Signer, SigningKeys, TokenIssuer,
        TokenIssuerBuilder, TokenSubject,
    },
    jwt::Algorithm,
    role, scope,
    store::ApiKeyRecord,
};

/// Within what names and subjects are unique, and what tokens are issued and good for.
pub const ISSUER: &str = "https://demo.example/";

/// How the subject of what is printed at start begins; those of accounts are hexadecimal.
pub const VISITOR: &str = "visitor-";

/// What handlers need. Cloning is cheap.
#[derive(Clone)]
pub struct App {
    pub accounts: Accounts,
    pub tokens: TokenIssuer,
    pub keys: StoredKeys,
    pub cookies: Cookies,
    pub sign_in: Option<SignIn>,
}

impl App {
    /// With these stores, for browsers that see it at this URL.
    pub fn new(stores: Stores, public_url: &str) -> Result<Self, Box<dyn Error>> {
        // Registration and login; who guesses is stopped.
        let mut accounts = Accounts::new(ISSUER, stores.database.clone())?
            .with_attempt_store(stores.database.clone());

        // What is asked on every request is answered by Redis, where there is one.
        if let Some(redis) = &stores.redis {
            accounts = accounts.with_attempt_store(redis.clone());
        }

        // Roles that were given or taken count from the next refresh. Who signs in elsewhere has
        // no account, and keeps what the provider has said until the session is over.
        let known = accounts.clone();
        let reload = move |grant: TokenSubject| {
            let accounts = known.clone();
            async move {
                if sign_in::is_from_elsewhere(grant.subject()) {
                    return Ok(Some(grant));
                }
                let account = accounts.find(grant.subject()).await?;
                account.as_ref().map(routes::grant).transpose()
            }
        };
        let signer = Signer::from_secret(Algorithm::HS256, stores.secret_for("signing")?)?;
        let keys = SigningKeys::new(signer);
        let tokens = issuer(&stores, &keys)?.reload(reload).build()?;

        // The same tokens, for sessions that are over sooner.
        let cookies = Cookies::new().with_csrf(&tokens);
        let shorter = issuer(&stores, &keys)?
            .refresh_lifetime(sign_in::LONGEST)
            .family_lifetime(sign_in::LONGEST);
        let sign_in = SignIn::from_env(public_url, &stores, shorter.build()?, cookies.clone())?;

        // Whoever is gone or disabled has no keys any more. Those that are printed at start belong
        // to a visitor without an account, and end within the hour.
        let known = accounts.clone();
        let owned = move |key: &ApiKeyRecord| {
            let (accounts, owner) = (known.clone(), key.subject.clone());
            async move {
                let has_no_account =
                    owner.starts_with(VISITOR) || sign_in::is_from_elsewhere(&owner);
                Ok(has_no_account || accounts.find(&owner).await?.is_some())
            }
        };

        Ok(Self {
            accounts,
            tokens,
            keys: StoredKeys::new(stores.database).with_owner_check(owned),
            cookies,
            sign_in,
        })
    }

    pub fn router(self) -> Result<Router, ConfigError> {
        // TokenIssuer, from `Authorization` or the cookie.
        let bearer = || Ok(self.cookies.bearer(self.tokens.verifier()?));
        // People have tokens and passwords; programs have API keys, too.
        let people = || Ok(bearer()?.or(Basic::new("demo", self.accounts.clone())));
        let anyone = people()?.or(ApiKey::header("x-api-key", self.keys.clone()));

        let anyone = AuthLayer::new(anyone);
        let people = AuthLayer::new(people()?);
        let sessions = AuthLayer::new(bearer()?).optional();
        let document = openapi::document(&anyone, &people, &sessions);

        let api = Router::new()
            .route("/whoami", get(routes::whoami))
            .route("/protected", get(routes::protected))
            .route(
                "/data",
                get(routes::data)
                    .route_layer(RequireLayer::new(scope("data:read").or(role("admin")))),
            )
            .route(
                "/admin",
                get(routes::admin).route_layer(RequireLayer::new(role("admin"))),
            )
            .route_layer(anyone);

        // Keys are made by people, and by those who logged in within the hour. Every change by a
        // cookie brings the double-submit token.
        let hour = Duration::from_secs(3600);
        let managed = Router::new()
            .route(
                "/api-keys",
                post(routes::create_key)
                    .route_layer(RequireLayer::new(authenticated_within(hour)))
                    .get(routes::list_keys),
            )
            .route("/api-keys/{id}", delete(routes::revoke_key))
            .route(
                "/accounts/{name}/roles",
                put(routes::set_roles).route_layer(RequireLayer::new(role("admin"))),
            )
            .route_layer(RequireLayer::new(self.tokens.csrf()))
            .route_layer(people);

        // By an access token, or by a refresh token in the body.
        let log_out = Router::new()
            .route("/logout", post(routes::log_out))
            .route_layer(sessions)
            .route_layer(CredentialEndpointLayer::new());

        // A browser's session renews itself on the way in. `/refresh` does so by its own.
        let renew = RenewLayer::new(self.tokens.clone(), self.cookies.clone());
        let renewing = api.merge(managed).merge(log_out).route_layer(renew);

        let endpoints = Router::new()
            .route("/register", post(routes::register))
            .route("/login", post(routes::log_in))
            .route("/refresh", post(routes::refresh))
            .route_layer(CredentialEndpointLayer::new());

        let page = Router::new()
            .route("/", get(routes::page))
            .route("/page.css", get(routes::style))
            .route("/page.js", get(routes::script))
            .route("/icon.svg", get(routes::icon))
            .route("/config", get(routes::config))
            .route("/openapi.json", get(|| async { Json(document) }));

        let mut all = renewing
            .merge(endpoints)
            .merge(page)
            .fallback(routes::no_such_path)
            .method_not_allowed_fallback(routes::no_such_method);
        if let Some(sign_in) = &self.sign_in {
            // Outside of every `AuthLayer`. It answers `/sign-in` and `/callback`; and a browser
            // that is refused with 401 where it navigates to, such as `/whoami`, is sent to the
            // provider and comes back.
            all = all.layer(sign_in.login.layer());
        }
        Ok(all
            .layer(DefaultBodyLimit::max(body::LONGEST))
            .layer(from_fn(routes::guarded))
            .with_state(self))
    }
}

/// Access tokens for minutes, refresh tokens for weeks.
fn issuer(stores: &Stores, keys: &SigningKeys) -> Result<TokenIssuerBuilder, Box<dyn Error>> {
    let mut tokens = TokenIssuer::issuer(ISSUER, keys.clone())
        .audience(ISSUER)
        .store(stores.database.clone(), stores.secret_for("refresh")?);
    if let Some(redis) = &stores.redis {
        tokens = tokens.with_lookup_store(redis.clone());
    }
    if let Ok(seconds) = env::var("ACCESS_SECONDS") {
        let seconds = seconds.parse().map_err(|_| "ACCESS_SECONDS is no number")?;
        tokens = tokens.access_lifetime(Duration::from_secs(seconds));
    }
    Ok(tokens)
}
