//! tonic: its interceptors, `tonic-web`, and the layers of others in its server.

use crate::support::{Never, Tokens};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpListener;
use tonic::{
    Code, Request, Status,
    service::InterceptorLayer,
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
};
use tonic_web::GrpcWebLayer;
use tower::{
    buffer::BufferLayer, limit::GlobalConcurrencyLimitLayer, load_shed::LoadShedLayer,
    retry::RetryLayer, timeout::TimeoutLayer,
};
use tower_auth::{AuthLayer, bearer::Bearer, tonic::RequestExt};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, cors::CorsLayer,
    normalize_path::NormalizePathLayer, trace::TraceLayer,
    validate_request::ValidateRequestHeaderLayer,
};

fn auth() -> AuthLayer {
    AuthLayer::new(Bearer::new(Tokens)).grpc()
}

/// A call of the health service with this token.
async fn call(client: &mut HealthClient<Channel>, token: Option<&str>) -> Result<i32, Code> {
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let response = client.check(request).await;
    let response = response.map_err(|status: Status| status.code())?;
    Ok(response.into_inner().status)
}

/// Checks a gRPC server behind [`auth`] and `require`, as `support::check` does over HTTP.
async fn check(name: &str, address: SocketAddr) {
    let rounds = async {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        let mut client = HealthClient::new(channel.connect().await.unwrap());
        for prefix in ["", "later-"] {
            for (token, expected) in [
                (Some("valid"), Ok(1)),
                (Some("wrong"), Err(Code::Unauthenticated)),
                (None, Err(Code::Unauthenticated)),
                (Some("guest"), Err(Code::PermissionDenied)),
                (Some("down"), Err(Code::Unavailable)),
            ] {
                let token = token.map(|token| format!("{prefix}{token}"));
                let token = token.as_deref();
                assert_eq!(call(&mut client, token).await, expected, "{name} {token:?}");
            }
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(60), rounds).await;
    assert!(all.is_ok(), "{name}: a call got stuck");
}

/// Serves the health service behind these layers, the first one outermost.
macro_rules! serve {
    ($($layer:expr),+) => {{
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_service_status("", ServingStatus::Serving).await;
        let mut server = Server::builder().accept_http1(true)$(.layer($layer))+;
        let served = server.add_service(health).serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(served);
        address
    }};
}

macro_rules! works_everywhere {
    ($name:literal, $layer:expr) => {{
        use crate::support::require;

        let outside = serve!($layer, auth(), require());
        check(concat!($name, " outside"), outside).await;
        let between = serve!(auth(), $layer, require());
        check(concat!($name, " between"), between).await;
        let inside = serve!(auth(), require(), $layer);
        check(concat!($name, " inside"), inside).await;
    }};
}

#[tokio::test]
async fn layers_of_tower_work_in_every_position_of_tonic() {
    works_everywhere!("ConcurrencyLimit", GlobalConcurrencyLimitLayer::new(1));
    works_everywhere!("LoadShed", LoadShedLayer::new());
    works_everywhere!("Buffer", BufferLayer::new(1));
    works_everywhere!("Retry", RetryLayer::new(Never));
    works_everywhere!("Timeout", TimeoutLayer::new(Duration::from_secs(60)));
}

#[tokio::test]
async fn layers_of_tower_http_work_in_every_position_of_tonic() {
    use tower_http::timeout::TimeoutLayer;

    let long = Duration::from_secs(60);
    works_everywhere!("CORS", CorsLayer::permissive());
    works_everywhere!("CORS of 0.6", tower_http_06::cors::CorsLayer::permissive());
    works_everywhere!(
        "Timeout",
        TimeoutLayer::with_status_code(http::StatusCode::GATEWAY_TIMEOUT, long)
    );
    works_everywhere!("Trace", TraceLayer::new_for_grpc());
    works_everywhere!("CatchPanic", CatchPanicLayer::new());
    works_everywhere!("Compression", CompressionLayer::new());
    works_everywhere!(
        "ValidateRequestHeader",
        ValidateRequestHeaderLayer::accept("*/*")
    );
    works_everywhere!("NormalizePath", NormalizePathLayer::trim_trailing_slash());
}

#[tokio::test]
async fn interceptors_work_in_every_position() {
    let pass = |request: Request<()>| Ok::<_, Status>(request);
    works_everywhere!("Interceptor", InterceptorLayer::new(pass));
    // Inside, an interceptor sees who is calling.
    let members = |request: Request<()>| match request.identity()?.has_role("member") {
        true => Ok(request),
        false => Err(Status::permission_denied("members only")),
    };
    let address = serve!(auth(), InterceptorLayer::new(members));
    check("Interceptor that asks for the identity", address).await;
}

/// If an interceptor outside adds a credential and the client sends one as well, the request has two.
#[tokio::test]
async fn an_interceptor_outside_does_not_hide_a_second_credential() {
    let append = |mut request: Request<()>| {
        let value = "Bearer valid".parse().unwrap();
        request.metadata_mut().append("authorization", value);
        Ok::<_, Status>(request)
    };
    let address = serve!(InterceptorLayer::new(append), auth());
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    assert_eq!(call(&mut client, None).await, Ok(1));
    let both = call(&mut client, Some("wrong")).await;
    assert_eq!(both, Err(Code::InvalidArgument));
}

/// One call as a page makes it, and its whole response.
async fn web_call(
    address: SocketAddr,
    kind: &str,
    body: &'static [u8],
    token: Option<&str>,
) -> (http::response::Parts, Bytes) {
    let uri = format!("http://{address}/grpc.health.v1.Health/Check");
    let mut request = http::Request::post(uri)
        .header("content-type", kind)
        .header("accept", kind);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::from_static(body))).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    (head, body.collect().await.unwrap().to_bytes())
}

/// An empty message, and the same as text.
const FRAME: &[u8] = &[0, 0, 0, 0, 0];
const FRAME_AS_TEXT: &[u8] = b"AAAAAAA=";

/// Outside of the layer, `tonic-web` makes gRPC of the call first, so that a rejection is in gRPC.
/// Inside of the layer, the call is HTTP to it, and so is the rejection.
#[tokio::test]
async fn grpc_web_works_on_both_sides() {
    let outside = serve!(GrpcWebLayer::new(), auth());
    let inside = serve!(auth(), GrpcWebLayer::new());
    for (kind, frame) in [
        ("application/grpc-web+proto", FRAME),
        ("application/grpc-web-text+proto", FRAME_AS_TEXT),
    ] {
        for address in [outside, inside] {
            let (head, body) = web_call(address, kind, frame, Some("valid")).await;
            assert_eq!(head.status, 200, "{kind}");
            assert_eq!(head.headers["content-type"], kind);
            assert!(
                !head.headers.contains_key("grpc-status"),
                "it is in the body"
            );
            assert!(body.len() > 7, "{body:?}");
        }
        for token in [Some("wrong"), None] {
            let (head, body) = web_call(outside, kind, frame, token).await;
            assert_eq!((head.status.as_u16(), body.len()), (200, 0), "{kind}");
            assert_eq!(head.headers["grpc-status"], "16");
            assert!(!head.headers.contains_key("www-authenticate"));
            let (head, _) = web_call(inside, kind, frame, token).await;
            assert_eq!(head.status, 401, "{kind}");
            assert!(!head.headers.contains_key("grpc-status"));
            assert!(head.headers.contains_key("www-authenticate"));
        }
    }
    // Plain gRPC calls work on either side.
    for address in [outside, inside] {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        let mut client = HealthClient::new(channel.connect().await.unwrap());
        assert_eq!(call(&mut client, Some("valid")).await, Ok(1));
        let wrong = call(&mut client, Some("wrong")).await;
        assert_eq!(wrong, Err(Code::Unauthenticated));
    }
}
