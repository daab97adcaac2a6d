//! Cookies that are no longer valid, on paths that are open to anonymous callers.
//!
//! A browser sends an old cookie until it expires, and a client cannot take it away.

use crate::common::{Probe, Reply, Toy, get, request, send};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, request::Parts};
use http_body_util::{Empty, Full};
use std::time::Duration;
use tower::Layer;
use tower_auth::{
    AccessRules, Anonymous, AuthLayer, Identity, Location, Rejection, RejectionKind, RequireLayer,
    Scheme, Verify,
    api_key::{ApiKey, PresentedKey},
    authenticated,
    bearer::{Bearer, Token},
    credential::{Credential, Found},
    rejection::{Challenge, Challenges},
    role,
    scheme::{Attempt, Schemes},
    scope, verify_fn,
};

/// The ways in which a path is open, or not.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Path {
    Required,
    Optional,
    OpenByRule,
    RequiredByRule,
}

use Path::*;

const PATHS: [Path; 4] = [Required, Optional, OpenByRule, RequiredByRule];

impl Path {
    fn is_open(self) -> bool {
        matches!(self, Optional | OpenByRule)
    }

    fn layer(self, schemes: impl Into<Schemes>) -> AuthLayer {
        let layer = AuthLayer::new(schemes);
        match self {
            Required => layer,
            Optional => layer.optional(),
            OpenByRule => layer.rules(AccessRules::new().allow("/")),
            // `optional` has no effect beside rules.
            RequiredByRule => layer
                .optional()
                .rules(AccessRules::new().require("/", authenticated())),
        }
    }
}

fn result(credential: &[u8]) -> Result<Identity, Rejection> {
    match credential {
        b"ann" | b"gone" => Ok(Identity::new(str::from_utf8(credential).unwrap())),
        b"down" => Err(Rejection::unavailable("down")),
        b"many" => Err(Rejection::too_many(Duration::from_secs(1))),
        b"weak" => Err(Rejection::insufficient_authentication()),
        b"banned" => Err(Rejection::forbidden()),
        _ => Err(Rejection::invalid()),
    }
}

fn tokens(later: bool) -> impl Verify<Token> {
    verify_fn(move |token: Token| async move {
        if later {
            tokio::task::yield_now().await;
        }
        result(token.as_bytes())
    })
}

/// A scheme that reads the cookie `c`, and one that has a custom name.
fn schemes(later: bool) -> [(&'static str, Schemes); 3] {
    let keys = verify_fn(|key: PresentedKey| result(key.as_bytes()));
    let cookie = || [Location::cookie("c")];
    let toy = Toy::cookie("Toy", "c").judging(|credential| result(credential.as_bytes()));
    [
        (
            "Bearer",
            Bearer::new(tokens(later)).locations(cookie()).into(),
        ),
        ("ApiKey", ApiKey::new(cookie(), keys).into()),
        ("Toy", toy.later(later).into()),
    ]
}

async fn ask(layer: &AuthLayer, request: Request<Empty<Bytes>>) -> (Reply, Probe) {
    let probe = Probe::new();
    let reply = send(&layer.layer(probe.clone()), request).await;
    (reply, probe)
}

/// Scheme × path × outcome.
#[tokio::test]
async fn only_an_invalid_malformed_or_ambiguous_cookie_makes_an_anonymous_caller() {
    // The value of the field, the answer on a path that is not open, and whether an open one makes
    // the caller anonymous.
    let outcomes = [
        ("c=ann", "200 ann", false),
        ("c=old", "401 invalid", true),
        ("c=ann; c=old", "400 malformed", true),
        ("c=a b", "400 malformed", true),
        // The application does not have this user any more.
        ("c=gone", "401 invalid", true),
        ("c=down", "503 unavailable", false),
        ("c=many", "429 too_many", false),
        ("c=weak", "401 insufficient_authentication", false),
        ("c=banned", "403 forbidden", false),
    ];
    for later in [false, true] {
        for path in PATHS {
            for (cookie, closed, is_anonymous) in outcomes {
                for (scheme, schemes) in schemes(later) {
                    if scheme == "Toy" && cookie == "c=a b" {
                        continue; // A toy has no malformed credentials of this form.
                    }
                    let case = format!("{scheme} {path:?} {cookie} later={later}");
                    let layer = path.layer(schemes).load(|identity: Identity| {
                        Ok::<_, Rejection>((identity.subject() != "gone").then_some(7_u8))
                    });
                    let (reply, probe) = ask(&layer, get("/", &[("cookie", cookie)])).await;
                    if !(is_anonymous && path.is_open()) {
                        let expected = match closed {
                            "200 ann" => format!("200 ann by {scheme}"),
                            _ => closed.to_owned(),
                        };
                        assert_eq!(reply.line(), expected, "{case}");
                        continue;
                    }
                    assert_eq!(reply.line(), "200 anonymous", "{case}");
                    let head = probe.last();
                    let anonymous = head.extensions.get::<Anonymous>().unwrap();
                    let rejection = anonymous.rejection().unwrap();
                    let line = format!(
                        "{} {}",
                        rejection.status().as_u16(),
                        rejection.kind().as_str()
                    );
                    assert_eq!(line, closed, "{case}");
                    assert_eq!(rejection.scheme(), Some(scheme), "{case}");
                    assert!(head.extensions.get::<Identity>().is_none(), "{case}");
                    assert!(head.extensions.get::<u8>().is_none(), "{case}");
                    assert!(head.headers["cookie"].is_sensitive(), "{case}");
                    // A shared cache must not give the page to the user that the cookie is of.
                    assert_eq!(reply.headers["cache-control"], "private", "{case}");
                    assert_eq!(reply.headers["vary"], "cookie", "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_cross_site_check_comes_before_an_old_cookie() {
    let evil = [
        ("cookie", "c=old"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    for path in PATHS {
        for (scheme, schemes) in schemes(false) {
            let (reply, probe) = ask(&path.layer(schemes), request("POST", "/", &evil)).await;
            assert_eq!(reply.line(), "403 forbidden", "{scheme} {path:?}");
            assert_eq!(probe.calls(), 0);
        }
    }
}

#[tokio::test]
async fn an_explicit_invalid_credential_never_makes_an_anonymous_caller() {
    let schemes = || {
        Bearer::new(tokens(false))
            .locations([
                Location::authorization("Bearer"),
                Location::header("x-token"),
                Location::header_with_scheme("x-forwarded-authorization", "Bearer"),
                Location::query("token"),
                Location::websocket_protocol("token."),
                Location::cookie("c"),
            ])
            .or(Toy::connection("Certificate"))
    };
    for path in PATHS {
        for cookie in [None, Some("c=old"), Some("c=ann"), Some("c=ann; c=ann")] {
            for (uri, field, expected) in [
                ("/", ("authorization", "Bearer old"), "401 invalid"),
                ("/", ("authorization", "Bearer a b"), "400 malformed"),
                ("/", ("x-token", "old"), "401 invalid"),
                (
                    "/",
                    ("x-forwarded-authorization", "Bearer old"),
                    "401 invalid",
                ),
                ("/?token=old", ("x", ""), "401 invalid"),
                ("/", ("sec-websocket-protocol", "token.old"), "401 invalid"),
            ] {
                let mut fields = vec![field];
                fields.extend(cookie.map(|cookie| ("cookie", cookie)));
                let (reply, _) = ask(&path.layer(schemes()), get(uri, &fields)).await;
                assert_eq!(reply.line(), expected, "{path:?} {uri} {fields:?}");
            }
        }
        // An old cookie does not open the path to an `Authorization` of an unknown scheme.
        let fields = [("authorization", "Strange x"), ("cookie", "c=old")];
        let (reply, _) = ask(&path.layer(schemes()), get("/", &fields)).await;
        assert_eq!(reply.status, 401, "{path:?}");
        // A client can take its certificate away.
        let mut with_certificate = get("/", &[("cookie", "c=old")]);
        let certificate = crate::common::Certificate("bad");
        with_certificate.extensions_mut().insert(certificate);
        let (reply, _) = ask(&path.layer(schemes()), with_certificate).await;
        assert_eq!(reply.line(), "401 invalid", "{path:?}");
    }
}

#[tokio::test]
async fn the_next_ambient_credential_is_tried_only_if_one_is_invalid() {
    let two = |later| {
        let locations = [Location::cookie("a"), Location::cookie("b")];
        let one_scheme: Schemes = Bearer::new(tokens(later)).locations(locations).into();
        let a = Toy::cookie("A", "a").judging(|credential| result(credential.as_bytes()));
        let b = Toy::cookie("B", "b").judging(|credential| result(credential.as_bytes()));
        [one_scheme, a.later(later).or(b.later(later))]
    };
    for later in [false, true] {
        for (cookies, closed, open) in [
            ("a=old; b=ann", "200 ann", "200 ann"),
            ("b=ann; a=old", "200 ann", "200 ann"),
            ("a=gone; b=ann", "200 ann", "200 ann"),
            ("a=ann; b=down", "200 ann", "200 ann"),
            ("a=old; b=old", "401 invalid", "200 anonymous"),
            ("a=old; b=down", "503 unavailable", "503 unavailable"),
            ("a=down; b=ann", "503 unavailable", "503 unavailable"),
            ("a=many; b=ann", "429 too_many", "429 too_many"),
            ("a=ann; a=old; b=ann", "400 malformed", "200 anonymous"),
        ] {
            for path in PATHS {
                for schemes in two(later) {
                    let layer = path.layer(schemes).load(|identity: Identity| {
                        Ok::<_, Rejection>((identity.subject() != "gone").then_some(7_u8))
                    });
                    let (reply, _) = ask(&layer, get("/", &[("cookie", cookies)])).await;
                    let expected = if path.is_open() { open } else { closed };
                    let line = reply.line();
                    let line = line.split(" by ").next().unwrap();
                    assert_eq!(line, expected, "{cookies} {path:?} later={later}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_requires_an_identity_inside_answers_with_the_rejection_of_the_cookie() {
    let auth = || AuthLayer::new(Bearer::new(tokens(false)).locations([Location::cookie("c")]));
    let open = AccessRules::new()
        .allow("/")
        .require("/scoped", scope("read"));
    let service = |require: RequireLayer| auth().optional().layer(require.layer(Probe::new()));
    let admin = || service(RequireLayer::new(role("admin")));
    let error = r#"Bearer realm="api", error="invalid_token", error_description="the credentials are not valid""#;
    let reply = send(&admin(), get("/", &[("cookie", "c=old")])).await;
    assert_eq!(reply.line(), "401 invalid");
    assert_eq!(reply.challenges(), [error]);
    let reply = send(&admin(), get("/", &[("cookie", "c=ann; c=ann")])).await;
    assert_eq!(reply.line(), "400 malformed");
    let reply = send(&admin(), get("/", &[])).await;
    assert_eq!(reply.line(), "401 missing");
    // The rules of an inner layer: its open path is open, and another one names its scopes.
    let rules = service(RequireLayer::rules(open));
    let reply = send(&rules, get("/", &[("cookie", "c=old")])).await;
    assert_eq!(reply.line(), "200 anonymous");
    let reply = send(&rules, get("/scoped", &[("cookie", "c=old")])).await;
    assert_eq!(reply.line(), "401 invalid");
    assert_eq!(reply.challenges(), [format!("{error}, scope=\"read\"")]);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn an_extractor_answers_with_the_rejection_of_the_cookie() {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;
    async fn required(identity: Identity) -> String {
        identity.subject().to_owned()
    }
    async fn optional(identity: Option<Identity>) -> String {
        format!("{}", identity.is_some())
    }
    let app = Router::new()
        .route("/required", get(required))
        .route("/optional", get(optional))
        .layer(AuthLayer::new(Toy::cookie("Toy", "c")).optional());
    for (path, cookie, status, kind) in [
        ("/required", "c=bad", 401, Some(RejectionKind::Invalid)),
        ("/required", "c=a; c=b", 400, Some(RejectionKind::Malformed)),
        ("/required", "other=1", 401, Some(RejectionKind::Missing)),
        ("/optional", "c=bad", 200, None),
    ] {
        let request = Request::get(path).header("cookie", cookie);
        let request = request.body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let rejection = response.extensions().get::<Rejection>();
        assert_eq!(response.status(), status, "{path} {cookie}");
        assert_eq!(rejection.map(Rejection::kind), kind, "{path} {cookie}");
    }
}

/// A scheme that has issued the values of its cookie that begin with `own`.
struct Own {
    location: Location,
    name: &'static str,
}

impl Scheme for Own {
    fn name(&self) -> &'static str {
        "Own"
    }

    fn locations(&self) -> Vec<Location> {
        vec![self.location.clone()]
    }

    fn find(&self, head: &Parts) -> Found {
        self.location.find(head)
    }

    fn authenticate(&self, _: &Parts, credential: Credential) -> Attempt {
        let is_own = credential.as_bytes().starts_with(b"own");
        let name = self.name;
        Attempt::new(result(credential.as_bytes())).clear_cookie(move |rejection| {
            assert!(rejection.scheme().is_none_or(|scheme| scheme == "Own"));
            let line = HeaderValue::try_from(format!("{name}=; Max-Age=0")).unwrap();
            if is_own { vec![line] } else { Vec::new() }
        })
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        if rejection.status() == 401 {
            challenges.push(Challenge::new("Own").param("realm", challenges.realm()));
        }
    }
}

const NAVIGATION: [(&str, &str); 2] = [
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];

#[tokio::test]
async fn an_old_cookie_is_cleared_by_its_issuer_on_a_top_level_navigation() {
    let own = |name| Own {
        location: Location::cookie(name),
        name,
    };
    let layer = AuthLayer::new(own("a").or(own("b"))).optional();
    let script = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
    let frame = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
    let html = [("accept", "text/html"), ("x", "")];
    let both = ["a=; Max-Age=0", "b=; Max-Age=0"];
    for (fields, cookie, line, cleared) in [
        (NAVIGATION, "a=own1; b=own2", "200 anonymous", &both[..]),
        (NAVIGATION, "a=own1; b=other", "200 anonymous", &both[..1]),
        (NAVIGATION, "a=other; b=other", "200 anonymous", &[]),
        // The valid one of several is kept.
        (NAVIGATION, "a=own1; b=ann", "200 ann by Own", &both[..1]),
        (NAVIGATION, "a=ann; b=own2", "200 ann by Own", &[]),
        // Which of two is the own one, nothing can tell.
        (NAVIGATION, "a=own1; a=own2", "200 anonymous", &[]),
        (html, "a=own1", "200 anonymous", &both[..1]),
        (script, "a=own1", "200 anonymous", &[]),
        (script, "a=own1; b=ann", "200 ann by Own", &[]),
        (frame, "a=own1", "200 anonymous", &[]),
    ] {
        let fields = [&fields[..], &[("cookie", cookie)]].concat();
        let (reply, _) = ask(&layer, get("/", &fields)).await;
        assert_eq!(reply.line(), line, "{fields:?}");
        assert_eq!(reply.all("set-cookie"), cleared, "{fields:?}");
        let caching = if cleared.is_empty() {
            "private"
        } else {
            "no-store"
        };
        assert_eq!(reply.headers["cache-control"], caching, "{fields:?}");
    }
    // Where the request is rejected, the cookie is cleared with the rejection.
    let required = AuthLayer::new(own("a"));
    let (reply, _) = ask(&required, get("/", &[("cookie", "a=own1")])).await;
    assert_eq!(
        (reply.status.as_u16(), reply.all("set-cookie")),
        (401, both[..1].to_vec())
    );
    // Not if a rule rejects a valid one.
    let ruled = AuthLayer::new(own("a")).rules(AccessRules::new().require("/", role("admin")));
    let (reply, _) = ask(&ruled, get("/", &[("cookie", "a=ann")])).await;
    assert_eq!(
        (reply.status.as_u16(), reply.all("set-cookie").len()),
        (403, 0)
    );
}

#[tokio::test]
async fn a_cookie_that_the_response_sets_is_not_cleared() {
    let own = Own {
        location: Location::cookie("a"),
        name: "a",
    };
    let log_in = Probe::answering(|_| {
        let response = Response::builder().header("set-cookie", "a=new; Secure");
        response.body(Full::default()).unwrap()
    });
    let service = AuthLayer::new(own).optional().layer(log_in);
    let fields = [&NAVIGATION[..], &[("cookie", "a=own1")]].concat();
    let reply = send(&service, request("POST", "/login", &fields)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.all("set-cookie"), ["a=new; Secure"]);
}
