//! A server for other people's clients and test suites: every scheme, in every place.
//!
//! `cargo run --release --example conformance -- CONFIG.json` prints where it listens. The
//! configuration (paths are relative to it):
//!
//! ```json
//! {
//!   "listen": "127.0.0.1:0",
//!   "now": 1800000000,
//!   "issuer": "https://as.example",
//!   "audience": "https://rs.example",
//!   "jwks": "keys/jwks.json",
//!   "hs256_secret_file": "keys/hs.txt",
//!   "basic_users": "basic_users.json",
//!   "api_keys": { "0123456789abcdefghijkl": "user1" }
//! }
//! ```
//!
//! `now` stops the clock that tokens are judged by; null is the system's.

use axum::{Json, Router, routing::any};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    AuthLayer, Identity, Location, RequireLayer, Scheme,
    api_key::{ApiKey, ApiKeys},
    basic::{Basic, User, Users},
    bearer::Bearer,
    jwt::{Algorithm, JwtVerifier, JwtVerifierBuilder, Key, KeySet},
    password::PasswordHash,
    role,
    scheme::Schemes,
    scope,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "any_port")]
    listen: String,
    now: Option<u64>,
    issuer: String,
    audience: String,
    jwks: PathBuf,
    hs256_secret_file: PathBuf,
    basic_users: PathBuf,
    #[serde(default)]
    api_keys: BTreeMap<String, String>,
}

fn any_port() -> String {
    "127.0.0.1:0".to_owned()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args()
        .nth(1)
        .ok_or("usage: conformance CONFIG.json")?;
    let config: Config = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let folder = Path::new(&file).parent().unwrap_or(Path::new("."));
    let app = app(&config, folder)?;
    let listener = tokio::net::TcpListener::bind(&config.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

fn app(config: &Config, folder: &Path) -> Result<Router, Box<dyn Error>> {
    let asymmetric = KeySet::from_jwks_file(folder.join(&config.jwks))?;
    let secret = fs::read_to_string(folder.join(&config.hs256_secret_file))?;
    let symmetric = KeySet::from(Key::from_secret(Algorithm::HS256, secret.trim_end())?);
    let jwt = tokens(config, asymmetric.clone()).build()?;
    let jwt_hs = tokens(config, symmetric.clone()).build()?;
    let at_jwt = tokens(config, asymmetric).access_token_profile().build()?;
    let at_jwt_hs = tokens(config, symmetric).access_token_profile().build()?;
    let users = users(&folder.join(&config.basic_users))?;
    let keys = keys(config)?;

    let basic = || Basic::new("conformance", users.clone());
    let header = || Location::header("X-API-Key");
    let query = || Location::query("api_key");
    let cookie = || Location::cookie("api_key");
    let key = |locations: Vec<Location>| ApiKey::new(locations, keys.clone());
    let any_scheme = || basic().or(Bearer::new(jwt.clone())).or(key(vec![header()]));

    let both = [
        Location::authorization("Bearer"),
        Location::query("access_token"),
    ];
    Ok(Router::new()
        .merge(guarded("/basic", basic()))
        .merge(guarded("/jwt", Bearer::new(jwt.clone())))
        .merge(guarded("/jwt-hs", Bearer::new(jwt_hs)))
        .merge(guarded("/at-jwt", Bearer::new(at_jwt)))
        .merge(guarded("/at-jwt-hs", Bearer::new(at_jwt_hs)))
        .merge(guarded(
            "/bearer-query",
            Bearer::new(jwt.clone()).locations(both),
        ))
        .merge(guarded("/k/header", key(vec![header()])))
        .merge(guarded("/k/query", key(vec![query()])))
        .merge(guarded("/k/cookie", key(vec![cookie()])))
        .merge(guarded(
            "/k/authorization",
            key(vec![Location::authorization("ApiKey")]),
        ))
        .merge(guarded("/k/header-query", key(vec![header(), query()])))
        .merge(guarded(
            "/k/header-query-cookie",
            key(vec![header(), query(), cookie()]),
        ))
        .merge(guarded("/any", any_scheme()))
        .merge(
            Router::new()
                .route("/optional", any(whoami))
                .layer(AuthLayer::new(any_scheme()).optional()),
        )
        .merge(
            guarded_by("/admin", RequireLayer::new(role("admin")))
                .layer(AuthLayer::new(any_scheme())),
        )
        .merge(
            guarded_by("/scoped", RequireLayer::new(scope("api:read")))
                .layer(AuthLayer::new(any_scheme())),
        ))
}

fn guarded(path: &str, scheme: impl Into<Schemes>) -> Router {
    Router::new()
        .route(path, any(whoami))
        .layer(AuthLayer::new(scheme))
}

fn guarded_by(path: &str, requirement: RequireLayer) -> Router {
    Router::new().route(path, any(whoami).layer(requirement))
}

async fn whoami(identity: Option<Identity>) -> Json<Value> {
    let Some(identity) = identity else {
        return Json(json!({ "scheme": null, "sub": null, "roles": [], "scopes": [] }));
    };
    Json(json!({
        "scheme": identity.scheme(),
        "sub": identity.subject(),
        "roles": identity.roles().collect::<Vec<_>>(),
        "scopes": identity.scopes().collect::<Vec<_>>(),
    }))
}

fn tokens(config: &Config, keys: KeySet) -> JwtVerifierBuilder {
    let jwt = JwtVerifier::issuer(config.issuer.as_str())
        .audience(config.audience.as_str())
        .keys(keys)
        .roles_at("roles");
    match config.now {
        None => jwt,
        Some(now) => jwt.clock(move || -> SystemTime { UNIX_EPOCH + Duration::from_secs(now) }),
    }
}

fn users(file: &Path) -> Result<Users, Box<dyn Error>> {
    let pairs: Vec<(String, String)> = serde_json::from_str(&fs::read_to_string(file)?)?;
    let user = |(name, password): &(String, String)| {
        Ok(User::new(name.as_str(), PasswordHash::new(password)?))
    };
    let users: Result<Vec<_>, Box<dyn Error>> = pairs.iter().map(user).collect();
    Ok(Users::new(users?)?)
}

fn keys(config: &Config) -> Result<ApiKeys, Box<dyn Error>> {
    let keys = ApiKeys::new();
    for (key, client) in &config.api_keys {
        keys.register(key, Identity::new(client.as_str()))?;
    }
    Ok(keys)
}
