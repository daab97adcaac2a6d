//! Bearer tokens over the wire, by the sections of RFC 6750.

use crate::common::{
    problem,
    wire::{Answer, Wire, serve_axum},
};
use axum::{Router, extract::ws::WebSocketUpgrade, routing::any};
use http::Request;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RequireLayer, Scheme, Verify,
    all_scopes,
    api_key::{ApiKey, ApiKeys},
    authenticated,
    bearer::{Bearer, Token},
    scope, verify_fn,
};

const MALFORMED: &str = r#"Bearer realm="api", error="invalid_request", error_description="the credentials are malformed or ambiguous""#;
const INVALID: &str = r#"Bearer realm="api", error="invalid_token", error_description="the credentials are not valid""#;

/// The token of the examples in RFC 6750.
const GOOD: &str = "mF_9.B5f-4.1JqM";

/// Knows one token, and some that say how they are refused.
fn tokens() -> impl Verify<Token> {
    verify_fn(|token: Token| match token.as_str() {
        GOOD => Ok(Identity::new("ann").with_scope("orders:read")),
        "down" => Err(Rejection::unavailable("the key set is down")),
        "weak" => Err(Rejection::insufficient_authentication()),
        "quoted" => Err(Rejection::invalid().with_detail("a \"quoted\" \\ é text")),
        _ => Err(Rejection::invalid()),
    })
}

fn bearer() -> Bearer<impl Verify<Token>> {
    Bearer::new(tokens())
}

/// Everything that the tests of section 2 put a token into.
fn everywhere() -> AuthLayer {
    AuthLayer::new(bearer().locations([
        Location::authorization("Bearer"),
        Location::query("access_token"),
        Location::websocket_protocol("bearer."),
        Location::cookie("access_token"),
    ]))
}

/// Who is calling, and what is left of the URI.
async fn inside(request: Request<axum::body::Body>) -> String {
    let subject = request
        .extensions()
        .get::<Identity>()
        .map(Identity::subject);
    format!("{} {}", subject.unwrap_or("visitor"), request.uri())
}

async fn serve(layer: AuthLayer) -> SocketAddr {
    let orders = RequireLayer::new(all_scopes(["orders:read", "orders:write"]));
    let app = Router::new()
        .route("/orders", any(inside).layer(orders))
        .route("/ws", any(talk))
        .fallback(inside)
        .layer(layer);
    serve_axum(app).await
}

/// A WebSocket that speaks `chat`, and whose handshake tells what was left of the offer.
async fn talk(request: Request<axum::body::Body>) -> axum::response::Response {
    use axum::{extract::FromRequest, http::HeaderValue};
    let none = HeaderValue::from_static("none");
    let offer = request.headers().get("sec-websocket-protocol").cloned();
    let upgrade = WebSocketUpgrade::from_request(request, &()).await.unwrap();
    let mut response = upgrade.protocols(["chat"]).on_upgrade(|_| async {});
    response
        .headers_mut()
        .insert("x-offer", offer.unwrap_or(none));
    response
}

async fn get(address: SocketAddr, uri: &str, fields: &str) -> Answer {
    let head = format!("GET {uri} HTTP/1.1\nHost: api.example\n{fields}");
    let mut wire = Wire::connect(address).await;
    wire.ask(head.trim_end_matches('\n')).await
}

async fn authorized(address: SocketAddr, value: &str) -> Answer {
    get(address, "/", &format!("Authorization: {value}")).await
}

// Section 2.1; RFC 9110 section 11.1 for the case of the scheme.
#[tokio::test]
async fn a_token_in_the_authorization_field_is_taken() {
    let address = serve(AuthLayer::new(bearer())).await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer   "] {
        let answer = authorized(address, &format!("{scheme} {GOOD}")).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "ann /"),
            "{scheme}"
        );
        // Shared caches keep responses to `Authorization` apart by themselves.
        assert!(answer.all("cache-control").is_empty());
    }
}

// Section 2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
#[tokio::test]
async fn a_token_that_is_not_b64token_is_400_and_reaches_no_verifier() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let counting = verify_fn(move |_: Token| -> Result<Identity, Rejection> {
        count.fetch_add(1, Ordering::SeqCst);
        Err(Rejection::invalid())
    });
    let address = serve(AuthLayer::new(Bearer::new(counting))).await;
    let mut wrong: Vec<String> = [
        "",
        " ",
        "=",
        "==",
        "=a",
        "a=b",
        "a==b",
        "a b",
        "a, b",
        "a,",
        ",a",
        "a\tb",
        "\"a\"",
        "a, realm=\"x\"",
        "access_token=a",
        "\ta",
        "é",
        "a%20b",
        "a\u{a0}",
    ]
    .map(String::from)
    .into();
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let outside = (0x21..0x7f).filter(|byte| !alphabet(byte));
    wrong.extend(outside.map(|byte| format!("a{}", char::from(byte))));
    for token in &wrong {
        let answer = authorized(address, &format!("Bearer {token}")).await;
        assert_eq!(answer.status, 400, "{token:?}");
        assert_eq!(answer.all("www-authenticate"), [MALFORMED], "{token:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    let right: Vec<String> = (0x21..0x7f)
        .filter(|byte| alphabet(byte) && *byte != b'=')
        .map(|byte| char::from(byte).to_string())
        .chain(["a=", "a==", "a=====", "-", "..", "+/", "a.b.c"].map(String::from))
        .collect();
    for token in &right {
        let answer = authorized(address, &format!("Bearer {token}")).await;
        assert_eq!(answer.status, 401, "{token:?}");
        assert_eq!(answer.all("www-authenticate"), [INVALID], "{token:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), right.len());
}

// Section 2.1 sets no size; 16 KiB does.
#[tokio::test]
async fn tokens_have_a_maximum_length() {
    let address = serve(AuthLayer::new(bearer())).await;
    for (length, status) in [(16 * 1024, 401), (16 * 1024 + 1, 400)] {
        let answer = authorized(address, &format!("Bearer {}", "a".repeat(length))).await;
        assert_eq!(answer.status, status, "{length}");
    }
    let address = serve(AuthLayer::new(bearer().max_token_bytes(15))).await;
    assert_eq!(
        authorized(address, &format!("Bearer {GOOD}")).await.status,
        200
    );
    assert_eq!(
        authorized(address, &format!("Bearer {GOOD}=")).await.status,
        400
    );
}

// Section 2.2: a form is never looked into, whatever its type and the method.
#[tokio::test]
async fn a_token_in_a_form_is_ignored() {
    for layer in [AuthLayer::new(bearer()), everywhere()] {
        let address = serve(layer).await;
        let form = format!("access_token={GOOD}");
        for (kind, authorization, status) in [
            ("application/x-www-form-urlencoded", "", 401),
            ("multipart/form-data; boundary=x", "", 401),
            ("application/x-www-form-urlencoded", "Bearer wrong", 401),
            (
                "application/x-www-form-urlencoded",
                &format!("Bearer {GOOD}"),
                200,
            ),
        ] {
            for method in ["POST", "GET", "PUT"] {
                let mut head = format!(
                    "{method} / HTTP/1.1\nHost: a\nContent-Type: {kind}\nContent-Length: {}",
                    form.len()
                );
                if !authorization.is_empty() {
                    head += &format!("\nAuthorization: {authorization}");
                }
                let mut wire = Wire::connect(address).await;
                wire.write(&head, form.as_bytes()).await;
                let answer = wire.read(false).await;
                assert_eq!(answer.status, status, "{head}");
            }
        }
    }
}

// Section 2.3: "SHOULD NOT be used": where nobody configured it, it is not.
#[tokio::test]
async fn a_token_in_the_query_is_ignored_unless_configured() {
    let address = serve(AuthLayer::new(bearer())).await;
    let uri = format!("/?access_token={GOOD}");
    let answer = get(address, &uri, "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.all("www-authenticate"), [r#"Bearer realm="api""#]);
    // It is a parameter like any other.
    let answer = get(address, &uri, &format!("Authorization: Bearer {GOOD}")).await;
    assert_eq!(answer.body, format!("ann {uri}"));
}

// Section 2.3: "Cache-Control header with the "private" option"; section 5.3: no page URLs.
#[tokio::test]
async fn a_token_in_the_query_is_private_and_removed() {
    let address = serve(everywhere()).await;
    for (uri, left) in [
        (format!("/resource?access_token={GOOD}"), "/resource"),
        (
            format!("/a?p=q&access_token={GOOD}&x=%20y"),
            "/a?p=q&x=%20y",
        ),
        (format!("/a?access%5Ftoken={GOOD}&p=q"), "/a?p=q"),
    ] {
        let answer = get(address, &uri, "").await;
        assert_eq!(
            (answer.status, answer.body),
            (200, format!("ann {left}")),
            "{uri}"
        );
        let cache = answer
            .headers
            .iter()
            .find(|(name, _)| name == "cache-control");
        assert_eq!(cache.map(|(_, value)| value.as_str()), Some("private"));
    }
    for uri in ["/?access_token=wrong", "/?access_token=%6D"] {
        let answer = get(address, uri, "").await;
        assert_eq!(answer.status, 401, "{uri}");
        assert_eq!(answer.all("www-authenticate"), [INVALID]);
        assert_eq!(answer.all("cache-control"), ["no-store"]);
    }
    for uri in [
        "/?access_token=",
        "/?access_token",
        "/?access_token=a+b",
        "/?access_token=%zz",
    ] {
        let answer = get(address, uri, "").await;
        assert_eq!(answer.status, 400, "{uri}");
        assert_eq!(answer.all("www-authenticate"), [MALFORMED]);
    }
}

// Section 2: "Clients MUST NOT use more than one method"; section 3.1: then invalid_request.
#[tokio::test]
async fn more_than_one_method_is_an_invalid_request() {
    let address = serve(everywhere()).await;
    let header = format!("Authorization: Bearer {GOOD}");
    let query = format!("/?access_token={GOOD}");
    let socket = format!("Sec-WebSocket-Protocol: bearer.{GOOD}");
    for (uri, fields) in [
        (query.as_str(), header.clone()),
        (&query, "Authorization: Bearer wrong".into()),
        (&query, "Authorization: Bearer".into()),
        (&format!("{query}&access_token={GOOD}"), String::new()),
        (&format!("{query}&access_token="), String::new()),
        (&query, socket.clone()),
        ("/", format!("{header}\n{socket}")),
        ("/", format!("{socket}\n{socket}")),
        (&query, format!("{header}\nCookie: access_token={GOOD}")),
    ] {
        let answer = get(address, uri, &fields).await;
        assert_eq!(answer.status, 400, "{uri} {fields}");
        assert_eq!(
            answer.all("www-authenticate"),
            [MALFORMED],
            "{uri} {fields}"
        );
        let detail = "the credentials are malformed or ambiguous";
        assert_eq!(answer.body, problem(400, "Bad Request", detail));
    }
    // A field that must not be repeated belongs to no scheme.
    for other in [
        &header,
        "Authorization: Bearer wrong",
        "Authorization: Basic dTpw",
    ] {
        for fields in [format!("{header}\n{other}"), format!("{other}\n{header}")] {
            let answer = get(address, "/", &fields).await;
            assert_eq!(answer.status, 400, "{fields}");
            assert!(answer.all("www-authenticate").is_empty(), "{fields}");
        }
    }
}

// Not in RFC 6750: what a browser sends without being asked yields to what was asked for.
#[tokio::test]
async fn a_cookie_yields_to_the_field() {
    let address = serve(everywhere()).await;
    let good = format!("Cookie: a=b; access_token={GOOD}");
    let wrong = "Cookie: access_token=wrong";
    let header = format!("Authorization: Bearer {GOOD}");
    for (fields, status) in [
        (good.clone(), 200),
        (wrong.into(), 401),
        (format!("{header}\n{wrong}"), 200),
        (format!("{wrong}\n{header}"), 200),
        (format!("{good}\nAuthorization: Bearer wrong"), 401),
        (format!("{good}\nAuthorization: Bearer"), 400),
        (format!("{good}; access_token={GOOD}"), 400),
    ] {
        assert_eq!(get(address, "/", &fields).await.status, status, "{fields}");
    }
}

// RFC 6455 section 11.3.4: all that a page can add to the handshake of a WebSocket.
#[tokio::test]
async fn a_token_may_be_a_subprotocol_which_is_removed() {
    let address = serve(everywhere()).await;
    let handshake = "Connection: upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nOrigin: https://elsewhere.example";
    for (offer, left) in [
        (format!("chat, bearer.{GOOD}"), "chat"),
        (format!("bearer.{GOOD},chat"), "chat"),
        (format!("v2, bearer.{GOOD}, chat"), "v2, chat"),
    ] {
        let fields = format!("{handshake}\nSec-WebSocket-Protocol: {offer}");
        let answer = get(address, "/ws", &fields).await;
        assert_eq!(answer.status, 101, "{offer}");
        assert_eq!(answer.all("sec-websocket-protocol"), ["chat"]);
        assert_eq!(answer.all("x-offer"), [left]);
    }
    for (offer, status, challenge) in [
        ("chat, bearer.wrong", 401, INVALID),
        ("chat, bearer.", 400, MALFORMED),
        ("chat", 401, r#"Bearer realm="api""#),
    ] {
        let fields = format!("{handshake}\nSec-WebSocket-Protocol: {offer}");
        let answer = get(address, "/ws", &fields).await;
        assert_eq!(answer.status, status, "{offer}");
        assert_eq!(answer.all("www-authenticate"), [challenge], "{offer}");
    }
}

// Sections 3 and 3.1; RFC 9470 section 3 for a login that is too weak.
#[tokio::test]
async fn every_challenge_matches_the_table() {
    let address = serve(AuthLayer::new(bearer())).await;
    let good = format!("Bearer {GOOD}");
    for (uri, value, status, challenge) in [
        // No error code where no authentication was tried.
        ("/", "", 401, Some(r#"Bearer realm="api""#)),
        ("/orders", "", 401, Some(r#"Bearer realm="api""#)),
        ("/", "Basic dTpw", 401, Some(r#"Bearer realm="api""#)),
        ("/", "Bearer =", 400, Some(MALFORMED)),
        ("/", "Bearer wrong", 401, Some(INVALID)),
        ("/orders", "Bearer wrong", 401, Some(INVALID)),
        (
            "/",
            "Bearer weak",
            401,
            Some(
                r#"Bearer realm="api", error="insufficient_user_authentication", error_description="a stronger or more recent login is required""#,
            ),
        ),
        // `error_description` holds printable ASCII without `"` and `\`.
        (
            "/",
            "Bearer quoted",
            401,
            Some(
                r#"Bearer realm="api", error="invalid_token", error_description="a 'quoted'     text""#,
            ),
        ),
        // All scopes that are needed, the one that is there included.
        (
            "/orders",
            &good,
            403,
            Some(
                r#"Bearer realm="api", error="insufficient_scope", error_description="not allowed", scope="orders:read orders:write""#,
            ),
        ),
        ("/", "Bearer down", 503, None),
    ] {
        let fields = match value {
            "" => String::new(),
            value => format!("Authorization: {value}"),
        };
        let answer = get(address, uri, &fields).await;
        assert_eq!(answer.status, status, "{uri} {value}");
        let challenges: Vec<_> = challenge.into_iter().collect();
        assert_eq!(answer.all("www-authenticate"), challenges, "{uri} {value}");
        assert_eq!(answer.all("cache-control"), ["no-store"]);
    }
}

// Section 3: "scope" tells a client without a good token which one to get.
#[tokio::test]
async fn a_challenge_names_the_scopes_if_the_rules_know_them() {
    let rules = AccessRules::new()
        .require("/read", scope("orders:read"))
        .require("/write", all_scopes(["orders:read", "orders:write"]))
        .otherwise(authenticated());
    let address = serve(AuthLayer::new(bearer().realm("shop")).rules(rules)).await;
    for (uri, value, challenge) in [
        ("/read", "", r#"Bearer realm="shop", scope="orders:read""#),
        (
            "/write",
            "",
            r#"Bearer realm="shop", scope="orders:read orders:write""#,
        ),
        ("/", "", r#"Bearer realm="shop""#),
        (
            "/read",
            "Bearer wrong",
            r#"Bearer realm="shop", error="invalid_token", error_description="the credentials are not valid", scope="orders:read""#,
        ),
        (
            "/write",
            &format!("Bearer {GOOD}"),
            r#"Bearer realm="shop", error="insufficient_scope", error_description="not allowed", scope="orders:read orders:write""#,
        ),
    ] {
        let fields = format!("X-Any: 1\nAuthorization: {value}");
        let fields = if value.is_empty() {
            "X-Any: 1"
        } else {
            &fields
        };
        let answer = get(address, uri, fields).await;
        assert_eq!(answer.all("www-authenticate"), [challenge], "{uri} {value}");
    }
    let answer = get(address, "/read", &format!("Authorization: Bearer {GOOD}")).await;
    assert_eq!(answer.status, 200);
}

// Section 3.1: the error code belongs to the scheme that rejected.
#[tokio::test]
async fn a_rejection_by_another_scheme_is_not_an_invalid_token() {
    let scheme = bearer().or(ApiKey::header("x-api-key", ApiKeys::new()));
    let address = serve(AuthLayer::new(scheme)).await;
    for (fields, challenges) in [
        ("", [r#"Bearer realm="api""#, r#"ApiKey realm="api""#]),
        (
            "X-API-Key: 0123456789abcdefghijklmn",
            [r#"Bearer realm="api""#, r#"ApiKey realm="api""#],
        ),
        (
            "Authorization: Bearer wrong",
            [INVALID, r#"ApiKey realm="api""#],
        ),
    ] {
        let answer = get(address, "/", fields).await;
        assert_eq!(answer.status, 401, "{fields}");
        assert_eq!(answer.all("www-authenticate"), challenges, "{fields}");
    }
}
