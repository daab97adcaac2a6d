//! Secrets do not appear in events of any level, in responses, in `Debug` output or in requests that
//! inner services receive.
//!
//! Each secret of this test is a unique text. It is searched for as it is and in any encoding: base64
//! at any offset, percent-encoded, as a list of numbers, in hexadecimal.

use crate::common::events::{LINES, record};
use crate::common::passwords::cheap;
use crate::common::{
    self, request, send,
    wire::{Wire, serve_axum},
};
use crate::support::*;
use axum::{Router, routing::any};
use base64::engine::general_purpose::STANDARD;
use std::fmt::Debug;
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Location, Policy, RequireLayer, Scheme,
    api_key::{self, ApiKey, ApiKeys, GeneratedKey},
    authenticated,
    basic::{Basic, Credentials, User, Users},
    bearer::{Bearer, Token},
    claim,
    credential::{Credential, Place},
    password::{HashPool, PasswordHash},
    policy_fn, role,
    scheme::Schemes,
    scope, subject, verify_fn,
};

const PASSWORD: &str = "S3cretPasswordOfAda";
const WRONG_PASSWORD: &str = "S3cretPasswordOfNobody";
const KEY: &str = "S3cretKeyOfTheNightlyReport";
const WRONG_KEY: &str = "S3cretKeyThatNobodyMade";
const TOKEN: &str = "S3cretTokenOfASession";
const HMAC: &[u8] = b"S3cretOfTheIssuerThatIsLongEnoughForHS256";

/// Every form of every secret.
#[derive(Default)]
struct Markers(Vec<String>);

impl Markers {
    fn add(&mut self, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        let list = |numbers: Vec<String>| numbers.join(", ");
        self.0.push(String::from_utf8_lossy(secret).into_owned());
        self.0
            .push(list(secret.iter().map(u8::to_string).collect()));
        self.0
            .push(secret.iter().map(|byte| format!("{byte:02x}")).collect());
        self.0
            .push(secret.iter().map(|byte| format!("%{byte:02X}")).collect());
        // In the middle of something longer: what the bytes around do not change.
        for offset in 0..3 {
            let mut bytes = vec![b'x'; offset];
            bytes.extend_from_slice(secret);
            let whole = bytes.len() / 3 * 4;
            for engine in [STANDARD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                self.0.push(engine[4.min(whole)..whole].to_owned());
            }
        }
        assert!(
            self.0.iter().all(|marker| marker.len() > 12),
            "{:?}",
            self.0
        );
    }

    #[track_caller]
    fn absent_from(&self, what: &str, text: &str) {
        for marker in &self.0 {
            assert!(
                !text.contains(marker.as_str()),
                "{marker} in {what}: {text}"
            );
        }
    }

    #[track_caller]
    fn absent_from_debug(&self, value: &impl Debug) {
        self.absent_from("Debug", &format!("{value:?}"));
        self.absent_from("Debug", &format!("{value:#?}"));
    }
}

/// What is sent, good and bad, and what of it must not be seen.
struct World {
    users: Users,
    keys: ApiKeys,
    jwt: JwtVerifier,
    generated: GeneratedKey,
    tokens: Vec<String>,
    markers: Markers,
}

fn world() -> World {
    let mut markers = Markers::default();
    for secret in [PASSWORD, WRONG_PASSWORD, KEY, WRONG_KEY, TOKEN] {
        markers.add(secret);
    }
    markers.add(HMAC);
    let users = Users::new([User::new("ada", cheap(PASSWORD)).with_role("clerk")]).unwrap();
    let keys = ApiKeys::new();
    keys.register(
        KEY,
        Identity::new("nightly-report").with_scope("reports:read"),
    )
    .unwrap();
    let generated = keys.create("acme", Identity::new("ci")).unwrap();
    let secret = &generated.expose()[generated.expose().len() - 49..];
    markers.add(secret);
    markers.add(api_key::PresentedKey::new(KEY).digest());

    let key = Key::from_secret(Algorithm::HS256, HMAC).unwrap();
    let jwt = builder(key.with_key_id("k"))
        .roles_at("roles")
        .build()
        .unwrap();
    let signed = |header: &str, claims: &Value| {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", part(header), part(&claims.to_string()));
        let key = oracle::EncodingKey::from_secret(HMAC).unwrap();
        let signature = oracle::crypto::sign(signed.as_bytes(), &key, oracle::Algorithm::HS256);
        format!("{signed}.{}", signature.unwrap())
    };
    let header = r#"{"alg":"HS256"}"#;
    let mut tokens = vec![
        signed(header, &claims()),
        signed(header, &with("exp", NOW - 1000)),
        signed(header, &with("nbf", NOW + 1000)),
        signed(header, &with("aud", "other")),
        signed(header, &with("iss", "other")),
        signed(header, &with("sub", 1)),
        signed(header, &with("cnf", json!({}))),
        signed(r#"{"alg":"HS256","kid":"unknown"}"#, &claims()),
        signed(r#"{"alg":"RS256"}"#, &claims()),
        signed(r#"{"alg":"none"}"#, &claims()),
        signed(r#"{"alg":"HS256","crit":[]}"#, &claims()),
        signed("null", &claims()),
        signed(header, &json!([])),
        hs256(&claims()),
    ];
    for token in &tokens {
        markers.add(token);
        markers.add(token.rsplit('.').next().unwrap());
    }
    tokens.push(TOKEN.to_owned());
    World {
        users,
        keys,
        jwt,
        generated,
        tokens,
        markers,
    }
}

impl World {
    /// Every scheme, in every place.
    fn scheme(&self) -> Schemes {
        Bearer::new(self.jwt.clone())
            .locations([
                Location::authorization("Bearer"),
                Location::query("access_token"),
                Location::websocket_protocol("bearer."),
                Location::cookie("access_token"),
            ])
            .or(Basic::new("internal", self.users.clone()))
            .or(ApiKey::new(
                [
                    Location::header("x-api-key"),
                    Location::authorization("ApiKey"),
                    Location::query("api_key"),
                    Location::websocket_protocol("key."),
                    Location::cookie("api_key"),
                ],
                self.keys.clone(),
            ))
    }

    /// Lines of header fields and queries with credentials in them.
    fn sent(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut send = |query: String, fields: String| all.push((query, fields));
        for credentials in [
            format!("ada:{PASSWORD}"),
            format!("ada:{WRONG_PASSWORD}"),
            format!("nobody:{WRONG_PASSWORD}"),
            PASSWORD.to_owned(),
            format!("a\0:{PASSWORD}"),
        ] {
            let encoded = STANDARD.encode(credentials);
            send(String::new(), format!("Authorization: Basic {encoded}"));
            send(String::new(), format!("Authorization: Basic {encoded}?"));
            send(
                String::new(),
                format!("Authorization: Basic {encoded}\nAuthorization: Basic {encoded}"),
            );
        }
        send(
            String::new(),
            format!("Authorization: Basic ada:{PASSWORD}"),
        );
        for key in [KEY, WRONG_KEY, self.generated.expose()] {
            send(String::new(), format!("X-API-Key: {key}"));
            send(String::new(), format!("X-API-Key: {key} x"));
            send(String::new(), format!("X-API-Key: {key}\nX-API-Key: {key}"));
            send(String::new(), format!("Authorization: ApiKey {key}"));
            send(String::new(), format!("Cookie: a=b; api_key={key}; c=d"));
            send(
                String::new(),
                format!("Cookie: api_key={key}; api_key={key}"),
            );
            send(
                String::new(),
                format!("Sec-WebSocket-Protocol: chat, key.{key}"),
            );
            send(format!("?a=b&api_key={key}&c=d"), String::new());
            send(format!("?api_key={key}&api_key={key}"), String::new());
            send(format!("?api_key={key}%zz"), String::new());
            send(format!("?api_key={key}"), format!("X-API-Key: {key}"));
            let escaped: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
            send(format!("?%61pi_key={escaped}&c=d"), String::new());
        }
        for token in &self.tokens {
            for scheme in ["Bearer", "bearer ", "Unknown", "Basic", "ApiKey", ""] {
                send(String::new(), format!("Authorization: {scheme} {token}"));
            }
            send(String::new(), format!("Authorization: Bearer {token}, x"));
            send(
                String::new(),
                format!("Authorization: Bearer {token}\nX-API-Key: {KEY}"),
            );
            send(
                String::new(),
                format!("Authorization: Bearer {token}\nCookie: api_key={KEY}"),
            );
            send(String::new(), format!("Cookie: a=b; access_token={token}"));
            send(
                String::new(),
                format!("Sec-WebSocket-Protocol: bearer.{token}, chat"),
            );
            send(format!("?access_token={token}"), String::new());
            send(
                format!("?access_token={token}&a=b"),
                format!("Authorization: Bearer {token}"),
            );
        }
        all
    }
}

fn rules() -> AccessRules {
    let no = policy_fn("nobody", |_, _| Err(Rejection::forbidden()));
    let later = policy_fn("later", |identity: &Identity, _| {
        let is_ada = identity.subject() == "ada";
        async move {
            is_ada
                .then_some(())
                .ok_or_else(|| Rejection::unavailable("down"))
        }
    });
    AccessRules::new()
        .allow("/open")
        .require("/clerk", role("clerk"))
        .require("/scoped", scope("reports:read").or(scope("read")))
        .require("/claim", claim("email", "a@b.example"))
        .require("/subject", subject("internal", "ada"))
        .require("/nobody", no)
        .require("/later", later)
        .otherwise(authenticated())
}

/// All that an inner service gets to see, as it might log it.
async fn inside(request: http::Request<axum::body::Body>) -> String {
    let (head, _) = request.into_parts();
    let identity = head.extensions.get::<Identity>();
    format!("{head:?} {identity:?} {} {:?}", head.uri, head.uri.query())
}

fn guarded(layer: AuthLayer) -> Router {
    Router::new()
        .route(
            "/inner",
            any(inside).layer(RequireLayer::new(role("clerk"))),
        )
        .fallback(inside)
        .layer(layer)
}

#[tokio::test]
async fn events_responses_and_inner_requests_have_no_secret() {
    record();
    let world = world();
    let unloaded = |_: Identity| -> Result<Option<u8>, Rejection> {
        Err(Rejection::unavailable("the table of users is locked"))
    };
    let layers = [
        AuthLayer::new(world.scheme()).rules(rules()),
        AuthLayer::new(world.scheme()).optional().allow_preflight(),
        AuthLayer::new(world.scheme()).load(unloaded),
    ];
    let mut good = 0;
    let mut bad = 0;
    let sent = world.sent();
    for layer in &layers {
        let mut wire = Wire::connect(serve_axum(guarded(layer.clone())).await).await;
        for (n, (query, fields)) in sent.iter().enumerate() {
            let paths = [
                "/open", "/clerk", "/scoped", "/claim", "/subject", "/nobody", "/later", "/inner",
                "/a//b", "/x",
            ];
            let path = paths[n % paths.len()];
            let origin = "Origin: https://evil.example\nAccess-Control-Request-Method: GET";
            for head in [
                format!("GET {path}{query} HTTP/1.1\nHost: a\n{fields}"),
                format!("GET /x{query} HTTP/1.1\nHost: a\n{fields}"),
                format!("POST {path}{query} HTTP/1.1\nHost: a\n{origin}\n{fields}"),
                format!("OPTIONS {path}{query} HTTP/1.1\nHost: a\n{origin}\n{fields}"),
            ] {
                let answer = wire.ask(head.trim_end()).await;
                assert_ne!(answer.status, 500, "{head}");
                match answer.status {
                    200 => good += 1,
                    _ => bad += 1,
                }
                world.markers.absent_from(&head, &format!("{answer:?}"));
            }
        }
    }
    assert!(
        good > 100 && bad > 1000,
        "{good} good and {bad} bad requests"
    );
    grpc(&world).await;

    let lines = LINES.lock().unwrap();
    let ours = lines.iter().filter(|line| line.contains(" tower_auth "));
    assert!(ours.count() >= good + bad, "every decision is an event");
    assert!(lines.iter().any(|line| line.contains("subject=ada")));
    assert!(
        lines
            .iter()
            .any(|line| line.contains("the signature does not verify"))
    );
    for line in &*lines {
        world.markers.absent_from("an event", line);
    }
}

/// The same in gRPC, without the sockets, whose libraries log what is not ours to hide.
async fn grpc(world: &World) {
    let layer = AuthLayer::new(world.scheme()).grpc().rules(rules());
    let service = layer.layer(common::Probe::answering(|head| {
        let text = format!("{head:?} {}", head.uri);
        http::Response::new(text.into_bytes().into())
    }));
    for (query, lines) in world.sent() {
        let mut fields = vec![("content-type", "application/grpc")];
        fields.extend(lines.lines().filter_map(|line| line.split_once(": ")));
        for path in ["/open", "/clerk", "/shop.Orders/List"] {
            let reply = send(
                &service,
                request("POST", &format!("{path}{query}"), &fields),
            )
            .await;
            assert_eq!(reply.status, 200);
            world.markers.absent_from(&lines, &format!("{reply:?}"));
        }
    }
}

#[test]
fn debug_output_has_no_secret() {
    let world = world();
    let mut markers = world.markers;
    let hash = cheap(PASSWORD);
    markers.add(hash.as_str());
    markers.add(hash.as_str().rsplit('$').next().unwrap());
    let key = Key::from_secret(Algorithm::HS256, HMAC)
        .unwrap()
        .with_key_id("k");
    let credentials = || Credentials::new("ada", PASSWORD).unwrap();
    let layer =
        AuthLayer::new(Bearer::new(world.jwt.clone()).or(Basic::new("x", world.users.clone())))
            .rules(rules());
    markers.absent_from_debug(&layer);
    markers.absent_from_debug(&layer.layer(common::Probe::new()));
    markers.absent_from_debug(&world.users);
    markers.absent_from_debug(&User::new("ada", hash.clone()));
    markers.absent_from_debug(&hash);
    markers.absent_from_debug(&HashPool::new().unwrap());
    markers.absent_from_debug(&Basic::new("x", world.users.clone()));
    markers.absent_from_debug(&credentials());
    markers.absent_from_debug(&credentials().to_header_value());
    markers.absent_from_debug(&world.keys);
    markers.absent_from_debug(&world.keys.list());
    markers.absent_from_debug(&world.generated);
    markers.absent_from_debug(&api_key::PresentedKey::new(KEY));
    markers.absent_from_debug(&ApiKey::header("x-api-key", world.keys.clone()));
    markers.absent_from_debug(&Token::new(TOKEN));
    markers.absent_from_debug(&Credential::new(Place::Authorization, TOKEN));
    markers.absent_from_debug(&Bearer::new(world.jwt.clone()));
    markers.absent_from_debug(&world.jwt);
    markers.absent_from_debug(&key);
    markers.absent_from_debug(&KeySet::from(key.clone()));
    markers.absent_from_debug(&builder(key));
    markers.absent_from_debug(&verify_fn(|_: Token| Ok(Identity::new("42"))));
    // An identity holds the claims of its token, and what a verifier attached.
    let identity = verify(&world.jwt, world.tokens[0].as_str()).unwrap();
    markers.absent_from_debug(&identity.with_data(PASSWORD));
    for token in &world.tokens[1..] {
        let rejection = verify(&world.jwt, token.as_str()).unwrap_err();
        markers.absent_from_debug(&rejection);
        markers.absent_from("Display", &rejection.to_string());
        let source = rejection.source().unwrap();
        markers.absent_from("Display", &source.to_string());
    }
    let wrong = world
        .keys
        .verify(api_key::PresentedKey::new(WRONG_KEY))
        .now()
        .unwrap();
    markers.absent_from_debug(&wrong);
    markers.absent_from_debug(&Credentials::parse(PASSWORD.as_bytes()));
}

#[test]
fn configuration_errors_do_not_quote_secrets() {
    let world = world();
    let hash = cheap(PASSWORD);
    let jwk =
        json!({ "kty": "oct", "alg": "HS512", "kid": "k", "k": URL_SAFE_NO_PAD.encode(HMAC) });
    let jwks = json!({ "keys": [jwk] }).to_string();
    for error in [
        Key::from_secret(Algorithm::HS512, HMAC).unwrap_err(),
        Key::from_pem(Algorithm::RS256, HMAC).unwrap_err(),
        Key::from_der(Algorithm::RS256, HMAC).unwrap_err(),
        Key::from_jwk(&jwk.to_string()).unwrap_err(),
        Key::from_jwk(std::str::from_utf8(HMAC).unwrap()).unwrap_err(),
        KeySet::from_jwks(&jwks).unwrap_err(),
        KeySet::from_jwks(&jwks[..jwks.len() - 1]).unwrap_err(),
        PasswordHash::parse(PASSWORD).unwrap_err(),
        PasswordHash::parse(&format!("$argon2id${PASSWORD}")).unwrap_err(),
        PasswordHash::parse(&format!("{}=", hash.as_str())).unwrap_err(),
        Credentials::new("a:b", PASSWORD).unwrap_err(),
        Credentials::new("a", &format!("{PASSWORD}\0")).unwrap_err(),
        world
            .keys
            .register(KEY, Identity::new("again"))
            .unwrap_err(),
        world
            .keys
            .register(&format!("{KEY} "), Identity::new("x"))
            .unwrap_err(),
        world
            .keys
            .register(&TOKEN[..20], Identity::new("x"))
            .unwrap_err(),
        world
            .keys
            .register(
                &world.generated.expose().replace("acme_", "acmf_"),
                Identity::new("x"),
            )
            .unwrap_err(),
    ] {
        world.markers.absent_from_debug(&error);
        let mut text = error.to_string();
        let mut cause: Option<&dyn Error> = error.source();
        while let Some(error) = cause {
            text += &format!(" {error} {error:?}");
            cause = error.source();
        }
        world.markers.absent_from("Display", &text);
    }
}

/// The search itself finds what it should.
#[test]
fn a_marker_is_found_in_any_form() {
    let mut markers = Markers::default();
    markers.add(PASSWORD);
    let found = |text: &str| {
        markers
            .0
            .iter()
            .any(|marker| text.contains(marker.as_str()))
    };
    assert!(!found("ada"));
    for prefix in ["", "a", "ab", "ada:", "longer than that "] {
        let text = format!("{prefix}{PASSWORD}");
        assert!(found(&text));
        assert!(found(&STANDARD.encode(&text)), "{prefix}");
        assert!(
            found(&STANDARD.encode(format!("{text} and more"))),
            "{prefix}"
        );
        assert!(found(&format!("{:?}", text.as_bytes())));
    }
}
