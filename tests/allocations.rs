//! Upper bounds of the allocations per request. The counts are exact: the number of allocations is a
//! promise, so a new allocation must be a decision.
//!
//! `http::Extensions` allocates three times for the identity: the map, its table, and the value.

#[path = "../benches/cases/mod.rs"]
mod cases;

use cases::Case;
use http::{Request, Response};
use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};
use tower::{Layer, Service};
use tower_auth::{
    AuthLayer, Identity, Location, Scheme,
    api_key::{ApiKey, ApiKeys},
    basic::{Basic, Credentials},
    bearer::{Bearer, Token},
    verify_fn,
};

/// What `http::Extensions` allocates to hold an identity.
const EXTENSIONS: u64 = 3;

/// The number of allocations that verifying a token may make besides.
const TOKEN: u64 = 11;

/// The allocations of a rejection: its own memory, the map of the response's extensions with its
/// table and value, and the text and the value of one challenge.
const REFUSAL: u64 = 6;

fn count(mut run: impl FnMut()) -> u64 {
    // Whatever is done once has been done.
    run();
    allocation_counter::measure(run).count_total
}

/// How many more allocations a case takes than the bare service.
fn beyond_bare(case: &mut Case) -> u64 {
    assert!(case.has_bare(), "{}", case.name);
    let bare = count(|| case.run_bare());
    count(|| case.run()) - bare
}

/// Runs the case of this very name.
fn case(name: &str) -> Case {
    let mut found = cases::named(&[name.to_owned()]);
    found.retain(|case| case.name == name);
    found
        .pop()
        .unwrap_or_else(|| panic!("there is no case {name}"))
}

fn answer(_: Request<()>) -> Ready<Result<Response<()>, Infallible>> {
    ready(Ok(Response::new(())))
}

/// Sends a clone of this request through the layer, and says what that takes beyond the clone.
fn beyond_clone(layer: &AuthLayer, request: &Request<()>, wanted: u16) -> u64 {
    let mut service = layer.layer(tower::service_fn(answer));
    let clone = count(|| drop(request.clone()));
    let through = count(|| {
        let mut context = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut context).is_ready());
        let call = pin!(service.call(request.clone()));
        let Poll::Ready(Ok(response)) = call.poll(&mut context) else {
            panic!("a request had to wait");
        };
        assert_eq!(response.status(), wanted);
    });
    through - clone
}

fn request(fields: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::get("/orders/42");
    // A refusal is written into the memory of the request's fields. These have room for it, as
    // those that a server reads have.
    let usual = [
        ("host", "api.example.com"),
        ("user-agent", "test"),
        ("accept", "*/*"),
    ];
    for (name, value) in usual.iter().chain(fields) {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

#[test]
fn a_key_in_a_field_and_a_cached_password_allocate_only_for_extensions() {
    for name in [
        "API key, 10, one hot",
        "any of three: API key",
        "Basic, remembered",
        "remembered RS256",
    ] {
        let beyond = beyond_bare(&mut case(name));
        assert!(beyond <= EXTENSIONS, "{name}: {beyond}");
    }
}

#[test]
fn a_key_in_the_authorization_field_allocates_only_for_extensions() {
    let keys = ApiKeys::new();
    let key = keys.create("test", Identity::new("ci")).unwrap();
    let layer = AuthLayer::new(ApiKey::new([Location::authorization("ApiKey")], keys));
    let value = format!("ApiKey {}", key.expose());
    let beyond = beyond_clone(&layer, &request(&[("authorization", &value)]), 200);
    assert!(beyond <= EXTENSIONS, "{beyond}");
}

#[test]
fn verifying_an_uncached_token_allocates_little() {
    for name in ["HS256", "RS256", "ES256", "EdDSA", "any of three: HS256"] {
        let beyond = beyond_bare(&mut case(name));
        assert!(beyond <= EXTENSIONS + TOKEN, "{name}: {beyond}");
    }
}

fn refusing(name: &str, scheme: impl Scheme) {
    let layer = AuthLayer::new(scheme);
    let beyond = beyond_clone(&layer, &request(&[]), 401);
    assert!(beyond <= REFUSAL, "{name}: {beyond}");
}

#[test]
fn rejecting_an_anonymous_caller_allocates_little() {
    let identity = || Identity::new("42");
    refusing(
        "Bearer",
        Bearer::new(verify_fn(move |_: Token| Ok(identity()))),
    );
    refusing(
        "Basic",
        Basic::new("x", verify_fn(move |_: Credentials| Ok(identity()))),
    );
    refusing("ApiKey", ApiKey::header("x-api-key", ApiKeys::new()));
}
