//! No framework: hyper, a closure as the service, and two layers.
//!
//! `cargo run --example hyper`, then paste what it prints. `LISTEN` sets the address.

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{convert::Infallible, error::Error};
use tower::ServiceBuilder;
use tower_auth::{
    AccessRules, AuthLayer, Identity,
    api_key::{ApiKey, ApiKeys},
    authenticated, role,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let keys = ApiKeys::new();
    let ann = keys.create("demo", Identity::new("ann"))?;
    let root = keys.create("demo", Identity::new("root").with_role("admin"))?;

    let rules = AccessRules::new()
        .allow("/health")
        .require("/admin", role("admin"))
        .otherwise(authenticated());
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(ApiKey::header("x-api-key", keys)).rules(rules))
        .service_fn(hello);

    let listen = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(&listen)
        .await
        .map_err(|error| format!("{listen}: {error}; set LISTEN to another address"))?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("listening on {url}\n");
    println!("# open to visitors: 200\ncurl -i {url}/health\n");
    println!("# no credentials: 401\ncurl -i {url}/\n");
    println!(
        "# a key: 200\ncurl -i -H 'x-api-key: {}' {url}/\n",
        ann.expose()
    );
    println!(
        "# a key without the role: 403\ncurl -i -H 'x-api-key: {}' {url}/admin\n",
        ann.expose()
    );
    println!(
        "# an administrator's: 200\ncurl -i -H 'x-api-key: {}' {url}/admin",
        root.expose()
    );

    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("connection: {error}");
            }
        });
    }
}

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Identity>();
    let name = caller.map_or("visitor", Identity::subject);
    Ok(Response::new(Full::from(format!("hello {name}\n"))))
}
