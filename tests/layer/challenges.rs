//! Challenges name what the layer takes, and scripts of a page do not get a dialog.

use crate::common::{Probe, get, panic_of, send, through};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use tower::Layer;
use tower_auth::{
    AuthLayer, Identity, Location, Rejection, Scheme, Verify,
    api_key::{ApiKey, PresentedKey},
    basic::{Basic, Credentials},
    bearer::{Bearer, Token},
    rejection::{Challenge, Challenges},
    verify_fn,
    well_known::ResourceMetadata,
};

fn tokens() -> impl Verify<Token> {
    verify_fn(|token: Token| match token.as_bytes() {
        b"good" => Ok(Identity::new("ann")),
        _ => Err(Rejection::invalid()),
    })
}

fn keys() -> impl Verify<PresentedKey> {
    verify_fn(|key: PresentedKey| match key.as_bytes() {
        b"good" => Ok(Identity::new("ann")),
        _ => Err(Rejection::invalid()),
    })
}

fn users() -> impl Verify<Credentials> {
    verify_fn(|sent: Credentials| match sent.password() {
        "right" => Ok(Identity::new(sent.user())),
        _ => Err(Rejection::invalid()),
    })
}

fn bearer(locations: impl Into<Vec<Location>>) -> AuthLayer {
    AuthLayer::new(Bearer::new(tokens()).locations(locations.into()))
}

fn key(locations: impl Into<Vec<Location>>) -> AuthLayer {
    AuthLayer::new(ApiKey::new(locations.into(), keys()))
}

/// A client that does what the challenge says is accepted.
#[tokio::test]
async fn a_challenge_names_the_scheme_that_the_layer_takes() {
    let token = || [Location::authorization("Token")];
    for (layer, name) in [
        (bearer(token()), "Token"),
        (key(token()), "Token"),
        (bearer([Location::authorization("ApiKey-v1")]), "ApiKey-v1"),
        (AuthLayer::new(Bearer::new(tokens())), "Bearer"),
        (AuthLayer::new(ApiKey::bearer(keys())), "Bearer"),
        (key([Location::authorization("ApiKey")]), "ApiKey"),
        (
            key([Location::cookie("c"), Location::authorization("Token")]),
            "Token",
        ),
    ] {
        let none = through(&layer, get("/", &[])).await;
        assert_eq!(none.challenges(), [format!(r#"{name} realm="api""#)]);
        let follow = format!("{name} good");
        let good = through(&layer, get("/", &[("authorization", &follow)])).await;
        assert_eq!(good.status, 200, "{follow}");
        let bad = format!("{name} bad");
        let bad = through(&layer, get("/", &[("authorization", &bad)])).await;
        assert_eq!(bad.status, 401);
        let begins = format!(r#"{name} realm="api""#);
        assert!(bad.challenges()[0].starts_with(&begins), "{bad:?}");
    }
    // One challenge for each scheme, however many fields it may be in.
    let several = bearer([
        Location::authorization("Bearer"),
        Location::authorization("Token"),
        Location::header_with_scheme("x-forwarded-authorization", "bearer"),
        Location::cookie("c"),
    ]);
    let reply = through(&several, get("/", &[])).await;
    assert_eq!(
        reply.challenges(),
        [r#"Bearer realm="api""#, r#"Token realm="api""#]
    );
    // Without a scheme in the field, the name is that of the tower scheme.
    let reply = through(&bearer([Location::header("x-token")]), get("/", &[])).await;
    assert_eq!(reply.challenges(), [r#"Bearer realm="api""#]);
}

#[tokio::test]
async fn a_credential_may_be_behind_the_name_of_a_scheme_in_any_field() {
    let layer = bearer([Location::header_with_scheme(
        "x-forwarded-authorization",
        "Bearer",
    )]);
    for (value, line) in [
        ("Bearer good", "200 ann by Bearer"),
        ("bEARER  good", "200 ann by Bearer"),
        ("Bearer bad", "401 invalid"),
        ("Bearer", "400 malformed"),
        ("Bearer a b", "400 malformed"),
        ("good", "401 missing"),
        ("Basic good", "401 missing"),
    ] {
        let reply = through(&layer, get("/", &[("x-forwarded-authorization", value)])).await;
        assert_eq!(reply.line(), line, "{value}");
    }
    let one = ("x-forwarded-authorization", "Bearer good");
    let reply = through(&layer, get("/", &[one, one])).await;
    assert_eq!(reply.line(), "400 malformed");
    // The gateway's own credential is in the other field.
    let reply = through(
        &layer,
        get("/", &[one, ("authorization", "Bearer gateway")]),
    )
    .await;
    assert_eq!(reply.line(), "200 ann by Bearer");
    assert_eq!(reply.all("vary"), ["x-forwarded-authorization"]);
    let probe = Probe::new();
    send(&layer.layer(probe.clone()), get("/", &[one])).await;
    assert!(probe.last().headers["x-forwarded-authorization"].is_sensitive());
}

#[tokio::test]
async fn a_bare_token_is_read_from_authorization_beside_other_schemes() {
    let bare = || Bearer::new(tokens()).locations([Location::header("authorization")]);
    let alone = AuthLayer::new(bare());
    let beside = AuthLayer::new(bare().or(Basic::new("shop", users())));
    for (value, one, two) in [
        ("good", "200 ann by Bearer", "200 ann by Bearer"),
        ("bad", "401 invalid", "401 invalid"),
        ("Bearer good", "401 missing", "401 missing"),
        ("Basic Ym9iOnJpZ2h0", "401 missing", "200 bob by Basic"),
        ("Basic", "401 invalid", "400 malformed"),
        ("", "401 missing", "401 missing"),
    ] {
        let fields = [("authorization", value)];
        assert_eq!(through(&alone, get("/", &fields)).await.line(), one);
        assert_eq!(through(&beside, get("/", &fields)).await.line(), two);
    }
    let twice = [("authorization", "good"), ("authorization", "good")];
    let reply = through(&alone, get("/", &twice)).await;
    assert_eq!(reply.line(), "400 malformed");
}

/// As Kubernetes has it.
#[tokio::test]
async fn a_token_in_a_subprotocol_may_be_encoded() {
    let prefix = "base64url.bearer.authorization.k8s.io.";
    let layer = bearer([Location::websocket_protocol_base64url(prefix)]);
    let rest = Probe::answering(|head| {
        let left = head.headers.get("sec-websocket-protocol");
        let left = left.map_or(&b""[..], |left| left.as_bytes()).to_vec();
        Response::new(Full::new(Bytes::from(left)))
    });
    let service = layer.layer(rest);
    let encoded = |text: &str| format!("{prefix}{}", URL_SAFE_NO_PAD.encode(text));
    for (offered, line) in [
        (
            format!("{}, v4.channel.k8s.io", encoded("good")),
            "200 v4.channel.k8s.io",
        ),
        (encoded("bad"), "401 invalid"),
        (format!("{prefix}good!"), "400 malformed"),
        (format!("{prefix}Z29vZA=="), "400 malformed"),
        (prefix.to_owned(), "400 malformed"),
        (
            format!("{}, {}", encoded("good"), encoded("good")),
            "400 malformed",
        ),
    ] {
        let reply = send(&service, get("/", &[("sec-websocket-protocol", &offered)])).await;
        assert_eq!(reply.line(), line, "{offered}");
    }
}

#[tokio::test]
async fn a_challenge_has_the_parameters_of_the_application() {
    let layer = AuthLayer::new(
        Bearer::new(tokens())
            .realm("https://auth.example.com/token")
            .challenge_param("service", "registry.example.com"),
    );
    let reply = through(&layer, get("/v2/", &[])).await;
    let expected =
        r#"Bearer realm="https://auth.example.com/token", service="registry.example.com""#;
    assert_eq!(reply.challenges(), [expected]);
    let reply = through(&layer, get("/v2/", &[("authorization", "Bearer bad")])).await;
    let challenges = reply.challenges();
    assert!(
        challenges[0].contains(r#"error="invalid_token""#),
        "{challenges:?}"
    );
    assert!(
        challenges[0].ends_with(r#"service="registry.example.com""#),
        "{challenges:?}"
    );
    let layer = AuthLayer::new(ApiKey::header("x-key", keys()).challenge_param("docs", "a \"b\""));
    let reply = through(&layer, get("/", &[])).await;
    assert_eq!(
        reply.challenges(),
        [r#"ApiKey realm="api", docs="a \"b\"""#]
    );
    let scheme = || Bearer::new(tokens()).challenge_param("service", "a");
    for (name, reason) in [
        ("a b", "is not a token"),
        ("realm", "must not be set"),
        ("Scope", "must not be set"),
        ("SERVICE", "must not be set"),
    ] {
        let message = panic_of(|| scheme().challenge_param(name, "x"));
        assert!(message.contains(reason), "{message}");
    }
}

#[tokio::test]
async fn the_challenge_with_resource_metadata_is_the_first() {
    let metadata = ResourceMetadata::of("https://api.example.com")
        .authorization_server("https://login.example.com")
        .build()
        .unwrap();
    let scheme = Basic::new("shop", users())
        .or(ApiKey::header("x-key", keys()))
        .or(Bearer::new(tokens()))
        .or(Bearer::new(tokens()).locations([Location::authorization("Token")]));
    let layer = AuthLayer::new(scheme).resource(&metadata);
    let reply = through(&layer, get("/", &[])).await;
    let names = reply.challenges();
    let names = names.iter().map(|challenge| challenge.split(' ').next());
    let names: Vec<_> = names.flatten().collect();
    assert_eq!(names, ["Bearer", "Token", "Basic", "ApiKey"]);
}

const BASIC: &str = r#"Basic realm="shop", charset="UTF-8""#;

#[tokio::test]
async fn basic_is_not_offered_to_a_script_of_a_page() {
    let basic = || Basic::new("shop", users());
    let alone = AuthLayer::new(basic());
    let beside = AuthLayer::new(basic().or(ApiKey::header("x-key", keys())));
    let with_keys = AuthLayer::new(ApiKey::basic(keys()).realm("shop"));
    let hidden = r#"xBasic realm="shop", charset="UTF-8""#;
    let key = r#"ApiKey realm="api""#;
    let wrong = ("authorization", "Basic Ym9iOndyb25n");
    for (fields, is_script) in [
        (&[][..], false),
        (&[("sec-fetch-mode", "navigate")], false),
        (&[("sec-fetch-mode", "cors")], true),
        (&[("sec-fetch-mode", "same-origin")], true),
        (&[("sec-fetch-mode", "no-cors")], true),
        (&[("x-requested-with", "XMLHttpRequest")], true),
    ] {
        for sent in [fields.to_vec(), [fields, &[wrong]].concat()] {
            for layer in [&alone, &with_keys] {
                let reply = through(layer, get("/", &sent)).await;
                assert_eq!(reply.status, 401);
                let expected = if is_script { hidden } else { BASIC };
                assert_eq!(reply.challenges(), [expected], "{sent:?}");
            }
            let reply = through(&beside, get("/", &sent)).await;
            let expected = if is_script {
                vec![key]
            } else {
                vec![BASIC, key]
            };
            assert_eq!(reply.challenges(), expected, "{sent:?}");
        }
        // The rejection of a handler inside gets the same.
        let optional = AuthLayer::new(basic()).optional();
        let require = tower_auth::RequireLayer::new(tower_auth::authenticated());
        let service = optional.layer(require.layer(Probe::new()));
        let reply = send(&service, get("/", fields)).await;
        let expected = if is_script { hidden } else { BASIC };
        assert_eq!(reply.challenges(), [expected], "{fields:?}");
        // Credentials are accepted all the same.
        let right = [fields, &[("authorization", "Basic Ym9iOnJpZ2h0")]].concat();
        assert_eq!(
            through(&alone, get("/", &right)).await.line(),
            "200 bob by Basic"
        );
    }
}

/// A scheme with a dialog of its own in browsers.
#[tokio::test]
async fn digest_of_a_custom_scheme_is_not_offered_to_a_script() {
    struct Digest(Bearer<Box<dyn Verify<Token>>>);
    impl Scheme for Digest {
        fn name(&self) -> &'static str {
            "Digest"
        }
        fn locations(&self) -> Vec<Location> {
            Scheme::locations(&self.0)
        }
        fn find(&self, head: &http::request::Parts) -> tower_auth::credential::Found {
            self.0.find(head)
        }
        fn authenticate(
            &self,
            head: &http::request::Parts,
            credential: tower_auth::credential::Credential,
        ) -> tower_auth::scheme::Attempt {
            self.0.authenticate(head, credential)
        }
        fn challenge(&self, _: &Rejection, challenges: &mut Challenges<'_>) {
            challenges.push(Challenge::new("digest").param("realm", "a"));
        }
    }
    let layer = AuthLayer::new(Digest(Bearer::new(Box::new(tokens()))));
    let reply = through(&layer, get("/", &[])).await;
    assert_eq!(reply.challenges(), [r#"digest realm="a""#]);
    let reply = through(&layer, get("/", &[("sec-fetch-mode", "cors")])).await;
    assert_eq!(reply.challenges(), [r#"xdigest realm="a""#]);
}
