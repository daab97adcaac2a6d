//! The whole story of an API: accounts, tokens, API keys and Basic on one axum server.
//!
//! `cargo run --example demo`, then paste what it prints, or open the page that it names.
//!
//! 1. `app.rs` wires everything together: which credentials a route takes, and what it requires.
//! 2. `routes.rs` has the handlers.
//! 3. `body.rs` makes problem documents of everything that is wrong with a request.
//! 4. `setup.rs` has stores and secrets.
//! 5. `sign_in.rs` lets people in whom a provider knows ("Sign in with …").
//! 6. `openapi.rs` describes all that in OpenAPI's words, at `/openapi.json`.
//! 7. `page.*` is the page at `/`.
//!
//! | variable | |
//! |---|---|
//! | `LISTEN` | the address; default `127.0.0.1:3000` |
//! | `DATABASE` | the SQLite file; default `demo.db` |
//! | `DATABASE_URL` | a PostgreSQL database in its place, `postgres://…`, for several servers |
//! | `REDIS_URL` | a Redis for what is short-lived, `redis://…` |
//! | `SECRET` | 32 bytes or more, from which keys are derived; default: random, kept beside the SQLite file |
//! | `ADMIN_PASSWORD` | of the account `admin` of a fresh database; default: random, printed once |
//! | `ACCESS_SECONDS` | for how long access tokens are good; `5`, to watch a session renew itself |
//! | `ISSUER` | an OpenID Provider to sign in with; that of `examples/provider` is `http://127.0.0.1:4455` |
//! | `CLIENT_ID`, `CLIENT_SECRET` | how it knows the demo; there `web` and `web-secret` |
//! | `PUBLIC_URL` | where browsers see the demo; default `http://` and the address. The provider sends them back to its `/callback` |

#![allow(unreachable_pub, reason = "a program has no outside")]

mod app;
mod body;
mod openapi;
mod routes;
mod setup;
mod sign_in;

use app::App;
use std::{env, error::Error, fmt::Write, time::Duration};
use tower_auth::{account::RegisterError, api_key::KeyOptions, issue::TokenSubject};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The cryptography of TLS, for signing in with a provider, and for stores.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let stores = setup::stores().await?;
    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(&listen)
        .await
        .map_err(|error| format!("{listen}: {error}; set LISTEN to another address"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let public_url = env::var("PUBLIC_URL").unwrap_or_else(|_| url.clone());

    let app = App::new(stores, public_url.trim_end_matches('/'))?;
    let admin = first_administrator(&app).await?;
    println!("listening on {url}\n");
    println!("{}", commands(&app, &url, admin.as_deref()).await?);

    // What is over is forgotten every hour.
    let tokens = app.tokens.clone();
    tokio::spawn(async move {
        let mut hourly = tokio::time::interval(Duration::from_secs(3600));
        loop {
            hourly.tick().await;
            if let Err(error) = tokens.purge_expired().await {
                eprintln!("nothing was purged: {error:?}");
            }
        }
    });
    axum::serve(listener, app.router()?).await?;
    Ok(())
}

/// The account `admin` is there before anybody can ask for its name, and has its role at every
/// start. Says its password, if that was set now.
async fn first_administrator(app: &App) -> Result<Option<String>, Box<dyn Error>> {
    let known = app.accounts.named("admin").await?;
    let (account, password) = match known {
        Some(account) => (account, None),
        None => {
            let chosen = env::var("ADMIN_PASSWORD").ok();
            let password = chosen.clone().map_or_else(setup::random, Ok)?;
            let account = match app.accounts.register("admin", &password).await {
                Ok(account) => account,
                // Another server of the same database was faster.
                Err(RegisterError::Taken) => return Ok(None),
                Err(error) => return Err(format!("ADMIN_PASSWORD: {error}").into()),
            };
            if chosen.is_none() {
                println!("admin's password, shown this once: {password}\n");
            }
            (account, Some(password))
        }
    };
    let mut roles = account.roles;
    if !roles.iter().any(|role| role == "admin") {
        roles.push("admin".to_owned());
        app.accounts.set_roles(&account.subject, &roles).await?;
    }
    Ok(password)
}

/// What to try, each with the status that it gets. The credentials are good for an hour.
async fn commands(app: &App, url: &str, admin: Option<&str>) -> Result<String, Box<dyn Error>> {
    let name = format!("{}{}", app::VISITOR, &setup::random()?[..6]);
    let password = setup::random()?;
    let grant = TokenSubject::new(&*name)
        .with_scope("data:read")
        .with_lifetime(Duration::from_secs(3600));
    let token = app.tokens.access_token(grant)?;
    let hour = std::time::SystemTime::now() + Duration::from_secs(3600);
    let key = |label| {
        KeyOptions::new(app::ISSUER, &*name)
            .with_label(label)
            .with_expiry(hour)
    };
    let reader = key("a reader").with_scope("data:read");
    let reader = app.keys.create("demo", reader).await?;
    let nobody = app.keys.create("demo", key("without a scope")).await?;

    let post = |path: &str, json: &str| {
        format!("-H 'content-type: application/json' -d '{json}' {url}{path}")
    };
    let account = format!(r#"{{"name":"{name}","password":"{password}"}}"#);
    let short = format!(r#"{{"name":"{name}","password":"short"}}"#);
    let wrong = format!(r#"{{"name":"{name}","password":"not the password"}}"#);
    let cookies = format!(r#"{{"name":"{name}","password":"{password}","cookies":true}}"#);
    let basic = format!("-u '{name}:{password}'");
    let bearer = format!("-H 'authorization: Bearer {}'", token.expose());
    let reader = format!("-H 'x-api-key: {}'", reader.expose());
    let nobody = format!("-H 'x-api-key: {}'", nobody.expose());

    let mut lines = vec![
        (
            "a password that is too short: 422",
            post("/register", &short),
        ),
        ("register: 201", post("/register", &account)),
        ("the same name again: 409", post("/register", &account)),
        ("log in, for tokens: 200", post("/login", &account)),
        ("log in, for cookies: 200", post("/login", &cookies)),
        ("a wrong password: 401", post("/login", &wrong)),
        ("no JSON: 400", post("/login", "{")),
        (
            "another kind of body: 415",
            format!("-d name=ada {url}/login"),
        ),
        (
            "a field that nobody knows: 422",
            post("/login", r#"{"user":"ada"}"#),
        ),
        (
            "a refresh token of nobody: 401",
            post("/refresh", r#"{"refresh_token":"rt_1"}"#),
        ),
        (
            "nobody: 401, and every scheme is offered",
            format!("{url}/whoami"),
        ),
        ("a password: 200", format!("{basic} {url}/whoami")),
        ("a token: 200", format!("{bearer} {url}/whoami")),
        ("an API key: 200", format!("{reader} {url}/whoami")),
        (
            "two credentials at once: 400",
            format!("{bearer} {reader} {url}/whoami"),
        ),
        ("with the scope: 200", format!("{reader} {url}/data")),
        ("without the scope: 403", format!("{nobody} {url}/data")),
        ("without the role: 403", format!("{bearer} {url}/admin")),
        (
            "who has just shown a password makes a key: 201",
            format!("{basic} {}", post("/api-keys", r#"{"label":"mine"}"#)),
        ),
        (
            "a key makes no keys: 401",
            format!("{reader} {}", post("/api-keys", "{}")),
        ),
        (
            "all this in OpenAPI's words: 200",
            format!("{url}/openapi.json"),
        ),
        ("no such path: 404", format!("{url}/nothing")),
        ("no such method: 405", format!("-X DELETE {url}/login")),
        ("log out: 204", format!("-X POST {bearer} {url}/logout")),
        ("the token is over: 401", format!("{bearer} {url}/whoami")),
    ];
    if let Some(password) = admin {
        let admin = format!("-u 'admin:{password}'");
        lines.push(("the administrator: 200", format!("{admin} {url}/admin")));
    }
    let mut text = String::new();
    for (what, rest) in lines {
        writeln!(text, "# {what}\ncurl -i {rest}\n")?;
    }
    Ok(text)
}
