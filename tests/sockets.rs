//! The main flows over real sockets: axum and plain hyper servers, HTTP/1.1 and HTTP/2 with
//! prior knowledge, keep-alive, HEAD and WebSocket handshakes.

mod common;

use axum::{Router, routing};
use bytes::Bytes;
use common::{
    Probe, Toy, problem,
    wire::{Answer, Wire, serve_axum},
};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Identity, RequireLayer, Scheme, authenticated, role, scheme::Schemes,
};

fn schemes(later: bool) -> Schemes {
    Toy::authorization("Toy")
        .later(later)
        .or(Toy::cookie("Session", "sid"))
}

async fn hello(identity: Identity) -> String {
    format!("hello {}", identity.subject())
}

fn app(later: bool) -> Router {
    Router::new()
        .route("/me", routing::get(hello).post(hello))
        .route(
            "/admin",
            routing::get(hello).route_layer(RequireLayer::new(role("admin"))),
        )
        .route(
            "/ws",
            routing::any(|upgrade: axum::extract::ws::WebSocketUpgrade| async {
                upgrade.on_upgrade(|_| async {})
            }),
        )
        .layer(AuthLayer::new(schemes(later)))
}

/// A plain hyper server, HTTP/1.1 and HTTP/2, of a service behind the layers.
async fn serve_hyper(layer: AuthLayer) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = layer.layer(Probe::new());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection_with_upgrades(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    address
}

const TABLE: [(&str, &str, u16); 8] = [
    ("/me", "Authorization: Toy ann", 200),
    ("/me", "X-Nothing: 1", 401),
    ("/me", "Authorization: Toy bad", 401),
    ("/me", "Authorization: Toy ann\nAuthorization: Toy ann", 400),
    ("/me", "Authorization: Toy malformed", 400),
    ("/me", "Authorization: Toy unavailable", 503),
    ("/admin", "Authorization: Toy ann", 403),
    ("/admin", "Authorization: Toy ann:admin", 200),
];

fn length(answer: &Answer) -> usize {
    answer.all("content-length")[0].parse().unwrap()
}

#[tokio::test]
async fn one_connection_to_axum_sees_every_answer() {
    for later in [false, true] {
        let address = serve_axum(app(later)).await;
        let mut wire = Wire::connect(address).await;
        for (path, fields, status) in TABLE {
            let head = format!("GET {path} HTTP/1.1\nHost: h\n{fields}");
            let answer = wire.ask(&head).await;
            assert_eq!(answer.status, status, "{head}");
            assert_eq!(answer.body.len(), length(&answer));
            if status == 200 {
                assert_eq!(answer.body, "hello ann");
            } else {
                let media = ["application/problem+json"];
                assert_eq!(answer.all("content-type"), media);
                assert_eq!(answer.all("cache-control"), ["no-store"]);
            }
            assert_eq!(answer.all("retry-after").len(), usize::from(status == 503));
        }
        let answer = wire.ask("GET /me HTTP/1.1\nHost: h").await;
        assert_eq!(
            answer.body,
            problem(401, "Unauthorized", "credentials are required")
        );
        assert_eq!(
            answer.all("www-authenticate"),
            [r#"Toy realm="api""#, r#"Session realm="api""#]
        );
    }
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_body() {
    let address = serve_axum(app(false)).await;
    let mut wire = Wire::connect(address).await;
    for (path, fields, status) in TABLE {
        let get = wire
            .ask(&format!("GET {path} HTTP/1.1\nHost: h\n{fields}"))
            .await;
        let head = wire
            .ask(&format!("HEAD {path} HTTP/1.1\nHost: h\n{fields}"))
            .await;
        assert_eq!((get.status, head.status), (status, status));
        assert_eq!(head.body, "");
        assert_eq!(length(&head), length(&get), "{path} {fields}");
        assert_eq!(head.all("www-authenticate"), get.all("www-authenticate"));
    }
}

#[tokio::test]
async fn a_connection_stays_open_after_a_request_with_a_body_is_rejected() {
    for later in [false, true] {
        let address = serve_axum(app(later)).await;
        let mut wire = Wire::connect(address).await;
        for credential in ["bad", "unavailable", "malformed", "ann"] {
            let body = "x".repeat(1000);
            let head = format!(
                "POST /me HTTP/1.1\nHost: h\nContent-Length: 1000\nAuthorization: Toy {credential}"
            );
            wire.write(&head, body.as_bytes()).await;
            let answer = wire.read(false).await;
            assert_eq!(answer.status == 200, credential == "ann");
            // What was the body is not taken for a request.
            let answer = wire
                .ask("GET /me HTTP/1.1\nHost: h\nAuthorization: Toy bob")
                .await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, "hello bob"),
                "{credential}"
            );
        }
        let head = "POST /me HTTP/1.1\nHost: h\nTransfer-Encoding: chunked";
        wire.write(head, b"3\r\nabc\r\n0\r\n\r\n").await;
        assert_eq!(wire.read(false).await.status, 401);
        let answer = wire
            .ask("GET /me HTTP/1.1\nHost: h\nAuthorization: Toy bob")
            .await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_rejected_without_its_body() {
    let address = serve_axum(app(true)).await;
    let mut wire = Wire::connect(address).await;
    let head = "POST /me HTTP/1.1\nHost: h\nContent-Length: 1000000\nExpect: 100-continue\nAuthorization: Toy bad";
    assert_eq!(wire.ask(head).await.status, 401);
}

#[tokio::test]
async fn a_client_that_disconnects_while_its_verdict_is_pending_does_not_harm_the_server() {
    let address = serve_axum(app(true)).await;
    for _ in 0..20 {
        let mut wire = Wire::connect(address).await;
        wire.write("GET /me HTTP/1.1\nHost: h\nAuthorization: Toy ann", b"")
            .await;
        drop(wire);
    }
    let mut wire = Wire::connect(address).await;
    let answer = wire
        .ask("GET /me HTTP/1.1\nHost: h\nAuthorization: Toy ann")
        .await;
    assert_eq!(answer.status, 200);
}

fn handshake(fields: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\nHost: app.example:80\nConnection: Upgrade\nUpgrade: websocket\n\
         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n{fields}"
    )
}

#[tokio::test]
async fn another_site_cannot_open_a_websocket_with_a_users_cookie() {
    let address = serve_axum(app(false)).await;
    for (fields, status) in [
        ("Cookie: sid=ann\nOrigin: https://evil.example", 403),
        ("Cookie: sid=ann\nOrigin: null", 403),
        ("Cookie: sid=ann\nSec-Fetch-Site: cross-site", 403),
        (
            "Cookie: sid=ann\nSec-Fetch-Site: same-site\nOrigin: https://b.app.example",
            403,
        ),
        ("Cookie: sid=ann\nOrigin: http://app.example", 101),
        (
            "Cookie: sid=ann\nSec-Fetch-Site: same-origin\nOrigin: https://app.example",
            101,
        ),
        ("Cookie: sid=ann", 101),
        ("Authorization: Toy ann\nOrigin: https://evil.example", 101),
        ("Origin: https://app.example", 401),
        ("Cookie: sid=bad\nOrigin: http://app.example", 401),
    ] {
        let mut wire = Wire::connect(address).await;
        let answer = wire.ask(&handshake(fields)).await;
        assert_eq!(answer.status, status, "{fields}");
        if status == 403 {
            let text = "cross-site requests are not allowed";
            assert_eq!(answer.body, problem(403, "Forbidden", text));
        }
    }
}

#[tokio::test]
async fn another_site_cannot_post_with_a_users_cookie() {
    let address = serve_axum(app(false)).await;
    let mut wire = Wire::connect(address).await;
    for (method, fields, status) in [
        ("POST", "Origin: https://evil.example", 403),
        ("POST", "Sec-Fetch-Site: cross-site", 403),
        ("POST", "Origin: http://app.example", 200),
        ("POST", "Sec-Fetch-Site: none", 200),
        ("GET", "Origin: https://evil.example", 200),
        ("GET", "Sec-Fetch-Site: cross-site", 200),
    ] {
        let head = format!(
            "{method} /me HTTP/1.1\nHost: app.example\nContent-Length: 0\nCookie: sid=ann\n{fields}"
        );
        assert_eq!(wire.ask(&head).await.status, status, "{method} {fields}");
    }
}

/// One HTTP/2 connection with prior knowledge.
async fn h2(address: SocketAddr) -> hyper::client::conn::http2::SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn over_h2(method: &str, path: &str, fields: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://app.example{path}"))
        .version(Version::HTTP_2);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Empty::new()).unwrap()
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn http2_streams_are_authenticated_independently() {
    for later in [false, true] {
        let axum = serve_axum(app(later)).await;
        let mut sender = h2(axum).await;
        for (path, fields, status) in TABLE {
            let fields: Vec<_> = fields
                .split('\n')
                .map(|line| line.split_once(": ").unwrap())
                .collect();
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), *value))
                .collect();
            let fields: Vec<_> = fields.iter().map(|(n, v)| (&**n, *v)).collect();
            let response = sender.send_request(over_h2("GET", path, &fields)).await;
            let response = response.unwrap();
            assert_eq!(response.version(), Version::HTTP_2);
            assert_eq!(response.status().as_u16(), status, "{path} {fields:?}");
        }
        // Many at once, each with its own caller.
        let calls = (0..20).map(|i| {
            let credential = if i % 2 == 0 {
                format!("Toy user{i}")
            } else {
                "Toy bad".to_owned()
            };
            let request = over_h2("GET", "/me", &[("authorization", &credential)]);
            let call = sender.send_request(request);
            tokio::spawn(async move {
                let response = call.await.unwrap();
                (i, response.status(), text(response).await)
            })
        });
        for call in calls.collect::<Vec<_>>() {
            let (i, status, body) = call.await.unwrap();
            if i % 2 == 0 {
                assert_eq!((status, body), (StatusCode::OK, format!("hello user{i}")));
            } else {
                assert_eq!(status, StatusCode::UNAUTHORIZED);
            }
        }
    }
}

/// A WebSocket over HTTP/2 is a `CONNECT` with a path (RFC 8441).
#[tokio::test]
async fn a_rule_for_get_covers_websockets_over_both_versions() {
    let rules = AccessRules::new()
        .require((Method::GET, "/ws"), role("admin"))
        .otherwise(authenticated());
    let upgrade =
        |upgrade: axum::extract::ws::WebSocketUpgrade| async { upgrade.on_upgrade(|_| async {}) };
    let app = Router::new()
        .route("/ws", routing::any(upgrade))
        .layer(AuthLayer::new(schemes(false)).rules(rules));
    let address = serve_extended_connect(app).await;
    for (fields, over_http1, over_http2) in [
        (Some("Toy ann:admin"), 101, 200),
        (Some("Toy ann"), 403, 403),
        (None, 401, 401),
    ] {
        let mut wire = Wire::connect(address).await;
        let field = fields.map(|value| format!("Authorization: {value}"));
        let answer = wire
            .ask(handshake(&field.unwrap_or_default()).trim_end())
            .await;
        assert_eq!(answer.status, over_http1, "{fields:?}");
        let mut sender = h2(address).await;
        // The server's settings, which allow the extended form, arrive with its first answer.
        let warm = sender.send_request(over_h2("GET", "/", &[])).await.unwrap();
        assert_eq!(warm.status(), 401);
        let fields: Vec<_> = fields
            .iter()
            .map(|value| ("authorization", *value))
            .collect();
        let mut request = over_h2("CONNECT", "/ws", &fields);
        let version = http::HeaderValue::from_static("13");
        request
            .headers_mut()
            .insert("sec-websocket-version", version);
        let websocket = hyper::ext::Protocol::from_static("websocket");
        request.extensions_mut().insert(websocket);
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), over_http2, "{fields:?}");
    }
}

/// Serves both versions, as `axum::serve` does with its feature `http2`.
async fn serve_extended_connect(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(app.clone());
            tokio::spawn(async move {
                let mut server = auto::Builder::new(TokioExecutor::new());
                server.http2().enable_connect_protocol();
                let served = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
                drop(served.await);
            });
        }
    });
    address
}

#[tokio::test]
async fn cookies_that_http2_has_split_are_read_together() {
    let address = serve_axum(app(false)).await;
    let mut sender = h2(address).await;
    for (cookies, status) in [
        (["a=b", "sid=ann"], 200),
        (["sid=ann", "a=b"], 200),
        (["sid=ann", "sid=ann"], 400),
    ] {
        let fields = cookies.map(|cookie| ("cookie", cookie));
        let response = sender.send_request(over_h2("GET", "/me", &fields)).await;
        assert_eq!(response.unwrap().status().as_u16(), status, "{cookies:?}");
    }
}

#[tokio::test]
async fn a_plain_hyper_server_supports_both_versions() {
    let rules = AccessRules::new().allow("/open").otherwise(authenticated());
    let layer = AuthLayer::new(schemes(true)).rules(rules);
    let address = serve_hyper(layer).await;
    let mut wire = Wire::connect(address).await;
    for (path, fields, status, body) in [
        ("/open", "X-Nothing: 1", 200, "anonymous"),
        ("/x", "Authorization: Toy ann", 200, "ann by Toy"),
        ("/x", "Cookie: sid=ann", 200, "ann by Session"),
        ("/x", "X-Nothing: 1", 401, ""),
        ("/open/../x", "Authorization: Toy ann", 400, ""),
    ] {
        let head = format!("GET {path} HTTP/1.1\nHost: h\n{fields}");
        let answer = wire.ask(&head).await;
        assert_eq!(answer.status, status, "{head}");
        assert!(status != 200 || answer.body == body, "{head}");
    }
    // In absolute form, too (RFC 9112 section 3.2.2).
    let head = "GET http://h/open HTTP/1.1\nHost: h";
    assert_eq!(wire.ask(head).await.body, "anonymous");
    let head = "GET http://h/open/%2e%2e/x HTTP/1.1\nHost: h";
    assert_eq!(wire.ask(head).await.status, 400);
    let head = "OPTIONS * HTTP/1.1\nHost: h";
    assert_eq!(wire.ask(head).await.status, 401);
    let mut sender = h2(address).await;
    let response = sender.send_request(over_h2("GET", "/open", &[])).await;
    assert_eq!(text(response.unwrap()).await, "anonymous");
    let response = sender.send_request(over_h2("GET", "/x", &[])).await;
    assert_eq!(response.unwrap().status(), 401);
}

#[tokio::test]
async fn a_grpc_client_over_http2_receives_a_trailers_only_response() {
    let address = serve_hyper(AuthLayer::new(schemes(true)).grpc()).await;
    let mut sender = h2(address).await;
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    let response = sender
        .send_request(over_h2("POST", "/shop.Orders/Delete", &fields))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(
        response.headers()["grpc-message"],
        "credentials are required"
    );
    assert!(hyper::body::Body::is_end_stream(response.body()));
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn requests_with_a_pending_verdict_complete() {
    let address = serve_axum(app(true)).await;
    let all = async {
        let mut wire = Wire::connect(address).await;
        for _ in 0..200 {
            let answer = wire
                .ask("GET /me HTTP/1.1\nHost: h\nAuthorization: Toy ann")
                .await;
            assert_eq!(answer.status, 200);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("a request got stuck");
}
