//! Caching headers: rejections are not stored, and a shared cache does not serve a response to another
//! caller.

use crate::common::{Certificate, Probe, Reply, Toy, get, send};
use bytes::Bytes;
use http::{
    Response,
    header::{CACHE_CONTROL, VARY},
    request::Parts,
};
use http_body_util::Full;
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RequireLayer, Scheme, authenticated,
    credential::{Credential, Found, Place},
    rejection::Challenges,
    role,
    scheme::Attempt,
};

/// An inner service with these fields on its response.
fn inner(fields: &'static [(&'static str, &'static str)]) -> Probe {
    Probe::answering(move |_| {
        let mut response = Response::builder();
        for (name, value) in fields {
            response = response.header(*name, *value);
        }
        response.body(Full::<Bytes>::from("inner")).unwrap()
    })
}

/// `Cache-Control` and `Vary`, a line each.
fn marks(reply: &Reply) -> (Vec<&str>, Vec<&str>) {
    (reply.all(CACHE_CONTROL), reply.all(VARY))
}

async fn reply(layer: &AuthLayer, inner: Probe, sent: &[(&str, &str)]) -> Reply {
    send(&layer.layer(inner), get("/", sent)).await
}

const ANN: [(&str, &str); 1] = [("authorization", "Toy ann")];
const NONE: [&str; 0] = [];

#[tokio::test]
async fn a_response_to_authorization_is_left_to_the_rules_of_caches() {
    // RFC 9111 section 3.5.
    let layer = AuthLayer::new(Toy::authorization("Toy").or(Toy::header("Key", "x-key")));
    for fields in [
        &[][..],
        &[("vary", "accept")],
        &[("cache-control", "max-age=60"), ("vary", "accept")],
        &[("cache-control", "no-cache")],
        &[("cache-control", "private, must-revalidate")],
        &[("cache-control", "no-store, must-revalidate")],
        &[("cache-control", "x-public, must-revalidate-not")],
    ] {
        let reply = reply(&layer, inner(fields), &ANN).await;
        let expected: Vec<_> = fields.iter().map(|(_, value)| *value).collect();
        let (cache, vary) = marks(&reply);
        assert_eq!([cache, vary].concat(), expected);
    }
}

/// The three directives by which a shared cache stores a response to `Authorization`.
#[tokio::test]
async fn a_shared_cache_does_not_serve_a_response_to_another_caller() {
    let layer = AuthLayer::new(Toy::authorization("Toy").or(Toy::header("Key", "x-key")));
    for (from, to) in [
        ("public", "public"),
        ("Public, max-age=60", "Public, max-age=60"),
        ("s-maxage=60", "s-maxage=60"),
        ("must-revalidate, s-maxage=0", "must-revalidate, s-maxage=0"),
        ("public, must-revalidate", "public, must-revalidate"),
        // Written to be stricter, and not to open the response to others.
        ("must-revalidate", "private, must-revalidate"),
        (
            "max-age=60, Must-Revalidate",
            "private, max-age=60, Must-Revalidate",
        ),
        (
            r#"private="set-cookie", must-revalidate"#,
            r#"private, private="set-cookie", must-revalidate"#,
        ),
        (
            "no-store, must-understand, must-revalidate",
            "private, no-store, must-understand, must-revalidate",
        ),
    ] {
        let fields = vec![("cache-control", from)];
        let reply = reply(&layer, inner(fields.leak()), &ANN).await;
        assert_eq!(marks(&reply), (vec![to], vec!["authorization"]), "{from}");
    }
    for (varies, expected) in [
        ("accept", vec!["accept", "authorization"]),
        ("Accept, Authorization", vec!["Accept, Authorization"]),
        ("*", vec!["*"]),
    ] {
        let fields = vec![("cache-control", "public"), ("vary", varies)];
        let reply = reply(&layer, inner(fields.leak()), &ANN).await;
        assert_eq!(marks(&reply), (vec!["public"], expected), "{varies}");
    }
}

/// Finds a credential in a cookie, and accepts it without a look.
struct Lenient(Toy);

impl Scheme for Lenient {
    fn name(&self) -> &'static str {
        "Lenient"
    }

    fn locations(&self) -> Vec<Location> {
        self.0.locations()
    }

    fn find(&self, head: &Parts) -> Found {
        self.0.find(head)
    }

    fn authenticate(&self, _: &Parts, _: Credential) -> Attempt {
        Attempt::new(Ok(Identity::new("ann")))
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges<'_>) {
        self.0.challenge(rejection, challenges);
    }
}

#[tokio::test]
async fn a_response_is_private_by_where_the_credential_was_found() {
    let layer = AuthLayer::new(Lenient(Toy::cookie("Session", "sid")));
    let probe = inner(&[]);
    let reply = reply(&layer, probe.clone(), &[("cookie", "sid=ann")]).await;
    assert_eq!(marks(&reply), (vec!["private"], vec!["cookie"]));
    let head = probe.last();
    let identity = head.extensions.get::<Identity>().unwrap();
    assert_eq!(identity.place(), Some(Place::Cookie));
}

#[tokio::test]
async fn a_response_to_any_other_credential_is_private_and_varies() {
    let everything = || {
        AuthLayer::new(Toy::at(
            "Toy",
            [
                Location::authorization("Toy"),
                Location::header("x-key"),
                Location::query("key"),
                Location::cookie("key"),
                Location::connection(),
            ],
        ))
    };
    let vary = "authorization, x-key, cookie";
    let by_header = reply(&everything(), inner(&[]), &[("x-key", "ann")]).await;
    assert_eq!(marks(&by_header), (vec!["private"], vec![vary]));
    let by_cookie = reply(&everything(), inner(&[]), &[("cookie", "key=ann")]).await;
    assert_eq!(marks(&by_cookie), (vec!["private"], vec![vary]));
    let service = everything().layer(inner(&[]));
    let by_query = send(&service, get("/?key=ann", &[])).await;
    assert_eq!(marks(&by_query), (vec!["private"], vec![vary]));
    let mut request = get("/", &[]);
    request.extensions_mut().insert(Certificate("ann"));
    let by_connection = send(&service, request).await;
    assert_eq!(marks(&by_connection), (vec!["private"], vec![vary]));
}

#[tokio::test]
async fn a_layer_that_reads_no_field_varies_by_none() {
    let layer = AuthLayer::new(Toy::query("Key", "key"));
    let reply = send(&layer.layer(inner(&[])), get("/?key=ann", &[])).await;
    assert_eq!(marks(&reply), (vec!["private"], NONE.to_vec()));
}

#[tokio::test]
async fn responses_of_an_optional_layer_vary_by_the_credential() {
    let layer = AuthLayer::new(Toy::authorization("Toy")).optional();
    for sent in [&[][..], &ANN] {
        let reply = reply(&layer, inner(&[]), sent).await;
        assert_eq!(marks(&reply), (vec!["private"], vec!["authorization"]));
    }
}

#[tokio::test]
async fn responses_on_open_paths_vary_by_the_credential() {
    let rules = AccessRules::new().allow("/");
    let layer = AuthLayer::new(Toy::authorization("Toy")).rules(rules);
    for sent in [&[][..], &ANN] {
        let reply = reply(&layer, inner(&[]), sent).await;
        assert_eq!(marks(&reply), (vec!["private"], vec!["authorization"]));
    }
}

#[tokio::test]
async fn a_stricter_cache_control_stays_and_a_laxer_one_is_tightened() {
    let layer = AuthLayer::new(Toy::header("Key", "x-key"));
    for (from, to) in [
        (&[][..], &["private"][..]),
        (&["private"], &["private"]),
        (&["Private"], &["Private"]),
        (&["no-store"], &["no-store"]),
        (&["NO-STORE, max-age=0"], &["NO-STORE, max-age=0"]),
        (&["private, max-age=60"], &["private, max-age=60"]),
        (&["max-age=60", "private"], &["max-age=60", "private"]),
        (&["public"], &["private"]),
        (&["Public, max-age=60"], &["private, max-age=60"]),
        (&["public", "s-maxage=60"], &["private"]),
        (&["S-MaxAge=60, max-age=5"], &["private, max-age=5"]),
        (&["max-age=60"], &["private, max-age=60"]),
        (&["no-cache"], &["private, no-cache"]),
        (
            &["must-revalidate", "public"],
            &["private, must-revalidate"],
        ),
        (&[""], &["private"]),
        (&[", ,"], &["private"]),
        // Only one field is private, the rest would still be shared (RFC 9111 section 5.2.2.7).
        (&[r#"private="x-a""#], &[r#"private, private="x-a""#]),
        (
            &[r#"private="x-a, x-b", max-age=1"#],
            &[r#"private, private="x-a, x-b", max-age=1"#],
        ),
        // A cache that knows the status code ignores `no-store` then (section 5.2.2.3).
        (
            &["must-understand, no-store, max-age=60"],
            &["private, must-understand, no-store, max-age=60"],
        ),
    ] {
        let fields: Vec<_> = from.iter().map(|v| ("cache-control", *v)).collect();
        let reply = reply(&layer, inner(fields.leak()), &[("x-key", "ann")]).await;
        assert_eq!(reply.all(CACHE_CONTROL), to, "{from:?}");
    }
}

#[tokio::test]
async fn vary_is_added_to_and_never_twice() {
    let schemes = Toy::authorization("Toy").or(Toy::header("Key", "x-key"));
    let layer = AuthLayer::new(schemes);
    let ours = "authorization, x-key";
    for (from, to) in [
        (&[][..], &[ours][..]),
        (&["accept"], &["accept", ours]),
        (&["x-key"], &["x-key", ours]),
        (&[ours], &[ours]),
        (
            &["X-Key , accept", "Authorization"],
            &["X-Key , accept", "Authorization"],
        ),
        (&["*"], &["*"]),
        (&["accept, *"], &["accept, *"]),
    ] {
        let fields: Vec<_> = from.iter().map(|v| ("vary", *v)).collect();
        let reply = reply(&layer, inner(fields.leak()), &[("x-key", "ann")]).await;
        assert_eq!(reply.all(VARY), to, "{from:?}");
    }
}

#[tokio::test]
async fn rejections_are_not_stored() {
    let auth = || AuthLayer::new(Toy::authorization("Toy").or(Toy::cookie("Session", "sid")));
    for layer in [auth(), auth().optional()] {
        let service = (layer, RequireLayer::new(role("admin"))).layer(inner(&[]));
        for sent in [
            &[][..],
            &[("authorization", "Toy bad")],
            &[("authorization", "Toy unavailable")],
            &[("cookie", "sid=bad")],
            &[("cookie", "sid=ann")],
            &ANN,
        ] {
            let reply = send(&service, get("/", sent)).await;
            assert!(reply.rejection.is_some());
            assert_eq!(reply.all(CACHE_CONTROL), ["no-store"], "{sent:?}");
        }
    }
}

#[tokio::test]
async fn nested_layers_mark_a_response_once() {
    let layer = (
        AuthLayer::new(Toy::header("Outer", "x-key")),
        AuthLayer::new(Toy::cookie("Inner", "sid")),
        RequireLayer::new(authenticated()),
    );
    let service = layer.layer(inner(&[]));
    let both = [("x-key", "ann"), ("cookie", "sid=ann")];
    let reply = send(&service, get("/", &both)).await;
    assert_eq!(marks(&reply), (vec!["private"], vec!["cookie", "x-key"]));
}

#[tokio::test]
async fn every_status_is_marked() {
    let layer = AuthLayer::new(Toy::header("Key", "x-key"));
    for status in [201, 204, 304, 401, 404, 500] {
        let inner = Probe::answering(move |_| {
            let response = Response::builder().status(status);
            response.body(Full::<Bytes>::default()).unwrap()
        });
        let reply = reply(&layer, inner, &[("x-key", "ann")]).await;
        assert_eq!(marks(&reply), (vec!["private"], vec!["x-key"]), "{status}");
    }
}
