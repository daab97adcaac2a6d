//! Forward authentication: a proxy asks about requests, and understands 2xx, 401 and 403.

use crate::common::{Reply, Toy, get, request, send};
use axum::{
    Router,
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Redirect},
    routing,
};
use std::time::Duration;
use tower_auth::{
    AuthLayer, Identity, Rejection, RejectionKind, RequireLayer, Scheme, policy_fn, role,
};

/// The handler names the caller in a field.
async fn verify(identity: Identity) -> Result<impl IntoResponse, Rejection> {
    let user = HeaderValue::from_bytes(identity.subject().as_bytes());
    let user = user.map_err(|_| Rejection::forbidden())?;
    Ok((StatusCode::NO_CONTENT, [("x-user", user)]))
}

fn auth() -> AuthLayer {
    AuthLayer::new(Toy::authorization("Toy").or(Toy::cookie("Session", "sid")))
}

fn routes() -> Router {
    let limited = policy_fn("limited", |_, _| {
        Err(Rejection::too_many(Duration::from_secs(9)))
    });
    Router::new()
        .route("/verify", routing::any(verify))
        .route(
            "/admin",
            routing::get(verify).route_layer(RequireLayer::new(role("admin"))),
        )
        .route(
            "/limited",
            routing::get(verify).route_layer(RequireLayer::new(limited)),
        )
        .route(
            "/handler",
            routing::get(|| async { Rejection::malformed() }),
        )
        .route(
            "/page",
            routing::get(|| async {
                let mut response = "slow down".into_response();
                *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                let rejection = Rejection::too_many(Duration::from_secs(1));
                response.extensions_mut().insert(rejection);
                response
            }),
        )
}

async fn ask(app: &Router, path: &str, credential: &str) -> Reply {
    let value = format!("Toy {credential}");
    send(app, get(path, &[("authorization", &value)])).await
}

#[tokio::test]
async fn a_proxy_receives_only_statuses_that_it_understands() {
    use RejectionKind as K;
    let app = routes().layer(auth().forward_auth());
    let accepted = ask(&app, "/verify", "ann").await;
    assert_eq!(accepted.status, 204);
    assert_eq!(accepted.all("x-user"), ["ann"]);
    for (path, credential, status, kind) in [
        ("/verify", "bad", 401, K::Invalid),
        ("/verify", "weak", 401, K::InsufficientAuthentication),
        ("/verify", "forbidden", 403, K::Forbidden),
        ("/verify", "malformed", 403, K::Malformed),
        ("/verify", "many", 403, K::TooMany),
        ("/verify", "unavailable", 503, K::Unavailable),
        ("/admin", "ann", 403, K::Forbidden),
        ("/limited", "ann", 403, K::TooMany),
        ("/handler", "ann", 403, K::Malformed),
        ("/page", "ann", 403, K::TooMany),
    ] {
        let reply = ask(&app, path, credential).await;
        assert_eq!(reply.status, status, "{path} {credential}");
        assert_eq!(reply.kind(), Some(kind), "{path} {credential}");
        assert_eq!(reply.all("cache-control"), ["no-store"]);
        let is_challenged = !reply.challenges().is_empty();
        assert_eq!(is_challenged, status == 401, "{path} {credential}");
        assert_eq!(!reply.all("retry-after").is_empty(), status == 503);
        match path {
            "/page" => assert_eq!(reply.body, "slow down"),
            _ => assert!(reply.body.contains(&format!(r#""status":{status},"#))),
        }
    }
    let missing = send(&app, get("/verify", &[])).await;
    assert_eq!(missing.line(), "401 missing");
    assert_eq!(missing.challenges().len(), 2);
    // Two credentials at once are malformed without the mode.
    let twice = [("authorization", "Toy ann"), ("authorization", "Toy bob")];
    assert_eq!(
        send(&app, get("/verify", &twice)).await.line(),
        "403 malformed"
    );
    let usual = routes().layer(auth());
    assert_eq!(
        send(&usual, get("/verify", &twice)).await.line(),
        "400 malformed"
    );
    assert_eq!(ask(&usual, "/limited", "ann").await.line(), "429 too_many");
}

#[tokio::test]
async fn a_responder_renders_but_does_not_redirect() {
    let auth = auth().forward_auth().responder(|rejection, request| {
        assert!(!request.is_navigation());
        match rejection.kind() {
            RejectionKind::Missing => Redirect::to("/login").into_response(),
            kind => kind.as_str().into_response(),
        }
    });
    let app = routes().layer(auth);
    let page = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let reply = send(&app, get("/verify", &page)).await;
    assert_eq!(reply.line(), "401 missing");
    assert!(reply.all("location").is_empty() && !reply.challenges().is_empty());
    let reply = ask(&app, "/limited", "ann").await;
    assert_eq!(
        (reply.status.as_u16(), reply.body.as_str()),
        (403, "forbidden")
    );
}

/// The proxy asks by `GET` about a request of any method.
#[tokio::test]
async fn a_cookie_in_a_cross_site_request_is_rejected_by_the_method_of_the_browser() {
    let app = routes().layer(auth().forward_auth());
    let cookie = ("cookie", "sid=ann");
    let cross = ("sec-fetch-site", "cross-site");
    let own = ("sec-fetch-site", "same-origin");
    for (method, site, expected) in [
        (Some("GET"), cross, 204),
        (Some("POST"), cross, 403),
        (Some("DELETE"), cross, 403),
        (None, cross, 403),
        (Some("POST"), own, 204),
        (None, own, 204),
    ] {
        let mut fields = vec![cookie, site];
        fields.extend(method.map(|method| ("x-forwarded-method", method)));
        let reply = send(&app, get("/verify", &fields)).await;
        assert_eq!(reply.status, expected, "{method:?} {site:?}");
    }
    // Without the mode, a client does not choose the method of the check.
    let usual = routes().layer(auth());
    let fields = [cookie, cross, ("x-forwarded-method", "GET")];
    let reply = send(&usual, request("POST", "/verify", &fields)).await;
    assert_eq!(reply.line(), "403 forbidden");
}
