//! Responders: they choose the body of a rejection, and a redirect for a page, but not its meaning.

use crate::common::{Probe, Reply, Toy, get, request, send, through};
use axum::{
    Json, Router,
    body::Body,
    response::{Html, IntoResponse, Redirect},
    routing,
};
use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full};
use std::sync::{Arc, Mutex};
use tower::{Layer, ServiceExt};
use tower_auth::{
    AuthLayer, Location, Rejection, RejectionKind, RequireLayer, rejection::RequestSummary, role,
};

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// An application that redirects pages to its login, and answers everything else in HTML or JSON.
fn app() -> Router {
    let auth = AuthLayer::new(Toy::authorization("Toy")).responder(|rejection, request| {
        match rejection.kind() {
            RejectionKind::Missing | RejectionKind::Invalid if request.is_navigation() => {
                Redirect::to(&format!("/login?next={}", request.return_to())).into_response()
            }
            _ if request.accepts("text/html") => {
                Html(format!("<h1>{}</h1>", rejection.detail())).into_response()
            }
            kind => Json(serde_json::json!({ "error": kind.as_str() })).into_response(),
        }
    });
    let admin = routing::get(|| async { "admin" }).route_layer(RequireLayer::new(role("admin")));
    Router::new()
        .route("/me", routing::any(|| async { "me" }))
        .route("/admin", admin)
        .route("/late", routing::get(|| async { Rejection::missing() }))
        .layer(auth)
}

fn field<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let all = reply.all(name);
    assert!(all.len() <= 1, "{name}: {all:?}");
    all.first().copied()
}

#[tokio::test]
async fn a_page_is_redirected_to_the_login_and_every_other_request_keeps_its_status() {
    let app = app();
    let browser = [("accept", HTML), ("sec-fetch-mode", "navigate")];
    let old_browser = [("accept", HTML)];
    let script = [("accept", "*/*"), ("sec-fetch-mode", "cors")];
    let html_script = [("accept", HTML), ("sec-fetch-mode", "cors")];
    let curl = [("accept", "*/*")];
    let refuses_html = [("accept", "application/json, text/html;q=0")];
    for (fields, redirects, body) in [
        (&browser[..], true, ""),
        (&old_browser, true, ""),
        (&script, false, r#"{"error":"missing"}"#),
        (&html_script, false, "<h1>credentials are required</h1>"),
        (&curl, false, r#"{"error":"missing"}"#),
        (&refuses_html, false, r#"{"error":"missing"}"#),
        (&[], false, r#"{"error":"missing"}"#),
    ] {
        // `/late` is the rejection of a handler, `/me` that of the layer.
        let signed_in = [fields, &[("authorization", "Toy ann")]].concat();
        for reply in [
            send(&app, get("/me?a=1&b=%20", fields)).await,
            send(&app, get("/late?a=1&b=%20", &signed_in)).await,
        ] {
            assert_eq!(reply.kind(), Some(RejectionKind::Missing));
            assert_eq!(reply.body, body);
            assert_eq!(field(&reply, "cache-control"), Some("no-store"));
            let location = field(&reply, "location");
            if redirects {
                let next = "%3Fa%3D1%26b%3D%2520";
                assert_eq!(reply.status, 303);
                assert!(location.unwrap().starts_with("/login?next=/"));
                assert!(location.unwrap().ends_with(next), "{location:?}");
                assert_eq!(reply.challenges(), [""; 0]);
            } else {
                assert_eq!(reply.status, 401);
                assert_eq!(location, None);
                assert_eq!(reply.challenges(), [r#"Toy realm="api""#]);
            }
        }
    }
}

#[tokio::test]
async fn a_rejection_that_is_not_redirected_is_a_page_for_browsers_and_json_for_programs() {
    let app = app();
    for (accept, kind, body) in [
        (HTML, "text/html; charset=utf-8", "<h1>not allowed</h1>"),
        (
            "application/json",
            "application/json",
            r#"{"error":"forbidden"}"#,
        ),
    ] {
        let fields = [("authorization", "Toy ann"), ("accept", accept)];
        let reply = send(&app, get("/admin", &fields)).await;
        assert_eq!(reply.line(), "403 forbidden");
        assert_eq!(field(&reply, "content-type"), Some(kind));
        assert_eq!(reply.body, body);
    }
}

#[tokio::test]
async fn only_a_page_is_redirected_and_only_by_303() {
    let redirects = |status: u16| {
        AuthLayer::new(Toy::authorization("Toy")).responder(move |_, _| {
            let response = Response::builder().status(status);
            let response = response.header("location", "/login");
            response.body("elsewhere".to_owned()).unwrap()
        })
    };
    let page = [("accept", HTML), ("sec-fetch-mode", "navigate")];
    let image = [("accept", "image/avif"), ("sec-fetch-mode", "no-cors")];
    let page_of_another = [("accept", HTML), ("sec-fetch-dest", "iframe")];
    for (status, fields, redirected) in [
        (303, &page[..], true),
        (302, &page, false),
        (307, &page, false),
        (200, &page, false),
        (303, &image, false),
        (303, &page_of_another, false),
        (303, &[], false),
    ] {
        let reply = through(&redirects(status), get("/", fields)).await;
        let (status, location) = (reply.status.as_u16(), field(&reply, "location"));
        if redirected {
            assert_eq!((status, location), (303, Some("/login")));
        } else {
            assert_eq!((status, location), (401, None));
        }
    }
    // A redirect of an outage is not delayed by `Retry-After`.
    let fields = [&page[..], &[("authorization", "Toy unavailable")]].concat();
    let reply = through(&redirects(303), get("/", &fields)).await;
    assert_eq!(reply.line(), "303 unavailable");
    assert_eq!(field(&reply, "retry-after"), None);
    // A form of a page is a page, too.
    let reply = through(&redirects(303), request("POST", "/", &page)).await;
    assert_eq!(reply.status, 303);
    // A client cannot choose a redirect of a gRPC call.
    let fields = [&page[..], &[("content-type", "application/grpc")]].concat();
    let grpc = redirects(303).grpc();
    let reply = through(&grpc, request("POST", "/", &fields)).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (200, ""));
    assert_eq!(field(&reply, "grpc-status"), Some("16"));
    assert_eq!(field(&reply, "location"), None);
}

/// Records the summary that a layer hands to its responder.
async fn summary_of(
    layer: AuthLayer,
    request: http::Request<http_body_util::Empty<Bytes>>,
) -> RequestSummary {
    let seen = Arc::new(Mutex::new(None));
    let record = Arc::clone(&seen);
    let layer = layer.responder(move |_, request| {
        *record.lock().unwrap() = Some(request.clone());
        Response::new(String::new())
    });
    through(&layer, request).await;
    seen.lock()
        .unwrap()
        .take()
        .expect("the responder was called")
}

#[tokio::test]
async fn the_summary_of_a_request_has_no_credentials() {
    let key = || AuthLayer::new(Toy::query("Key", "key"));
    let header = || AuthLayer::new(Toy::authorization("Toy"));
    for (layer, uri, shown) in [
        (key(), "/a?key=bad&b=%2f", "/a?b=%2f"),
        (key(), "/a?%6bey=bad", "/a"),
        (key(), "/a?key=bad&key=bad", "/a"),
        (key(), "/a?access_token=secret&b", "/a?b"),
        (header(), "/a?access%5Ftoken=secret", "/a"),
        (header(), "/a?key=3&b=4", "/a?key=3&b=4"),
        (
            header(),
            "http://ann:secret@example.com/a",
            "http://example.com/a",
        ),
        (
            header(),
            "https://ann@example.com:8443/a?b",
            "https://example.com:8443/a?b",
        ),
        (header(), "/", "/"),
    ] {
        let fields = [("cookie", "sid=secret"), ("x-key", "secret")];
        let summary = summary_of(layer, get(uri, &fields)).await;
        assert_eq!(summary.uri().to_string(), shown);
        assert!(!format!("{summary:?}").contains("secret"));
    }
}

#[tokio::test]
async fn the_summary_of_a_request_that_was_accepted_first_has_no_credentials() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let both = Toy::at("Both", [Location::query("key"), Location::header("x-key")]);
    let auth = AuthLayer::new(both).responder(move |rejection, request| {
        let line = (rejection.kind(), request.uri().to_string());
        record.lock().unwrap().push(line);
        Response::new(String::new())
    });
    let service = (auth, RequireLayer::new(role("admin"))).layer(Probe::new());
    send(&service, get("/a?key=ann&b=1", &[])).await;
    let expected = (RejectionKind::Forbidden, "/a?b=1".to_owned());
    assert_eq!(*seen.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn the_address_to_return_to_is_encoded_and_is_never_of_another_host() {
    let layer = || AuthLayer::new(Toy::authorization("Toy"));
    for (uri, expected) in [
        ("/", "/"),
        ("/a/b?c=d&e", "/a/b%3Fc%3Dd%26e"),
        ("/a%2Fb", "/a%252Fb"),
        ("https://example.com/a", "/a"),
        ("//evil.example/a", "/"),
        ("//evil.example", "/"),
    ] {
        let summary = summary_of(layer(), get(uri, &[])).await;
        assert_eq!(summary.return_to(), expected, "{uri}");
    }
}

#[tokio::test]
async fn the_summary_names_method_and_fetch_mode() {
    let layer = AuthLayer::new(Toy::authorization("Toy"));
    let fields = [("sec-fetch-mode", "cors"), ("accept", "text/plain")];
    let summary = summary_of(layer, request("PUT", "/", &fields)).await;
    assert_eq!(summary.method(), "PUT");
    assert_eq!(summary.fetch_mode(), Some("cors"));
    assert!(summary.accepts("Text/Plain") && !summary.accepts("text/html"));
    assert!(!summary.is_navigation());
}

/// The bodies of axum, tonic, hyper and `http-body` are taken as they are.
#[tokio::test]
async fn bodies_of_any_type_are_sent() {
    let layer = || AuthLayer::new(Toy::authorization("Toy"));
    let layers = [
        layer().responder(|_, _| Response::new(Body::from("text"))),
        layer().responder(|_, _| Response::new(Full::new(Bytes::from("text")))),
        layer().responder(|_, _| Response::new("text".to_owned())),
        layer().responder(|_, _| Response::new(Full::new(Bytes::from("text")).boxed_unsync())),
        layer().responder(|_, _| Response::new(tonic::body::Body::new(Full::from("text")))),
    ];
    for layer in layers {
        let reply = through(&layer, get("/", &[])).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (401, "text"));
    }
}

#[tokio::test]
async fn a_stream_is_not_collected_and_its_error_ends_the_response() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Result<&str, &str>>();
    let receiver = Mutex::new(Some(receiver));
    let layer = AuthLayer::new(Toy::authorization("Toy")).responder(move |_, _| {
        let receiver = receiver.lock().unwrap().take().expect("one request");
        Response::new(Body::from_stream(
            tokio_stream::wrappers::UnboundedReceiverStream::new(receiver),
        ))
    });
    let service = layer.layer(Probe::new());
    // The response is there before the first frame.
    let response = service.oneshot(get("/", &[])).await.unwrap();
    assert_eq!(response.status(), 401);
    assert!(!response.headers().contains_key(header::CONTENT_LENGTH));
    let mut body = response.into_body();
    sender.send(Ok("first")).unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "first");
    sender.send(Err("torn")).unwrap();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "torn");
}
