//! The checks that every stack of layers has to satisfy.

use crate::common::{
    caller, problem,
    wire::{Answer, Wire},
};
use axum::{BoxError, body::Body};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{convert::Infallible, future::Ready, io, net::SocketAddr, time::Duration};
use tokio::net::TcpListener;
use tower::{Service, ServiceExt, retry::Policy, service_fn, util::BoxCloneService};
use tower_auth::{
    AuthLayer, Identity, Rejection, RequireLayer, Verdict, Verify,
    bearer::{Bearer, Token},
    role,
};

/// Verifies tokens by their names. If a name begins with `later-`, the verdict is pending once.
pub(crate) struct Tokens;

impl Verify<Token> for Tokens {
    fn verify(&self, token: Token) -> Verdict<Identity> {
        match token.as_str().strip_prefix("later-") {
            None => Verdict::ready(verified(token.as_str())),
            Some(name) => {
                let result = verified(name);
                Verdict::pending(async move {
                    tokio::task::yield_now().await;
                    result
                })
            }
        }
    }
}

fn verified(name: &str) -> Result<Identity, Rejection> {
    match name {
        "valid" => Ok(Identity::new("ann").with_role("member")),
        "guest" => Ok(Identity::new("bob")),
        "down" => Err(Rejection::unavailable("the store is down")),
        _ => Err(Rejection::invalid()),
    }
}

pub(crate) fn auth() -> AuthLayer {
    AuthLayer::new(Bearer::new(Tokens))
}

/// Requires the role of a member.
pub(crate) fn require() -> RequireLayer {
    RequireLayer::new(role("member"))
}

/// Responds with the name of the caller.
pub(crate) async fn whoami<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, _) = request.into_parts();
    Ok(Response::new(Full::from(caller(&head))))
}

/// [`whoami`] as a service for hyper.
pub(crate) fn inner<B>()
-> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
where
    B: Send + 'static,
{
    service_fn(whoami::<B>)
}

/// A service without its type, so that hyper's server is compiled once.
type Boxed = BoxCloneService<Request<Incoming>, Response<Body>, io::Error>;

/// Serves both versions of HTTP by hyper alone, until the test ends.
pub(crate) async fn serve_hyper<S, R>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let boxed = service.map_response(|response| response.map(Body::new));
    serve_boxed(boxed.map_err(io::Error::other).boxed_clone()).await
}

async fn serve_boxed(service: Boxed) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    address
}

/// Retries nothing, whatever the request.
#[derive(Clone)]
pub(crate) struct Never;

impl<Q, R, E> Policy<Q, R, E> for Never {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Q, _: &mut Result<R, E>) -> Option<Ready<()>> {
        None
    }

    fn clone_request(&mut self, _: &Q) -> Option<Q> {
        None
    }
}

/// Asks for `/` with this token.
pub(crate) async fn ask(wire: &mut Wire, token: Option<&str>) -> Answer {
    let field = token.map(|token| format!("\nAuthorization: Bearer {token}"));
    let field = field.unwrap_or_default();
    wire.ask(&format!("GET / HTTP/1.1\nHost: h{field}")).await
}

/// Checks a server behind [`auth`] and [`require`]. A valid credential of a member is accepted. Every
/// other request is rejected with its status and challenge. A rejection keeps nothing that requests
/// share, such as the only permit of a limit.
pub(crate) async fn check(name: &str, address: SocketAddr) {
    let rounds = async {
        let mut wire = Wire::connect(address).await;
        for prefix in ["", "later-", "", "later-"] {
            let token = |name: &str| format!("{prefix}{name}");
            let answer = ask(&mut wire, Some(&token("valid"))).await;
            let (status, body) = (answer.status, answer.body.as_str());
            assert_eq!((status, body), (200, "ann by Bearer"), "{name}");
            assert!(answer.all("www-authenticate").is_empty(), "{name}");

            let answer = ask(&mut wire, Some(&token("wrong"))).await;
            let text = "the credentials are not valid";
            let challenge =
                format!(r#"Bearer realm="api", error="invalid_token", error_description="{text}""#);
            refused(name, &answer, 401, text, &[&challenge]);

            let answer = ask(&mut wire, None).await;
            let challenge = [r#"Bearer realm="api""#];
            refused(name, &answer, 401, "credentials are required", &challenge);

            let answer = ask(&mut wire, Some(&token("guest"))).await;
            refused(name, &answer, 403, "not allowed", &[]);

            let answer = ask(&mut wire, Some(&token("down"))).await;
            let text = "the credentials cannot be checked now";
            refused(name, &answer, 503, text, &[]);
            assert_eq!(answer.all("retry-after"), ["1"], "{name}");
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(60), rounds).await;
    assert!(all.is_ok(), "{name}: a request got stuck");
}

#[track_caller]
fn refused(name: &str, answer: &Answer, status: u16, detail: &str, challenges: &[&str]) {
    let title = http::StatusCode::from_u16(status).unwrap();
    let title = title.canonical_reason().unwrap();
    assert_eq!(answer.status, status, "{name}");
    assert_eq!(answer.body, problem(status, title, detail), "{name}");
    assert_eq!(answer.all("www-authenticate"), challenges, "{name}");
    assert_eq!(answer.all("cache-control"), ["no-store"], "{name}");
    let json = ["application/problem+json"];
    assert_eq!(answer.all("content-type"), json, "{name}");
}

/// Checks a layer in every position beside [`auth`] and [`require`], in a `ServiceBuilder`, on axum
/// and on plain hyper.
macro_rules! works_everywhere {
    ($name:literal, $layer:expr) => {
        works_everywhere!($name, $layer, tower::layer::util::Identity::new());
    };
    // The outermost layer turns errors into responses, because axum accepts no errors.
    ($name:literal, $layer:expr, $outermost:expr) => {{
        use crate::{
            common::wire::serve_axum,
            support::{auth, check, inner, require, serve_hyper, whoami},
        };
        use axum::{Router, routing};
        use tower::ServiceBuilder;

        let axum = |stack: &str| format!("{} {stack}, axum", $name);
        let app = || Router::new().route("/", routing::get(whoami::<axum::body::Body>));
        let stack = ServiceBuilder::new().layer($outermost);
        let outside = stack.clone().layer($layer).layer(auth()).layer(require());
        check(&axum("outside"), serve_axum(app().layer(outside)).await).await;
        let between = stack.clone().layer(auth()).layer($layer).layer(require());
        check(&axum("between"), serve_axum(app().layer(between)).await).await;
        let inside = stack.layer(auth()).layer(require()).layer($layer);
        check(&axum("inside"), serve_axum(app().layer(inside)).await).await;

        let hyper = |stack: &str| format!("{} {stack}, hyper", $name);
        let stack = ServiceBuilder::new();
        let outside = stack.clone().layer($layer).layer(auth()).layer(require());
        check(
            &hyper("outside"),
            serve_hyper(outside.service(inner())).await,
        )
        .await;
        let between = stack.clone().layer(auth()).layer($layer).layer(require());
        check(
            &hyper("between"),
            serve_hyper(between.service(inner())).await,
        )
        .await;
        let inside = stack.layer(auth()).layer(require()).layer($layer);
        check(&hyper("inside"), serve_hyper(inside.service(inner())).await).await;
    }};
}

pub(crate) use works_everywhere;
