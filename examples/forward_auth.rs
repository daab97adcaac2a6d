//! Forward authentication: a reverse proxy asks this server about each request to other servers.
//!
//! ```sh
//! cargo run --example forward_auth    # prints an API key
//! curl -i http://127.0.0.1:4180/verify -H 'x-api-key: …'
//! ```
//!
//! The server responds with 204 and the fields `X-User` and `X-Roles`, or with 401, 403 or 503.
//! Only the proxy may reach it, and only the proxy may reach the servers behind. They trust `X-User`,
//! so the proxy has to replace or remove that field in each request.
//!
//! # nginx
//!
//! ```nginx
//! location / {
//!     auth_request /verify;
//!     auth_request_set $user $upstream_http_x_user;
//!     auth_request_set $roles $upstream_http_x_roles;
//!     # These replace the fields of the client; an empty value removes the field.
//!     proxy_set_header X-User $user;
//!     proxy_set_header X-Roles $roles;
//!     proxy_pass http://127.0.0.1:8080;
//! }
//! location = /verify {
//!     internal;
//!     proxy_pass http://127.0.0.1:4180;
//!     proxy_pass_request_body off;
//!     proxy_set_header Content-Length "";
//!     # The cross-site check needs the method and the host that the browser has used.
//!     proxy_set_header X-Forwarded-Method $request_method;
//!     proxy_set_header X-Forwarded-Host $http_host;
//! }
//! ```
//!
//! nginx passes 401 with its `WWW-Authenticate` and 403 to the client. It responds to any other
//! status of this server with 500. To send browsers to a login, use `error_page 401 = @login;`.
//!
//! # Traefik
//!
//! ```yaml
//! http:
//!   middlewares:
//!     auth:
//!       forwardAuth:
//!         address: http://127.0.0.1:4180/verify
//!         authResponseHeaders: [X-User, X-Roles]
//! ```
//!
//! # Caddy
//!
//! ```text
//! example.com {
//!     request_header -X-User
//!     request_header -X-Roles
//!     forward_auth 127.0.0.1:4180 {
//!         uri /verify
//!         copy_headers X-User X-Roles
//!     }
//!     reverse_proxy 127.0.0.1:8080
//! }
//! ```
//!
//! Traefik and Caddy set `X-Forwarded-Method` and `X-Forwarded-Host`, and pass every response other
//! than 2xx to the client.

use axum::{
    Router,
    http::{HeaderValue, StatusCode},
    routing::get,
};
use tower_auth::{
    AuthLayer, Identity, Rejection,
    api_key::{ApiKey, ApiKeys},
};

/// The fields that name the caller to the servers behind the proxy.
async fn verify(
    identity: Identity,
) -> Result<(StatusCode, [(&'static str, HeaderValue); 2]), Rejection> {
    let roles: Vec<_> = identity.roles().collect();
    let user = field(identity.subject())?;
    let roles = field(&roles.join(","))?;
    Ok((
        StatusCode::NO_CONTENT,
        [("x-user", user), ("x-roles", roles)],
    ))
}

/// A name with a control character is not a value of a field.
fn field(text: &str) -> Result<HeaderValue, Rejection> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| Rejection::forbidden())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = ApiKeys::new();
    let key = keys.create("demo", Identity::new("ann").with_role("editor"))?;
    println!("x-api-key: {}", key.expose());

    let auth = AuthLayer::new(ApiKey::header("x-api-key", keys)).forward_auth();
    let app = Router::new().route("/verify", get(verify)).layer(auth);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4180").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
