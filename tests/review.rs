//! What a review found, each as the sentence that did not hold.

mod common;

use common::{Probe, Toy, get, request, send, through};
use http::request::Parts;
use std::{
    sync::{Arc, Mutex, OnceLock, mpsc},
    thread,
    time::Duration,
};
use tower::Layer;
use tower_auth::{
    AccessRules, Attempt, AuthLayer, Challenges, Found, Identity, Location, Place, Policy,
    Rejection, RequireLayer, Scheme, Scope,
    api_key::ApiKeys,
    basic::{User, Users},
    jwt::{Algorithm, Key},
    password::PasswordHash,
    policy_fn, scope,
};

fn toy() -> AuthLayer {
    AuthLayer::new(Toy::authorization("Toy"))
}

const ANN: &[(&str, &str)] = &[("authorization", "Toy ann")];

fn needs(name: &str) -> Rejection {
    Rejection::insufficient_scope([Scope::new(name).unwrap()])
}

#[tokio::test]
async fn a_scope_that_only_the_policys_answer_names_reaches_the_challenge() {
    let now = || policy_fn("now", |_, _| Err(needs("own")));
    let later = || policy_fn("later", |_, _| async { Err(needs("own")) });
    for (require, scopes) in [
        (RequireLayer::new(now()), "own"),
        (RequireLayer::new(later()), "own"),
        (RequireLayer::new(scope("a").and(now())), "a"),
        (RequireLayer::new(now().and(scope("a"))), "a own"),
        // Who has to be waited for is not waited for once it is clear.
        (RequireLayer::new(later().and(scope("a"))), "a"),
    ] {
        let reply = through(&(toy(), require), get("/", ANN)).await;
        let expected = format!(r#"Toy realm="api", error="insufficient_scope", scope="{scopes}""#);
        assert_eq!(reply.challenges(), [expected]);
    }
}

/// Reads a field and, against the rules, does not care how often it is there.
struct Careless;

impl Scheme for Careless {
    fn locations(&self) -> Vec<Location> {
        vec![Location::header("x-user")]
    }

    fn find(&self, head: &Parts) -> Found {
        match head.headers.contains_key("x-user") {
            true => Found::at(Place::Header),
            false => Found::nothing(),
        }
    }

    fn authenticate(&self, _: &Parts) -> Option<Attempt> {
        Some(Attempt::new(
            "Careless",
            Place::Header,
            Ok(Identity::new("ann")),
        ))
    }

    fn challenge(&self, _: &Rejection, challenges: &mut Challenges<'_>) {
        challenges.push(tower_auth::Challenge::new("Careless"));
    }
}

#[tokio::test]
async fn every_field_of_credentials_is_hidden_however_often_it_came() {
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
    let layer = toy().allow_preflight().layer(probe.clone());
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

#[test]
fn a_pem_file_is_no_secret_whatever_stands_before_it() {
    let pem = include_str!("keys/p256.public.pem");
    for text in [
        pem.to_owned(),
        format!("\n{pem}"),
        format!("\u{feff}{pem}"),
        format!("  \r\n{pem}"),
        format!("Bag Attributes\n    friendlyName: x\n{pem}"),
    ] {
        let error = Key::from_secret(Algorithm::HS256, &text).unwrap_err();
        assert!(error.to_string().contains("PEM"), "{error}");
    }
}

/// Runs this in a thread of its own; it has to come to its end.
#[track_caller]
fn ends(f: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    thread::spawn(move || {
        f();
        done.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(10))
        .expect("it hangs, or has panicked");
}

/// Data of the application's that looks into the store when it goes.
struct Looks<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Drop for Looks<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn what_is_removed_from_a_store_is_dropped_outside_of_its_lock() {
    ends(|| {
        let keys = ApiKeys::new();
        let store = keys.clone();
        let looks = move || drop(store.list());
        let new = keys.create("acme", Identity::new("ci").with_data(Looks(looks.clone())));
        assert!(keys.remove(new.unwrap().id()));
        let key = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
        keys.register(key, Identity::new("a")).unwrap();
        let again = Identity::new("b").with_data(Looks(looks));
        assert!(keys.register(key, again).is_err());
    });
    ends(|| {
        let users = Users::new([]).unwrap();
        let store: Arc<OnceLock<Users>> = Arc::default();
        store.set(users.clone()).ok().unwrap();
        let hash = PasswordHash::parse(
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        )
        .unwrap();
        let user = || {
            let store = store.clone();
            User::new("a", hash.clone()).with_data(Looks(move || {
                assert!(store.get().unwrap().len() < 2);
            }))
        };
        users.insert(user()).unwrap();
        users.insert(user()).unwrap();
        assert!(users.remove("a"));
    });
}

#[tokio::test]
async fn a_policy_of_the_rules_sees_no_more_of_credentials_than_one_further_inside() {
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

/// Every 401 carries a challenge (RFC 9110 section 15.5.2).
#[test]
fn a_scheme_without_a_challenge_is_refused_at_construction() {
    struct Silent;
    impl Scheme for Silent {
        fn locations(&self) -> Vec<Location> {
            vec![Location::header("x-user")]
        }
        fn find(&self, _: &Parts) -> Found {
            Found::nothing()
        }
        fn authenticate(&self, _: &Parts) -> Option<Attempt> {
            None
        }
        fn challenge(&self, _: &Rejection, _: &mut Challenges<'_>) {}
    }
    let message = common::panic_of(|| AuthLayer::new(Silent));
    assert_eq!(
        message,
        "the scheme has no challenge for a request without credentials"
    );
}

#[tokio::test]
async fn an_authorization_that_no_scheme_claims_is_marked_sensitive_too() {
    let probe = Probe::new();
    let layer = AuthLayer::new(Careless).layer(probe.clone());
    let fields = [("x-user", "ann"), ("authorization", "Digest secret")];
    send(&layer, get("/", &fields)).await;
    assert!(probe.last().headers["authorization"].is_sensitive());
}
