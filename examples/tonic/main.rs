//! A gRPC service whose methods take different callers: rules over paths, deny by default.
//!
//! `cargo run --example tonic` starts the server, calls it as four callers and shows every
//! outcome. With `LISTEN=127.0.0.1:50051` it goes on serving, for a client of your own.

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, unused_qualifications)]
mod shop;

use shop::{
    DeleteReply, DeleteRequest, ListReply, ListRequest, Order,
    orders_client::OrdersClient,
    orders_server::{Orders, OrdersServer},
};
use std::{
    error::Error,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::{
    Code, Request, Response, Status,
    metadata::MetadataValue,
    transport::{Channel, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower_auth::{
    AccessRules, AuthLayer, authenticated,
    bearer::Bearer,
    jwt::{Algorithm, JwtVerifier, Key},
    role, scope,
    tonic::RequestExt,
};

const SECRET: &[u8] = b"a secret of at least 32 bytes, for HS256";

struct Shop;

#[tonic::async_trait]
impl Orders for Shop {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let title = format!("book, for {}", request.identity()?.subject());
        Ok(Response::new(ListReply {
            orders: vec![Order { id: 1, title }],
        }))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteReply>, Status> {
        let deleted_by = request.identity()?.subject().to_owned();
        Ok(Response::new(DeleteReply { deleted_by }))
    }

    type WatchStream = std::pin::Pin<Box<dyn Stream<Item = Result<Order, Status>> + Send>>;

    /// A stream may outlive the token that opened it, so it looks again.
    async fn watch(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let identity = request.identity()?.clone();
        let ticks = tokio_stream::iter(1..).throttle(Duration::from_millis(100));
        let orders = ticks.map(move |id| {
            if identity.expired() {
                return Err(Status::unauthenticated("the token has expired"));
            }
            Ok(Order {
                id,
                title: "one more".to_owned(),
            })
        });
        Ok(Response::new(Box::pin(orders)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let jwt = JwtVerifier::issuer("https://login.example.com/")
        .audience("https://shop.example.com")
        .keys(Key::from_secret(Algorithm::HS256, SECRET)?)
        .roles_at("roles")
        .build()?;

    let rules = AccessRules::new()
        .allow("/grpc.health.v1.Health/{method}")
        .require("/shop.Orders/List", authenticated())
        .require("/shop.Orders/Watch", scope("orders:watch"))
        .require("/shop.Orders/Delete", role("admin"));
    let auth = AuthLayer::new(Bearer::new(jwt)).grpc().rules(rules);

    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<OrdersServer<Shop>>().await;

    let listen = std::env::var("LISTEN").ok();
    let address = listen.as_deref().unwrap_or("127.0.0.1:0");
    let listener = tokio::net::TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}");
    let server = tokio::spawn(
        Server::builder()
            .layer(auth)
            .add_service(health_service)
            .add_service(OrdersServer::new(Shop))
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );

    show_outcomes(Channel::from_shared(url)?.connect().await?).await?;
    if listen.is_some() {
        server.await??;
    }
    Ok(())
}

/// Calls every method as every caller.
async fn show_outcomes(channel: Channel) -> Result<(), Box<dyn Error>> {
    let hour = Duration::from_secs(3600);
    let clerk = token("bob", "clerk", "", hour)?;
    let callers = [
        ("nobody", None),
        ("a forger", Some(format!("{clerk}x"))),
        ("a clerk", Some(clerk)),
        (
            "an administrator",
            Some(token("ada", "admin", "orders:watch", hour)?),
        ),
    ];
    let health = HealthClient::new(channel.clone())
        .check(HealthCheckRequest::default())
        .await;
    println!("health, without credentials: {}", outcome(&health));
    for (who, token) in callers {
        let mut client = OrdersClient::new(channel.clone());
        let list = client.list(with(token.as_deref(), ListRequest {})?).await;
        println!("{who:16} List   {}", outcome(&list));
        let delete = client
            .delete(with(token.as_deref(), DeleteRequest { id: 1 })?)
            .await;
        println!("{who:16} Delete {}", outcome(&delete));
        let watch = client.watch(with(token.as_deref(), ListRequest {})?).await;
        println!("{who:16} Watch  {}", outcome(&watch));
    }
    // The verifier forgives clocks that differ by a minute; a stream that looks does not.
    let short = token("eve", "clerk", "orders:watch", Duration::from_secs(2))?;
    let mut client = OrdersClient::new(channel);
    let watch = client.watch(with(Some(&short), ListRequest {})?).await?;
    let mut stream = watch.into_inner();
    let mut orders = 0;
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => orders += 1,
            Ok(None) => break Code::Ok,
            Err(status) => break status.code(),
        }
    };
    println!("a stream whose token ends: {orders} orders, then {end:?}");
    Ok(())
}

fn with<T>(token: Option<&str>, message: T) -> Result<Request<T>, Box<dyn Error>> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value: MetadataValue<_> = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
    }
    Ok(request)
}

fn outcome<T>(result: &Result<Response<T>, Status>) -> String {
    match result {
        Ok(_) => "Ok".to_owned(),
        Err(status) => format!("{:?}: {}", status.code(), status.message()),
    }
}

fn token(
    subject: &str,
    role: &str,
    scope: &str,
    lifetime: Duration,
) -> Result<String, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = serde_json::json!({
        "iss": "https://login.example.com/",
        "aud": "https://shop.example.com",
        "sub": subject,
        "iat": now,
        "exp": now + lifetime.as_secs(),
        "roles": [role],
        "scope": scope,
    });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET)?;
    Ok(jsonwebtoken::encode(
        &jsonwebtoken::Header::default(),
        &claims,
        &key,
    )?)
}
