//! tower's contract: the service that was polled ready is the one that is called, and a rejected or
//! pending request holds nothing that the inner service reserved.

use crate::common::{Probe, Toy, get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use std::{
    convert::Infallible,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit};
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RequireLayer, Scheme, Verdict,
    credential::{Credential, Found},
    policy_fn,
    rejection::Challenges,
    role,
    scheme::Attempt,
};

type Ask = Request<Empty<Bytes>>;

fn now<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn ask(credential: &str) -> Ask {
    get("/", &[("authorization", &format!("Toy {credential}"))])
}

fn auth(later: bool) -> AuthLayer {
    AuthLayer::new(Toy::authorization("Toy").later(later))
}

/// An identity, then a requirement that answers now or later.
fn require(later: bool) -> (AuthLayer, RequireLayer) {
    let layer = if later {
        RequireLayer::new(policy_fn("admin", |identity: &Identity, _| {
            let admin = identity.has_role("admin");
            async move {
                tokio::task::yield_now().await;
                admin.then_some(()).ok_or_else(Rejection::forbidden)
            }
        }))
    } else {
        RequireLayer::new(role("admin"))
    };
    (auth(false), layer)
}

/// The service, once it is ready itself.
async fn ready<S: Service<Ask>>(service: &mut S) -> &mut S
where
    S::Error: std::fmt::Debug,
{
    service.ready().await.unwrap()
}

/// The status of a request through a service that has been polled ready itself, not a clone.
async fn status<S, R>(service: &mut S, request: Ask) -> u16
where
    S: Service<Ask, Response = Response<R>>,
    S::Error: std::fmt::Debug,
{
    let answer = async {
        let response = ready(service).await.call(request).await.unwrap();
        response.status().as_u16()
    };
    // A permit that somebody kept would never come back.
    let stuck = std::time::Duration::from_secs(5);
    tokio::time::timeout(stuck, answer)
        .await
        .expect("the inner service never got ready")
}

/// What every layer of this crate must keep, whether it decides now or later.
async fn keeps_the_contract<L>(layer: L, good: &str, refused: &[(&str, u16)])
where
    L: Layer<Probe>,
    L: Layer<ConcurrencyLimit<Probe>>,
    <L as Layer<Probe>>::Service: Service<Ask> + Clone,
    <L as Layer<ConcurrencyLimit<Probe>>>::Service: Clone,
    <L as Layer<Probe>>::Service: Statuses,
    <L as Layer<ConcurrencyLimit<Probe>>>::Service: Statuses,
{
    // The probe panics when it is called without having been polled ready.
    let mut probed = Layer::<Probe>::layer(&layer, Probe::new());
    // One permit: whoever keeps it makes the next request wait for ever.
    let limited = ConcurrencyLimit::new(Probe::new(), 1);
    let mut limited = Layer::<ConcurrencyLimit<Probe>>::layer(&layer, limited);
    for _ in 0..2 {
        for (credential, expected) in refused {
            assert_eq!(probed.status(ask(credential)).await, *expected);
            assert_eq!(limited.status(ask(credential)).await, *expected);
            assert_eq!(limited.clone().status(ask(credential)).await, *expected);
        }
        assert_eq!(probed.status(ask(good)).await, 200);
        assert_eq!(probed.clone().status(ask(good)).await, 200);
        assert_eq!(limited.status(ask(good)).await, 200);
        assert_eq!(limited.clone().status(ask(good)).await, 200);
    }
}

trait Statuses {
    fn status(&mut self, request: Ask) -> impl Future<Output = u16>;
}

impl<S, R> Statuses for S
where
    S: Service<Ask, Response = Response<R>>,
    S::Error: std::fmt::Debug,
{
    async fn status(&mut self, request: Ask) -> u16 {
        status(self, request).await
    }
}

#[tokio::test]
async fn the_ready_service_is_called_and_rejections_hold_no_permit() {
    let refused = [
        ("bad", 401),
        ("malformed", 400),
        ("unavailable", 503),
        ("many", 429),
    ];
    keeps_the_contract(auth(false), "ann", &refused).await;
    keeps_the_contract(auth(true), "ann", &refused).await;
}

#[tokio::test]
async fn require_layer_keeps_the_contract() {
    let refused = [("ann", 403), ("bad", 401)];
    keeps_the_contract(require(false), "ann:admin", &refused).await;
    keeps_the_contract(require(true), "ann:admin", &refused).await;
}

#[tokio::test]
async fn rules_and_loaders_keep_the_contract_too() {
    for later in [false, true] {
        let layer = auth(later)
            .load(|identity: Identity| async move {
                tokio::task::yield_now().await;
                Ok(Some(identity.subject().len()))
            })
            .rules(AccessRules::new().require("/", role("admin")));
        let refused = [("ann", 403), ("bad", 401)];
        keeps_the_contract(layer, "ann:admin", &refused).await;
    }
}

#[tokio::test]
async fn a_ready_verdict_takes_the_one_permit_that_was_reserved() {
    let inner = Never::default();
    let calls = inner.0.clone();
    let mut service = auth(false).layer(ConcurrencyLimit::new(inner, 1));
    ready(&mut service).await;
    let mut other = service.clone();
    let call = service.call(ask("ann"));
    // The inner service was called at once, and the permit is with its future.
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert!(poll_ready(&mut other).is_pending());
    drop(call);
    assert!(poll_ready(&mut other).is_ready());
}

fn poll_ready<S: Service<Ask>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

/// A service that never answers, and counts how often it was called.
#[derive(Clone, Default)]
struct Never(Arc<AtomicUsize>);

impl<B> Service<Request<B>> for Never {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Pending<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        pending()
    }
}

/// A scheme whose verdict comes when a channel says so.
struct Held {
    verdicts: std::sync::Mutex<Vec<oneshot::Receiver<Result<Identity, Rejection>>>>,
    polled: Arc<AtomicUsize>,
}

impl Held {
    fn new(
        verdicts: impl IntoIterator<Item = oneshot::Receiver<Result<Identity, Rejection>>>,
    ) -> (Self, Arc<AtomicUsize>) {
        let polled = Arc::new(AtomicUsize::new(0));
        let held = Self {
            verdicts: std::sync::Mutex::new(verdicts.into_iter().collect()),
            polled: polled.clone(),
        };
        (held, polled)
    }
}

impl Scheme for Held {
    fn name(&self) -> &'static str {
        "Held"
    }

    fn locations(&self) -> Vec<Location> {
        vec![Location::header("x-held")]
    }

    fn find(&self, head: &http::request::Parts) -> Found {
        Location::header("x-held").find(head)
    }

    /// The next held verdict for `later`; everything else is good at once.
    fn authenticate(&self, _: &http::request::Parts, credential: Credential) -> Attempt {
        let verdict = if credential.as_bytes() == b"later" {
            let receiver = self.verdicts.lock().unwrap().remove(0);
            let polled = self.polled.clone();
            Verdict::pending(async move {
                polled.fetch_add(1, Ordering::SeqCst);
                receiver.await.unwrap()
            })
        } else {
            Verdict::ready(Ok(Identity::new("now")))
        };
        Attempt::new(verdict)
    }

    fn challenge(&self, _: &Rejection, challenges: &mut Challenges<'_>) {
        challenges.push(tower_auth::rejection::Challenge::new("Held"));
    }
}

fn held(when: &str) -> Ask {
    get("/", &[("x-held", when)])
}

#[tokio::test]
async fn another_request_completes_while_one_waits_for_its_verdict() {
    let (answer, receiver) = oneshot::channel();
    let (scheme, _) = Held::new([receiver]);
    let mut service = AuthLayer::new(scheme).layer(ConcurrencyLimit::new(Probe::new(), 1));
    let mut waiting = pin!(ready(&mut service).await.call(held("later")));
    assert!(now(waiting.as_mut()).is_pending());
    for _ in 0..3 {
        assert_eq!(status(&mut service, held("now")).await, 200);
        assert_eq!(status(&mut service.clone(), held("now")).await, 200);
    }
    assert!(now(waiting.as_mut()).is_pending());
    answer.send(Ok(Identity::new("later"))).unwrap();
    assert_eq!(waiting.await.unwrap().status(), 200);
    assert_eq!(status(&mut service, held("now")).await, 200);
}

#[tokio::test]
async fn an_accepted_request_waits_for_the_inner_service() {
    let (answer, receiver) = oneshot::channel();
    let (scheme, _) = Held::new([receiver]);
    let inner = Never::default();
    let calls = inner.0.clone();
    let mut service = AuthLayer::new(scheme).layer(ConcurrencyLimit::new(inner, 1));
    let mut waiting = Box::pin(ready(&mut service).await.call(held("later")));
    assert!(now(waiting.as_mut()).is_pending());
    // Somebody else takes the permit in the meantime.
    let other = ready(&mut service).await.call(held("now"));
    answer.send(Ok(Identity::new("later"))).unwrap();
    assert!(now(waiting.as_mut()).is_pending());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    drop(other);
    assert!(now(waiting.as_mut()).is_pending());
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    // The permit is with the waiting request now, and comes back when that is given up.
    assert!(poll_ready(&mut service).is_pending());
    drop(waiting);
    assert!(poll_ready(&mut service).is_ready());
}

#[tokio::test]
async fn a_request_dropped_while_waiting_for_the_inner_service_leaves_the_queue() {
    let (answer, receiver) = oneshot::channel();
    let (scheme, _) = Held::new([receiver]);
    let mut service = AuthLayer::new(scheme).layer(ConcurrencyLimit::new(Never::default(), 1));
    let mut waiting = Box::pin(ready(&mut service).await.call(held("later")));
    let other = ready(&mut service).await.call(held("now"));
    answer.send(Ok(Identity::new("later"))).unwrap();
    assert!(now(waiting.as_mut()).is_pending());
    drop(waiting);
    drop(other);
    assert!(poll_ready(&mut service).is_ready());
}

#[tokio::test]
async fn a_request_dropped_before_its_verdict_is_not_verified_further() {
    let (answer, receiver) = oneshot::channel();
    let (scheme, polled) = Held::new([receiver]);
    let probe = Probe::new();
    let mut service = AuthLayer::new(scheme).layer(ConcurrencyLimit::new(probe.clone(), 1));
    let mut waiting = Box::pin(ready(&mut service).await.call(held("later")));
    assert_eq!(polled.load(Ordering::SeqCst), 0, "polled within the call");
    assert!(now(waiting.as_mut()).is_pending());
    assert_eq!(polled.load(Ordering::SeqCst), 1);
    drop(waiting);
    assert!(answer.is_closed(), "the verdict outlives its request");
    assert_eq!(probe.calls(), 0);
    assert_eq!(status(&mut service, held("now")).await, 200);
}

#[tokio::test]
async fn a_pending_verdict_is_not_polled_before_the_future_is() {
    let (_answer, receiver) = oneshot::channel();
    let (scheme, polled) = Held::new([receiver]);
    let mut service = AuthLayer::new(scheme).layer(Probe::new());
    let mut waiting = pin!(ready(&mut service).await.call(held("later")));
    tokio::task::yield_now().await;
    assert_eq!(polled.load(Ordering::SeqCst), 0);
    assert!(now(waiting.as_mut()).is_pending());
    assert_eq!(polled.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_waiting_request_is_woken_by_its_verdict() {
    let (answer, receiver) = oneshot::channel();
    let (scheme, _) = Held::new([receiver]);
    let service = AuthLayer::new(scheme).layer(Probe::new());
    let waiting = tokio::spawn(service.oneshot(held("later")));
    tokio::task::yield_now().await;
    answer.send(Err(Rejection::invalid())).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 401);
}

/// A service that is broken: after so many polls it reports an error.
#[derive(Clone)]
struct Broken(Arc<AtomicUsize>);

impl<B> Service<Request<B>> for Broken {
    type Response = Response<Full<Bytes>>;
    type Error = String;
    type Future = std::future::Ready<Result<Self::Response, String>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        let left = self.0.load(Ordering::SeqCst);
        self.0.store(left.saturating_sub(1), Ordering::SeqCst);
        Poll::Ready(if left > 0 {
            Ok(())
        } else {
            Err("not ready".into())
        })
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        std::future::ready(Err("call failed".into()))
    }
}

fn broken(left: usize) -> Broken {
    Broken(Arc::new(AtomicUsize::new(left)))
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_as_they_are() {
    for later in [false, true] {
        // In `poll_ready` of the layer's service …
        let mut service = require(false).layer(broken(0));
        let Poll::Ready(Err(error)) = poll_ready(&mut service) else {
            panic!("the error was kept back");
        };
        assert_eq!(error, "not ready");
        // … in the call …
        let service = auth(later).layer(broken(9));
        let error = service.oneshot(ask("ann")).await.err().unwrap();
        assert_eq!(error, "call failed");
        let service = require(later).layer(broken(9));
        let error = service.oneshot(ask("ann:admin")).await.err().unwrap();
        assert_eq!(error, "call failed");
    }
    // … and when the inner service breaks while a verdict is awaited.
    let service = auth(true).layer(broken(1));
    let error = service.oneshot(ask("ann")).await.err().unwrap();
    assert_eq!(error, "not ready");
}

#[tokio::test]
async fn a_rejection_does_not_poll_a_broken_service() {
    for later in [false, true] {
        let service = auth(later).layer(broken(1));
        assert_eq!(service.oneshot(ask("bad")).await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn a_future_polled_after_completion_does_not_respond_again() {
    for credential in ["ann", "bad"] {
        for later in [false, true] {
            let mut service = auth(later).layer(Probe::new());
            let mut call = pin!(ready(&mut service).await.call(ask(credential)));
            let _ = poll_fn(|cx| call.as_mut().poll(cx)).await;
            for _ in 0..3 {
                assert!(now(call.as_mut()).is_pending());
            }
        }
    }
}

#[tokio::test]
async fn layers_stack_with_the_usual_ones() {
    let service = ServiceBuilder::new()
        .load_shed()
        .layer(auth(true))
        .concurrency_limit(1)
        .service(Probe::new());
    for _ in 0..3 {
        let reply = service.clone().oneshot(ask("ann")).await.unwrap();
        assert_eq!(reply.status(), 200);
        let reply = service.clone().oneshot(ask("bad")).await.unwrap();
        assert_eq!(reply.status(), 401);
    }
}
