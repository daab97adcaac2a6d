//! The layers of `tower`.

use crate::{
    common::{Probe, get, send, wire::serve_axum},
    support::{Never, Tokens, ask, auth, inner, require, serve_hyper, whoami, works_everywhere},
};
use axum::{
    BoxError, Router,
    body::Body,
    error_handling::HandleErrorLayer,
    http::{Request, Response, StatusCode},
    routing,
};
use bytes::Bytes;
use http_body_util::{Empty, Full};
use std::{
    convert::Infallible,
    future::{Ready, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tower::{
    Layer, ServiceBuilder, ServiceExt,
    buffer::BufferLayer,
    limit::{ConcurrencyLimitLayer, GlobalConcurrencyLimitLayer},
    load_shed::LoadShedLayer,
    retry::{Policy, RetryLayer},
    service_fn,
    steer::Steer,
    timeout::TimeoutLayer,
    util::{BoxCloneService, BoxCloneSyncServiceLayer, MapResponseLayer, option_layer},
};
use tower_auth::{
    AuthLayer, Identity, Location, Rejection, Scheme,
    bearer::Bearer,
    credential::{Credential, Found},
    layer::ResponseBody,
    rejection::{Challenge, Challenges},
    scheme::Attempt,
    verify_fn,
};

use crate::common::wire::Wire;

/// Turns the errors of a layer into responses, because axum accepts no errors.
fn handled() -> HandleErrorLayer<fn(BoxError) -> Ready<StatusCode>, ()> {
    HandleErrorLayer::new(|_| ready(StatusCode::GATEWAY_TIMEOUT))
}

/// The limit has one permit. If a rejection kept it, the next request would wait for ever.
#[tokio::test]
async fn concurrency_limits_work_in_every_position() {
    works_everywhere!("ConcurrencyLimit", ConcurrencyLimitLayer::new(1));
    works_everywhere!(
        "GlobalConcurrencyLimit",
        GlobalConcurrencyLimitLayer::new(1)
    );
}

#[tokio::test]
async fn load_sheds_work_in_every_position() {
    works_everywhere!("LoadShed", LoadShedLayer::new(), handled());
    let limited = || (LoadShedLayer::new(), ConcurrencyLimitLayer::new(1));
    works_everywhere!("LoadShed outside of a limit", limited(), handled());
}

#[tokio::test]
async fn buffers_work_in_every_position() {
    works_everywhere!("Buffer", BufferLayer::new(1), handled());
}

#[tokio::test]
async fn timeouts_of_tower_work_in_every_position() {
    let long = Duration::from_secs(60);
    works_everywhere!("Timeout", TimeoutLayer::new(long), handled());
}

#[tokio::test]
async fn retries_work_in_every_position() {
    works_everywhere!("Retry", RetryLayer::new(Never));
}

#[tokio::test]
async fn a_time_out_outside_ends_a_request_whose_verdict_never_comes() {
    let never = verify_fn(|_: tower_auth::bearer::Token| async move {
        pending::<()>().await;
        Ok::<_, Rejection>(Identity::new("ann"))
    });
    let probe = Probe::new();
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Duration::from_millis(20)))
        .layer(AuthLayer::new(Bearer::new(never)))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(probe.clone());
    for _ in 0..3 {
        let request = get("/", &[("authorization", "Bearer any")]);
        let error = service.clone().oneshot(request).await.unwrap_err();
        assert!(error.is::<tower::timeout::error::Elapsed>(), "{error}");
    }
    assert_eq!(probe.calls(), 0);
}

/// Retries a request while the response is 503, at most as often as this.
#[derive(Clone)]
struct WhileUnavailable(usize);

impl<B, R, E> Policy<Request<B>, Response<R>, E> for WhileUnavailable
where
    Request<B>: Clone,
{
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<B>,
        result: &mut Result<Response<R>, E>,
    ) -> Option<Ready<()>> {
        let response = result.as_ref().ok()?;
        self.0 = self.0.checked_sub(1)?;
        (response.status() == StatusCode::SERVICE_UNAVAILABLE).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

/// The store is unreachable for two attempts.
#[tokio::test]
async fn a_retry_outside_asks_again_where_a_credential_could_not_be_checked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let tokens = verify_fn(move |token: tower_auth::bearer::Token| {
        match (count.fetch_add(1, Ordering::SeqCst), token.as_str()) {
            (0 | 1, "valid") => Err(Rejection::unavailable("the store is down")),
            (_, "valid") => Ok(Identity::new("ann")),
            _ => Err(Rejection::invalid()),
        }
    });
    let probe = Probe::new();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(WhileUnavailable(2)))
        .layer(AuthLayer::new(Bearer::new(tokens)))
        .service(probe.clone());
    let valid = get("/", &[("authorization", "Bearer valid")]);
    assert_eq!(send(&service, valid).await.line(), "200 ann by Bearer");
    assert_eq!((asked.load(Ordering::SeqCst), probe.calls()), (3, 1));
    // A wrong credential is not retried.
    let wrong = get("/", &[("authorization", "Bearer wrong")]);
    let reply = send(&service, wrong).await;
    assert_eq!(reply.line(), "401 invalid");
    assert_eq!(reply.challenges().len(), 1);
    assert_eq!((asked.load(Ordering::SeqCst), probe.calls()), (4, 1));
}

#[tokio::test]
async fn a_retry_inside_keeps_the_identity_and_verifies_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (verified, called) = (asked.clone(), Arc::new(AtomicUsize::new(0)));
    let tokens = verify_fn(move |_: tower_auth::bearer::Token| {
        verified.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Rejection>(Identity::new("ann").with_role("member"))
    });
    let count = called.clone();
    let flaky = service_fn(move |request: Request<Empty<Bytes>>| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            let mut response = whoami(request).await?;
            if first {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok::<_, Infallible>(response)
        }
    });
    let service = ServiceBuilder::new()
        .layer(AuthLayer::new(Bearer::new(tokens)))
        .layer(RetryLayer::new(WhileUnavailable(2)))
        .layer(require())
        .service(flaky);
    let request = get("/", &[("authorization", "Bearer valid")]);
    assert_eq!(send(&service, request).await.line(), "200 ann by Bearer");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(called.load(Ordering::SeqCst), 2);
}

type Boxed<B> = BoxCloneService<Request<B>, Response<ResponseBody<Full<Bytes>>>, Infallible>;

/// Two services behind layers of their own, and one layer in front of two services.
#[tokio::test]
async fn a_steer_works_on_both_sides() {
    let by_path =
        |request: &Request<hyper::body::Incoming>, _: &[Boxed<_>]| match request.uri().path() {
            "/" => 0,
            _ => 1,
        };
    let services = || -> [Boxed<_>; 2] {
        let members = ServiceBuilder::new().layer(auth()).service(inner());
        let keys = AuthLayer::new(Keys).layer(inner());
        [members.boxed_clone(), keys.boxed_clone()]
    };
    let outside = serve_hyper(Steer::new(services(), by_path)).await;
    let inside = auth().layer(Steer::new(services(), by_path));
    let inside = serve_hyper(inside).await;
    let key = "GET /keys HTTP/1.1\nHost: h\nX-Key: k";
    let mut wire = Wire::connect(outside).await;
    assert_eq!(ask(&mut wire, Some("valid")).await.body, "ann by Bearer");
    assert_eq!(ask(&mut wire, Some("wrong")).await.status, 401);
    assert_eq!(wire.ask(key).await.body, "key by Keys");
    let none = wire.ask("GET /keys HTTP/1.1\nHost: h").await;
    assert_eq!(
        (none.status, none.all("www-authenticate")),
        (401, vec!["Keys"])
    );
    // The same with axum's routers.
    let app = |path: &'static str, auth: AuthLayer| {
        let app = Router::new().route(path, routing::get(whoami::<Body>));
        app.layer(auth)
    };
    let apps = [app("/", auth()), app("/keys", AuthLayer::new(Keys))];
    let by_path = |request: &Request<Body>, _: &[Router]| usize::from(request.uri().path() != "/");
    let boxed = |request: Request<hyper::body::Incoming>| request.map(Body::new);
    let axum = serve_hyper(Steer::new(apps, by_path).map_request(boxed));
    let mut wire = Wire::connect(axum.await).await;
    assert_eq!(ask(&mut wire, Some("valid")).await.body, "ann by Bearer");
    assert_eq!(ask(&mut wire, Some("wrong")).await.status, 401);
    assert_eq!(wire.ask(key).await.body, "key by Keys");
    // Both layers verify, and the innermost one establishes the identity.
    let mut wire = Wire::connect(inside).await;
    assert_eq!(ask(&mut wire, Some("valid")).await.body, "ann by Bearer");
    assert_eq!(wire.ask(key).await.status, 401);
    let both = wire
        .ask(&format!("{key}\nAuthorization: Bearer valid"))
        .await;
    assert_eq!(both.body, "key by Keys");
}

/// Accepts any key in the field `X-Key`.
struct Keys;

impl Scheme for Keys {
    fn name(&self) -> &'static str {
        "Keys"
    }

    fn locations(&self) -> Vec<Location> {
        vec![Location::header("x-key")]
    }

    fn find(&self, head: &http::request::Parts) -> Found {
        Location::header("x-key").find(head)
    }

    fn authenticate(&self, _: &http::request::Parts, _: Credential) -> Attempt {
        Attempt::new(Ok(Identity::new("key")))
    }

    fn challenge(&self, _: &Rejection, challenges: &mut Challenges<'_>) {
        challenges.push(Challenge::new("Keys"));
    }
}

#[tokio::test]
async fn boxed_services_and_layers_work_in_every_position() {
    let boxed = BoxCloneSyncServiceLayer::new(auth());
    let service = ServiceBuilder::new()
        .boxed_clone()
        .layer(boxed)
        .layer(require())
        .service(inner::<Empty<Bytes>>());
    let request = get("/", &[("authorization", "Bearer valid")]);
    assert_eq!(send(&service, request).await.line(), "200 ann by Bearer");
    let reply = send(&service, get("/", &[("authorization", "Bearer guest")])).await;
    assert_eq!(reply.line(), "403 forbidden");
}

/// `option_layer` needs one type of body; this is the way that the documentation shows.
#[tokio::test]
async fn a_layer_can_be_an_option() {
    for enabled in [true, false] {
        let boxed = |response: Response<ResponseBody<Body>>| response.map(Body::new);
        let auth = enabled.then(|| (MapResponseLayer::new(boxed), auth()));
        let app = Router::new()
            .route("/", routing::get(whoami::<Body>))
            .route(
                "/me",
                routing::get(|identity: Identity| async move { identity.subject().to_owned() }),
            )
            .layer(option_layer(auth));
        let mut wire = Wire::connect(serve_axum(app).await).await;
        let open = ask(&mut wire, None).await;
        let expected = if enabled { 401 } else { 200 };
        assert_eq!(open.status, expected);
        // Without the layer, a handler that needs an identity responds with 500.
        let me = wire.ask("GET /me HTTP/1.1\nHost: h").await;
        let expected = if enabled { 401 } else { 500 };
        assert_eq!(me.status, expected);
        let valid = "GET /me HTTP/1.1\nHost: h\nAuthorization: Bearer valid";
        let expected = if enabled { 200 } else { 500 };
        assert_eq!(wire.ask(valid).await.status, expected);
    }
}

/// Layers that are nested by hand behave as those in a `ServiceBuilder`.
#[tokio::test]
async fn layers_nest_by_hand_as_in_a_builder() {
    let service = AuthLayer::new(Bearer::new(Tokens)).layer(require().layer(inner()));
    crate::support::check("by hand", serve_hyper(service).await).await;
}
