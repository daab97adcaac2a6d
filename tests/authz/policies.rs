//! Policies and their combinations, in three values: allowed, not allowed, cannot tell.

use crate::common::{Probe, Reply, Toy, get, panic_of, send, through};
use http::request::Parts;
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tower::Layer;
use tower_auth::{
    AuthLayer, Identity, Policy, Rejection, RejectionKind, RequireLayer, Verdict, all_scopes,
    any_role, authenticated,
    authz::{PolicyRequest, all, any},
    claim,
    identity::Hierarchy,
    policy_fn,
    rejection::Scope,
    role, scope, subject,
};

/// The three values, and how each is written below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Yes,
    No,
    Unknown,
}

use Value::*;

const VALUES: [Value; 3] = [Yes, No, Unknown];

impl Value {
    fn answer(self) -> Result<(), Rejection> {
        match self {
            Yes => Ok(()),
            No => Err(Rejection::forbidden()),
            Unknown => Err(Rejection::unavailable("the store is down")),
        }
    }

    #[track_caller]
    fn of(answer: Result<(), Rejection>) -> Self {
        match answer.map_err(|rejection| rejection.kind()) {
            Ok(()) => Yes,
            Err(RejectionKind::Forbidden) => No,
            Err(RejectionKind::Unavailable) => Unknown,
            Err(other) => panic!("unexpected {other:?}"),
        }
    }

    // Kleene's strong three-valued logic.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (No, _) | (_, No) => No,
            (Unknown, _) | (_, Unknown) => Unknown,
            (Yes, Yes) => Yes,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    fn not(self) -> Self {
        match self {
            Yes => No,
            No => Yes,
            Unknown => Unknown,
        }
    }
}

/// A policy with a fixed answer, now or after a turn.
struct Fixed {
    value: Value,
    later: bool,
    asked: Arc<AtomicUsize>,
}

impl Policy for Fixed {
    fn check(&self, _: &Identity, _: &PolicyRequest<'_>) -> Verdict<()> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let value = self.value;
        if self.later {
            Verdict::pending(async move {
                tokio::task::yield_now().await;
                value.answer()
            })
        } else {
            Verdict::ready(value.answer())
        }
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        format!("{:?}", self.value).into()
    }
}

fn fixed(value: Value, later: bool) -> Fixed {
    Fixed {
        value,
        later,
        asked: Arc::default(),
    }
}

fn boxed(policy: impl Policy) -> Box<dyn Policy> {
    Box::new(policy)
}

fn head() -> Parts {
    http::Request::new(()).into_parts().0
}

async fn check(policy: &impl Policy, identity: &Identity) -> Result<(), Rejection> {
    policy.check(identity, &PolicyRequest::new(&head())).await
}

async fn value(policy: impl Policy) -> Value {
    Value::of(check(&policy, &Identity::new("ann")).await)
}

async fn allows(policy: impl Policy, identity: &Identity) -> bool {
    match Value::of(check(&policy, identity).await) {
        Yes => true,
        No => false,
        Unknown => panic!("it cannot tell"),
    }
}

#[tokio::test]
async fn two_policies_combine_as_three_valued_logic_says() {
    for a in VALUES {
        for b in VALUES {
            for later in 0..4 {
                let a_later = later & 1 != 0;
                let b_later = later & 2 != 0;
                let pair = || (fixed(a, a_later), fixed(b, b_later));
                let case = format!("{a:?} {b:?} {later:b}");
                let (x, y) = pair();
                assert_eq!(value(x.and(y)).await, a.and(b), "{case}");
                let (x, y) = pair();
                assert_eq!(value(x.or(y)).await, a.or(b), "{case}");
                let (x, y) = pair();
                assert_eq!(value(x.and(y).not()).await, a.and(b).not(), "{case}");
                let (x, y) = pair();
                assert_eq!(value(x.not().or(y.not())).await, a.and(b).not(), "{case}");
            }
        }
        for later in [false, true] {
            assert_eq!(value(fixed(a, later).not()).await, a.not());
            assert_eq!(value(fixed(a, later).not().not()).await, a);
            assert_eq!(value(all([boxed(fixed(a, later))])).await, a);
            assert_eq!(value(any([boxed(fixed(a, later))])).await, a);
        }
    }
}

#[tokio::test]
async fn three_policies_combine_as_three_valued_logic_says() {
    for a in VALUES {
        for b in VALUES {
            for c in VALUES {
                for later in 0..8 {
                    let three = || {
                        [(a, 1), (b, 2), (c, 4)].map(|(v, bit)| boxed(fixed(v, later & bit != 0)))
                    };
                    let case = format!("{a:?} {b:?} {c:?} {later:b}");
                    assert_eq!(value(all(three())).await, a.and(b).and(c), "{case}");
                    assert_eq!(value(any(three())).await, a.or(b).or(c), "{case}");
                    let [x, y, z] = three();
                    assert_eq!(value(x.and(y).or(z)).await, a.and(b).or(c), "{case}");
                    let [x, y, z] = three();
                    assert_eq!(value(x.or(y).not().and(z)).await, a.or(b).not().and(c));
                }
            }
        }
    }
}

#[tokio::test]
async fn only_not_allowed_can_be_negated() {
    let refusals: [fn() -> Rejection; 4] = [
        Rejection::missing,
        Rejection::invalid,
        Rejection::insufficient_authentication,
        || Rejection::too_many(std::time::Duration::from_secs(1)),
    ];
    for refusal in refusals {
        let policy = || policy_fn("refuses", move |_, _| Err(refusal()));
        let ann = Identity::new("ann");
        let kind = refusal().kind();
        let kinds = [
            check(&policy().not(), &ann).await,
            check(&policy().and(authenticated()), &ann).await,
            check(&policy().or(role("admin")), &ann).await,
            check(&role("admin").or(policy()), &ann).await,
        ];
        for answer in kinds {
            assert_eq!(answer.unwrap_err().kind(), kind);
        }
    }
}

#[tokio::test]
async fn policies_that_cannot_change_the_decision_are_not_evaluated() {
    let asks = |value, later| {
        let policy = fixed(value, later);
        (policy.asked.clone(), policy)
    };
    let (asked, last) = asks(Yes, false);
    value(role("admin").and(last)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let (asked, last) = asks(No, false);
    value(authenticated().or(last)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // A verdict that has to be waited for is not waited for where a ready one decides.
    let polled = Arc::new(AtomicUsize::new(0));
    let count = polled.clone();
    let slow = policy_fn("slow", move |_, _| {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    });
    let verdict = slow
        .and(role("admin"))
        .check(&Identity::new("ann"), &PolicyRequest::new(&head()));
    assert_eq!(Value::of(verdict.now().expect("ready")), No);
    assert_eq!(polled.load(Ordering::SeqCst), 0);
}

#[test]
fn a_combination_of_ready_answers_is_ready() {
    let policies = || [boxed(role("a")), boxed(authenticated()), boxed(scope("x"))];
    let ann = Identity::new("ann");
    assert!(
        all(policies())
            .check(&ann, &PolicyRequest::new(&head()))
            .now()
            .is_ok()
    );
    assert!(
        any(policies())
            .check(&ann, &PolicyRequest::new(&head()))
            .now()
            .is_ok()
    );
    assert!(
        role("a")
            .not()
            .check(&ann, &PolicyRequest::new(&head()))
            .now()
            .is_ok()
    );
}

#[tokio::test]
async fn the_cause_of_cannot_tell_survives_combination() {
    let down = || {
        policy_fn("down", |_, _| {
            Err(Rejection::unavailable("the store is down"))
        })
    };
    let ann = Identity::new("ann");
    for answer in [
        check(&down().and(authenticated()), &ann).await,
        check(&role("admin").or(down()), &ann).await,
        check(&down().not(), &ann).await,
    ] {
        let rejection = answer.unwrap_err();
        assert_eq!(rejection.source().unwrap().to_string(), "the store is down");
        assert!(rejection.retry_after().is_some());
    }
}

#[test]
fn an_empty_combination_panics_at_construction() {
    let none: [Box<dyn Policy>; 0] = [];
    assert_eq!(
        panic_of(|| all(none)),
        "all of no policies allows everybody"
    );
    let none: [Box<dyn Policy>; 0] = [];
    assert_eq!(panic_of(|| any(none)), "any of no policies allows nobody");
    assert_eq!(
        panic_of(|| any_role([""; 0])),
        "any_role of no roles allows nobody"
    );
    assert_eq!(
        panic_of(|| all_scopes([""; 0])),
        "all_scopes of no scopes allows everybody"
    );
    for bad in ["", "a b", "a\"b", "a\\b", "é", "a\n"] {
        let message = panic_of(|| scope(bad));
        assert!(
            message.starts_with(&format!("{bad:?} is no scope")),
            "{message}"
        );
    }
}

#[test]
fn scopes_of_a_combination_are_those_a_client_should_request() {
    let names = |policy: &dyn Policy| -> Vec<String> {
        policy.scopes().iter().map(ToString::to_string).collect()
    };
    let both = scope("a").and(scope("b")).and(role("x")).and(scope("a"));
    assert_eq!(names(&both), ["a", "b"]);
    assert_eq!(names(&all_scopes(["b", "a"])), ["b", "a"]);
    let either = role("x").or(scope("a").and(scope("b"))).or(scope("c"));
    assert_eq!(names(&either), ["a", "b"]);
    assert_eq!(names(&either.and(scope("d"))), ["a", "b", "d"]);
    assert_eq!(names(&scope("a").not()), [""; 0]);
    assert_eq!(names(&role("x")), [""; 0]);
    assert_eq!(names(&policy_fn("none", |_, _| Ok(()))), [""; 0]);
    let shared: Arc<dyn Policy> = Arc::new(scope("a"));
    assert_eq!(names(&shared), ["a"]);
    assert_eq!(names(&boxed(scope("a"))), ["a"]);
}

#[test]
fn policy_names_describe_the_requirement() {
    for (policy, expected) in [
        (boxed(authenticated()), "authenticated"),
        (boxed(role("admin")), "role(admin)"),
        (boxed(any_role(["a", "b"])), "role(a|b)"),
        (boxed(all_scopes(["a", "b"])), "scope(a b)"),
        (boxed(subject("iss", "ann")), "subject(ann)"),
        (boxed(claim(["a", "b"], 1)), "claim(a/b)"),
        (boxed(policy_fn("mine", |_, _| Ok(()))), "mine"),
        (
            boxed(role("a").or(role("b").and(role("c").not()))),
            "(role(a) or (role(b) and not role(c)))",
        ),
    ] {
        assert_eq!(policy.name(), expected);
    }
}

// The ready-made ones

#[tokio::test]
async fn roles_and_scopes_are_compared_as_a_whole() {
    let ann = Identity::new("ann")
        .with_roles(["editor", "Admin"])
        .with_scopes(["orders:read", "orders"]);
    for (name, expected) in [
        ("editor", true),
        ("Admin", true),
        ("admin", false),
        ("edit", false),
        ("editorAdmin", false),
        ("", false),
        ("orders", false),
    ] {
        assert_eq!(allows(role(name), &ann).await, expected, "{name}");
        assert_eq!(ann.has_role(name), expected, "{name}");
    }
    assert!(allows(any_role(["x", "editor"]), &ann).await);
    assert!(!allows(any_role(["x", "y"]), &ann).await);
    assert!(allows(all_scopes(["orders", "orders:read"]), &ann).await);
    assert!(!allows(all_scopes(["orders", "orders:write"]), &ann).await);
    assert!(!allows(scope("order"), &ann).await);
    assert!(!allows(scope("editor"), &ann).await);
    assert!(allows(authenticated(), &Identity::new("")).await);
}

#[tokio::test]
async fn a_subject_is_unique_only_within_its_issuer() {
    let policy = || subject("https://one.example/", "42");
    let of = |issuer: &str| Identity::new("42").with_issuer(issuer);
    assert!(allows(policy(), &of("https://one.example/")).await);
    assert!(!allows(policy(), &of("https://two.example/")).await);
    assert!(!allows(policy(), &of("https://one.example")).await);
    assert!(!allows(policy(), &of("")).await);
    assert!(!allows(policy(), &Identity::new("42")).await);
    let other = Identity::new("43").with_issuer("https://one.example/");
    assert!(!allows(policy(), &other).await);
}

#[tokio::test]
async fn an_identity_without_claims_has_none() {
    let ann = Identity::new("ann");
    for value in [
        serde_json::json!(true),
        serde_json::json!(null),
        serde_json::json!("ann"),
    ] {
        assert!(!allows(claim("sub", value), &ann).await);
    }
    let map = || std::collections::BTreeMap::from([((1, 2), 3)]);
    assert_eq!(
        panic_of(|| claim("x", map())),
        "the value for claim x is no JSON: key must be a string"
    );
}

#[tokio::test]
async fn a_closure_is_a_policy_plain_and_async() {
    let plain = policy_fn("plain", |identity, request| {
        match (identity.subject(), request.uri.path()) {
            ("ann", "/") => Ok(()),
            _ => Err(Rejection::forbidden()),
        }
    });
    let waiting = policy_fn("waiting", |identity, _| {
        let subject = identity.subject().to_owned();
        async move {
            tokio::task::yield_now().await;
            (subject == "ann")
                .then_some(())
                .ok_or_else(Rejection::forbidden)
        }
    });
    for (name, expected) in [("ann", true), ("bob", false)] {
        let identity = Identity::new(name);
        assert_eq!(Value::of(check(&plain, &identity).await) == Yes, expected);
        assert_eq!(Value::of(check(&waiting, &identity).await) == Yes, expected);
    }
    assert!(
        plain
            .check(&Identity::new("ann"), &PolicyRequest::new(&head()))
            .now()
            .is_ok()
    );
    assert!(
        waiting
            .check(&Identity::new("ann"), &PolicyRequest::new(&head()))
            .now()
            .is_err()
    );
}

// Hierarchies

#[test]
fn a_hierarchy_is_transitive_and_goes_one_way() {
    let roles = [
        ("owner", "admin"),
        ("admin", "editor"),
        ("admin", "auditor"),
        ("editor", "viewer"),
        ("auditor", "viewer"),
    ];
    let hierarchy = Hierarchy::new(roles).unwrap();
    let below = |name| {
        let all = ["owner", "admin", "editor", "auditor", "viewer", "x", ""];
        all.into_iter()
            .filter(|wanted| hierarchy.implies(name, wanted))
            .collect::<Vec<_>>()
    };
    assert_eq!(below("owner"), ["admin", "editor", "auditor", "viewer"]);
    assert_eq!(below("admin"), ["editor", "auditor", "viewer"]);
    assert_eq!(below("editor"), ["viewer"]);
    assert_eq!(below("viewer"), [""; 0]);
    assert_eq!(below("x"), [""; 0]);
}

#[test]
fn a_cycle_is_rejected() {
    for (pairs, at) in [
        (&[("a", "a")][..], &["a"][..]),
        (&[("a", "b"), ("b", "a")], &["a", "b"]),
        (
            &[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")],
            &["a", "b", "c"],
        ),
    ] {
        let error = Hierarchy::new(pairs.iter().copied()).unwrap_err();
        let message = error.to_string();
        let named = at
            .iter()
            .any(|name| message == format!("{name:?} implies itself"));
        assert!(named, "{message}");
    }
    assert!(Hierarchy::new([("a", "b"), ("a", "b"), ("a", "c"), ("b", "c")]).is_ok());
}

async fn ask(layer: &AuthLayer, policy: impl Policy, credential: &str) -> Reply {
    let service = (layer.clone(), RequireLayer::new(policy)).layer(Probe::new());
    let value = format!("Toy {credential}");
    send(&service, get("/", &[("authorization", &value)])).await
}

#[tokio::test]
async fn a_hierarchy_applies_to_every_role_check() {
    let layer = AuthLayer::new(Toy::authorization("Toy"))
        .role_hierarchy(Hierarchy::new([("admin", "editor"), ("editor", "viewer")]).unwrap())
        .scope_hierarchy(Hierarchy::new([("write", "read")]).unwrap());
    for (credential, wanted, expected) in [
        ("ann:admin", "viewer", 200),
        ("ann:admin", "editor", 200),
        ("ann:editor", "viewer", 200),
        ("ann:editor", "admin", 403),
        ("ann:viewer", "editor", 403),
        ("ann::admin", "viewer", 403),
    ] {
        let reply = ask(&layer, role(wanted), credential).await;
        assert_eq!(reply.status.as_u16(), expected, "{credential} {wanted}");
        let reply = ask(&layer, any_role(["x", wanted]), credential).await;
        assert_eq!(reply.status.as_u16(), expected, "{credential} {wanted}");
    }
    for (credential, expected) in [("ann::write", 200), ("ann::x", 403), ("ann:write", 403)] {
        let reply = ask(&layer, scope("read"), credential).await;
        assert_eq!(reply.status.as_u16(), expected, "{credential}");
    }
    assert_eq!(ask(&layer, scope("write"), "ann::read").await.status, 403);
    // In handlers too; the identity's own list stays as it is.
    let probe = Probe::new();
    let service = layer.layer(probe.clone());
    send(
        &service,
        get("/", &[("authorization", "Toy ann:admin:write")]),
    )
    .await;
    let head = probe.last();
    let identity = head.extensions.get::<Identity>().unwrap();
    assert!(identity.has_role("viewer") && identity.has_scope("read"));
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["admin"]);
    assert_eq!(identity.scopes().collect::<Vec<_>>(), ["write"]);
}

#[tokio::test]
async fn a_hierarchy_belongs_to_its_layer() {
    let layer = AuthLayer::new(Toy::authorization("Toy"));
    let wide = layer
        .clone()
        .role_hierarchy(Hierarchy::new([("admin", "viewer")]).unwrap());
    assert_eq!(ask(&wide, role("viewer"), "ann:admin").await.status, 200);
    assert_eq!(ask(&layer, role("viewer"), "ann:admin").await.status, 403);
}

#[tokio::test]
async fn a_realm_is_the_issuer_of_an_identity_without_one() {
    let scheme = Toy::authorization("Toy").realm("staff");
    for (layer, realm) in [
        (AuthLayer::new(scheme).realm("zoo"), "staff"),
        (
            AuthLayer::new(Toy::authorization("Toy")).realm("zoo"),
            "zoo",
        ),
        (AuthLayer::new(Toy::authorization("Toy")), "api"),
    ] {
        assert_eq!(ask(&layer, subject(realm, "ann"), "ann").await.status, 200);
        assert_eq!(ask(&layer, subject(realm, "ann"), "bob").await.status, 403);
        assert_eq!(
            ask(&layer, subject("other", "ann"), "ann").await.status,
            403
        );
    }
}

#[tokio::test]
async fn a_rejection_names_every_missing_scope() {
    let layer = AuthLayer::new(Toy::authorization("Toy"));
    for later in [false, true] {
        let policy = fixed(Yes, later).and(scope("a")).and(scope("b"));
        let reply = ask(&layer, policy, "ann::a").await;
        assert_eq!(
            reply.challenges(),
            [r#"Toy realm="api", error="insufficient_scope", scope="a b""#]
        );
        let scopes = reply.rejection.unwrap();
        let scopes: Vec<_> = scopes.scopes().iter().map(Scope::as_str).collect();
        assert_eq!(scopes, ["a", "b"]);
    }
    // A role is nothing that a client could ask for.
    let reply = ask(&layer, role("x").and(scope("a")), "ann::a").await;
    assert_eq!(reply.line(), "403 forbidden");
    assert_eq!(reply.challenges(), [""; 0]);
    // Of two alternatives, the one that a scope would satisfy is named.
    let reply = ask(&layer, role("x").or(scope("a")), "ann").await;
    assert_eq!(
        reply.challenges(),
        [r#"Toy realm="api", error="insufficient_scope", scope="a""#]
    );
}

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
        let toy = AuthLayer::new(Toy::authorization("Toy"));
        let reply = through(&(toy, require), get("/", &[("authorization", "Toy ann")])).await;
        let expected = format!(r#"Toy realm="api", error="insufficient_scope", scope="{scopes}""#);
        assert_eq!(reply.challenges(), [expected]);
    }
}
