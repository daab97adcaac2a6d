//! A server that accepts JSON Web Tokens and names the failed check of each rejected one.

#![allow(dead_code, unreachable_pub, reason = "no test uses everything")]

use crate::{
    common::wire::{Wire, serve_axum},
    support::{TokenError, builder},
};
use axum::{Router, response::Response, routing::get};
use std::error::Error;
use tower_auth::{AuthLayer, Identity, Rejection, bearer::Bearer, jwt::JwtVerifierBuilder};

/// One connection to a server that takes tokens.
pub struct Server(Wire);

impl Server {
    /// A server whose verifier is built so.
    pub async fn of(builder: JwtVerifierBuilder) -> Self {
        async fn whoami(identity: Identity) -> String {
            identity.subject().to_owned()
        }
        // Not for clients: only so that a test sees which check it was.
        async fn explain(mut response: Response) -> Response {
            let rejection = response.extensions().get::<Rejection>();
            let source = rejection.and_then(|rejection| rejection.source());
            if let Some(why) = source.and_then(|source| source.downcast_ref::<TokenError>()) {
                let why = http::HeaderValue::from_static(why.as_str());
                response.headers_mut().insert("x-why", why);
            }
            response
        }
        let app = Router::new()
            .route("/", get(whoami))
            .layer(AuthLayer::new(Bearer::new(builder.build().unwrap())))
            .layer(axum::middleware::map_response(explain));
        Self(Wire::connect(serve_axum(app).await).await)
    }

    /// A server with these keys, and the usual issuer and audience.
    pub async fn with(keys: impl Into<tower_auth::jwt::Keys>) -> Self {
        Self::of(builder(keys)).await
    }

    /// `accepted`, or the check that the token did not pass, after the refusal has been found to
    /// be what RFC 6750 section 3.1 says.
    pub async fn outcome(&mut self, token: &str) -> String {
        let head = format!("GET / HTTP/1.1\nHost: a\nAuthorization: Bearer {token}");
        let answer = self.0.ask(&head).await;
        if answer.status == 200 {
            assert_eq!(answer.body, "alice");
            return "accepted".to_owned();
        }
        assert_eq!(answer.status, 401, "{token}");
        let why = answer.all("x-why").concat();
        let detail = match why.as_str() {
            "expired" => "the token has expired",
            "not_yet_valid" => "the token is not valid yet",
            _ => "the credentials are not valid",
        };
        let challenge =
            format!(r#"Bearer realm="api", error="invalid_token", error_description="{detail}""#);
        assert_eq!(answer.all("www-authenticate"), [challenge]);
        why
    }

    pub async fn accepts(&mut self, token: &str) {
        assert_eq!(self.outcome(token).await, "accepted", "{token}");
    }

    pub async fn refuses(&mut self, token: &str, why: &str) {
        assert_eq!(self.outcome(token).await, why, "{token}");
    }
}
