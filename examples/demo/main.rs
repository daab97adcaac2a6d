//! The main job: Basic, JWT and API keys on one axum server, with roles and scopes.
//!
//! `cargo run --example demo`, then paste what it prints. `LISTEN` sets the address.

use axum::{Json, Router, routing::get};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::{
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    AuthLayer, Identity, RequireLayer, Scheme,
    api_key::{ApiKey, ApiKeys},
    basic::{Basic, User, Users},
    bearer::Bearer,
    jwt::{Algorithm, Jwt, Key},
    password::PasswordHash,
    role, scope,
};

/// A demo may have its secret in its source. Yours comes from the environment.
const SECRET: &[u8] = b"a secret of at least 32 bytes, for HS256";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Users with passwords; the administrator has a role.
    let users = Users::new([
        User::new("ada", PasswordHash::new("correct horse battery staple")?).with_role("admin"),
        User::new("bob", PasswordHash::new("hunter2 hunter2 hunter2")?),
    ])?;

    // Tokens from one issuer, for one audience; roles are where that issuer puts them.
    let jwt = Jwt::issuer("https://login.example.com/")
        .audience("https://api.example.com")
        .keys(Key::from_secret(Algorithm::HS256, SECRET)?)
        .roles_at("roles")
        .build()?;

    // API keys for programs. Only a digest is kept; this is the one time the key is shown.
    let keys = ApiKeys::new();
    let key = keys.create(
        "demo",
        Identity::new("nightly-report").with_scope("reports:read"),
    )?;

    let app = Router::new()
        .route("/whoami", get(whoami))
        .route(
            "/admin",
            get(admin).route_layer(RequireLayer::new(role("admin"))),
        )
        .route(
            "/reports",
            get(reports).route_layer(RequireLayer::new(scope("reports:read"))),
        )
        .layer(AuthLayer::new(
            Bearer::new(jwt)
                .or(Basic::new("demo", users))
                .or(ApiKey::header("x-api-key", keys)),
        ));

    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(&listen)
        .await
        .map_err(|error| format!("{listen}: {error}; set LISTEN to another address"))?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}\n");
    print_commands(&url, &token()?, key.expose());
    axum::serve(listener, app).await?;
    Ok(())
}

async fn whoami(identity: Identity) -> Json<Value> {
    Json(json!({
        "scheme": identity.scheme(),
        "issuer": identity.issuer(),
        "subject": identity.subject(),
        "roles": identity.roles().collect::<Vec<_>>(),
        "scopes": identity.scopes().collect::<Vec<_>>(),
    }))
}

async fn admin(identity: Identity) -> String {
    format!("{} may do anything\n", identity.subject())
}

async fn reports(identity: Identity) -> String {
    format!("the reports, for {}\n", identity.subject())
}

/// What an identity provider would hand out; good for an hour.
fn token() -> Result<String, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = json!({
        "iss": "https://login.example.com/",
        "aud": "https://api.example.com",
        "sub": "carol",
        "iat": now,
        "exp": now + 3600,
        "roles": ["editor"],
        "scope": "reports:read",
    });
    Ok(encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(SECRET),
    )?)
}

fn print_commands(url: &str, token: &str, key: &str) {
    let ada = "-u 'ada:correct horse battery staple'";
    let bob = "-u 'bob:hunter2 hunter2 hunter2'";
    let bearer = format!("-H 'Authorization: Bearer {token}'");
    let api_key = format!("-H 'x-api-key: {key}'");
    for (what, credentials, path) in [
        ("nobody: 401, and every scheme is offered", "", "/whoami"),
        ("a password: 200", ada, "/whoami"),
        ("a wrong password: 401", "-u ada:guess", "/whoami"),
        ("a token: 200", &bearer, "/whoami"),
        ("an API key: 200", &api_key, "/whoami"),
        ("the administrator: 200", ada, "/admin"),
        ("without the role: 403", bob, "/admin"),
        ("with the scope: 200", &bearer, "/reports"),
        ("without the scope: 403", bob, "/reports"),
        (
            "two credentials at once: 400",
            &format!("{bearer} {api_key}"),
            "/whoami",
        ),
    ] {
        println!("# {what}\ncurl -i {credentials} {url}{path}\n");
    }
}
