//! Layers within layers: the innermost `AuthLayer` decides, the challenges of the schemes are added
//! once, and a missing `AuthLayer` is a 500.

use crate::common::{
    Probe, Reply, Toy, block_on, caller, get, panic_of, problem, request, send, through,
};
use axum::{
    Extension, Router,
    http::{HeaderMap, Response, StatusCode},
    response::IntoResponse,
    routing,
};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{Empty, Full};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};
use tower::{Layer, Service, ServiceBuilder};
use tower_auth::{
    AccessRules, Anonymous, AuthLayer, Identity, Location, Policy, Rejection, RejectionKind,
    RequireLayer, Scheme, authenticated,
    credential::Place,
    rejection::{Format, Scope},
    role, scope,
};

fn toy() -> Toy {
    Toy::authorization("Toy")
}

fn sent(credential: &str) -> Vec<(&'static str, String)> {
    vec![("authorization", format!("Toy {credential}"))]
}

async fn ask<S, R>(service: &S, credential: Option<&str>) -> Reply
where
    S: Service<Request<Empty<Bytes>>, Response = Response<R>> + Clone,
    S::Error: std::fmt::Debug,
    R: http_body::Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    let fields = credential.map(sent).unwrap_or_default();
    let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    send(service, get("/", &fields)).await
}

// Several schemes

#[tokio::test]
async fn a_credential_that_other_sites_can_fill_is_checked_beside_an_ambient_one() {
    let cookie = || Toy::cookie("Session", "sid");
    let query = || Toy::query("Key", "key");
    let both = Toy::at("Both", [Location::cookie("sid"), Location::query("key")]);
    let cross = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://x.example"),
    ];
    for layer in [
        AuthLayer::new(cookie().or(query())),
        AuthLayer::new(query().or(cookie())),
        AuthLayer::new(both),
    ] {
        let service = layer.layer(Probe::new());
        let ask = async |uri: &str, cookie: &str| {
            let fields = [cross[0], cross[1], ("cookie", cookie)];
            send(&service, request("POST", uri, &fields)).await.status
        };
        assert_eq!(ask("/?key=bob", "sid=ann").await, StatusCode::FORBIDDEN);
        assert_eq!(ask("/", "sid=ann").await, StatusCode::FORBIDDEN);
        assert_eq!(ask("/?key=bob", "other=ann").await, StatusCode::OK);
    }
}

// Nesting of AuthLayers

#[tokio::test]
async fn the_innermost_layer_decides() {
    let outer = AuthLayer::new(Toy::header("Outer", "x-outer")).optional();
    let inner = AuthLayer::new(Toy::header("Inner", "x-inner")).optional();
    let service = (outer, inner).layer(Probe::new());
    let (o, i) = (("x-outer", "ann"), ("x-inner", "bob"));
    for (fields, expected) in [
        (&[][..], "200 anonymous"),
        (&[o], "200 anonymous"),
        (&[i], "200 bob by Inner"),
        (&[o, i], "200 bob by Inner"),
        (&[("x-outer", "bad"), i], "401 invalid"),
        (&[o, ("x-inner", "bad")], "401 invalid"),
    ] {
        let reply = send(&service, get("/", fields)).await;
        assert_eq!(reply.line(), expected, "{fields:?}");
    }
}

#[tokio::test]
async fn the_identity_of_an_outer_layer_does_not_replace_a_missing_credential() {
    let outer = AuthLayer::new(Toy::header("Outer", "x-outer")).optional();
    let inner = AuthLayer::new(Toy::header("Inner", "x-inner"));
    let service = (outer, inner).layer(Probe::new());
    for fields in [&[][..], &[("x-outer", "ann")]] {
        let reply = send(&service, get("/", fields)).await;
        assert_eq!(reply.line(), "401 missing");
        assert_eq!(reply.challenges(), [r#"Inner realm="api""#]);
    }
}

#[derive(Clone, Debug, PartialEq)]
struct User(String);

fn user_of(identity: &Identity) -> Result<Option<User>, Rejection> {
    match identity.subject() {
        "ghost" => Ok(None),
        "down" => Err(Rejection::unavailable("the users are down")),
        name => Ok(Some(User(name.to_uppercase()))),
    }
}

#[tokio::test]
async fn a_user_that_an_outer_layer_loaded_goes_with_its_identity() {
    let outer = AuthLayer::new(Toy::header("Outer", "x-outer"))
        .load(|identity: Identity| user_of(&identity));
    let inner = AuthLayer::new(Toy::header("Inner", "x-inner")).optional();
    let probe = Probe::new();
    let service = (outer, inner).layer(probe.clone());
    for (fields, expected) in [
        (&[("x-outer", "ann")][..], "200 anonymous"),
        (
            &[("x-outer", "ann"), ("x-inner", "bob")],
            "200 bob by Inner",
        ),
    ] {
        let reply = send(&service, get("/", fields)).await;
        assert_eq!(reply.line(), expected);
        assert_eq!(probe.last().extensions.get::<User>(), None);
    }
}

#[tokio::test]
async fn a_loaded_user_is_removed_even_if_its_identity_already_was() {
    let outer = AuthLayer::new(Toy::header("Outer", "x-outer"))
        .load(|identity: Identity| user_of(&identity));
    let taken = tower::util::MapRequestLayer::new(|mut request: Request<_>| {
        request.extensions_mut().remove::<Identity>();
        request
    });
    let inner = AuthLayer::new(Toy::header("Inner", "x-inner"));
    let probe = Probe::new();
    let service = (outer, taken, inner).layer(probe.clone());
    let both = [("x-outer", "ann"), ("x-inner", "bob")];
    let reply = send(&service, get("/", &both)).await;
    assert_eq!(reply.line(), "200 bob by Inner");
    assert_eq!(probe.last().extensions.get::<User>(), None);
}

#[tokio::test]
async fn client_sent_fields_never_become_an_identity() {
    let layer = AuthLayer::new(toy()).optional();
    for (name, value) in [
        ("x-user", "admin"),
        ("x-remote-user", "admin"),
        ("x-forwarded-user", "admin"),
        ("x-identity", "admin"),
        ("identity", "admin"),
        ("cookie", "identity=admin; Toy=ann"),
        ("proxy-authorization", "Toy ann"),
        ("x-authorization", "Toy ann"),
    ] {
        let reply = through(&layer, get("/", &[(name, value)])).await;
        assert_eq!(reply.line(), "200 anonymous", "{name}");
    }
}

#[tokio::test]
async fn identities_put_in_by_others_are_removed() {
    let service = AuthLayer::new(toy()).optional().layer(Probe::new());
    let mut forged = get("/", &[]);
    forged.extensions_mut().insert(Identity::new("root"));
    assert_eq!(send(&service, forged).await.line(), "200 anonymous");
    let mut forged = get("/", &[("authorization", "Toy ann")]);
    forged.extensions_mut().insert(Identity::new("root"));
    assert_eq!(send(&service, forged).await.line(), "200 ann by Toy");
}

// Challenges

#[tokio::test]
async fn require_inside_is_completed_by_the_layer_outside() {
    let layer = (
        AuthLayer::new(toy()).optional().realm("zoo"),
        RequireLayer::new(scope("read").and(role("admin"))),
    );
    let service = layer.layer(Probe::new());
    let visitor = ask(&service, None).await;
    assert_eq!(visitor.line(), "401 missing");
    assert_eq!(visitor.challenges(), [r#"Toy realm="zoo", scope="read""#]);
    let lacking = ask(&service, Some("ann:admin")).await;
    assert_eq!(lacking.line(), "403 forbidden");
    assert_eq!(
        lacking.challenges(),
        [r#"Toy realm="zoo", error="insufficient_scope", scope="read""#]
    );
    let no_role = ask(&service, Some("ann::read")).await;
    assert_eq!(no_role.line(), "403 forbidden");
    assert_eq!(no_role.challenges(), [""; 0]);
    let allowed = ask(&service, Some("ann:admin:read")).await;
    assert_eq!(allowed.line(), "200 ann by Toy");
}

#[tokio::test]
async fn challenges_are_added_once_by_the_innermost_layer() {
    let layer = (
        AuthLayer::new(Toy::header("Outer", "x-outer")).optional(),
        AuthLayer::new(toy()).optional(),
        RequireLayer::new(authenticated()),
    );
    let reply = ask(&layer.layer(Probe::new()), None).await;
    assert_eq!(reply.line(), "401 missing");
    assert_eq!(reply.challenges(), [r#"Toy realm="api""#]);
}

fn inside(answer: impl Fn() -> Response<Full<Bytes>> + Send + Sync + 'static) -> Probe {
    Probe::answering(move |_| answer())
}

#[tokio::test]
async fn a_handlers_own_error_response_passes_unchanged() {
    for status in [400, 401, 403, 429, 500, 503] {
        let inner = inside(move || {
            Response::builder()
                .status(status)
                .header("www-authenticate", "Mine")
                .header("x-mine", "1")
                .header("cache-control", "max-age=5")
                .body(Full::from("mine"))
                .unwrap()
        });
        let reply = ask(&AuthLayer::new(toy()).layer(inner), Some("ann")).await;
        assert_eq!(reply.line(), format!("{status} mine"));
        assert_eq!(reply.headers.len(), 3);
        assert_eq!(reply.challenges(), ["Mine"]);
        assert_eq!(reply.all("cache-control"), ["max-age=5"]);
    }
}

#[tokio::test]
async fn a_rejection_on_a_response_of_another_status_is_left_alone() {
    let inner = inside(|| {
        let mut response = Response::new(Full::from("moved"));
        *response.status_mut() = StatusCode::FOUND;
        response.extensions_mut().insert(Rejection::missing());
        response
    });
    for layer in [
        AuthLayer::new(toy()),
        AuthLayer::new(toy()).grpc(),
        AuthLayer::new(toy()).responder(|_, _| Response::new("custom".to_owned())),
    ] {
        let reply = ask(&layer.layer(inner.clone()), Some("ann")).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (302, "moved"));
        assert_eq!(reply.headers.len(), 0);
    }
}

#[tokio::test]
async fn a_handlers_rejection_on_its_own_response_is_challenged_and_keeps_its_body() {
    let inner = inside(|| {
        let mut response = Response::new(Full::from("please log in"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.extensions_mut().insert(Rejection::missing());
        response
    });
    for layer in [
        AuthLayer::new(toy()),
        AuthLayer::new(toy()).responder(|_, _| Response::new("custom".to_owned())),
    ] {
        let reply = ask(&layer.layer(inner.clone()), Some("ann")).await;
        assert_eq!(reply.line(), "401 missing");
        assert_eq!(reply.body, "please log in");
        assert_eq!(reply.challenges(), [r#"Toy realm="api""#]);
        assert_eq!(reply.all(header::CACHE_CONTROL), ["no-store"]);
    }
}

#[tokio::test]
async fn a_handler_may_answer_with_a_rejection() {
    let app = Router::new()
        .route(
            "/scope",
            routing::get(|| async {
                let needed = Scope::new("write").unwrap();
                Err::<(), _>(Rejection::insufficient_scope([needed]))
            }),
        )
        .route("/again", routing::get(|| async { Rejection::missing() }))
        .layer(AuthLayer::new(toy()));
    let fields = [("authorization", "Toy ann")];
    let again = send(&app, get("/again", &fields)).await;
    assert_eq!(again.line(), "401 missing");
    assert_eq!(again.challenges(), [r#"Toy realm="api""#]);
    assert_eq!(again.all(header::CACHE_CONTROL), ["no-store"]);
    assert_eq!(
        again.body,
        problem(401, "Unauthorized", "credentials are required")
    );
    let scope = send(&app, get("/scope", &fields)).await;
    assert_eq!(scope.line(), "403 forbidden");
    assert_eq!(
        scope.challenges(),
        [r#"Toy realm="api", error="insufficient_scope", scope="write""#]
    );
}

// axum

async fn who(extensions: http::Extensions) -> String {
    let mut request = Request::new(());
    *request.extensions_mut() = extensions;
    caller(&request.into_parts().0)
}

fn handler() -> routing::MethodRouter {
    routing::get(|request: axum::extract::Request| async move {
        who(request.extensions().clone()).await
    })
}

#[tokio::test]
async fn axum_routers_nest_as_layers_do() {
    let inner = Router::new()
        .route("/who", handler())
        .route("/admin", handler().layer(RequireLayer::new(role("admin"))))
        .route_layer(AuthLayer::new(Toy::header("Inner", "x-inner")));
    let app = Router::new()
        .nest("/nested", inner)
        .route("/who", handler())
        .route(
            "/admin",
            handler().route_layer(RequireLayer::new(role("admin"))),
        )
        .layer(AuthLayer::new(Toy::header("Outer", "x-outer")).optional());
    let (o, i) = (("x-outer", "ann:admin"), ("x-inner", "bob"));
    for (path, fields, expected) in [
        ("/who", &[][..], "200 anonymous"),
        ("/who", &[o], "200 ann by Outer"),
        ("/who", &[i], "200 anonymous"),
        ("/admin", &[], "401 missing"),
        ("/admin", &[o], "200 ann by Outer"),
        ("/admin", &[("x-outer", "ann")], "403 forbidden"),
        ("/nested/who", &[], "401 missing"),
        ("/nested/who", &[o], "401 missing"),
        ("/nested/who", &[o, i], "200 bob by Inner"),
        ("/nested/admin", &[o, i], "403 forbidden"),
        (
            "/nested/admin",
            &[("x-inner", "bob:admin")],
            "200 bob by Inner",
        ),
        ("/nested/nothing", &[o], "404 "),
    ] {
        let reply = send(&app, get(path, fields)).await;
        assert_eq!(reply.line(), expected, "{path} {fields:?}");
    }
    let nested = send(&app, get("/nested/admin", &[i])).await;
    assert_eq!(nested.challenges(), [""; 0]);
    let nested = send(&app, get("/nested/admin", &[o])).await;
    assert_eq!(nested.challenges(), [r#"Inner realm="api""#]);
    let outer = send(&app, get("/admin", &[])).await;
    assert_eq!(outer.challenges(), [r#"Outer realm="api""#]);
}

#[tokio::test]
async fn extractors_return_the_identity() {
    let app = Router::new()
        .route(
            "/must",
            routing::get(|identity: Identity| async move { identity.subject().to_owned() }),
        )
        .route(
            "/may",
            routing::get(|identity: Option<Identity>| async move {
                identity.map_or("visitor".into(), |identity| identity.subject().to_owned())
            }),
        );
    let known = app.clone().layer(AuthLayer::new(toy()).optional());
    assert_eq!(
        send(&known, get("/must", &[])).await.challenges(),
        [r#"Toy realm="api""#]
    );
    let ann = [("authorization", "Toy ann")];
    for (app, path, fields, expected) in [
        (&known, "/must", &[][..], "401 missing"),
        (&known, "/must", &ann, "200 ann"),
        (&known, "/may", &[], "200 visitor"),
        (&known, "/may", &ann, "200 ann"),
        (&app, "/must", &ann, "500 no_auth_layer"),
        (&app, "/may", &ann, "500 no_auth_layer"),
        (&app, "/may", &[], "500 no_auth_layer"),
    ] {
        assert_eq!(send(app, get(path, fields)).await.line(), expected);
    }
}

// The forgotten AuthLayer

#[tokio::test]
async fn requirements_without_an_auth_layer_are_500() {
    let open = || AccessRules::new().allow("/");
    let layers = [
        RequireLayer::new(authenticated()),
        RequireLayer::new(role("admin")),
        RequireLayer::rules(AccessRules::new()),
        RequireLayer::rules(open()),
    ];
    for layer in layers {
        let probe = Probe::new();
        let reply = ask(&layer.layer(probe.clone()), Some("ann:admin")).await;
        assert_eq!(reply.line(), "500 no_auth_layer");
        assert_eq!(
            reply.body,
            problem(500, "Internal Server Error", "the server is misconfigured")
        );
        assert_eq!(reply.challenges(), [""; 0]);
        assert_eq!(probe.calls(), 0);
    }
    // Before anything is said of the path.
    let ruled = RequireLayer::rules(open()).layer(Probe::new());
    let reply = send(&ruled, get("/a/../b", &[])).await;
    assert_eq!(reply.line(), "500 no_auth_layer");
    // Around the AuthLayer is as bad as without.
    let wrong = (RequireLayer::new(authenticated()), AuthLayer::new(toy()));
    let reply = ask(&wrong.layer(Probe::new()), Some("ann")).await;
    assert_eq!(reply.line(), "500 no_auth_layer");
}

// Changing the identity, and loading

#[tokio::test]
async fn a_changed_identity_is_that_of_rules_users_and_handlers() {
    let with_roles = |identity: Identity| match identity.subject() {
        "ann" => Ok(identity.with_role("admin")),
        "down" => Err(Rejection::unavailable("the database is down")),
        "renamed" => Ok(Identity::new("bob").with_role("admin")),
        _ => Ok(identity),
    };
    let rules = || AccessRules::new().require("/", role("admin"));
    let plain = AuthLayer::new(toy()).map_identity(with_roles);
    let waiting = AuthLayer::new(toy()).map_identity(move |identity: Identity| async move {
        tokio::task::yield_now().await;
        with_roles(identity)
    });
    for layer in [plain, waiting] {
        let layer = layer.rules(rules()).load(|identity: Identity| {
            assert!(identity.subject() == "cat" || identity.has_role("admin"));
            Ok(Some(User(identity.subject().to_uppercase())))
        });
        let probe = Probe::new();
        let service = layer.layer(probe.clone());
        assert_eq!(ask(&service, Some("ann")).await.line(), "200 ann by Toy");
        assert!(
            probe
                .last()
                .extensions
                .get::<Identity>()
                .unwrap()
                .has_role("admin")
        );
        // The scheme and the realm are those of the request, also if the identity is another one.
        assert_eq!(
            ask(&service, Some("renamed")).await.line(),
            "200 bob by Toy"
        );
        let identity = probe.last().extensions.get::<Identity>().cloned().unwrap();
        assert_eq!(identity.issuer(), Some("api"));
        assert_eq!(ask(&service, Some("cat")).await.line(), "403 forbidden");
        assert_eq!(ask(&service, Some("down")).await.line(), "503 unavailable");
        assert_eq!(ask(&service, Some("bad")).await.line(), "401 invalid");
        assert_eq!(probe.calls(), 2);
    }
}

#[tokio::test]
async fn load_rejects_on_behalf_of_the_user() {
    let plain = AuthLayer::new(toy()).load(|identity: Identity| user_of(&identity));
    let waiting = AuthLayer::new(toy()).load(|identity: Identity| async move {
        tokio::task::yield_now().await;
        user_of(&identity)
    });
    for layer in [plain, waiting] {
        let probe = Probe::new();
        let service = layer.clone().layer(probe.clone());
        assert_eq!(ask(&service, Some("ann")).await.line(), "200 ann by Toy");
        let loaded = probe.last().extensions.get::<User>().cloned();
        assert_eq!(loaded, Some(User("ANN".into())));
        let ghost = ask(&service, Some("ghost")).await;
        assert_eq!(ghost.line(), "401 invalid");
        assert_eq!(
            ghost.challenges(),
            [r#"Toy realm="api", error="invalid_token""#]
        );
        let down = ask(&service, Some("down")).await;
        assert_eq!(down.line(), "503 unavailable");
        assert_eq!(down.all(header::RETRY_AFTER), ["1"]);
        assert_eq!(probe.calls(), 1);
    }
}

#[tokio::test]
async fn load_is_skipped_for_anonymous_callers_and_rejected_requests() {
    let loads = Arc::new(AtomicUsize::new(0));
    let count = loads.clone();
    let layer = AuthLayer::new(toy())
        .optional()
        .load(move |identity: Identity| {
            count.fetch_add(1, Ordering::SeqCst);
            user_of(&identity)
        });
    let probe = Probe::new();
    let service = layer.layer(probe.clone());
    assert_eq!(ask(&service, None).await.line(), "200 anonymous");
    assert_eq!(probe.last().extensions.get::<User>(), None);
    assert_eq!(ask(&service, Some("bad")).await.line(), "401 invalid");
    assert_eq!(loads.load(Ordering::SeqCst), 0);
    assert_eq!(ask(&service, Some("ann")).await.line(), "200 ann by Toy");
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn load_runs_before_the_rules() {
    let layer = AuthLayer::new(toy())
        .load(|identity: Identity| async move { user_of(&identity) })
        .rules(AccessRules::new().require(
            "/",
            tower_auth::policy_fn("has_user", |_, head| match head.extensions.get::<User>() {
                Some(User(name)) if name == "ANN" => Ok(()),
                _ => Err(Rejection::forbidden()),
            }),
        ));
    let service = layer.layer(Probe::new());
    assert_eq!(ask(&service, Some("ann")).await.line(), "200 ann by Toy");
    assert_eq!(ask(&service, Some("bob")).await.line(), "403 forbidden");
    assert_eq!(ask(&service, Some("ghost")).await.line(), "401 invalid");
    assert_eq!(ask(&service, Some("down")).await.line(), "503 unavailable");
}

#[tokio::test]
async fn a_handler_reads_the_loaded_user() {
    let app = Router::new()
        .route(
            "/",
            routing::get(|Extension(User(name)): Extension<User>| async { name }),
        )
        .layer(AuthLayer::new(toy()).load(|identity: Identity| user_of(&identity)));
    assert_eq!(ask(&app, Some("ann")).await.line(), "200 ANN");
}

/// The identity is what the credentials say. A loader that could replace it would have to replace
/// its scheme, place, realm and hierarchies, too.
#[test]
fn load_of_an_identity_panics_at_construction() {
    let identity = |identity: Identity| Ok::<_, Rejection>(Some(identity.with_role("admin")));
    let later = |_: Identity| async { Ok::<_, Rejection>(Some(Identity::new("eve"))) };
    let mark = block_on(anonymous());
    let anonymous = move |_: Identity| Ok::<_, Rejection>(Some(mark.clone()));
    let expected = "`load` must not return an `Identity` or `Anonymous`: it puts the application's \
                    own user beside the identity; add roles and scopes by `map_identity`";
    assert_eq!(panic_of(|| AuthLayer::new(toy()).load(identity)), expected);
    assert_eq!(panic_of(|| AuthLayer::new(toy()).load(later)), expected);
    assert_eq!(panic_of(|| AuthLayer::new(toy()).load(anonymous)), expected);
}

/// The mark of an anonymous caller, which only the layer makes.
async fn anonymous() -> Anonymous {
    let probe = Probe::new();
    send(
        &AuthLayer::new(toy()).optional().layer(probe.clone()),
        get("/", &[]),
    )
    .await;
    probe.last().extensions.get::<Anonymous>().unwrap().clone()
}

/// Whether anything had to be awaited makes no difference.
#[tokio::test]
async fn policies_see_the_same_request_whether_or_not_verification_waited() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let policy = |later: bool| {
        let seen = seen.clone();
        tower_auth::policy_fn("see", move |identity: &Identity, head| {
            let loaded = head.extensions.get::<User>().map(|User(name)| name.clone());
            let text = format!("{} {} {loaded:?}", caller(head), identity.scheme());
            seen.lock().unwrap().push(text);
            async move {
                if later {
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        })
    };
    for (verifier_waits, policy_waits) in [(false, false), (false, true), (true, false)] {
        let layer = || {
            let rules = AccessRules::new().otherwise(policy(policy_waits));
            AuthLayer::new(toy().later(verifier_waits)).rules(rules)
        };
        let loading = |identity: Identity| async move {
            tokio::task::yield_now().await;
            user_of(&identity)
        };
        let plain = layer().load(|identity: Identity| user_of(&identity));
        for (layer, user) in [
            (layer(), "None"),
            (plain, r#"Some("ANN")"#),
            (layer().load(loading), r#"Some("ANN")"#),
        ] {
            let probe = Probe::new();
            let reply = ask(&layer.layer(probe.clone()), Some("ann")).await;
            assert_eq!(reply.line(), "200 ann by Toy");
            let seen = std::mem::take(&mut *seen.lock().unwrap());
            assert_eq!(seen, [format!("ann by Toy Toy {user}")]);
            let head = probe.last();
            let identity = head.extensions.get::<Identity>().unwrap();
            assert_eq!(identity.place(), Some(Place::Authorization));
            assert_eq!(identity.issuer(), Some("api"));
        }
    }
}

// The responder

fn liar() -> AuthLayer {
    AuthLayer::new(toy()).responder(|rejection, request| {
        assert_eq!(request.format(), Format::Http);
        Response::builder()
            .status(200)
            .header("www-authenticate", "Nothing")
            .header("retry-after", "9999")
            .header("cache-control", "public, max-age=9999")
            .header("content-length", "1")
            .header("content-type", "text/plain")
            .header("set-cookie", "a=; Max-Age=0")
            .header("set-cookie", "b=; Max-Age=0")
            .body(format!("custom {}", rejection.kind().as_str()))
            .unwrap()
    })
}

#[tokio::test]
async fn a_responder_cannot_change_the_meaning_of_a_rejection() {
    let challenge = [r#"Toy realm="api", error="invalid_token""#];
    for (credential, line, challenges, retry) in [
        ("bad", "401 invalid", &challenge[..], &[][..]),
        ("unavailable", "503 unavailable", &[], &["1"]),
        ("many", "429 too_many", &[], &["2"]),
        ("forbidden", "403 forbidden", &[], &[]),
    ] {
        // Refused by the layer itself, and by a requirement inside of it.
        let inner = Probe::new();
        let reply = ask(&liar().layer(inner), Some(credential)).await;
        let kind = reply.kind().unwrap();
        assert_eq!(reply.line(), line);
        assert_eq!(reply.challenges(), challenges);
        assert_eq!(reply.all(header::RETRY_AFTER), retry);
        assert_eq!(reply.all(header::CACHE_CONTROL), ["no-store"]);
        assert_eq!(reply.all(header::CONTENT_TYPE), ["text/plain"]);
        assert_eq!(reply.all(header::CONTENT_LENGTH), [""; 0]);
        assert_eq!(
            reply.all(header::SET_COOKIE),
            ["a=; Max-Age=0", "b=; Max-Age=0"]
        );
        assert_eq!(reply.body, format!("custom {}", kind.as_str()));
    }
}

#[tokio::test]
async fn a_responder_renders_the_rejections_of_inner_requirements_too() {
    let service = (liar(), RequireLayer::new(role("admin"))).layer(Probe::new());
    let reply = ask(&service, Some("ann")).await;
    assert_eq!(reply.line(), "403 forbidden");
    assert_eq!(reply.body, "custom forbidden");
    assert_eq!(reply.all(header::CONTENT_TYPE), ["text/plain"]);
    assert_eq!(reply.all(header::CACHE_CONTROL), ["no-store"]);
    assert_eq!(reply.all(header::RETRY_AFTER), [""; 0]);
    assert_eq!(
        reply.all(header::SET_COOKIE),
        ["a=; Max-Age=0", "b=; Max-Age=0"]
    );
}

#[tokio::test]
async fn a_responders_body_is_not_described_by_the_fields_of_the_body_it_replaces() {
    // Something in between has compressed the refusal of the requirement.
    let packs = tower::util::MapResponseLayer::new(|mut response: Response<_>| {
        let packed = HeaderValue::from_static("gzip");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, packed);
        response
    });
    let bare = AuthLayer::new(toy()).responder(|_, _| Response::new("no".to_owned()));
    let service = ServiceBuilder::new()
        .layer(bare)
        .layer(packs)
        .layer(RequireLayer::new(role("admin")))
        .service(Probe::new());
    let reply = ask(&service, Some("ann")).await;
    assert_eq!(reply.line(), "403 forbidden");
    assert_eq!(reply.body, "no");
    assert_eq!(reply.all(header::CONTENT_ENCODING), [""; 0]);
    assert_eq!(reply.all(header::CONTENT_TYPE), [""; 0]);
}

#[tokio::test]
async fn every_rejection_is_in_the_response_extensions() {
    let layers: [(AuthLayer, &str); 3] = [
        (AuthLayer::new(toy()), "plain"),
        (liar(), "responder"),
        (AuthLayer::new(toy()).grpc(), "grpc"),
    ];
    for (layer, name) in layers {
        for (credential, kind) in [
            ("bad", RejectionKind::Invalid),
            ("malformed", RejectionKind::Malformed),
            ("unavailable", RejectionKind::Unavailable),
            ("weak", RejectionKind::InsufficientAuthentication),
            ("many", RejectionKind::TooMany),
            ("ann", RejectionKind::Forbidden),
        ] {
            let service = (layer.clone(), RequireLayer::new(role("admin"))).layer(Probe::new());
            let reply = ask(&service, Some(credential)).await;
            assert_eq!(reply.kind(), Some(kind), "{name}");
        }
        assert_eq!(
            ask(&layer.layer(Probe::new()), None).await.kind(),
            Some(RejectionKind::Missing),
            "{name}"
        );
    }
}

// Preflights

#[tokio::test]
async fn preflights_continue_as_anonymous_only_if_allowed() {
    let origin = ("origin", "https://app.example.com");
    let method = ("access-control-request-method", "DELETE");
    let preflight = [origin, method];
    let denying = || AuthLayer::new(toy()).rules(AccessRules::new());
    let allowed = AuthLayer::new(toy()).allow_preflight();
    let rules = denying().allow_preflight();
    for (layer, verb, fields, expected) in [
        (
            &AuthLayer::new(toy()),
            "OPTIONS",
            &preflight[..],
            "401 missing",
        ),
        (&denying(), "OPTIONS", &preflight, "401 missing"),
        (&allowed, "OPTIONS", &preflight, "200 anonymous"),
        (&rules, "OPTIONS", &preflight, "200 anonymous"),
        (&allowed, "OPTIONS", &[origin], "401 missing"),
        (&allowed, "OPTIONS", &[method], "401 missing"),
        (&allowed, "OPTIONS", &[], "401 missing"),
        (&allowed, "GET", &preflight, "401 missing"),
        (&allowed, "DELETE", &preflight, "401 missing"),
        (&rules, "DELETE", &preflight, "401 missing"),
    ] {
        let reply = through(layer, request(verb, "/", fields)).await;
        assert_eq!(reply.line(), expected, "{verb} {fields:?}");
    }
    // A preflight is nobody, whatever it carries.
    let mut forged = request("OPTIONS", "/", &preflight);
    forged.extensions_mut().insert(Identity::new("root"));
    let name = HeaderValue::from_static("Toy ann");
    forged.headers_mut().insert(header::AUTHORIZATION, name);
    assert_eq!(through(&allowed, forged).await.line(), "200 anonymous");
    // Nor does it pass a requirement.
    let service = (allowed, RequireLayer::new(authenticated())).layer(Probe::new());
    let reply = send(&service, request("OPTIONS", "/", &preflight)).await;
    assert_eq!(reply.line(), "401 missing");
}

#[tokio::test]
async fn axum_error_responses_of_others_are_not_touched() {
    async fn fails() -> impl IntoResponse {
        let mut headers = HeaderMap::new();
        headers.insert("x-why", HeaderValue::from_static("because"));
        (StatusCode::UNAUTHORIZED, headers, "own")
    }
    let app = Router::new()
        .route("/", routing::get(fails))
        .layer(AuthLayer::new(toy()));
    let reply = ask(&app, Some("ann")).await;
    assert_eq!(reply.line(), "401 own");
    assert_eq!(reply.challenges(), [""; 0]);
    assert_eq!(reply.all("x-why"), ["because"]);
}

#[tokio::test]
async fn identity_and_anonymous_are_never_both_present() {
    let schemes = Toy::header("Inner", "x-inner").or(toy());
    let layer = (
        AuthLayer::new(Toy::header("Outer", "x-outer")).optional(),
        AuthLayer::new(schemes)
            .optional()
            .load(|i: Identity| user_of(&i)),
    );
    let probe = Probe::new();
    let service = layer.layer(probe.clone());
    for fields in [
        &[][..],
        &[("x-outer", "ann")],
        &[("x-inner", "ann")],
        &[("authorization", "Toy ann"), ("x-outer", "bob")],
    ] {
        send(&service, get("/", fields)).await;
        let head = probe.last();
        let identity = head.extensions.get::<Identity>().is_some();
        let anonymous = head.extensions.get::<Anonymous>().is_some();
        assert!(identity != anonymous, "{fields:?}");
    }
}

#[test]
fn a_service_that_panics_does_not_affect_other_requests() {
    let probe = Probe::answering(|head| match head.headers.contains_key("x-panic") {
        true => panic!("as the test wants it"),
        false => Response::new(Full::from(caller(head))),
    });
    let mut service = (AuthLayer::new(toy()), RequireLayer::new(authenticated())).layer(probe);
    let passes = |service: &mut _| {
        let reply = block_on(ask(service, Some("ann")));
        assert_eq!(reply.line(), "200 ann by Toy");
        let reply = block_on(ask(service, Some("bad")));
        assert_eq!(reply.line(), "401 invalid");
    };
    passes(&mut service);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Service::<Request<Empty<Bytes>>>::poll_ready(&mut service, &mut cx).is_ready());
    let fatal = get("/", &[("authorization", "Toy ann"), ("x-panic", "1")]);
    let called = catch_unwind(AssertUnwindSafe(|| drop(service.call(fatal))));
    assert!(called.is_err());
    passes(&mut service);
}
