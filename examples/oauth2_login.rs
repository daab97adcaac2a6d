//! A web application that signs users in with any OpenID Provider.
//!
//! With the provider of `examples/provider`, on loopback:
//!
//! ```text
//! (cd examples/provider && npm install && node server.mjs)
//! cargo run --example oauth2_login
//! ```
//!
//! Nobody has a password there: `/login?login_hint=admin` signs an administrator in.
//!
//! With your own: set `ISSUER`, `CLIENT_ID` and `CLIENT_SECRET` (none for a public client), and
//! register the redirect URI that this prints. `COOKIE_SECRET`, `SCOPE`, `ROLES` (the claim that
//! holds them), `REDIRECT_URI` and `LISTEN` may be set, too.

use axum::{
    Router,
    response::Html,
    routing::{get, post},
};
use std::env;
use tower_auth::{
    AuthLayer, Identity, RequireLayer,
    login::{Login, ProviderToken, Secret},
    role,
};

type Error = Box<dyn std::error::Error>;

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// From the environment, as it should be; or one that ends with the process.
fn secret() -> Result<Secret, Error> {
    if let Ok(secret) = env::var("COOKIE_SECRET") {
        return Ok(Secret::new(secret)?);
    }
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(Secret::new(bytes)?)
}

fn login(redirect_uri: &str) -> Result<Login, Error> {
    let issuer = setting("ISSUER", "http://127.0.0.1:4455");
    let id = setting("CLIENT_ID", "web");
    let mut login = Login::builder(issuer.as_str())
        .redirect_uri(redirect_uri)
        .secret(secret()?)
        .scope(&setting("SCOPE", "profile email offline_access"))
        .roles_at(setting("ROLES", "roles"));
    login = match env::var("CLIENT_SECRET") {
        Ok(secret) => login.client_basic(id, secret),
        // The client of the example's own provider.
        Err(_) if id == "web" => login.client_basic(id, "web-secret"),
        Err(_) => login.public_client(id),
    };
    if issuer.starts_with("http://127.0.0.1:") {
        login = login.dangerous_allow_http();
    }
    Ok(login.build()?)
}

async fn home() -> Html<&'static str> {
    Html(
        r#"<!doctype html><title>An application</title>
<p><a href="/me">Who am I?</a> · <a href="/admin">For administrators</a>
<form method="post" action="/logout"><button>Sign out</button></form>"#,
    )
}

async fn me(identity: Identity, token: Option<ProviderToken>) -> String {
    let upstream = match token {
        // `token.expose()` goes into `Authorization: Bearer` of calls to the provider's APIs.
        Some(token) => format!("{token:?}"),
        None => "none".to_owned(),
    };
    format!(
        "{} of {:?}\nroles: {:?}\ntoken for the provider's APIs: {upstream}\n",
        identity.subject(),
        identity.issuer(),
        identity.roles().collect::<Vec<_>>(),
    )
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // The cryptography of TLS, for fetching from the provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let listen = setting("LISTEN", "127.0.0.1:3000");
    let listener = tokio::net::TcpListener::bind(&listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let redirect_uri = setting("REDIRECT_URI", &format!("{url}/callback"));
    let login = login(&redirect_uri)?;

    let app = Router::new()
        .route("/me", get(me))
        .route(
            "/admin",
            get(|| async { "welcome" }).route_layer(RequireLayer::new(role("admin"))),
        )
        .route("/orders", post(|| async { "ordered" }))
        .layer(AuthLayer::new(login.session()))
        .route("/", get(home)) // open to everybody
        .layer(login.layer()); // the outermost

    println!("listening on {url}");
    println!("redirect URI: {redirect_uri}");
    println!("# a call of an API is refused with 401");
    println!("curl -i {url}/me");
    println!("# a browser is sent to the login with 303");
    println!("curl -i -H 'Accept: text/html' -H 'Sec-Fetch-Mode: navigate' {url}/me");
    println!("# another site cannot sign anybody out: 403");
    println!("curl -i -X POST -H 'Sec-Fetch-Site: cross-site' {url}/logout");
    println!("open {url}/me in a browser to sign in");
    axum::serve(listener, app).await?;
    Ok(())
}
