//! Schemes in OpenAPI documents, by the Security Scheme Object and the Security Requirement Object
//! of OpenAPI 3.1.

use crate::common::Toy;
use serde_json::{Value, json};
use tower_auth::{
    AuthLayer, Identity, Location, Scheme, Verify,
    api_key::{ApiKey, ApiKeys, PresentedKey},
    basic::{Basic, Credentials},
    bearer::{Bearer, FixedTokens, Token},
    jwt::{self, Algorithm, Issuers, JwtVerifier, OrOpaque},
    openapi::OpenApiSecurity,
    revocation::{Revocations, VerifyExt},
    verify_fn,
};
use utoipa::{
    Modify,
    openapi::{Info, OpenApi, OpenApiBuilder, security::SecurityRequirement},
};

fn jwt() -> JwtVerifier {
    let secret = b"a secret of at least 32 bytes, for HS256";
    JwtVerifier::issuer("https://login.example.com/")
        .audience("https://api.example.com")
        .keys(jwt::Key::from_secret(Algorithm::HS256, secret).unwrap())
        .build()
        .unwrap()
}

fn tokens() -> impl Verify<Token> {
    verify_fn(|_: Token| Ok(Identity::new("ann")))
}

fn keys(locations: impl IntoIterator<Item = Location>) -> impl Scheme {
    ApiKey::new(
        locations,
        verify_fn(|_: PresentedKey| Ok(Identity::new("ann"))),
    )
}

fn basic() -> impl Scheme {
    Basic::new("x", verify_fn(|_: Credentials| Ok(Identity::new("ann"))))
}

fn document() -> OpenApi {
    OpenApiBuilder::new().info(Info::new("api", "1")).build()
}

fn modified(security: &OpenApiSecurity) -> Value {
    let mut document = document();
    security.modify(&mut document);
    serde_json::to_value(document).unwrap()
}

/// `components.securitySchemes`, each checked for what its type requires.
#[track_caller]
fn described(security: &OpenApiSecurity) -> Value {
    let schemes = modified(security)["components"]["securitySchemes"].take();
    for (name, scheme) in schemes.as_object().unwrap() {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        assert!(name.chars().all(plain), "{name}");
        let has = |key: &str| scheme[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(
            match scheme["type"].as_str().unwrap() {
                "apiKey" =>
                    has("name")
                        && ["header", "query", "cookie"]
                            .map(Value::from)
                            .contains(&scheme["in"]),
                "http" => has("scheme"),
                "openIdConnect" => has("openIdConnectUrl"),
                "mutualTLS" => true,
                other => panic!("{other}"),
            },
            "{name}: {scheme}"
        );
    }
    schemes
}

#[test]
fn each_scheme_has_its_security_scheme_object() {
    for (security, expected) in [
        (
            OpenApiSecurity::of(&basic()),
            json!({ "basic": { "type": "http", "scheme": "basic" } }),
        ),
        (
            OpenApiSecurity::of(&Bearer::new(tokens())),
            json!({ "bearer": { "type": "http", "scheme": "bearer" } }),
        ),
        (
            OpenApiSecurity::of(&Bearer::new(jwt())),
            json!({ "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } }),
        ),
        (
            OpenApiSecurity::of(&ApiKey::header("X-API-Key", ApiKeys::new())),
            json!({ "header.x-api-key": { "type": "apiKey", "in": "header", "name": "x-api-key" } }),
        ),
        (
            OpenApiSecurity::of(&keys([Location::authorization("ApiKey")])),
            json!({ "apikey": {
                "type": "apiKey", "in": "header", "name": "Authorization",
                "description": "`ApiKey` in any case, a space, and the credentials.",
            } }),
        ),
        // An application's own.
        (
            OpenApiSecurity::of(&Toy::authorization("Negotiate")),
            json!({ "negotiate": { "type": "http", "scheme": "negotiate" } }),
        ),
        (
            OpenApiSecurity::of(&Toy::connection("Certificate")),
            json!({ "mutualTLS": { "type": "mutualTLS" } }),
        ),
    ] {
        assert_eq!(described(&security), expected);
    }
}

#[test]
fn each_location_is_an_alternative() {
    let scheme = Bearer::new(jwt()).locations([
        Location::authorization("Bearer"),
        Location::header("x-token"),
        Location::query("access_token"),
        Location::cookie("__Host-session"),
        Location::websocket_protocol("bearer."),
    ]);
    let security = OpenApiSecurity::of(&scheme);
    assert_eq!(
        described(&security),
        json!({
            "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            "header.x-token": { "type": "apiKey", "in": "header", "name": "x-token" },
            "query.access_token": { "type": "apiKey", "in": "query", "name": "access_token" },
            "cookie.__Host-session": { "type": "apiKey", "in": "cookie", "name": "__Host-session" },
            "websocket.bearer.": {
                "type": "apiKey", "in": "header", "name": "Sec-WebSocket-Protocol",
                "description": "One of the subprotocols: `bearer.` and the credentials.",
            },
        })
    );
    // Any one of the list will do; all of one object would be needed.
    assert_eq!(
        modified(&security)["security"],
        json!([
            { "bearer": [] },
            { "header.x-token": [] },
            { "query.access_token": [] },
            { "cookie.__Host-session": [] },
            { "websocket.bearer.": [] },
        ])
    );
}

#[test]
fn a_layer_describes_all_its_schemes() {
    let scheme = || {
        Bearer::new(jwt())
            .or(basic())
            .or(keys([Location::header("x-api-key")]))
    };
    let layer = AuthLayer::new(scheme());
    let expected = json!([{ "bearer": [] }, { "basic": [] }, { "header.x-api-key": [] }]);
    assert_eq!(modified(&layer.openapi())["security"], expected);
    // The empty requirement: visitors may come, too.
    let layer = AuthLayer::new(scheme()).optional();
    let expected = json!([{ "bearer": [] }, { "basic": [] }, { "header.x-api-key": [] }, {}]);
    assert_eq!(modified(&layer.openapi())["security"], expected);
    assert_eq!(described(&layer.openapi())["bearer"]["bearerFormat"], "JWT");
}

#[test]
fn an_issuer_is_an_alternative_of_its_own() {
    for issuer in [
        "https://login.example.com/a",
        "https://login.example.com/a/",
    ] {
        let security = OpenApiSecurity::of(&Bearer::new(jwt())).open_id_connect(issuer);
        let schemes = described(&security);
        assert_eq!(
            schemes["openIdConnect"],
            json!({
                "type": "openIdConnect",
                "openIdConnectUrl": "https://login.example.com/a/.well-known/openid-configuration",
            })
        );
        let requirements = serde_json::to_value(security.requirements_with(["read", "write"]));
        assert_eq!(
            requirements.unwrap(),
            json!([
                { "bearer": ["read", "write"] },
                { "openIdConnect": ["read", "write"] },
            ])
        );
    }
}

#[test]
fn a_format_is_named_where_it_is_known() {
    let format = |scheme: &dyn Scheme| {
        let security = OpenApiSecurity::of(scheme);
        described(&security)["bearer"]["bearerFormat"].take()
    };
    let opaque = || FixedTokens::new([("k0pBEy7lTMY6pCT0Vx3Hbw", Identity::new("ci"))]).unwrap();
    assert_eq!(format(&Bearer::new(jwt())), "JWT");
    assert_eq!(format(&Bearer::new(Issuers::new([jwt()]).unwrap())), "JWT");
    assert_eq!(
        format(&Bearer::new(jwt().with_revocation(Revocations::new()))),
        "JWT"
    );
    assert_eq!(format(&Bearer::new(std::sync::Arc::new(jwt()))), "JWT");
    assert_eq!(format(&Bearer::new(opaque())), json!(null));
    let both = OrOpaque::new(jwt(), opaque());
    assert_eq!(format(&Bearer::new(both)), json!(null));
    let own = OpenApiSecurity::of(&Bearer::new(tokens()))
        .or(&basic())
        .bearer_format("PASETO");
    assert_eq!(
        described(&own),
        json!({
            "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "PASETO" },
            "basic": { "type": "http", "scheme": "basic" },
        })
    );
}

#[test]
fn existing_entries_of_a_document_are_kept() {
    let mut document = document();
    document.security = Some(vec![SecurityRequirement::new("other", ["a"])]);
    let security = AuthLayer::new(basic()).openapi();
    security.add_to(&mut document);
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(json["security"], json!([{ "other": ["a"] }]));
    assert_eq!(
        json["components"]["securitySchemes"]["basic"]["type"],
        "http"
    );
    // Said twice is said once.
    security.modify(&mut document);
    security.modify(&mut document);
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(
        json["security"],
        json!([{ "other": ["a"] }, { "basic": [] }])
    );
}

#[test]
fn names_are_those_of_components_and_never_clash() {
    let scheme = keys([
        Location::query("a b"),
        Location::query("a_b"),
        Location::query("a é"),
        Location::cookie("a!b"),
        Location::cookie("a_b"),
    ]);
    let security = OpenApiSecurity::of(&scheme);
    let names: Vec<_> = security.schemes().iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        [
            "query.a_b",
            "query.a_b-2",
            "query.a__",
            "cookie.a_b",
            "cookie.a_b-2"
        ]
    );
    assert_eq!(described(&security)["query.a_b"]["name"], "a b");
    assert_eq!(
        format!("{:?}", AuthLayer::new(basic()).openapi()),
        r#"OpenApiSecurity { schemes: ["basic"], optional: false }"#
    );
}
