//! Requests as inner services and policies receive them: credentials are marked as sensitive or
//! removed.

use crate::common::{Probe, Toy, get, request, send};
use http::request::Parts;
use std::sync::{Arc, Mutex};
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RequireLayer, Scheme,
    credential::{Credential, Found, Place},
    policy_fn,
    rejection::{Challenge, Challenges},
    scheme::Attempt,
};

/// Reads a field and, against the rules, does not care how often it is there.
struct Careless;

impl Scheme for Careless {
    fn name(&self) -> &'static str {
        "Careless"
    }

    fn locations(&self) -> Vec<Location> {
        vec![Location::header("x-user")]
    }

    fn find(&self, head: &Parts) -> Found {
        match head.headers.get("x-user") {
            Some(user) => Found::one(Credential::of_field(Place::Header, user, 0..user.len())),
            None => Found::nothing(),
        }
    }

    fn authenticate(&self, _: &Parts, _: Credential) -> Attempt {
        Attempt::new(Ok(Identity::new("ann")))
    }

    fn challenge(&self, _: &Rejection, challenges: &mut Challenges<'_>) {
        challenges.push(Challenge::new("Careless"));
    }
}

#[tokio::test]
async fn every_repeated_credential_field_is_marked_sensitive() {
    let probe = Probe::new();
    let twice = [("x-user", "one"), ("x-user", "two")];
    send(
        &AuthLayer::new(Careless).layer(probe.clone()),
        get("/", &twice),
    )
    .await;
    let preflight = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
        ("authorization", "Toy one"),
        ("authorization", "Toy two"),
    ];
    let layer = AuthLayer::new(Toy::authorization("Toy"))
        .allow_preflight()
        .layer(probe.clone());
    for (service_is_toy, name) in [(false, "x-user"), (true, "authorization")] {
        if service_is_toy {
            send(&layer, request("OPTIONS", "/", &preflight)).await;
        }
        let head = probe.last();
        let values: Vec<_> = head.headers.get_all(name).iter().collect();
        assert_eq!(values.len(), 2);
        assert!(
            values.iter().all(|value| value.is_sensitive()),
            "{values:?}"
        );
    }
}

#[tokio::test]
async fn an_authorization_that_no_scheme_claims_is_marked_sensitive() {
    let probe = Probe::new();
    let layer = AuthLayer::new(Careless).layer(probe.clone());
    let fields = [("x-user", "ann"), ("authorization", "Digest secret")];
    send(&layer, get("/", &fields)).await;
    assert!(probe.last().headers["authorization"].is_sensitive());
}

#[tokio::test]
async fn policies_in_rules_see_no_more_credentials_than_inner_policies() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let policy = || {
        let seen = seen.clone();
        policy_fn("looks", move |_, head| {
            let text = format!("{} {:?}", head.uri, head.headers);
            seen.lock().unwrap().push(text);
            Ok(())
        })
    };
    for later in [false, true] {
        let schemes = Toy::query("Query", "key").or(Toy::authorization("Toy"));
        let layer = AuthLayer::new(schemes.or(Toy::header("Header", "x-key").later(later)))
            .rules(AccessRules::new().otherwise(policy()));
        let service = (layer, RequireLayer::new(policy())).layer(Probe::new());
        for (uri, fields) in [
            ("/?key=sesame&a=1", &[][..]),
            ("/?a=1", &[("x-key", "sesame")]),
            ("/?a=1", &[("authorization", "Toy sesame")]),
        ] {
            assert_eq!(send(&service, get(uri, fields)).await.status, 200);
            let seen = std::mem::take(&mut *seen.lock().unwrap());
            assert_eq!(seen.len(), 2);
            assert_eq!(seen[0], seen[1]);
            assert!(!seen[0].contains("sesame"), "{}", seen[0]);
        }
    }
}
