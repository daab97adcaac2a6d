//! Protected-resource metadata over the wire, by the sections of RFC 9728.

use crate::common::{
    self, Probe, Toy, panic_of,
    wire::{Answer, Wire, serve_axum},
};
use axum::{
    Router,
    routing::{get as on_get, post},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer};
use tower_auth::{
    AccessRules, AuthLayer, Identity, Location, Rejection, RequireLayer, Scheme, Verify,
    all_scopes,
    api_key::{ApiKey, ApiKeys},
    authenticated,
    bearer::{Bearer, Token},
    role, scope, verify_fn,
    well_known::{ResourceMetadata, ResourceMetadataBuilder},
};

const ROOT: &str = "/.well-known/oauth-protected-resource";
const MCP: &str = "/.well-known/oauth-protected-resource/mcp";
const MCP_URL: &str = "https://api.example.com/.well-known/oauth-protected-resource/mcp";

/// Knows one token.
fn bearer() -> Bearer<impl Verify<Token>> {
    Bearer::new(verify_fn(|token: Token| match token.as_str() {
        "good" => Ok(Identity::new("ann").with_scope("tools:list")),
        "weak" => Err(Rejection::insufficient_authentication()),
        "down" => Err(Rejection::unavailable("the store is down")),
        _ => Err(Rejection::invalid()),
    }))
}

fn mcp() -> ResourceMetadataBuilder {
    ResourceMetadata::of("https://api.example.com/mcp")
        .authorization_server("https://login.example.com/")
}

/// A server whose every path takes a token, but for the document.
async fn serve(metadata: &ResourceMetadata) -> SocketAddr {
    let both = RequireLayer::new(all_scopes(["tools:list", "tools:call"]));
    let app = Router::new()
        .route("/mcp", on_get(|| async { "listed" }))
        .route("/call", post(|| async { "called" }).route_layer(both))
        .route(
            "/admin",
            on_get(|| async { "admin" }).route_layer(RequireLayer::new(role("admin"))),
        )
        .layer(AuthLayer::new(bearer()).resource(metadata))
        .layer(metadata.layer());
    serve_axum(app).await
}

async fn ask(address: SocketAddr, line: &str, fields: &str) -> Answer {
    let head = format!("{line} HTTP/1.1\nHost: api.example.com\n{fields}");
    let mut wire = Wire::connect(address).await;
    wire.ask(head.trim_end_matches('\n')).await
}

#[track_caller]
fn document(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200);
    assert_eq!(answer.all("content-type"), ["application/json"]);
    serde_json::from_str(&answer.body).unwrap()
}

/// The one parameter of the one challenge.
#[track_caller]
fn resource_metadata(answer: &Answer) -> &str {
    let challenges = answer.all("www-authenticate");
    let [challenge] = challenges[..] else {
        panic!("{challenges:?}");
    };
    let (_, url) = challenge.split_once("resource_metadata=\"").unwrap();
    url.strip_suffix('"').unwrap()
}

// Section 2: the members. Section 3.2: an object in JSON, without members that have no value.
#[tokio::test]
async fn the_document_has_the_configured_members() {
    let metadata = mcp()
        .authorization_server("http://127.0.0.1:9/tenant")
        // Said twice, listed once.
        .authorization_server("http://127.0.0.1:9/tenant")
        .scopes(["tools:list", "tools:call", "tools:list"])
        .bearer_methods(["header"])
        .name("Tools")
        .documentation("https://docs.example.com/")
        .member("resource_name#fr", "Outils")
        .member("dpop_bound_access_tokens_required", false)
        .member("x-limits", json!({ "per_minute": 60 }))
        .build()
        .unwrap();
    let address = serve(&metadata).await;
    let answer = ask(address, &format!("GET {MCP}"), "").await;
    let expected = r#"{"resource":"https://api.example.com/mcp","authorization_servers":["https://login.example.com/","http://127.0.0.1:9/tenant"],"scopes_supported":["tools:list","tools:call"],"bearer_methods_supported":["header"],"resource_name":"Tools","resource_documentation":"https://docs.example.com/","resource_name#fr":"Outils","dpop_bound_access_tokens_required":false,"x-limits":{"per_minute":60}}"#;
    assert_eq!(answer.body, expected);
    assert_eq!(metadata.json(), expected.as_bytes());
    document(&answer);

    let plain = ResourceMetadata::of("https://api.example.com")
        .build()
        .unwrap();
    let answer = ask(serve(&plain).await, &format!("GET {ROOT}"), "").await;
    assert_eq!(answer.body, r#"{"resource":"https://api.example.com"}"#);
}

// Section 3.1: between the host and what follows it. Section 3.3: `resource` is what it was
// made of, to the byte.
#[tokio::test]
async fn the_document_is_at_the_path_of_the_resource() {
    for (resource, path) in [
        ("https://api.example.com", ROOT.to_owned()),
        ("https://api.example.com/", ROOT.to_owned()),
        ("https://api.example.com/mcp", MCP.to_owned()),
        // The slash that ends a path is part of it.
        ("https://api.example.com/mcp/", format!("{MCP}/")),
        ("https://api.example.com/a/b", format!("{ROOT}/a/b")),
        (
            "https://api.example.com/?tenant=1",
            format!("{ROOT}?tenant=1"),
        ),
        (
            "https://api.example.com?tenant=1",
            format!("{ROOT}?tenant=1"),
        ),
        ("https://api.example.com/mcp?a=b&c", format!("{MCP}?a=b&c")),
        ("http://localhost:3000/mcp", MCP.to_owned()),
    ] {
        let metadata = ResourceMetadata::of(resource).build().unwrap();
        let origin = match resource.starts_with("https") {
            true => "https://api.example.com",
            false => "http://localhost:3000",
        };
        assert_eq!(metadata.url(), format!("{origin}{path}"), "{resource}");
        assert_eq!(metadata.resource(), resource);
        let address = serve(&metadata).await;
        let answer = ask(address, &format!("GET {path}"), "").await;
        assert_eq!(document(&answer)["resource"], resource);
    }
}

// Section 3.1: one document, one place. Anything else is the application's, and takes a token.
#[tokio::test]
async fn similar_paths_are_passed_on() {
    let address = serve(&mcp().build().unwrap()).await;
    for path in [
        "/",
        "/.well-known",
        "/.well-known/openid-configuration",
        ROOT,
        &format!("{MCP}/"),
        &format!("{MCP}?a=b"),
        &format!("{MCP}?"),
        &format!("{MCP}/x"),
        "/x/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth%2dprotected-resource/mcp",
        "/.well-known//oauth-protected-resource/mcp",
        "/.WELL-KNOWN/oauth-protected-resource/mcp",
    ] {
        let answer = ask(address, &format!("GET {path}"), "").await;
        assert_eq!(answer.status, 401, "{path}");
    }
    let with_query = ResourceMetadata::of("https://api.example.com/?tenant=1");
    let address = serve(&with_query.build().unwrap()).await;
    for path in [ROOT, &format!("{ROOT}?tenant=2")] {
        let answer = ask(address, &format!("GET {path}"), "").await;
        assert_eq!(answer.status, 401, "{path}");
    }
}

// Section 3.1: it is asked for by GET; RFC 9110 sections 9.3.2, 9.3.7 and 15.5.6 for the rest.
#[tokio::test]
async fn only_reading_it_is_possible() {
    let metadata = mcp().build().unwrap();
    let address = serve(&metadata).await;
    let get = ask(address, &format!("GET {MCP}"), "").await;
    let head = ask(address, &format!("HEAD {MCP}"), "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in [
        "content-type",
        "content-length",
        "etag",
        "cache-control",
        "access-control-allow-origin",
    ] {
        assert_eq!(head.all(name), get.all(name), "{name}");
        assert_eq!(get.all(name).len(), 1, "{name}");
    }
    assert_eq!(
        get.all("content-length"),
        [metadata.json().len().to_string()]
    );
    for method in ["POST", "PUT", "PATCH", "DELETE", "get", "PROPFIND"] {
        // A good token opens nothing here either.
        let fields = "Authorization: Bearer good\nContent-Length: 0";
        let answer = ask(address, &format!("{method} {MCP}"), fields).await;
        assert_eq!((answer.status, answer.body.as_str()), (405, ""), "{method}");
        assert_eq!(answer.all("allow"), ["GET, HEAD, OPTIONS"]);
        assert!(answer.all("etag").is_empty());
    }
}

// Fetch standard, section 3.2: public, so that clients in browsers can read it, with whatever
// fields they send.
#[tokio::test]
async fn pages_of_any_origin_may_read_it() {
    let address = serve(&mcp().build().unwrap()).await;
    let preflight = ask(
        address,
        &format!("OPTIONS {MCP}"),
        "Origin: https://app.example\nAccess-Control-Request-Method: GET\nAccess-Control-Request-Headers: mcp-protocol-version",
    )
    .await;
    assert_eq!((preflight.status, preflight.body.as_str()), (204, ""));
    assert_eq!(preflight.all("access-control-allow-origin"), ["*"]);
    assert_eq!(preflight.all("access-control-allow-headers"), ["*"]);
    assert_eq!(
        preflight.all("access-control-allow-methods"),
        ["GET, HEAD, OPTIONS"]
    );
    for method in ["GET", "HEAD", "POST"] {
        let fields = "Origin: https://app.example\nContent-Length: 0";
        let answer = ask(address, &format!("{method} {MCP}"), fields).await;
        assert_eq!(answer.all("access-control-allow-origin"), ["*"], "{method}");
        assert!(answer.all("access-control-allow-credentials").is_empty());
        assert!(answer.all("vary").is_empty());
    }
}

// RFC 9110 sections 8.8.3 and 13.1.2, RFC 9111 section 5.2.2.
#[tokio::test]
async fn caches_may_store_the_document_and_revalidate_it() {
    let address = serve(&mcp().build().unwrap()).await;
    let first = ask(address, &format!("GET {MCP}"), "").await;
    assert_eq!(first.all("cache-control"), ["public, max-age=3600"]);
    let [etag] = first.all("etag")[..] else {
        panic!("{first:?}");
    };
    for (method, fields) in [
        ("GET", format!("If-None-Match: {etag}")),
        ("HEAD", format!("If-None-Match: {etag}")),
        ("GET", format!("If-None-Match: W/{etag}")),
        ("GET", format!("If-None-Match: \"a\", {etag} , \"b\"")),
        (
            "GET",
            format!("If-None-Match: \"a\"\nIf-None-Match: {etag}"),
        ),
        ("GET", "If-None-Match: *".to_owned()),
    ] {
        let answer = ask(address, &format!("{method} {MCP}"), &fields).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{fields}");
        assert_eq!(answer.all("etag"), [etag]);
        assert_eq!(answer.all("cache-control"), ["public, max-age=3600"]);
        assert_eq!(answer.all("access-control-allow-origin"), ["*"]);
    }
    for fields in [
        "If-None-Match: \"a\"".to_owned(),
        "If-None-Match: ".to_owned(),
        format!("If-None-Match: {}", etag.trim_matches('"')),
        format!("If-Match: {etag}"),
    ] {
        let answer = ask(address, &format!("GET {MCP}"), &fields).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, &*first.body));
    }
    let other = mcp().scopes(["a"]).max_age(Duration::from_secs(5));
    let other = ask(
        serve(&other.build().unwrap()).await,
        &format!("GET {MCP}"),
        &format!("If-None-Match: {etag}"),
    )
    .await;
    assert_eq!(other.status, 200);
    assert_ne!(other.all("etag"), [etag]);
    assert_eq!(other.all("cache-control"), ["public, max-age=5"]);
}

// Section 5.1: `resource_metadata`, in every challenge. RFC 6750 section 3.1: no error code where
// there was no token. MCP, authorization: what a 403 takes, all of it.
#[tokio::test]
async fn every_challenge_says_where_the_document_is() {
    let address = serve(&mcp().build().unwrap()).await;
    let there = format!(r#"resource_metadata="{MCP_URL}""#);
    for (line, token, status, challenge) in [
        ("GET /mcp", "", 401, r#"Bearer realm="api", "#),
        ("POST /call", "", 401, r#"Bearer realm="api", "#),
        (
            "GET /mcp",
            "wrong",
            401,
            r#"Bearer realm="api", error="invalid_token", error_description="the credentials are not valid", "#,
        ),
        (
            "GET /mcp",
            "weak",
            401,
            r#"Bearer realm="api", error="insufficient_user_authentication", error_description="a stronger or more recent login is required", "#,
        ),
        (
            "GET /mcp",
            "a,b",
            400,
            r#"Bearer realm="api", error="invalid_request", error_description="the credentials are malformed or ambiguous", "#,
        ),
        (
            "POST /call",
            "good",
            403,
            r#"Bearer realm="api", error="insufficient_scope", error_description="not allowed", scope="tools:list tools:call", "#,
        ),
    ] {
        let fields = match token {
            "" => "Content-Length: 0".to_owned(),
            token => format!("Content-Length: 0\nAuthorization: Bearer {token}"),
        };
        let answer = ask(address, line, &fields).await;
        assert_eq!(answer.status, status, "{line} {token}");
        let challenge = format!("{challenge}{there}");
        assert_eq!(
            answer.all("www-authenticate"),
            [challenge],
            "{line} {token}"
        );
    }
    // No scope would open it, and nobody can tell: no other token would help.
    for (line, token, status) in [("GET /admin", "good", 403), ("GET /mcp", "down", 503)] {
        let fields = format!("Authorization: Bearer {token}");
        let answer = ask(address, line, &fields).await;
        assert_eq!(answer.status, status);
        assert!(answer.all("www-authenticate").is_empty());
    }
    let fields = "Authorization: Bearer good";
    assert_eq!(ask(address, "GET /mcp", fields).await.status, 200);
}

// MCP, authorization, "Scope selection": the scopes in the challenge are those of the request.
#[tokio::test]
async fn the_scopes_of_a_path_are_in_its_challenges() {
    let metadata = mcp().scopes(["tools:list"]).build().unwrap();
    let rules = AccessRules::new()
        .require("/mcp", scope("tools:call"))
        .otherwise(authenticated());
    let layer = AuthLayer::new(bearer()).rules(rules).resource(&metadata);
    let app = Router::new().route("/mcp", on_get(|| async { "" }));
    let address = serve_axum(app.layer(layer)).await;
    let rest = format!(r#"scope="tools:call", resource_metadata="{MCP_URL}""#);
    for (token, error) in [
        ("", ""),
        (
            "wrong",
            r#"error="invalid_token", error_description="the credentials are not valid", "#,
        ),
        (
            "good",
            r#"error="insufficient_scope", error_description="not allowed", "#,
        ),
    ] {
        let fields = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}"),
        };
        let answer = ask(address, "GET /mcp", &fields).await;
        let challenge = format!(r#"Bearer realm="api", {error}{rest}"#);
        assert_eq!(answer.all("www-authenticate"), [challenge]);
    }
}

// Section 5.1 defines the parameter for schemes of access tokens; keys come from elsewhere.
#[tokio::test]
async fn only_schemes_of_tokens_name_it() {
    let metadata = mcp().build().unwrap();
    let scheme = ApiKey::header("x-api-key", ApiKeys::new()).or(bearer());
    let layer = AuthLayer::new(scheme).resource(&metadata);
    let app = Router::new().route("/mcp", on_get(|| async { "" }));
    let address = serve_axum(app.layer(layer)).await;
    let answer = ask(address, "GET /mcp", "").await;
    let bearer = format!(r#"Bearer realm="api", resource_metadata="{MCP_URL}""#);
    assert_eq!(
        answer.all("www-authenticate"),
        [&*bearer, r#"ApiKey realm="api""#]
    );
    let message = panic_of(|| AuthLayer::new(Toy::header("Toy", "x-toy")).resource(&metadata));
    assert_eq!(
        message,
        "no scheme of this layer tells clients of resource metadata"
    );
    // Wherever the tokens lie.
    let cookie = bearer_in(Location::cookie("session")).resource(&metadata);
    let app = Router::new().route("/mcp", on_get(|| async { "" }));
    let address = serve_axum(app.layer(cookie)).await;
    let answer = ask(address, "GET /mcp", "").await;
    assert_eq!(resource_metadata(&answer), MCP_URL);
}

fn bearer_in(location: Location) -> AuthLayer {
    AuthLayer::new(bearer().locations([location]))
}

// A challenge is a field of HTTP: a refusal in gRPC has none.
#[tokio::test]
async fn a_rejection_in_grpc_has_no_challenge() {
    let metadata = mcp().build().unwrap();
    let layer = AuthLayer::new(bearer()).grpc().resource(&metadata);
    let grpc = [("content-type", "application/grpc")];
    let reply = common::through(&layer, common::request("POST", "/a.B/C", &grpc)).await;
    assert_eq!(reply.all("grpc-status"), ["16"]);
    assert!(reply.challenges().is_empty());
    let reply = common::through(&layer, common::get("/a.B/C", &grpc)).await;
    assert!(reply.challenges()[0].ends_with(&format!(r#"resource_metadata="{MCP_URL}""#)));
}

// Section 7.3 (impersonation): nothing that a client sends says where the document is, or what is
// in it.
#[tokio::test]
async fn a_forged_host_changes_nothing() {
    let metadata = mcp().build().unwrap();
    let address = serve(&metadata).await;
    let json = std::str::from_utf8(metadata.json()).unwrap();
    for fields in [
        "Host: evil.example",
        "Host: evil.example:8443",
        "Host: api.example.com\nX-Forwarded-Host: evil.example",
        "Host: api.example.com\nX-Forwarded-Proto: http\nX-Forwarded-Prefix: /evil",
        "Host: api.example.com\nForwarded: host=evil.example;proto=http",
        "Host: api.example.com\nX-Original-URL: /evil\nX-Rewrite-URL: /evil",
        "Host: api.example.com\nOrigin: https://evil.example\nReferer: https://evil.example/",
    ] {
        for target in ["/mcp", "http://evil.example/mcp"] {
            let head = format!("GET {target} HTTP/1.1\n{fields}");
            let answer = Wire::connect(address).await.ask(&head).await;
            assert_eq!(answer.status, 401);
            assert_eq!(resource_metadata(&answer), MCP_URL, "{fields}");
        }
        for target in [MCP, &format!("http://evil.example{MCP}")] {
            let head = format!("GET {target} HTTP/1.1\n{fields}");
            let answer = Wire::connect(address).await.ask(&head).await;
            assert_eq!(answer.body, json, "{fields}");
        }
    }
}

// Sections 1.2 and 2, RFC 8414 section 2, RFC 6749 section 3.3: told at start-up.
#[test]
fn invalid_metadata_panics_at_start_up() {
    let error = |builder: ResourceMetadataBuilder| builder.build().unwrap_err().to_string();
    for (resource, expected) in [
        ("http://api.example.com", "is not https"),
        ("https://api.example.com/#a", "has a fragment"),
        ("https://ann@api.example.com/", "names a user"),
        ("api.example.com/mcp", "is no https URL"),
    ] {
        let message = error(ResourceMetadata::of(resource));
        assert_eq!(message, format!("resource {resource:?} {expected}"));
    }
    assert_eq!(
        error(mcp().authorization_server("http://login.example.com")),
        r#"authorization server "http://login.example.com" is not https"#
    );
    assert_eq!(
        error(mcp().authorization_server("https://login.example.com/?a=b")),
        r#"authorization server "https://login.example.com/?a=b" has a query"#
    );
    assert!(error(mcp().scopes(["a b"])).starts_with(r#""a b" is no scope"#));
    assert!(error(mcp().bearer_methods(["cookie"])).starts_with(r#""cookie" is no way"#));
    assert_eq!(
        error(mcp().member("resource", "https://evil.example")),
        r#""resource" is there twice"#
    );
    assert_eq!(
        error(mcp().name("a").member("resource_name", "b")),
        r#""resource_name" is there twice"#
    );
    // Section 3.2: no members without values.
    for value in [json!(null), json!([])] {
        assert_eq!(error(mcp().member("x", value)), r#""x" has no value"#);
    }
    let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert_eq!(
        error(mcp().member("x", odd)),
        r#""x" cannot be written as JSON: key must be a string"#
    );
}

// tower's contract: what is answered here gives back what readiness reserved.
#[tokio::test]
async fn the_document_reserves_nothing_of_the_inner_service() {
    let metadata = mcp().build().unwrap();
    let service = ServiceBuilder::new()
        .layer(metadata.layer())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(Probe::new());
    let mut first = service.clone();
    let ready = ServiceExt::<Request<Empty<Bytes>>>::ready(&mut first);
    let document = ready.await.unwrap().call(common::get(MCP, &[]));
    let limit = Duration::from_secs(5);
    let through = service.oneshot(common::get("/", &[]));
    let through = tokio::time::timeout(limit, through).await;
    assert_eq!(through.unwrap().unwrap().status(), 200);
    assert_eq!(document.await.unwrap().status(), 200);
}

// Any tower service will do, and two resources are two layers.
#[tokio::test]
async fn several_resources_can_be_published() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inner = tower::service_fn({
        let seen = seen.clone();
        move |request: Request<Empty<Bytes>>| {
            seen.lock().unwrap().push(request.uri().to_string());
            let body = Full::<Bytes>::from("inner");
            std::future::ready(Ok::<_, Infallible>(Response::new(body)))
        }
    });
    let one = mcp().build().unwrap();
    let two = ResourceMetadata::of("https://api.example.com")
        .build()
        .unwrap();
    let service = one.layer().layer(two.layer().layer(inner));
    for (path, expected) in [
        (MCP, std::str::from_utf8(one.json()).unwrap()),
        (ROOT, std::str::from_utf8(two.json()).unwrap()),
        ("/a?b", "inner"),
    ] {
        let reply = common::send(&service, common::get(path, &[])).await;
        assert_eq!(reply.body, expected);
    }
    assert_eq!(*seen.lock().unwrap(), ["/a?b"]);
}
