//! Credentials do not appear in events, in `Debug` output or in responses, and every decision is logged
//! once, in the documented fields.

use crate::common::{self, Probe, Reply, Toy, get, request, send};
use std::{
    error::Error,
    fmt::{self, Write},
    sync::{Arc, Mutex},
};
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RequireLayer, Scheme, authenticated,
    credential::UnreadAuthorization, policy_fn, role,
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Writes down every event of every level and target.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Record {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut line = Line(format!("SPAN {}", span.metadata().name()));
        span.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut line = Line("RECORD".to_owned());
        values.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line(format!("{} {}", metadata.level(), metadata.target()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// What a future answers, and every event meanwhile.
pub(crate) fn recorded<T>(future: impl Future<Output = T>) -> (T, Vec<String>) {
    let record = Record::default();
    let answer = tracing::subscriber::with_default(record.clone(), || common::block_on(future));
    let lines = std::mem::take(&mut *record.0.lock().unwrap());
    (answer, lines)
}

const SECRETS: [&str; 5] = ["s3cr3t", "hunter2", "swordfish", "open-sesame", "tr0ub4dor"];

/// Good, bad, malformed and unavailable secrets, none of which says its own name.
fn vault(credential: &str) -> Result<Identity, Rejection> {
    match credential {
        "s3cr3t" => Ok(Identity::new("ann").with_role("clerk").with_token_id("7")),
        "hunter2" => Err(Rejection::invalid()),
        "swordfish" => Err(Rejection::malformed()),
        "open-sesame" => Err(Rejection::unavailable("the store is down")),
        _ => Err(Rejection::forbidden()),
    }
}

fn toy() -> Toy {
    let locations = [
        Location::authorization("Toy"),
        Location::header("x-key"),
        Location::query("key"),
        Location::cookie("key"),
    ];
    Toy::at("Toy", locations).judging(vault)
}

#[track_caller]
fn assert_private(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what}: {text}");
    }
}

#[test]
fn events_debug_output_and_responses_have_no_secret() {
    for later in [false, true] {
        let layer = AuthLayer::new(toy().later(later).or(Toy::header("Other", "x-other")))
            .rules(AccessRules::new().allow("/open").otherwise(role("clerk")));
        let seen = Arc::new(Mutex::new(String::new()));
        let inside = seen.clone();
        let probe = Probe::answering(move |head| {
            let mut seen = inside.lock().unwrap();
            write!(seen, "{head:?} {} {:?}", head.uri, head.extensions).unwrap();
            let identity = head.extensions.get::<Identity>();
            write!(seen, "{identity:?}").unwrap();
            http::Response::default()
        });
        let service = (layer, RequireLayer::new(authenticated())).layer(probe.clone());
        for secret in SECRETS {
            let authorization = format!("Toy {secret}");
            let strange = format!("Strange {secret}");
            let cookie = format!("a=b; key={secret}; c=d");
            let query = format!("/x?a=1&key={secret}&b=2");
            let requests = [
                get("/x", &[("authorization", &authorization)]),
                get("/x", &[("authorization", &strange)]),
                get(
                    "/x",
                    &[("authorization", &authorization), ("x-key", secret)],
                ),
                get(
                    "/x",
                    &[
                        ("authorization", &authorization),
                        ("authorization", &authorization),
                    ],
                ),
                get("/x", &[("x-key", secret)]),
                get("/x", &[("x-key", secret), ("x-key", secret)]),
                get("/x", &[("cookie", &cookie)]),
                get("/x", &[("cookie", "y=z"), ("cookie", &cookie)]),
                request(
                    "POST",
                    "/x",
                    &[("cookie", &cookie), ("origin", "https://evil.example")],
                ),
                get(&query, &[]),
                get(&format!("/open?key={secret}&%6Bey={secret}"), &[]),
                get(&format!("/x/../?key={secret}"), &[]),
            ];
            for request in requests {
                let (reply, events) = recorded(send(&service, request));
                let reply: Reply = reply;
                let Reply {
                    headers,
                    body,
                    rejection,
                    ..
                } = &reply;
                assert_private("response", &format!("{headers:?} {body} {rejection:?}"));
                assert_private("events", &events.join("\n"));
            }
        }
        assert_private("inside", &seen.lock().unwrap());
        assert!(probe.calls() >= 4, "the good secret did not get through");
        assert_private("layer", &format!("{service:?}"));
    }
}

/// Every one of the layer's own fields is marked, in each of its lines, and no other.
#[tokio::test]
async fn credential_fields_are_marked_as_sensitive() {
    let probe = Probe::new();
    let layer = AuthLayer::new(toy().or(Toy::header("Other", "x-other")));
    let fields = [
        ("authorization", "Toy s3cr3t"),
        ("cookie", "a=b"),
        ("cookie", "c=d"),
        ("x-plain", "plain"),
    ];
    let reply = send(&layer.layer(probe.clone()), get("/", &fields)).await;
    assert_eq!(reply.status, 200);
    for (name, value) in &probe.last().headers {
        assert_eq!(value.is_sensitive(), name != "x-plain", "{name}");
    }
}

#[tokio::test]
async fn credentials_are_stripped_from_the_query() {
    for (from, to) in [
        ("/x?key=s3cr3t", "/x"),
        ("/x?key=s3cr3t&a=1", "/x?a=1"),
        ("/x?a=1&key=s3cr3t", "/x?a=1"),
        ("/x?a=1&key=s3cr3t&b=%20&c", "/x?a=1&b=%20&c"),
        ("/x?&key=s3cr3t&", "/x?&"),
        (
            "https://h.example:8/x?key=s3cr3t&a",
            "https://h.example:8/x?a",
        ),
        ("https://h.example?key=s3cr3t", "https://h.example/"),
    ] {
        let probe = Probe::new();
        let reply = send(&AuthLayer::new(toy()).layer(probe.clone()), get(from, &[])).await;
        assert_eq!(reply.status, 200, "{from}");
        assert_eq!(probe.last().uri, to, "{from}");
    }
    // A visitor's too, in whatever spelling.
    let probe = Probe::new();
    let layer = AuthLayer::new(toy()).optional();
    send(
        &layer.layer(probe.clone()),
        get("/x?%6Bey=hunter2&Key=1", &[]),
    )
    .await;
    assert_eq!(probe.last().uri, "/x?Key=1");
}

// Events

const ALLOWED: &str =
    "DEBUG tower_auth outcome=allowed scheme=Toy place=authorization issuer=api subject=ann";

#[test]
fn every_decision_is_one_event() {
    let toy = || Toy::authorization("Toy").or(Toy::cookie("Session", "sid"));
    let rules = AccessRules::new().allow("/open").otherwise(role("admin"));
    let optional = AuthLayer::new(toy()).optional();
    let ruled = AuthLayer::new(toy()).rules(rules);
    let by_policy = format!("{ALLOWED} policy=role(admin)");
    type Row<'a> = (&'a AuthLayer, &'a str, &'a [(&'a str, &'a str)], &'a str);
    let table: [Row<'_>; 12] = [
        (&optional, "/", &[("authorization", "Toy ann")], ALLOWED),
        (&optional, "/", &[], "DEBUG tower_auth outcome=anonymous"),
        (
            &optional,
            "/",
            &[("cookie", "sid=ann")],
            "DEBUG tower_auth outcome=allowed scheme=Session place=cookie issuer=api subject=ann",
        ),
        (
            &optional,
            "/",
            &[("authorization", "Toy bad")],
            "INFO tower_auth outcome=rejected scheme=Toy place=authorization kind=invalid \
             detail=the credentials are not valid",
        ),
        (
            &optional,
            "/",
            &[("authorization", "Toy unavailable")],
            "ERROR tower_auth outcome=rejected scheme=Toy place=authorization kind=unavailable \
             detail=the credentials cannot be checked now error=the store is down",
        ),
        (
            &optional,
            "/",
            &[("authorization", "Strange x")],
            "INFO tower_auth outcome=rejected kind=missing detail=credentials are required \
             error=the Authorization field has the scheme \"Strange\"; \
             the layer reads: authorization \"Toy\", cookie \"sid\"",
        ),
        (
            &optional,
            "/",
            &[("cookie", "sid=ann; sid=ann")],
            "INFO tower_auth outcome=anonymous scheme=Session place=cookie kind=malformed \
             detail=the credentials are malformed or ambiguous",
        ),
        (
            &optional,
            "/",
            &[("cookie", "sid=bad")],
            "INFO tower_auth outcome=anonymous scheme=Session place=cookie kind=invalid \
             detail=the credentials are not valid",
        ),
        (
            &ruled,
            "/x",
            &[],
            "INFO tower_auth outcome=rejected kind=missing detail=credentials are required \
             policy=role(admin)",
        ),
        (
            &ruled,
            "/x",
            &[("authorization", "Toy ann")],
            "INFO tower_auth outcome=rejected scheme=Toy place=authorization kind=forbidden \
             detail=not allowed issuer=api subject=ann policy=role(admin)",
        ),
        (
            &ruled,
            "/x",
            &[("authorization", "Toy ann:admin")],
            &by_policy,
        ),
        (
            &ruled,
            "/x//y",
            &[("authorization", "Toy ann")],
            "INFO tower_auth outcome=rejected kind=malformed detail=the path is ambiguous",
        ),
    ];
    for (layer, path, fields, expected) in table {
        let service = layer.layer(Probe::new());
        let (_, events) = recorded(send(&service, get(path, fields)));
        assert_eq!(events, [expected], "{path} {fields:?}");
    }
}

#[test]
fn an_authorization_field_that_no_scheme_reads_is_told_apart_from_none() {
    let layer = AuthLayer::new(Toy::authorization("Toy"));
    for (field, cause) in [
        (
            "Token eyJhbGciOi",
            "the Authorization field has the scheme \"Token\"; the layer reads: authorization \"Toy\"",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
            "the Authorization field does not begin with a scheme; \
             the layer reads: authorization \"Toy\"",
        ),
        (
            "hunter2 hunter2",
            "the Authorization field does not begin with a scheme; \
             the layer reads: authorization \"Toy\"",
        ),
    ] {
        let service = layer.layer(Probe::new());
        let (reply, events) = recorded(send(&service, get("/", &[("authorization", field)])));
        let text = format!(
            "INFO tower_auth outcome=rejected kind=missing detail=credentials are required \
             error={cause}"
        );
        assert_eq!(events, [text]);
        assert_eq!(reply.status, 401);
        assert!(!reply.body.contains("scheme"), "{}", reply.body);
        let rejection = reply.rejection.unwrap();
        let unread: &UnreadAuthorization = rejection.source().unwrap().downcast_ref().unwrap();
        assert_eq!(unread.scheme().is_some(), field.starts_with("Token "));
        assert!(!format!("{rejection:?}").contains("eyJ"));
    }
}

#[test]
fn ambiguous_credentials_are_logged_without_a_scheme() {
    let layer = AuthLayer::new(Toy::authorization("Toy").or(Toy::header("Key", "x-key")));
    let both = [("authorization", "Toy ann"), ("x-key", "ann")];
    let (_, events) = recorded(send(&layer.layer(Probe::new()), get("/", &both)));
    assert_eq!(
        events,
        [
            "INFO tower_auth outcome=rejected place=authorization kind=malformed \
             detail=the credentials are malformed or ambiguous"
        ]
    );
}

#[test]
fn a_layer_and_a_requirement_log_two_decisions() {
    let layer = (
        AuthLayer::new(Toy::authorization("Toy")),
        RequireLayer::new(role("admin")),
    );
    let service = layer.layer(Probe::new());
    let ask = |credential: &str| {
        let value = format!("Toy {credential}");
        recorded(send(&service, get("/", &[("authorization", &value)]))).1
    };
    assert_eq!(
        ask("ann:admin"),
        [ALLOWED.to_owned(), format!("{ALLOWED} policy=role(admin)")]
    );
    assert_eq!(
        ask("ann"),
        [
            ALLOWED,
            "INFO tower_auth outcome=rejected scheme=Toy place=authorization kind=forbidden \
             detail=not allowed issuer=api subject=ann policy=role(admin)"
        ]
    );
    assert_eq!(
        ask("bad"),
        [
            "INFO tower_auth outcome=rejected scheme=Toy place=authorization kind=invalid \
             detail=the credentials are not valid"
        ]
    );
}

#[test]
fn a_rejection_by_an_extractor_is_logged_as_another_event() {
    async fn must(identity: Identity) -> String {
        identity.subject().to_owned()
    }
    let app = axum::Router::new().route("/", axum::routing::get(must));
    let known = app
        .clone()
        .layer(AuthLayer::new(Toy::authorization("Toy")).optional());
    let (_, events) = recorded(send(&known, get("/", &[])));
    let ours: Vec<_> = events.iter().filter(|e| e.contains("tower_auth")).collect();
    assert_eq!(
        ours,
        [
            "DEBUG tower_auth outcome=anonymous",
            "INFO tower_auth outcome=rejected kind=missing detail=credentials are required"
        ]
    );
    let (_, events) = recorded(send(&app, get("/", &[])));
    let ours: Vec<_> = events.iter().filter(|e| e.contains("tower_auth")).collect();
    assert_eq!(
        ours,
        ["ERROR tower_auth outcome=rejected kind=no_auth_layer \
             detail=the server is misconfigured \
             error=no AuthLayer is outside of this service \
             (in axum the layer added last is the outermost)"]
    );
}

#[test]
fn a_rejection_that_is_rendered_again_is_logged_once() {
    let layer = (
        AuthLayer::new(Toy::authorization("Toy"))
            .responder(|_, _| http::Response::new(String::new())),
        RequireLayer::new(role("admin")),
    );
    let service = layer.layer(Probe::new());
    let request = get("/", &[("authorization", "Toy ann")]);
    let (_, events) = recorded(send(&service, request));
    let rejected = events.iter().filter(|event| event.contains("rejected"));
    assert_eq!(rejected.count(), 1);
}

#[test]
fn a_rejection_that_a_handler_returns_is_logged_once() {
    async fn refuse(_: Identity) -> Result<(), Rejection> {
        Err(Rejection::forbidden().with_source("not the owner"))
    }
    let app = axum::Router::new().route("/", axum::routing::get(refuse));
    let layers = (
        AuthLayer::new(Toy::authorization("Toy")),
        RequireLayer::new(authenticated()),
    );
    let service = layers.layer(app.clone());
    let (reply, events) = recorded(send(&service, get("/", &[("authorization", "Toy ann")])));
    assert_eq!(reply.status, 403);
    let rejected = |events: &[String]| -> Vec<String> {
        let rejected = events.iter().filter(|event| event.contains("rejected"));
        rejected.cloned().collect()
    };
    let expected = "INFO tower_auth outcome=rejected scheme=Toy place=authorization \
                    kind=forbidden detail=not allowed error=not the owner";
    assert_eq!(rejected(&events), [expected]);
    // Two layers, of which the outer one renders the rejection anew.
    let outer = AuthLayer::new(Toy::authorization("Toy"));
    let outer = outer.responder(|_, _| http::Response::new(String::new()));
    let service = outer.layer(AuthLayer::new(Toy::header("Key", "x-key")).layer(app));
    let both = [("authorization", "Toy ann"), ("x-key", "ann")];
    let (_, events) = recorded(send(&service, get("/", &both)));
    let expected = "INFO tower_auth outcome=rejected scheme=Key place=header \
                    kind=forbidden detail=not allowed error=not the owner";
    assert_eq!(rejected(&events), [expected]);
}

#[test]
fn a_rejection_that_a_tonic_handler_returns_as_a_status_is_logged() {
    let layer = AuthLayer::new(Toy::authorization("Toy")).grpc();
    let refuse = |_: &_| {
        let status = tonic::Status::from(Rejection::forbidden().with_source("not the owner"));
        status.into_http()
    };
    let service = layer.layer(Probe::answering(refuse));
    let (_, events) = recorded(send(&service, get("/", &[("authorization", "Toy ann")])));
    let expected = "INFO tower_auth outcome=rejected scheme=Toy place=authorization \
                    kind=forbidden detail=not allowed error=not the owner";
    assert_eq!(events, [ALLOWED, expected]);
}

#[test]
fn an_outage_is_logged_when_it_begins_and_when_it_ends() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let is_down = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_down);
    let policy = policy_fn("store", move |_, _| match flag.load(Ordering::SeqCst) {
        true => Err(Rejection::unavailable("the store\nis down")),
        false => Ok(()),
    });
    let service = (
        AuthLayer::new(Toy::authorization("Toy").judging(vault)),
        RequireLayer::new(policy),
    )
        .layer(Probe::new());
    let ask = |credential: &str| {
        let value = format!("Toy {credential}");
        recorded(send(&service, get("/", &[("authorization", &value)]))).1
    };
    let levels = |events: &[String]| -> Vec<String> {
        let levels = events.iter().filter_map(|event| event.split(' ').next());
        levels.map(str::to_owned).collect()
    };
    // An outage of the verifier.
    let begin = ask("open-sesame");
    assert_eq!(levels(&begin), ["ERROR"]);
    assert!(begin[0].contains("error=the store is down"), "{begin:?}");
    assert_eq!(levels(&ask("open-sesame")), ["DEBUG"]);
    assert_eq!(levels(&ask("open-sesame")), ["DEBUG"]);
    // Wrong credentials show that the verifier works again.
    let end = ask("hunter2");
    assert_eq!(
        end[0],
        "INFO tower_auth message=an outage is over part=verification"
    );
    assert_eq!(levels(&end), ["INFO", "INFO"]);
    assert_eq!(levels(&ask("hunter2")), ["INFO"]);
    // An outage of a policy.
    assert_eq!(levels(&ask("s3cr3t")), ["DEBUG", "DEBUG"]);
    is_down.store(true, Ordering::SeqCst);
    let begin = ask("s3cr3t");
    assert_eq!(levels(&begin), ["DEBUG", "ERROR"]);
    assert!(begin[1].contains(r"error=the store\nis down"), "{begin:?}");
    assert_eq!(levels(&ask("s3cr3t")), ["DEBUG", "DEBUG"]);
    is_down.store(false, Ordering::SeqCst);
    assert_eq!(levels(&ask("s3cr3t")), ["DEBUG", "INFO", "DEBUG"]);
}
