//! Listeners: they see each decision of a layer once, and change nothing.

use crate::common::{Probe, Toy, get, request, send, through};
use std::sync::{Arc, Mutex};
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Identity, Rejection, RejectionKind, RequireLayer, authenticated,
    credential::Place,
    layer::{Decision, Outcome},
    role,
};

/// A layer with rules that records its decisions, a line each.
fn recording(later: bool) -> (AuthLayer, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&lines);
    let rules = AccessRules::new()
        .allow("/open")
        .require("/admin", role("admin"))
        .otherwise(authenticated());
    let layer = AuthLayer::new(Toy::authorization("Toy").later(later))
        .rules(rules)
        .on_decision(move |decision: &Decision<'_>| {
            let line = format!(
                "{:?} {} {} {:?} {:?} {:?} {:?}",
                decision.outcome(),
                decision.method(),
                decision.path(),
                decision.scheme(),
                decision.place().map(Place::as_str),
                decision.identity().map(Identity::subject),
                decision.rejection().map(Rejection::kind),
            );
            record.lock().unwrap().push(line);
        });
    (layer, lines)
}

#[tokio::test]
async fn each_decision_is_seen_once_with_its_reason() {
    for later in [false, true] {
        let (layer, lines) = recording(later);
        let ann = [("authorization", "Toy ann")];
        let bad = [("authorization", "Toy bad")];
        for (method, path, fields, expected) in [
            (
                "GET",
                "/me?x=1",
                &ann[..],
                r#"Accepted GET /me Some("Toy") Some("authorization") Some("ann") None"#,
            ),
            (
                "POST",
                "/open",
                &[],
                "Anonymous POST /open None None None None",
            ),
            (
                "GET",
                "/me",
                &[],
                "Rejected GET /me None None None Some(Missing)",
            ),
            (
                "GET",
                "/open",
                &bad,
                r#"Rejected GET /open Some("Toy") Some("authorization") None Some(Invalid)"#,
            ),
            (
                "GET",
                "/admin",
                &ann,
                r#"Rejected GET /admin Some("Toy") Some("authorization") Some("ann") Some(Forbidden)"#,
            ),
            (
                "GET",
                "/a//b",
                &ann,
                "Rejected GET /a//b None None None Some(Malformed)",
            ),
        ] {
            through(&layer, request(method, path, fields)).await;
            assert_eq!(
                lines.lock().unwrap().drain(..).collect::<Vec<_>>(),
                [expected]
            );
        }
    }
}

#[tokio::test]
async fn a_listener_changes_no_response() {
    let (layer, _) = recording(false);
    let (silent, _) = recording(false);
    let silent = silent.on_decision(|_| {});
    for credential in ["Toy ann", "Toy bad", "Toy many", "Other x"] {
        let heard = through(&layer, get("/me", &[("authorization", credential)])).await;
        let unheard = through(&silent, get("/me", &[("authorization", credential)])).await;
        assert_eq!(heard.line(), unheard.line());
        assert_eq!(heard.headers, unheard.headers);
    }
}

#[tokio::test]
async fn a_rejection_inside_is_not_a_decision_of_the_layer() {
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&outcomes);
    let auth = AuthLayer::new(Toy::authorization("Toy"))
        .on_decision(move |decision| record.lock().unwrap().push(decision.outcome()));
    let service = (auth, RequireLayer::new(role("admin"))).layer(Probe::new());
    let reply = send(&service, get("/", &[("authorization", "Toy ann")])).await;
    assert_eq!(reply.kind(), Some(RejectionKind::Forbidden));
    assert_eq!(*outcomes.lock().unwrap(), [Outcome::Accepted]);
}
