//! gRPC: tonic's server and client over real connections, and the bytes on the wire.
//!
//! "gRPC over HTTP/2" is the protocol's specification, `PROTOCOL-HTTP2.md`.

use crate::shop::{
    DeleteReply, DeleteRequest, ListReply, ListRequest, Order,
    orders_client::OrdersClient,
    orders_server::{Orders, OrdersServer},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    error::Error as _,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::{
    Code, Request, Response, Status,
    metadata::MetadataValue,
    transport::{Channel, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{ServiceExt as _, util::MapResponseLayer};
use tower_auth::{
    AccessRules, AuthLayer, Identity, Rejection, RejectionKind, RequireLayer, authenticated,
    bearer::{Bearer, Token},
    role, scope,
    tonic::RequestExt,
    verify_fn,
};

struct Shop;

#[tonic::async_trait]
impl Orders for Shop {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        if request.metadata().contains_key("x-too-many") {
            return Err(Rejection::too_many(Duration::from_secs(7)).into());
        }
        let title = match request.optional_identity()? {
            Some(identity) => identity.subject().to_owned(),
            None => "a visitor".to_owned(),
        };
        let orders = vec![Order { id: 1, title }];
        Ok(Response::new(ListReply { orders }))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteReply>, Status> {
        let deleted_by = request.identity()?.subject().to_owned();
        Ok(Response::new(DeleteReply { deleted_by }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<Order, Status>> + Send>>;

    /// Orders every few milliseconds, for as long as the credentials last.
    async fn watch(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let identity = request.identity()?.clone();
        let ticks = tokio_stream::iter(1..).throttle(Duration::from_millis(10));
        let orders = ticks.map(move |id| match identity.expired() {
            true => Err(Rejection::invalid().into()),
            false => Ok(Order {
                id,
                title: String::new(),
            }),
        });
        Ok(Response::new(Box::pin(orders)))
    }
}

/// Tokens that say what becomes of them.
fn auth() -> AuthLayer {
    AuthLayer::new(Bearer::new(verify_fn(|token: Token| {
        match token.as_str() {
            "ann" => Ok(Identity::new("ann").with_role("clerk")),
            "root" => Ok(Identity::new("root")
                .with_role("admin")
                .with_scope("orders:watch")),
            "brief" => {
                let end = SystemTime::now() + Duration::from_secs(2);
                Ok(Identity::new("eve")
                    .with_scope("orders:watch")
                    .with_expiry(end))
            }
            "weak" => Err(Rejection::insufficient_authentication()),
            "many" => Err(Rejection::too_many(Duration::from_millis(1500))),
            "down" => Err(Rejection::unavailable("the key set is down")),
            "percent" => Err(Rejection::invalid().with_detail("100 % größer")),
            _ => Err(Rejection::invalid()),
        }
    })))
}

fn rules() -> AccessRules {
    AccessRules::new()
        .allow("/grpc.health.v1.Health/{method}")
        .require("/shop.Orders/List", authenticated())
        .require("/shop.Orders/Watch", scope("orders:watch"))
        .require("/shop.Orders/Delete", role("admin"))
}

/// What a layer outside finds in the extensions of responses: rejections, and whether they are
/// there as the source of a `Status`.
type Seen = Arc<Mutex<Vec<(RejectionKind, bool)>>>;

fn look<B>(
    seen: Seen,
) -> MapResponseLayer<impl Fn(http::Response<B>) -> http::Response<B> + Clone> {
    MapResponseLayer::new(move |response: http::Response<B>| {
        let extensions = response.extensions();
        if let Some(rejection) = extensions.get::<Rejection>() {
            seen.lock().unwrap().push((rejection.kind(), false));
        }
        let source = extensions
            .get::<Status>()
            .and_then(|status| status.source());
        if let Some(rejection) = source.and_then(|source| source.downcast_ref::<Rejection>()) {
            seen.lock().unwrap().push((rejection.kind(), true));
        }
        response
    })
}

async fn serve(auth: Option<AuthLayer>) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpListenerStream::new(listener);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<OrdersServer<Shop>>().await;
    match auth {
        Some(auth) => {
            let mut server = Server::builder().layer(look(seen.clone())).layer(auth);
            let server = server
                .add_service(health_service)
                .add_service(OrdersServer::new(Shop));
            tokio::spawn(server.serve_with_incoming(incoming));
        }
        None => {
            let mut server = Server::builder().layer(look(seen.clone()));
            let server = server.add_service(OrdersServer::new(Shop));
            tokio::spawn(server.serve_with_incoming(incoming));
        }
    }
    (address, seen)
}

async fn guarded() -> (SocketAddr, Seen) {
    serve(Some(auth().grpc().rules(rules()))).await
}

async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

async fn client(address: SocketAddr) -> OrdersClient<Channel> {
    OrdersClient::new(channel(address).await)
}

/// A message with this value of `authorization`; none if it is empty.
fn with<T>(authorization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if !authorization.is_empty() {
        let value: MetadataValue<_> = authorization.parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<Response<T>, Status>) -> (Code, String) {
    let status = result.expect_err("it is refused");
    (status.code(), status.message().to_owned())
}

/// Every row of the table of rejections that a request can bring about behind the layer.
const TABLE: [(&str, RejectionKind, Code, &str); 8] = [
    (
        "",
        RejectionKind::Missing,
        Code::Unauthenticated,
        "credentials are required",
    ),
    (
        "Basic dTpw",
        RejectionKind::Missing,
        Code::Unauthenticated,
        "credentials are required",
    ),
    (
        "Bearer =",
        RejectionKind::Malformed,
        Code::InvalidArgument,
        "the credentials are malformed or ambiguous",
    ),
    (
        "Bearer wrong",
        RejectionKind::Invalid,
        Code::Unauthenticated,
        "the credentials are not valid",
    ),
    (
        "Bearer weak",
        RejectionKind::InsufficientAuthentication,
        Code::Unauthenticated,
        "a stronger or more recent login is required",
    ),
    (
        "Bearer ann",
        RejectionKind::Forbidden,
        Code::PermissionDenied,
        "not allowed",
    ),
    (
        "Bearer many",
        RejectionKind::TooMany,
        Code::ResourceExhausted,
        "too many attempts",
    ),
    (
        "Bearer down",
        RejectionKind::Unavailable,
        Code::Unavailable,
        "the credentials cannot be checked now",
    ),
];

// gRPC over HTTP/2, "Responses"; `statuscodes.md` for what the codes mean.
#[tokio::test]
async fn every_rejection_has_its_code() {
    let (address, seen) = guarded().await;
    let mut client = client(address).await;
    for (authorization, kind, code, message) in TABLE {
        let delete = client
            .delete(with(authorization, DeleteRequest { id: 1 }))
            .await;
        let retry = match &delete {
            Err(status) => status.metadata().get("retry-after").cloned(),
            Ok(_) => None,
        };
        assert_eq!(
            refused(delete),
            (code, message.to_owned()),
            "{authorization}"
        );
        assert_eq!(*seen.lock().unwrap(), [(kind, false)], "{authorization}");
        seen.lock().unwrap().clear();
        let retry = retry.map(|value| value.to_str().unwrap().to_owned());
        let expected = match kind {
            RejectionKind::TooMany => Some("2"),
            RejectionKind::Unavailable => Some("1"),
            _ => None,
        };
        assert_eq!(retry.as_deref(), expected, "{authorization}");
        // A stream is refused before it begins.
        if kind != RejectionKind::Forbidden {
            let watch = client.watch(with(authorization, ListRequest {})).await;
            assert_eq!(
                refused(watch),
                (code, message.to_owned()),
                "{authorization}"
            );
        }
        seen.lock().unwrap().clear();
    }
    let mut twice = with("Bearer root", DeleteRequest { id: 1 });
    twice
        .metadata_mut()
        .append("authorization", "Bearer root".parse().unwrap());
    assert_eq!(refused(client.delete(twice).await).0, Code::InvalidArgument);
    // A message is percent-encoded on the wire, and decoded by clients.
    let percent = client.list(with("Bearer percent", ListRequest {})).await;
    assert_eq!(refused(percent).1, "100 % größer");
}

#[tokio::test]
async fn allowed_calls_get_a_response() {
    let (address, seen) = guarded().await;
    let mut client = client(address).await;
    let list = client
        .list(with("Bearer ann", ListRequest {}))
        .await
        .unwrap();
    assert_eq!(list.into_inner().orders[0].title, "ann");
    let delete = client
        .delete(with("bearer root", DeleteRequest { id: 1 }))
        .await;
    assert_eq!(delete.unwrap().into_inner().deleted_by, "root");
    let mut stream = client
        .watch(with("Bearer root", ListRequest {}))
        .await
        .unwrap()
        .into_inner();
    for id in 1..=3 {
        assert_eq!(stream.message().await.unwrap().unwrap().id, id);
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn health_is_open_and_unlisted_methods_are_denied() {
    let (address, _) = guarded().await;
    let mut health = HealthClient::new(channel(address).await);
    let check = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(check.into_inner().status, 1, "SERVING");
    let watch = health.watch(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(
        watch.into_inner().message().await.unwrap().unwrap().status,
        1
    );
    // Credentials that are sent all the same have to be good.
    let check = health
        .check(with("Bearer wrong", HealthCheckRequest::default()))
        .await;
    assert_eq!(refused(check).0, Code::Unauthenticated);

    for (path, authorization, status) in [
        ("/shop.Orders/Purge", "", "16"),
        ("/shop.Orders/Purge", "Bearer root", "7"),
        ("/shop.Stock/List", "Bearer root", "7"),
        ("/shop.Orders/List/", "Bearer root", "7"),
        ("/shop.orders/List", "Bearer root", "7"),
        ("/grpc.health.v1.Health", "", "16"),
        ("/grpc.health.v1.Health/a/b", "", "16"),
        ("/grpc.health.v1.Health/../shop.Orders/Delete", "", "3"),
        ("/grpc.health.v1.Health/%2e%2e/Delete", "", "3"),
        ("/shop.Orders//Delete", "Bearer root", "3"),
        ("/shop.Orders/%44elete", "Bearer ann", "3"),
    ] {
        let mut fields = vec![("content-type", "application/grpc")];
        if !authorization.is_empty() {
            fields.push(("authorization", authorization));
        }
        let (head, _) = raw(address, "POST", path, &fields).await;
        assert_eq!(
            head.headers["grpc-status"], status,
            "{path} {authorization}"
        );
    }
}

/// One request over HTTP/2, and the whole response.
async fn raw(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> (http::response::Parts, Bytes) {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{address}{path}");
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    assert!(body.trailers().is_none(), "{path}");
    (head, body.to_bytes())
}

// gRPC over HTTP/2, "Responses": Trailers-Only, in HTTP 200 and one HEADERS frame that ends the
// stream.
#[tokio::test]
async fn a_rejection_is_a_trailers_only_reply() {
    let (address, _) = guarded().await;
    let fields = [("content-type", "application/grpc"), ("te", "trailers")];
    let (head, body) = raw(address, "POST", "/shop.Orders/Delete", &fields).await;
    assert_eq!((head.status.as_u16(), body.len()), (200, 0));
    let mut names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cache-control",
            "content-type",
            "date",
            "grpc-message",
            "grpc-status"
        ],
    );
    assert_eq!(head.headers["content-type"], "application/grpc");
    assert_eq!(head.headers["grpc-status"], "16");
    assert_eq!(head.headers["grpc-message"], "credentials are required");
    assert_eq!(head.headers["cache-control"], "no-store");

    const HEADERS: u8 = 1;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    for more in ["", "Bearer wrong", "Bearer down"] {
        let frames = frames(address, "/shop.Orders/Delete", more).await;
        assert_eq!(frames, [(HEADERS, END_STREAM | END_HEADERS)], "{more}");
    }
}

/// The types and flags of the frames that answer one request (RFC 9113 sections 3.4 and 4.1).
async fn frames(address: SocketAddr, path: &str, authorization: &str) -> Vec<(u8, u8)> {
    // Literal fields without indexing and without Huffman codes (RFC 7541 section 6.2.2).
    let mut block = Vec::new();
    let host = address.to_string();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", &host),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", authorization),
    ] {
        if value.is_empty() {
            continue;
        }
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]); // SETTINGS
    bytes.extend([0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]); // HEADERS
    bytes.extend(block);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut frames = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
        stream.read_exact(&mut payload).await.unwrap();
        if u32::from_be_bytes(id) == 1 {
            frames.push((kind, flags));
            if flags & 1 == 1 {
                return frames;
            }
        }
    }
}

// gRPC over HTTP/2, "Requests": a POST of this content type. Nothing else is refused in gRPC.
#[tokio::test]
async fn a_client_cannot_choose_how_it_is_rejected() {
    let (address, _) = guarded().await;
    for (method, kind, grpc) in [
        ("POST", "application/grpc", true),
        ("POST", "application/grpc+proto", true),
        ("POST", "application/grpc+json", true),
        ("POST", "application/grpc;charset=utf-8", true),
        ("POST", "application/grpc ;charset=utf-8", true),
        ("POST", "Application/gRPC+proto", true),
        ("POST", "application/grpc +proto", false),
        ("GET", "application/grpc", false),
        ("PUT", "application/grpc", false),
        ("OPTIONS", "application/grpc", false),
        ("POST", "application/grpc-web", false),
        ("POST", "application/grpc-web+proto", false),
        ("POST", "application/grpcx", false),
        ("POST", "application/grpc ", true), // trimmed on the way
        ("POST", "text/plain, application/grpc", false),
        ("POST", "application/json", false),
    ] {
        let fields = [("content-type", kind.trim_end())];
        let (head, body) = raw(address, method, "/shop.Orders/List", &fields).await;
        if grpc {
            assert_eq!(
                (head.status.as_u16(), body.len()),
                (200, 0),
                "{method} {kind}"
            );
            assert_eq!(head.headers["grpc-status"], "16");
            assert!(!head.headers.contains_key("www-authenticate"));
        } else {
            assert_eq!(head.status.as_u16(), 401, "{method} {kind}");
            assert_eq!(head.headers["content-type"], "application/problem+json");
            assert_eq!(head.headers["www-authenticate"], r#"Bearer realm="api""#);
            assert!(!head.headers.contains_key("grpc-status"));
        }
    }
    let (head, _) = raw(
        address,
        "POST",
        "/shop.Orders/List",
        &[("accept", "application/grpc")],
    )
    .await;
    assert_eq!(head.status.as_u16(), 401);
}

// `http-grpc-status-mapping.md`: what clients make of a refusal in plain HTTP.
#[tokio::test]
async fn without_grpc_clients_still_map_the_status() {
    let (address, _) = serve(Some(auth().rules(rules()))).await;
    let mut client = client(address).await;
    for (authorization, kind, code, _) in TABLE {
        let delete = client
            .delete(with(authorization, DeleteRequest { id: 1 }))
            .await;
        let expected = match kind {
            RejectionKind::Malformed => Code::Internal,
            RejectionKind::TooMany => Code::Unavailable,
            _ => code,
        };
        let message = format!(
            "grpc-status header missing, mapped from HTTP status code {}",
            kind.status().as_u16()
        );
        assert_eq!(refused(delete), (expected, message), "{authorization}");
    }
    let list = client
        .list(with("Bearer ann", ListRequest {}))
        .await
        .unwrap();
    assert_eq!(list.into_inner().orders[0].title, "ann");
}

#[tokio::test]
async fn a_handlers_rejection_is_the_source_of_its_status() {
    let (address, seen) = guarded().await;
    let mut request = with("Bearer ann", ListRequest {});
    request
        .metadata_mut()
        .insert("x-too-many", "1".parse().unwrap());
    let list = client(address).await.list(request).await;
    assert_eq!(
        refused(list),
        (Code::ResourceExhausted, "too many attempts".to_owned())
    );
    assert_eq!(*seen.lock().unwrap(), [(RejectionKind::TooMany, true)]);

    for (rejection, code) in [
        (Rejection::missing(), Code::Unauthenticated),
        (Rejection::malformed(), Code::InvalidArgument),
        (Rejection::invalid(), Code::Unauthenticated),
        (
            Rejection::insufficient_authentication(),
            Code::Unauthenticated,
        ),
        (Rejection::forbidden(), Code::PermissionDenied),
        (Rejection::too_many(Duration::ZERO), Code::ResourceExhausted),
        (Rejection::unavailable("db"), Code::Unavailable),
        (Rejection::no_auth_layer(), Code::Internal),
        (Rejection::internal("a bug"), Code::Internal),
    ] {
        let kind = rejection.kind();
        let status = Status::from(rejection.with_detail("told"));
        assert_eq!((status.code(), status.message()), (code, "told"));
        let source = status
            .source()
            .and_then(|source| source.downcast_ref::<Rejection>());
        assert_eq!(source.map(Rejection::kind), Some(kind));
    }
}

#[tokio::test]
async fn without_a_layer_the_handler_answers_internal() {
    let (address, seen) = serve(None).await;
    let mut client = client(address).await;
    let told = (Code::Internal, "the server is misconfigured".to_owned());
    for authorization in ["", "Bearer root"] {
        let delete = client
            .delete(with(authorization, DeleteRequest { id: 1 }))
            .await;
        assert_eq!(refused(delete), told);
        // Nor does anybody pass for a visitor.
        let list = client.list(with(authorization, ListRequest {})).await;
        assert_eq!(refused(list), told);
    }
    assert_eq!(
        *seen.lock().unwrap(),
        [(RejectionKind::NoAuthLayer, true); 4]
    );
}

#[tokio::test]
async fn an_anonymous_caller_reaches_an_optional_handler() {
    let (address, _) = serve(Some(auth().grpc().optional())).await;
    let mut client = client(address).await;
    let list = client.list(with("", ListRequest {})).await.unwrap();
    assert_eq!(list.into_inner().orders[0].title, "a visitor");
    let delete = client.delete(with("", DeleteRequest { id: 1 })).await;
    let told = (Code::Unauthenticated, "credentials are required".to_owned());
    assert_eq!(refused(delete), told);
    let list = client.list(with("Bearer wrong", ListRequest {})).await;
    assert_eq!(refused(list).0, Code::Unauthenticated);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_does() {
    let (address, _) = guarded().await;
    let mut client = client(address).await;
    let begin = SystemTime::now();
    let watch = client
        .watch(with("Bearer brief", ListRequest {}))
        .await
        .unwrap();
    let mut stream = watch.into_inner();
    let mut orders = 0;
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => orders += 1,
            Ok(None) => panic!("the stream ended by itself"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unauthenticated);
    assert!(orders > 0);
    // Two seconds, of which the fraction does not count.
    let lasted = begin.elapsed().unwrap();
    assert!(lasted >= Duration::from_millis(990), "{lasted:?}");
}

// The same mapping, where a requirement refuses.
#[tokio::test]
async fn a_requirement_rejects_grpc_requests_without_a_body() {
    let inner = tower::service_fn(|_: http::Request<()>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Empty::<Bytes>::new()))
    });
    let service = tower::ServiceBuilder::new()
        .layer(auth())
        .layer(RequireLayer::new(role("admin")))
        .service(inner);
    for (kind, empty) in [("application/grpc", true), ("application/json", false)] {
        let request = http::Request::post("/").header("authorization", "Bearer ann");
        let request = request.header("content-type", kind).body(()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 403, "{kind}");
        assert_eq!(response.headers().contains_key("content-type"), !empty);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.is_empty(), empty, "{kind}");
    }
}
