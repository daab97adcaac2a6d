//! The layers of `tower-http`, version 0.7. Every position is also tested with version 0.6.

use crate::{
    common::{
        Probe, Toy, events, get, send,
        wire::{Wire, serve_axum},
    },
    support::{Tokens, ask, auth, inner, require, serve_hyper, whoami, works_everywhere},
};
use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
    routing,
};
use bytes::Bytes;
use http_body_util::Empty;
use std::{
    convert::Infallible,
    future::{Ready, pending},
    sync::Arc,
    time::{Duration, Instant},
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RequireLayer, Scheme, authenticated,
    bearer::Bearer,
    credential::{Credential, Found, Place},
    rejection::{Challenge, Challenges},
    role,
    scheme::Attempt,
    verify_fn,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::CorsLayer,
    normalize_path::NormalizePathLayer,
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    timeout::TimeoutLayer,
    trace::{DefaultMakeSpan, TraceLayer},
    validate_request::ValidateRequestHeaderLayer,
};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn cors_works_in_every_position() {
    works_everywhere!("CORS", CorsLayer::permissive());
    works_everywhere!("CORS of 0.6", tower_http_06::cors::CorsLayer::permissive());
}

#[tokio::test]
async fn time_outs_work_in_every_position() {
    let status = StatusCode::GATEWAY_TIMEOUT;
    works_everywhere!("Timeout", TimeoutLayer::with_status_code(status, LONG));
    works_everywhere!(
        "Timeout of 0.6",
        tower_http_06::timeout::TimeoutLayer::with_status_code(status, LONG)
    );
}

#[tokio::test]
async fn traces_work_in_every_position() {
    works_everywhere!("Trace", TraceLayer::new_for_http());
    works_everywhere!(
        "Trace of 0.6",
        tower_http_06::trace::TraceLayer::new_for_http()
    );
}

#[tokio::test]
async fn compression_works_in_every_position() {
    works_everywhere!("Compression", CompressionLayer::new());
    works_everywhere!(
        "Compression of 0.6",
        tower_http_06::compression::CompressionLayer::new()
    );
}

#[tokio::test]
async fn panics_are_caught_in_every_position() {
    works_everywhere!("CatchPanic", CatchPanicLayer::new());
    works_everywhere!(
        "CatchPanic of 0.6",
        tower_http_06::catch_panic::CatchPanicLayer::new()
    );
}

#[tokio::test]
async fn validation_of_requests_works_in_every_position() {
    works_everywhere!(
        "ValidateRequestHeader",
        ValidateRequestHeaderLayer::accept("text/plain")
    );
    works_everywhere!(
        "ValidateRequestHeader of 0.6",
        tower_http_06::validate_request::ValidateRequestHeaderLayer::accept("text/plain")
    );
}

#[tokio::test]
async fn normal_paths_work_in_every_position() {
    works_everywhere!("NormalizePath", NormalizePathLayer::trim_trailing_slash());
    works_everywhere!(
        "NormalizePath of 0.6",
        tower_http_06::normalize_path::NormalizePathLayer::trim_trailing_slash()
    );
}

#[tokio::test]
async fn a_preflight_passes_cors_outside_and_pages_can_read_rejections() {
    let page = HeaderValue::from_static("https://app.example");
    let cors = CorsLayer::new()
        .allow_origin([page])
        .allow_methods([Method::DELETE])
        .allow_headers([header::AUTHORIZATION])
        .expose_headers([header::WWW_AUTHENTICATE]);
    let preflight = "OPTIONS / HTTP/1.1\nHost: h\nOrigin: https://app.example\n\
                     Access-Control-Request-Method: DELETE\n\
                     Access-Control-Request-Headers: authorization";
    let outside = ServiceBuilder::new().layer(cors.clone()).layer(auth());
    let mut wire = Wire::connect(serve_hyper(outside.service(inner())).await).await;
    let answer = wire.ask(preflight).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.all("access-control-allow-headers"),
        ["authorization"]
    );
    let refused = wire
        .ask("DELETE / HTTP/1.1\nHost: h\nOrigin: https://app.example")
        .await;
    assert_eq!(refused.status, 401);
    let origin = refused.all("access-control-allow-origin");
    assert_eq!(origin, ["https://app.example"]);
    let exposed = refused.all("access-control-expose-headers");
    assert_eq!(exposed, ["www-authenticate"]);
    assert_eq!(refused.all("www-authenticate").len(), 1);
    // If CORS is inside, preflights reach it only with `allow_preflight`.
    for (layer, status) in [(auth(), 401), (auth().allow_preflight(), 200)] {
        let inside = ServiceBuilder::new().layer(layer).layer(cors.clone());
        let mut wire = Wire::connect(serve_hyper(inside.service(inner())).await).await;
        assert_eq!(wire.ask(preflight).await.status, status);
    }
}

#[tokio::test]
async fn a_time_out_outside_covers_the_verdict_and_one_inside_does_not() {
    let never = || {
        verify_fn(|_: tower_auth::bearer::Token| async move {
            pending::<()>().await;
            Ok::<_, Rejection>(Identity::new("ann"))
        })
    };
    let short = || {
        let time = Duration::from_millis(50);
        TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, time)
    };
    let valid = || get("/", &[("authorization", "Bearer valid")]);
    let probe = Probe::new();
    let service = ServiceBuilder::new()
        .layer(short())
        .layer(AuthLayer::new(Bearer::new(never())))
        .service(probe.clone());
    let reply = send(&service, valid()).await;
    assert_eq!((reply.status.as_u16(), probe.calls()), (504, 0));
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Bearer::new(never())))
        .layer(short())
        .service(probe.clone());
    let waiting = tokio::time::timeout(Duration::from_millis(200), send(&service, valid()));
    assert!(waiting.await.is_err(), "there is no verdict yet");
    // On either side, the time-out covers a slow inner service.
    let slow = service_fn(|_: Request<Empty<Bytes>>| async {
        pending::<()>().await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let outside = ServiceBuilder::new().layer(short()).layer(auth());
    assert_eq!(send(&outside.service(slow), valid()).await.status, 504);
    let inside = ServiceBuilder::new().layer(auth()).layer(short());
    let started = Instant::now();
    let reply = send(&inside.service(slow), valid()).await;
    assert_eq!(reply.status, 504);
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert!(reply.rejection.is_none(), "it is not this crate's answer");
}

/// `Debug` hides the value of a header that is marked as sensitive. `AuthLayer` marks credentials
/// for inner layers; outside of it, a layer of tower-http does.
#[tokio::test]
async fn traces_do_not_contain_a_token() {
    events::record();
    let trace = || {
        let span = DefaultMakeSpan::new().include_headers(true);
        TraceLayer::new_for_http().make_span_with(span)
    };
    let keep = SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION]);
    let inside = ServiceBuilder::new().layer(auth()).layer(trace());
    let outside = ServiceBuilder::new()
        .layer(keep)
        .layer(trace())
        .layer(auth());
    let secret = "Bearer a-secret-token";
    let valid = [("authorization", "Bearer valid"), ("x-trace", "inside")];
    send(&inside.service(Probe::new()), get("/", &valid)).await;
    let bad = [("authorization", secret), ("x-trace", "outside")];
    send(&outside.service(Probe::new()), get("/", &bad)).await;
    let lines = events::LINES.lock().unwrap().join("\n");
    assert!(lines.contains(r#""x-trace": "inside""#), "{lines}");
    assert!(lines.contains(r#""x-trace": "outside""#), "{lines}");
    assert_eq!(lines.matches(r#""authorization": Sensitive"#).count(), 2);
    assert!(!lines.contains("a-secret-token"), "{lines}");
    assert!(!lines.contains("Bearer valid"), "{lines}");
}

#[tokio::test]
async fn a_rejection_is_compressed_as_any_other_response() {
    let outside = ServiceBuilder::new()
        .layer(CompressionLayer::new())
        .layer(auth());
    let address = serve_hyper(outside.service(inner())).await;
    let mut wire = Wire::connect(address).await;
    let answer = wire
        .ask("GET / HTTP/1.1\nHost: h\nAccept-Encoding: gzip")
        .await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.all("content-encoding"), ["gzip"]);
    assert_eq!(answer.all("vary"), ["accept-encoding"]);
    assert_eq!(answer.all("www-authenticate"), [r#"Bearer realm="api""#]);
    assert!(answer.all("content-length").is_empty());
    // `Vary` names both the encoding and the field of the credential.
    let keys = AuthLayer::new(Toy::header("Key", "x-key"));
    let text = |_: Request<hyper::body::Incoming>| async {
        Ok::<_, Infallible>(Response::new(Body::from(
            "a text that is long enough to be compressed",
        )))
    };
    for outside in [true, false] {
        let key = "GET / HTTP/1.1\nHost: h\nX-Key: ann\nAccept-Encoding: gzip";
        let stack = ServiceBuilder::new();
        let address = match outside {
            true => {
                let stack = stack.layer(CompressionLayer::new()).layer(keys.clone());
                serve_hyper(stack.service(service_fn(text))).await
            }
            false => {
                let stack = stack.layer(keys.clone()).layer(CompressionLayer::new());
                serve_hyper(stack.service(service_fn(text))).await
            }
        };
        let answer = Wire::connect(address).await.ask(key).await;
        assert_eq!(answer.all("content-encoding"), ["gzip"]);
        assert_eq!(answer.all("cache-control"), ["private"]);
        let mut vary = answer.all("vary");
        vary.sort_unstable();
        assert_eq!(vary, ["accept-encoding", "x-key"]);
    }
}

/// A scheme whose identity and response hook each hold a reference that is counted.
struct Counted(Arc<()>);

impl Scheme for Counted {
    fn name(&self) -> &'static str {
        "Counted"
    }

    fn locations(&self) -> Vec<Location> {
        vec![Location::header("x-key")]
    }

    fn find(&self, _: &http::request::Parts) -> Found {
        Found::one(Credential::new(Place::Header, "key"))
    }

    fn authenticate(&self, _: &http::request::Parts, _: Credential) -> Attempt {
        let (data, held) = (self.0.clone(), self.0.clone());
        let attempt = Attempt::new(Ok(Identity::new("ann").with_data(data)));
        attempt.on_response(move |_, _| drop(held))
    }

    fn challenge(&self, _: &Rejection, challenges: &mut Challenges<'_>) {
        challenges.push(Challenge::new("Counted"));
    }
}

/// Panics in `call` itself, not in the future.
fn panicking(_: Request<Empty<Bytes>>) -> Ready<Result<Response<Empty<Bytes>>, Infallible>> {
    // Without the hook of panics: a thousand backtraces take longer than the test.
    std::panic::resume_unwind(Box::new("a bug of the application"))
}

#[tokio::test]
async fn a_service_that_panics_leaks_no_identity() {
    let data = Arc::new(());
    let auth = AuthLayer::new(Counted(data.clone()));
    let service = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(auth)
        .layer(RequireLayer::new(authenticated()))
        .service(service_fn(panicking));
    let mut statuses = Vec::new();
    for _ in 0..1000 {
        let response = service.clone().oneshot(get("/", &[])).await.unwrap();
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [500; 1000]);
    drop(service);
    assert_eq!(Arc::strong_count(&data), 1, "references that are left");
}

/// Rules apply to the path as layers outside have changed it.
#[tokio::test]
async fn a_path_that_is_trimmed_outside_meets_the_rule_of_the_trimmed_one() {
    let rules = || {
        let rules = AccessRules::new().allow("/open");
        let rules = rules.require("/admin", role("admin"));
        rules.otherwise(authenticated())
    };
    let auth = || AuthLayer::new(Bearer::new(Tokens)).rules(rules());
    let trim = NormalizePathLayer::trim_trailing_slash;
    let app = || {
        Router::new()
            .route("/open", routing::get(whoami::<Body>))
            .route("/admin", routing::get(whoami::<Body>))
            .layer(auth())
    };
    let outside = serve_hyper(trim().layer(ServiceExt::<Request<_>>::map_request(
        app(),
        |request: Request<hyper::body::Incoming>| request.map(Body::new),
    )));
    let bare = serve_axum(app());
    let (outside, bare) = (outside.await, bare.await);
    for (path, trimmed, untrimmed) in [
        ("/open", 200, 200),
        ("/open/", 200, 404),
        ("/admin", 403, 403),
        // Untrimmed, the path has no rule of its own, and axum has no route for it.
        ("/admin/", 403, 404),
    ] {
        let ask = format!("GET {path} HTTP/1.1\nHost: h\nAuthorization: Bearer valid");
        let one = Wire::connect(outside).await.ask(&ask).await.status;
        let two = Wire::connect(bare).await.ask(&ask).await.status;
        assert_eq!((one, two), (trimmed, untrimmed), "{path}");
    }
}

#[tokio::test]
async fn a_request_that_is_rejected_outside_is_never_verified() {
    let outside = ServiceBuilder::new()
        .layer(ValidateRequestHeaderLayer::accept("text/plain"))
        .layer(auth())
        .layer(require());
    let outside = serve_hyper(outside.service(inner())).await;
    let inside = ServiceBuilder::new()
        .layer(auth())
        .layer(require())
        .layer(ValidateRequestHeaderLayer::accept("text/plain"));
    let inside = serve_hyper(inside.service(inner())).await;
    for (accept, token, by_outside, by_inside) in [
        ("text/plain", "valid", 200, 200),
        ("text/html", "valid", 406, 406),
        ("text/html", "wrong", 406, 401),
        ("text/plain", "wrong", 401, 401),
    ] {
        let request =
            format!("GET / HTTP/1.1\nHost: h\nAccept: {accept}\nAuthorization: Bearer {token}");
        let one = Wire::connect(outside).await.ask(&request).await.status;
        let two = Wire::connect(inside).await.ask(&request).await.status;
        assert_eq!((one, two), (by_outside, by_inside), "{accept} {token}");
    }
    let mut wire = Wire::connect(outside).await;
    assert_eq!(ask(&mut wire, Some("valid")).await.status, 200);
}

/// The other layers of this crate have the same type of body, so they work between the same layers.
#[tokio::test]
async fn layers_that_serve_documents_sign_in_and_renew_work_inside_of_cors_and_time_outs() {
    use tower_auth::{
        fetch::fetch_fn,
        issue::{Cookies, CredentialEndpointLayer, RenewLayer, Signer, SigningKeys, TokenIssuer},
        jwt::Algorithm,
        login::{Login, Secret},
        store::MemoryStore,
        well_known::{JwksLayer, ResourceMetadata},
    };

    let keys = SigningKeys::new(Signer::generate(Algorithm::ES256).unwrap());
    let issuer = "https://app.example/";
    let issued = TokenIssuer::issuer(issuer, keys.clone()).audience(issuer);
    let issued = issued.store(MemoryStore::new(), [7; 32]).build().unwrap();
    let metadata = ResourceMetadata::of("https://app.example/")
        .authorization_server("https://login.example/")
        .build()
        .unwrap();
    let login = Login::builder("https://login.example/")
        .client_basic("app", "app-secret")
        .redirect_uri("https://app.example/callback")
        .secret(Secret::new([1; 32]).unwrap())
        .fetch_with(fetch_fn(|_: Request<Bytes>| async {
            Err::<Response<Bytes>, _>(std::io::Error::other("out of order"))
        }))
        .build()
        .unwrap();
    let outer = || {
        let status = StatusCode::GATEWAY_TIMEOUT;
        let timeout = TimeoutLayer::with_status_code(status, LONG);
        let documents = (metadata.layer(), JwksLayer::new(keys.clone()));
        let renew = RenewLayer::new(issued.clone(), Cookies::new());
        let sessions = (login.layer(), renew);
        ((CorsLayer::permissive(), timeout), (documents, sessions))
    };
    works_everywhere!("documents and sessions", outer());
    let endpoint = ServiceBuilder::new()
        .layer(CorsLayer::permissive())
        .layer(CredentialEndpointLayer::new());
    let service = endpoint.clone().service(inner());
    let mut wire = Wire::connect(serve_hyper(service).await).await;
    let answer = ask(&mut wire, None).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "nobody"));
    assert_eq!(answer.all("access-control-allow-origin"), ["*"]);
    let outer = outer().layer(inner());
    let mut wire = Wire::connect(serve_hyper(outer).await).await;
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/oauth-protected-resource",
    ] {
        let ask = format!("GET {path} HTTP/1.1\nHost: app.example");
        let answer = wire.ask(&ask).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.all("access-control-allow-origin"), ["*"], "{path}");
    }
}
