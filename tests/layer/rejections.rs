//! The table of rejections, row by row: status, body, challenges and gRPC status, byte for byte.

use crate::common::{self, Probe, Reply, Toy, get, problem, request, send, through};
use http::header;
use proptest::prelude::*;
use std::{error::Error, time::Duration};
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Policy, Rejection, RejectionKind, RequireLayer, Scheme, authenticated,
    policy_fn, role, scope,
};

/// A scheme that may judge, and one beside it.
fn layer() -> AuthLayer {
    AuthLayer::new(Toy::authorization("Toy").or(Toy::header("Other", "x-other")))
        .realm("zoo")
        .rules(
            AccessRules::new()
                .require("/role", role("admin"))
                .require("/scope", scope("read").and(scope("write")))
                .otherwise(authenticated()),
        )
}

/// One row of the table.
struct Row {
    name: &'static str,
    path: &'static str,
    fields: &'static [(&'static str, &'static str)],
    status: u16,
    title: &'static str,
    detail: &'static str,
    challenges: &'static [&'static str],
    retry_after: Option<&'static str>,
    grpc: u8,
}

const TABLE: &[Row] = &[
    Row {
        name: "no credentials",
        path: "/",
        fields: &[],
        status: 401,
        title: "Unauthorized",
        detail: "credentials are required",
        challenges: &[r#"Toy realm="zoo""#, r#"Other realm="zoo""#],
        retry_after: None,
        grpc: 16,
    },
    Row {
        name: "no credentials where scopes are needed",
        path: "/scope",
        fields: &[],
        status: 401,
        title: "Unauthorized",
        detail: "credentials are required",
        challenges: &[
            r#"Toy realm="zoo", scope="read write""#,
            r#"Other realm="zoo", scope="read write""#,
        ],
        retry_after: None,
        grpc: 16,
    },
    Row {
        name: "credentials of an unknown scheme",
        path: "/",
        fields: &[("authorization", "Strange ann")],
        status: 401,
        title: "Unauthorized",
        detail: "credentials are required",
        challenges: &[r#"Toy realm="zoo""#, r#"Other realm="zoo""#],
        retry_after: None,
        grpc: 16,
    },
    Row {
        name: "malformed",
        path: "/",
        fields: &[("authorization", "Toy malformed")],
        status: 400,
        title: "Bad Request",
        detail: "the credentials are malformed or ambiguous",
        challenges: &[r#"Toy realm="zoo", error="invalid_request""#],
        retry_after: None,
        grpc: 3,
    },
    Row {
        name: "ambiguous",
        path: "/",
        fields: &[("authorization", "Toy ann"), ("x-other", "ann")],
        status: 400,
        title: "Bad Request",
        detail: "the credentials are malformed or ambiguous",
        challenges: &[],
        retry_after: None,
        grpc: 3,
    },
    Row {
        name: "ambiguous within a scheme",
        path: "/",
        fields: &[("x-other", "ann"), ("x-other", "ann")],
        status: 400,
        title: "Bad Request",
        detail: "the credentials are malformed or ambiguous",
        challenges: &[r#"Other realm="zoo", error="invalid_request""#],
        retry_after: None,
        grpc: 3,
    },
    Row {
        name: "an ambiguous path",
        path: "/role/../x",
        fields: &[("authorization", "Toy ann")],
        status: 400,
        title: "Bad Request",
        detail: "the path is ambiguous",
        challenges: &[],
        retry_after: None,
        grpc: 3,
    },
    Row {
        name: "wrong",
        path: "/",
        fields: &[("authorization", "Toy bad")],
        status: 401,
        title: "Unauthorized",
        detail: "the credentials are not valid",
        challenges: &[
            r#"Toy realm="zoo", error="invalid_token""#,
            r#"Other realm="zoo""#,
        ],
        retry_after: None,
        grpc: 16,
    },
    Row {
        name: "wrong, of the other scheme",
        path: "/",
        fields: &[("x-other", "bad")],
        status: 401,
        title: "Unauthorized",
        detail: "the credentials are not valid",
        challenges: &[
            r#"Toy realm="zoo""#,
            r#"Other realm="zoo", error="invalid_token""#,
        ],
        retry_after: None,
        grpc: 16,
    },
    Row {
        name: "authenticated too weakly",
        path: "/",
        fields: &[("authorization", "Toy weak")],
        status: 401,
        title: "Unauthorized",
        detail: "a stronger or more recent login is required",
        challenges: &[
            r#"Toy realm="zoo", error="insufficient_user_authentication""#,
            r#"Other realm="zoo""#,
        ],
        retry_after: None,
        grpc: 16,
    },
    Row {
        name: "not allowed for want of a role",
        path: "/role",
        fields: &[("authorization", "Toy ann")],
        status: 403,
        title: "Forbidden",
        detail: "not allowed",
        challenges: &[],
        retry_after: None,
        grpc: 7,
    },
    Row {
        name: "not allowed for want of scopes",
        path: "/scope",
        fields: &[("authorization", "Toy ann::read")],
        status: 403,
        title: "Forbidden",
        detail: "not allowed",
        challenges: &[r#"Toy realm="zoo", error="insufficient_scope", scope="read write""#],
        retry_after: None,
        grpc: 7,
    },
    Row {
        name: "too many attempts",
        path: "/",
        fields: &[("authorization", "Toy many")],
        status: 429,
        title: "Too Many Requests",
        detail: "too many attempts",
        challenges: &[],
        retry_after: Some("2"),
        grpc: 8,
    },
    Row {
        name: "cannot tell now",
        path: "/",
        fields: &[("authorization", "Toy unavailable")],
        status: 503,
        title: "Service Unavailable",
        detail: "the credentials cannot be checked now",
        challenges: &[],
        retry_after: Some("1"),
        grpc: 14,
    },
];

fn single<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let values = reply.all(name);
    assert!(values.len() < 2, "{name} is repeated");
    values.first().copied()
}

fn assert_http(reply: &Reply, row: &Row) {
    let name = row.name;
    assert_eq!(reply.status, row.status, "{name}");
    assert_eq!(
        reply.body,
        problem(row.status, row.title, row.detail),
        "{name}"
    );
    assert_eq!(
        single(reply, "content-type"),
        Some("application/problem+json"),
        "{name}"
    );
    assert_eq!(reply.challenges(), row.challenges, "{name}");
    assert_eq!(single(reply, "retry-after"), row.retry_after, "{name}");
    assert_eq!(single(reply, "cache-control"), Some("no-store"), "{name}");
    assert_eq!(single(reply, "grpc-status"), None, "{name}");
}

#[tokio::test]
async fn every_rejection_in_http_matches_the_table() {
    for row in TABLE {
        let reply = through(&layer(), get(row.path, row.fields)).await;
        assert_http(&reply, row);
        // Nothing else is said.
        let said = 2 + row.challenges.len() + usize::from(row.retry_after.is_some());
        assert_eq!(reply.headers.len(), said, "{}", row.name);
    }
}

fn call(path: &str, fields: &[(&str, &str)]) -> http::Request<http_body_util::Empty<bytes::Bytes>> {
    let mut all = vec![("content-type", "application/grpc")];
    all.extend_from_slice(fields);
    request("POST", path, &all)
}

fn assert_grpc(reply: &Reply, code: u8, detail: &str, name: &str) {
    assert_eq!(reply.status, 200, "{name}");
    assert_eq!(reply.body, "", "{name}");
    assert_eq!(
        single(reply, "content-type"),
        Some("application/grpc"),
        "{name}"
    );
    let status = code.to_string();
    assert_eq!(single(reply, "grpc-status"), Some(&*status), "{name}");
    assert_eq!(single(reply, "grpc-message"), Some(detail), "{name}");
    assert_eq!(single(reply, "cache-control"), Some("no-store"), "{name}");
    assert_eq!(reply.challenges(), [""; 0], "{name}");
}

#[tokio::test]
async fn every_rejection_in_grpc_matches_the_table() {
    for row in TABLE {
        let reply = through(&layer().grpc(), call(row.path, row.fields)).await;
        assert_grpc(&reply, row.grpc, row.detail, row.name);
        assert_eq!(single(&reply, "retry-after"), row.retry_after);
        assert_eq!(reply.kind().map(RejectionKind::grpc_code), Some(row.grpc));
        assert_eq!(reply.kind().unwrap().status().as_u16(), row.status);
    }
}

#[tokio::test]
async fn a_requirement_inside_is_rejected_in_grpc_by_the_layer_outside() {
    let auth = AuthLayer::new(Toy::authorization("Toy")).optional().grpc();
    let service = (auth, RequireLayer::new(role("admin"))).layer(Probe::new());
    let reply = send(&service, call("/", &[("authorization", "Toy ann")])).await;
    assert_grpc(&reply, 7, "not allowed", "identity");
    let reply = send(&service, call("/", &[])).await;
    assert_grpc(&reply, 16, "credentials are required", "visitor");
}

#[tokio::test]
async fn a_client_cannot_choose_a_rejection_that_looks_like_success() {
    let grpc_types = [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc+json",
        "application/grpc;",
        "application/grpc; charset=utf-8",
    ];
    let others = [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpcx",
        "application/grp",
        "application/json",
        "text/application/grpc",
        "",
    ];
    let types = grpc_types.into_iter().chain(others);
    for content_type in types {
        for method in ["POST", "GET", "HEAD", "PUT", "OPTIONS", "post"] {
            let sent = || request(method, "/", &[("content-type", content_type)]);
            let reply = through(&layer(), sent()).await;
            assert_eq!(reply.line(), "401 missing", "{method} {content_type}");
            let reply = through(&layer().grpc(), sent()).await;
            let in_grpc = method == "POST" && grpc_types.contains(&content_type);
            let status = if in_grpc { 200 } else { 401 };
            assert_eq!(reply.status, status, "{method} {content_type}");
            assert_eq!(reply.headers.contains_key("grpc-status"), in_grpc);
            assert_eq!(reply.kind(), Some(RejectionKind::Missing));
        }
    }
    // What a client may claim about itself otherwise counts for nothing.
    for fields in [
        &[("te", "trailers")][..],
        &[("accept", "application/grpc")],
        &[("grpc-timeout", "1S"), ("user-agent", "grpc-go/1.60")],
    ] {
        let reply = through(&layer().grpc(), request("POST", "/", fields)).await;
        assert_eq!(reply.status, 401);
    }
}

#[tokio::test]
async fn a_responder_for_grpc_adds_metadata_and_nothing_else() {
    let layer = layer().grpc().responder(|rejection, request| {
        http::Response::builder()
            .status(500)
            .header("content-type", "text/html")
            .header("grpc-status", "0")
            .header("grpc-message", "fine")
            .header("www-authenticate", "Nothing")
            .header("x-metadata", format!("{:?}", request.format()))
            .body(rejection.detail().to_owned())
            .unwrap()
    });
    let reply = through(&layer, call("/", &[("authorization", "Toy bad")])).await;
    assert_grpc(&reply, 16, "the credentials are not valid", "responder");
    assert_eq!(reply.all("x-metadata"), ["Grpc"]);
}

#[derive(Debug)]
struct Secret(&'static str);

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
impl Error for Secret {}

#[tokio::test]
async fn an_error_source_is_not_sent_to_clients() {
    const SOURCE: &str = "postgres://10.0.0.7 refused";
    for grpc in [false, true] {
        let layer = AuthLayer::new(Toy::authorization("Toy")).load(|_| {
            Err::<Option<()>, _>(
                Rejection::unavailable(Secret(SOURCE)).with_detail("try again in a minute"),
            )
        });
        let fields = [("authorization", "Toy ann")];
        let reply = if grpc {
            through(&layer.grpc(), call("/", &fields)).await
        } else {
            through(&layer, get("/", &fields)).await
        };
        let said = format!("{:?} {}", reply.headers, reply.body);
        assert!(!said.contains("10.0.0.7"), "{said}");
        assert!(said.contains("try again in a minute"));
        let rejection = reply.rejection.unwrap();
        assert_eq!(rejection.source().unwrap().to_string(), SOURCE);
        assert!(rejection.source().unwrap().is::<Secret>());
        assert_eq!(rejection.to_string(), "try again in a minute");
    }
}

#[tokio::test]
async fn a_detail_of_its_own_is_escaped_in_both_formats() {
    let layer = |detail: &'static str| {
        AuthLayer::new(Toy::authorization("Toy"))
            .grpc()
            .load(move |_| Err::<Option<()>, _>(Rejection::forbidden().with_detail(detail)))
    };
    let detail = "a \"b\" \\ 100% \u{e9}\r\nX-Evil: 1";
    let fields = [("authorization", "Toy ann")];
    let reply = through(&layer(detail), get("/", &fields)).await;
    assert_eq!(
        reply.body,
        problem(403, "Forbidden", r#"a \"b\" \\ 100% é\r\nX-Evil: 1"#)
    );
    let reply = through(&layer(detail), call("/", &fields)).await;
    assert_grpc(
        &reply,
        7,
        r#"a "b" \ 100%25 %C3%A9%0D%0AX-Evil: 1"#,
        "escaped",
    );
    assert!(!reply.headers.contains_key("x-evil"));
}

#[tokio::test]
async fn retry_after_is_whole_seconds_and_at_least_one() {
    for (millis, expected) in [
        (0, "1"),
        (1, "1"),
        (1000, "1"),
        (1001, "2"),
        (59_999, "60"),
        (86_400_000, "86400"),
    ] {
        let layer = AuthLayer::new(Toy::authorization("Toy")).load(move |_| {
            Err::<Option<()>, _>(Rejection::too_many(Duration::from_millis(millis)))
        });
        let reply = through(&layer, get("/", &[("authorization", "Toy ann")])).await;
        assert_eq!(reply.line(), "429 too_many");
        assert_eq!(reply.all(header::RETRY_AFTER), [expected]);
    }
}

#[tokio::test]
async fn a_realm_is_quoted_in_challenges() {
    let layer = AuthLayer::new(Toy::authorization("Toy")).realm("the \"inner\" \\ circle\r\nX: 1");
    let reply = through(&layer, get("/", &[])).await;
    assert_eq!(
        reply.challenges(),
        [r#"Toy realm="the \"inner\" \\ circle  X: 1""#]
    );
    // A scheme's own realm comes first.
    let layer = AuthLayer::new(Toy::authorization("Toy").realm("own")).realm("layer");
    let reply = through(&layer, get("/", &[])).await;
    assert_eq!(reply.challenges(), [r#"Toy realm="own""#]);
}

#[tokio::test]
async fn rejections_by_policies_match_the_table() {
    type Row = (fn() -> Rejection, u16, u8);
    let answers: [Row; 9] = [
        (Rejection::missing, 401, 16),
        (Rejection::malformed, 400, 3),
        (Rejection::invalid, 401, 16),
        (Rejection::insufficient_authentication, 401, 16),
        (Rejection::forbidden, 403, 7),
        (|| Rejection::too_many(Duration::from_secs(3)), 429, 8),
        (|| Rejection::unavailable("down"), 503, 14),
        (Rejection::no_auth_layer, 500, 13),
        (|| Rejection::internal("a bug"), 500, 13),
    ];
    for (answer, status, code) in answers {
        let policy = policy_fn("answers", move |_, _| Err(answer()));
        let layer = (
            AuthLayer::new(Toy::authorization("Toy")).grpc(),
            RequireLayer::new(policy),
        );
        let service = layer.layer(Probe::new());
        let fields = [("authorization", "Toy ann")];
        let reply = send(&service, get("/", &fields)).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.kind(), Some(answer().kind()));
        assert_eq!(
            !reply.challenges().is_empty(),
            status == 401 || status == 400
        );
        let reply = send(&service, call("/", &fields)).await;
        assert_grpc(&reply, code, answer().detail(), "policy");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_rejection_without_grpc_is_never_a_success_status(
        method in "[A-Z]{1,8}",
        content_type in "(application/grpc[;+]?[a-z-]{0,6}|[ -~]{0,20})",
        credential in prop::sample::select(vec!["bad", "malformed", "unavailable", "many", "weak"]),
    ) {
        let value = format!("Toy {credential}");
        let fields = [("content-type", &*content_type), ("authorization", &*value)];
        let request = request(&method, "/", &fields);
        let probe = Probe::new();
        let service = layer().layer(probe.clone());
        let reply = common::block_on(send(&service, request));
        prop_assert!(reply.status.is_client_error() || reply.status.is_server_error());
        prop_assert_eq!(probe.calls(), 0);
        prop_assert_eq!(reply.all(header::CACHE_CONTROL), ["no-store"]);
    }
}
