//! Rules by path and method: the most specific pattern wins, unlisted paths are denied, and a path
//! that servers read differently is rejected before a policy is evaluated.

use crate::common::{self, Probe, Reply, Toy, get, panic_of, request, send, through};
use http::Method;
use proptest::prelude::*;
use tower::Layer;
use tower_auth::{
    AccessRules, AuthLayer, Policy, RequireLayer, Scheme, authenticated, role, scope,
};

fn layer(rules: AccessRules) -> AuthLayer {
    AuthLayer::new(Toy::authorization("Toy").or(Toy::header("Key", "x-key"))).rules(rules)
}

async fn ask(rules: &AccessRules, method: &str, path: &str, credential: Option<&str>) -> Reply {
    let value = credential.map(|credential| format!("Toy {credential}"));
    let fields: Vec<_> = value.iter().map(|v| ("authorization", &**v)).collect();
    through(&layer(rules.clone()), request(method, path, &fields)).await
}

/// The status for a visitor, a plain identity and an administrator.
async fn statuses(rules: &AccessRules, method: &str, path: &str) -> [u16; 3] {
    let mut statuses = [0; 3];
    for (i, credential) in [None, Some("ann"), Some("root:admin")]
        .into_iter()
        .enumerate()
    {
        statuses[i] = ask(rules, method, path, credential).await.status.as_u16();
    }
    statuses
}

const OPEN: [u16; 3] = [200, 200, 200];
const MEMBERS: [u16; 3] = [401, 200, 200];
const ADMINS: [u16; 3] = [401, 403, 200];
const NOBODY: [u16; 3] = [401, 403, 403];
const REFUSED: [u16; 3] = [400, 400, 400];

#[tokio::test]
async fn the_most_specific_pattern_wins_in_any_order() {
    let add: [fn(AccessRules) -> AccessRules; 6] = [
        |rules| rules.allow("/"),
        |rules| rules.require("/{*rest}", role("admin")),
        |rules| rules.require("/users/{id}", authenticated()),
        |rules| rules.allow("/users/me"),
        |rules| rules.require("/users/{id}/keys", role("admin")),
        |rules| rules.allow("/users/me/{*rest}"),
    ];
    for turn in 0..add.len() {
        for reverse in [false, true] {
            let mut order = add;
            order.rotate_left(turn);
            if reverse {
                order.reverse();
            }
            let rules = order
                .iter()
                .fold(AccessRules::new(), |rules, add| add(rules));
            for (path, expected) in [
                ("/", OPEN),
                ("/users", ADMINS),
                ("/users/", ADMINS),
                ("/users/7", MEMBERS),
                ("/users/me", OPEN),
                ("/users/mee", MEMBERS),
                ("/users/me/", ADMINS),
                ("/users/me/x", OPEN),
                ("/users/me/keys", OPEN),
                ("/users/7/keys", ADMINS),
                ("/users/7/", ADMINS),
                ("/Users/me", ADMINS),
                ("/users/me?x=/", OPEN),
            ] {
                assert_eq!(statuses(&rules, "GET", path).await, expected, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_catch_all_takes_at_least_one_character() {
    let rules = AccessRules::new()
        .require("/admin/{*rest}", role("admin"))
        .otherwise(authenticated());
    for (path, expected) in [
        ("/admin", MEMBERS),
        ("/admin/", MEMBERS),
        ("/admin/x", ADMINS),
        ("/admin/x/", ADMINS),
        ("/admin/x/y", ADMINS),
        ("/administrator", MEMBERS),
    ] {
        assert_eq!(statuses(&rules, "GET", path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn methods_have_rules_of_their_own_and_get_covers_head_and_connect() {
    let rules = AccessRules::new()
        .allow((Method::GET, "/a"))
        .require(([Method::PUT, Method::PATCH], "/a"), authenticated())
        .require((Method::DELETE, "/a"), role("admin"))
        .allow((Method::GET, "/b"))
        .require((Method::HEAD, "/b"), role("admin"))
        .allow((Method::GET, "/c"))
        .require("/c", role("admin"))
        .allow((Method::GET, "/d"))
        .require((Method::CONNECT, "/d"), role("admin"));
    for (path, method, expected) in [
        ("/a", "GET", OPEN),
        ("/a", "HEAD", OPEN),
        ("/a", "CONNECT", OPEN),
        ("/a", "PUT", MEMBERS),
        ("/a", "PATCH", MEMBERS),
        ("/a", "DELETE", ADMINS),
        ("/a", "POST", NOBODY),
        ("/a", "OPTIONS", NOBODY),
        ("/a", "get", NOBODY),
        ("/a", "PURGE", NOBODY),
        ("/b", "GET", OPEN),
        ("/b", "HEAD", ADMINS),
        ("/b", "CONNECT", OPEN),
        ("/c", "GET", OPEN),
        ("/c", "HEAD", OPEN),
        ("/c", "CONNECT", OPEN),
        ("/d", "HEAD", OPEN),
        ("/d", "CONNECT", ADMINS),
        ("/c", "POST", ADMINS),
    ] {
        assert_eq!(
            statuses(&rules, method, path).await,
            expected,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn an_unlisted_method_gets_otherwise_instead_of_a_wider_pattern() {
    let rules = AccessRules::new()
        .allow("/{*rest}")
        .require((Method::GET, "/a"), authenticated());
    assert_eq!(statuses(&rules, "GET", "/a").await, MEMBERS);
    assert_eq!(statuses(&rules, "POST", "/a").await, NOBODY);
    let rules = rules.otherwise(role("admin"));
    assert_eq!(statuses(&rules, "POST", "/a").await, ADMINS);
    assert_eq!(statuses(&rules, "POST", "/b").await, OPEN);
}

#[tokio::test]
async fn unlisted_paths_are_denied() {
    for path in ["/", "/a", "/a/b", "*"] {
        assert_eq!(statuses(&AccessRules::new(), "OPTIONS", path).await, NOBODY);
        assert_eq!(
            statuses(&AccessRules::default(), "OPTIONS", path).await,
            NOBODY
        );
    }
    let otherwise = AccessRules::new().otherwise(authenticated());
    assert_eq!(statuses(&otherwise, "GET", "/a").await, MEMBERS);
    // `optional` opens nothing that the rules do not.
    let optional = layer(AccessRules::new()).optional();
    let reply = through(&optional, get("/", &[])).await;
    assert_eq!(reply.line(), "401 missing");
}

#[tokio::test]
async fn open_paths_accept_anonymous_callers_and_reject_invalid_credentials() {
    let rules = AccessRules::new().allow("/");
    for (credential, expected) in [
        (None, "200 anonymous"),
        (Some("ann"), "200 ann by Toy"),
        (Some("bad"), "401 invalid"),
        (Some("malformed"), "400 malformed"),
        (Some("unavailable"), "503 unavailable"),
    ] {
        assert_eq!(ask(&rules, "GET", "/", credential).await.line(), expected);
    }
    for (fields, expected) in [
        (&[("authorization", "Strange x")][..], "401 missing"),
        (
            &[("authorization", "Toy ann"), ("x-key", "ann")],
            "400 malformed",
        ),
    ] {
        let reply = through(&layer(rules.clone()), get("/", fields)).await;
        assert_eq!(reply.line(), expected);
    }
}

#[tokio::test]
async fn a_path_that_servers_read_differently_is_rejected() {
    let rules = AccessRules::new()
        .allow("/{x}")
        .allow("/{x}/{*rest}")
        .require("/admin", role("admin"))
        .require("/admin/{*rest}", role("admin"))
        .require("/v1/items:purge", role("admin"))
        .require("/caf%C3%A9", role("admin"))
        .require("/a b", role("admin"));
    for path in [
        "/.",
        "/..",
        "/x/..",
        "/x/../admin",
        "/x/./admin",
        "/./admin",
        "/%2e/admin",
        "/%2E/admin",
        "/x/%2e%2e/admin",
        "/x/.%2e/admin",
        "/x/%2E./admin",
        "//admin",
        "/x//admin",
        "//",
        "/x%2fadmin",
        "/x%2Fadmin",
        "/x%5cadmin",
        "/x%5C..%5Cadmin",
        "/x\\admin",
        "/x\\..\\admin",
        "/admin%00",
        "/x%00/y",
        "/admin%0a/x",
        "/admin%0d%0a",
        "/x%7f",
        "/x%c2%85",
        // Overlong UTF-8: a slash, a backslash, `a`.
        "/x%c0%afadmin",
        "/x%C1%9Cadmin",
        "/x%e0%80%afadmin",
        "/%f0%80%81%a1dmin",
        // Parameters, which some servers behind ignore (RFC 3986 section 3.3).
        "/admin;x=1",
        "/admin;x=1/x",
        // Some of them drop the slash that is left, too.
        "/admin;x=1/",
        "/admin/;x",
        "/admin;/x",
        "/admin%3bx/x",
        "/admin%3Bx",
        "/;/admin",
        "/;x/admin;y/z",
        "/%61dmin;x",
        // Broken escapes, which some servers read as they are and others refuse.
        "/x/%",
        "/x/%zz",
        "/x/%+1",
        "/admin%",
        // Dots with parameters, as servlets have them.
        "/x/..;/admin",
        "/x/%2e.;a=b/admin",
        // Escapes that mean nothing, of another rule's path.
        "/%61dmin",
        "/admi%6E",
        "/admi%6e",
        "/%61%64%6d%69%6e",
        "/%61dmin/x",
        // Escapes of characters that a server which decodes would route by.
        "/v1/items%3apurge",
        "/v1/items%3Apurge",
        "/v1/%69tems:purge",
        // Other spellings of one path.
        "/caf%c3%a9",
        "/caf%C3%a9",
        "/caf\u{e9}",
    ] {
        assert_eq!(statuses(&rules, "GET", path).await, REFUSED, "{path}");
    }
    for (path, expected) in [
        ("/admin", ADMINS),
        ("/admin/x", ADMINS),
        ("/v1/items:purge", ADMINS),
        ("/caf%C3%A9", ADMINS),
        ("/a%20b", ADMINS),
        ("/v1/items:list", OPEN),
        ("/v1/items%3Alist", OPEN),
        ("/%61dmi", OPEN),
        ("/%2561dmin", OPEN),
        ("/...", OPEN),
        ("/.well-known/x", OPEN),
        ("/x..", OPEN),
        ("/x/a%20b", OPEN),
        ("/x/%E2%82%AC", OPEN),
        ("/x/%e2%82%ac", OPEN),
        ("/admin%20", OPEN),
        ("/x;admin", OPEN),
        ("/x;a=1/admin;b", OPEN),
        ("/admin/x;a=1", ADMINS),
        ("/admin/x;a=1/y%3bz", ADMINS),
        ("/Admin", OPEN),
        ("/x?path=/../%2f", OPEN),
    ] {
        assert_eq!(statuses(&rules, "GET", path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn an_escape_in_a_pattern_equals_the_escaped_character() {
    for pattern in ["/a%20b/{x}", "/a b/{x}"] {
        let rules = AccessRules::new()
            .allow("/{*rest}")
            .require(pattern, role("admin"));
        assert_eq!(statuses(&rules, "GET", "/a%20b/c").await, ADMINS);
        assert_eq!(statuses(&rules, "GET", "/a+b/c").await, OPEN);
    }
    for pattern in ["/%7Bx%7D", "/%7bx%7d", "/{{x}}"] {
        let rules = AccessRules::new()
            .allow("/{any}")
            .require(pattern, role("admin"));
        assert_eq!(statuses(&rules, "GET", "/%7Bx%7D").await, ADMINS);
        assert_eq!(statuses(&rules, "GET", "/y").await, OPEN);
    }
}

#[tokio::test]
async fn challenges_name_the_scopes_that_a_path_takes() {
    let rules = AccessRules::new()
        .require((Method::GET, "/orders"), scope("orders:read"))
        .require(
            (Method::POST, "/orders"),
            scope("orders:read")
                .and(scope("orders:write"))
                .and(role("clerk")),
        )
        .otherwise(scope("other"));
    let both = [
        r#"Toy realm="api", scope="orders:read orders:write""#,
        r#"Key realm="api", scope="orders:read orders:write""#,
    ];
    let visitor = ask(&rules, "POST", "/orders", None).await;
    assert_eq!(visitor.line(), "401 missing");
    assert_eq!(visitor.challenges(), both);
    let one = ask(&rules, "POST", "/orders", Some("ann:clerk:orders:read")).await;
    assert_eq!(one.line(), "403 forbidden");
    assert_eq!(
        one.challenges(),
        [r#"Toy realm="api", error="insufficient_scope", scope="orders:read orders:write""#]
    );
    let strange = get("/nothing", &[("authorization", "Strange x")]);
    let strange = through(&layer(rules.clone()), strange).await;
    assert_eq!(strange.line(), "401 missing");
    assert_eq!(
        strange.challenges(),
        [
            r#"Toy realm="api", scope="other""#,
            r#"Key realm="api", scope="other""#
        ]
    );
    // A bad credential is told what a visitor is, so that the next one is good for this.
    let bad = ask(&rules, "POST", "/orders", Some("bad")).await;
    assert_eq!(
        bad.challenges(),
        [
            r#"Toy realm="api", error="invalid_token", scope="orders:read orders:write""#,
            r#"Key realm="api", scope="orders:read orders:write""#
        ]
    );
}

#[tokio::test]
async fn a_layer_of_rules_alone_says_the_same() {
    let rules = || {
        AccessRules::new()
            .allow("/open")
            .require("/admin", role("admin"))
            .require("/scope", scope("read"))
    };
    let auth = AuthLayer::new(Toy::authorization("Toy")).optional();
    let service = (auth, RequireLayer::rules(rules())).layer(Probe::new());
    let ann = [("authorization", "Toy ann")];
    let root = [("authorization", "Toy root:admin")];
    for (path, fields, expected) in [
        ("/open", &[][..], "200 anonymous"),
        ("/open", &ann, "200 ann by Toy"),
        ("/open", &[("authorization", "Toy bad")], "401 invalid"),
        ("/admin", &[], "401 missing"),
        ("/admin", &ann, "403 forbidden"),
        ("/admin", &root, "200 root by Toy"),
        ("/nothing", &[], "401 missing"),
        ("/nothing", &root, "403 forbidden"),
        ("/admin/../open", &root, "400 malformed"),
        ("/%6fpen", &root, "400 malformed"),
    ] {
        let reply = send(&service, get(path, fields)).await;
        assert_eq!(reply.line(), expected, "{path} {fields:?}");
    }
    let scoped = send(&service, get("/scope", &[])).await;
    assert_eq!(scoped.challenges(), [r#"Toy realm="api", scope="read""#]);
    let scoped = send(&service, get("/scope", &ann)).await;
    assert_eq!(
        scoped.challenges(),
        [r#"Toy realm="api", error="insufficient_scope", scope="read""#]
    );
}

#[tokio::test]
async fn a_nested_router_sees_the_path_without_its_prefix() {
    let handler = axum::routing::get(|| async { "inner" });
    let nested = axum::Router::new()
        .route("/open", handler.clone())
        .route("/closed", handler)
        .layer(layer(AccessRules::new().allow("/open")));
    let app = axum::Router::new().nest("/api", nested);
    for (path, expected) in [("/api/open", "200 inner"), ("/api/closed", "401 missing")] {
        assert_eq!(send(&app, get(path, &[])).await.line(), expected);
    }
}

#[test]
fn bad_patterns_panic_at_start_up() {
    let insert = |pattern: &'static str| panic_of(move || AccessRules::new().allow(pattern));
    for (pattern, expected) in [
        ("", r#"path pattern "" does not begin with '/'"#),
        ("admin", r#"path pattern "admin" does not begin with '/'"#),
        ("*", r#"path pattern "*" does not begin with '/'"#),
        (
            "/{}",
            r#"path pattern "/{}": Parameters must be registered with a valid name"#,
        ),
        (
            "/{a",
            r#"path pattern "/{a": Parameters must be registered with a valid name"#,
        ),
        (
            "/a}",
            r#"path pattern "/a}": Parameters must be registered with a valid name"#,
        ),
        (
            "/{a}{b}",
            r#"path pattern "/{a}{b}": Only one parameter is allowed per path segment"#,
        ),
        (
            "/{*a}/b",
            r#"path pattern "/{*a}/b": Catch-all parameters are only allowed at the end of a route"#,
        ),
    ] {
        assert_eq!(insert(pattern), expected);
    }
}

#[test]
fn a_pattern_that_no_request_can_match_panics_at_start_up() {
    for pattern in [
        "//a", "/a//b", "/a/../b", "/a/.", "/%2e%2e", "/a%2fb", "/a\\b", "/a%00",
    ] {
        assert_eq!(
            panic_of(|| AccessRules::new().allow(pattern)),
            format!("path pattern {pattern:?} is ambiguous, as no request's path may be")
        );
    }
    for pattern in ["/a;v=1", "/a;/b", "/a%3bv=1", "/{id};v=1", "/;"] {
        let message = panic_of(|| AccessRules::new().allow(pattern));
        let expected = format!("path pattern {pattern:?} has parameters");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn conflicting_and_duplicate_rules_panic_at_start_up() {
    let has = |what: &str| format!("{what} has a rule already");
    assert_eq!(
        panic_of(|| AccessRules::new().allow("/a").require("/a", role("x"))),
        has(r#""/a""#)
    );
    assert_eq!(
        panic_of(|| {
            AccessRules::new()
                .allow((Method::GET, "/a"))
                .allow(([Method::PUT, Method::GET], "/a"))
        }),
        has(r#"GET "/a""#)
    );
    assert_eq!(
        panic_of(|| AccessRules::new().allow(([Method::GET, Method::GET], "/a"))),
        has(r#"GET "/a""#)
    );
    assert_eq!(
        panic_of(|| AccessRules::new().allow(([], "/a"))),
        "a rule for no methods never applies"
    );
    for (one, other) in [
        ("/{a}", "/{b}"),
        ("/a/{x}", "/a/{*x}"),
        ("/{*a}", "/{*b}"),
        ("/a b", "/a%20b"),
        ("/%61", "/a"),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let message = panic_of(|| AccessRules::new().allow(one).allow(other));
            assert!(
                message.starts_with(&format!("path pattern {other:?}: Insertion failed")),
                "{message}"
            );
        }
    }
    // One pattern may be named for several methods, and for the rest of them.
    let _ = AccessRules::new()
        .allow((Method::GET, "/a"))
        .allow((Method::PUT, "/a"))
        .allow("/a");
}

// Against a model that reads paths as lenient servers do

/// A segment of a pattern.
#[derive(Clone, Debug, PartialEq)]
enum Segment {
    Static(&'static str),
    Param,
    Rest,
}

#[derive(Clone, Debug)]
struct Pattern {
    segments: Vec<Segment>,
    method: Option<&'static str>,
    role: Option<&'static str>,
}

impl Pattern {
    fn text(&self) -> String {
        let mut text = String::new();
        for (i, segment) in self.segments.iter().enumerate() {
            text.push('/');
            match segment {
                Segment::Static(name) => text.push_str(name),
                Segment::Param => text.push_str(&format!("{{p{i}}}")),
                Segment::Rest => text.push_str(&format!("{{*p{i}}}")),
            }
        }
        text
    }

    /// How specific the match is, segment by segment; smaller is more so.
    fn matches(&self, path: &str) -> Option<Vec<u8>> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let mut rank = Vec::new();
        for (i, segment) in self.segments.iter().enumerate() {
            let part = *parts.get(i)?;
            match segment {
                Segment::Static(name) if *name == part => rank.push(0),
                Segment::Param if !part.is_empty() => rank.push(1),
                Segment::Rest if !parts[i..].join("/").is_empty() => {
                    rank.push(2);
                    return Some(rank);
                }
                _ => return None,
            }
        }
        (parts.len() == self.segments.len()).then_some(rank)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    Role(&'static str),
    Never,
}

fn need(patterns: &[Pattern], method: &str, path: &str) -> Need {
    let best = patterns.iter().filter_map(|p| p.matches(path)).min();
    let Some(best) = best else { return Need::Never };
    let same: Vec<_> = patterns
        .iter()
        .filter(|p| p.matches(path).as_ref() == Some(&best))
        .collect();
    let rule = |method: Option<&str>| same.iter().find(|p| p.method == method);
    let get = if ["HEAD", "CONNECT"].contains(&method) {
        rule(Some("GET"))
    } else {
        None
    };
    match rule(Some(method)).or(get).or(rule(None)) {
        Some(p) => p.role.map_or(Need::Nothing, Need::Role),
        None => Need::Never,
    }
}

/// The ways in which servers read a path: as it is, decoded, and with everything undone, also
/// without parameters, with the slash at the end and without.
fn readings(path: &str) -> Vec<String> {
    let mut decoded = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |b: Option<u8>| char::from(b?).to_digit(16);
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    let slashes = decoded.replace('\\', "/");
    let mut all = vec![path.to_owned(), decoded.clone()];
    for with_parameters in [true, false] {
        let mut undone: Vec<String> = Vec::new();
        let mut trailing = false;
        for part in slashes.split('/') {
            let part = match with_parameters {
                true => part,
                false => part.split(';').next().unwrap(),
            };
            trailing = part.is_empty();
            match part {
                "" | "." => {}
                ".." => drop(undone.pop()),
                part => undone.push(part.split('\0').next().unwrap().to_owned()),
            }
        }
        let plain = format!("/{}", undone.join("/"));
        if trailing && plain != "/" {
            all.push(format!("{plain}/"));
        }
        if !trailing || !with_parameters && decoded.contains(';') || plain == "/" {
            all.push(plain);
        }
    }
    all
}

fn has_broken_escape(path: &str) -> bool {
    let digits = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count();
    path.split('%').skip(1).any(|rest| digits(rest) < 2)
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    let segment = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "admin", "a:c"]).prop_map(Segment::Static),
        2 => Just(Segment::Param),
    ];
    (
        prop::collection::vec(segment, 0..3),
        prop::sample::select(vec![
            None,
            None,
            Some(Segment::Rest),
            Some(Segment::Static("")),
        ]),
        prop::sample::select(vec![None, None, Some("GET"), Some("HEAD"), Some("POST")]),
        prop::sample::select(vec![None, Some("user"), Some("admin")]),
    )
        .prop_map(|(mut segments, last, method, role)| {
            segments.extend(last);
            if segments.is_empty() {
                segments.push(Segment::Static(""));
            }
            Pattern {
                segments,
                method,
                role,
            }
        })
}

fn any_path() -> impl Strategy<Value = String> {
    let parts = vec![
        "a",
        "b",
        "admin",
        "a:c",
        "x",
        "",
        ".",
        "..",
        "%61",
        "%41",
        "%2e",
        "%2E.",
        "%2f",
        "%2Fa",
        "%5c",
        "\\",
        "%00",
        "%2561",
        "a%3ac",
        "a%3Ac",
        "adm%69n",
        "admin%00",
        "a;x",
        "%",
        "%6",
        "é",
        ";",
        ";x=1",
        "admin;x",
        "adm%69n%3bx",
        "b%3B",
        "%c0%af",
        "a%0a",
    ];
    let weighted = prop_oneof![
        3 => prop::sample::select(parts[..5].to_vec()),
        1 => prop::sample::select(parts),
    ];
    prop::collection::vec(weighted, 1..5).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn build(patterns: &[Pattern]) -> Option<(AccessRules, Vec<Pattern>)> {
    let mut kept: Vec<Pattern> = Vec::new();
    for pattern in patterns {
        let alike = |p: &Pattern| p.segments == pattern.segments && p.method == pattern.method;
        // `{x}` and `{*x}` in one place conflict; the tables of these tests have no such pair.
        let conflicts = |p: &Pattern| {
            let last = p.segments.len().min(pattern.segments.len()) - 1;
            let wild = |s: &Segment| *s != Segment::Rest;
            p.segments[..last] == pattern.segments[..last]
                && p.segments[last] != pattern.segments[last]
                && !matches!(p.segments[last], Segment::Static(_))
                && !matches!(pattern.segments[last], Segment::Static(_))
                && wild(&p.segments[last]) != wild(&pattern.segments[last])
        };
        if !kept.iter().any(|p| alike(p) || conflicts(p)) {
            kept.push(pattern.clone());
        }
    }
    let rules = kept.iter().fold(AccessRules::new(), |rules, pattern| {
        let text = pattern.text();
        let method = pattern.method.map(|m| m.parse::<Method>().unwrap());
        match (method, pattern.role) {
            (None, None) => rules.allow(&*text),
            (Some(method), None) => rules.allow((method, &*text)),
            (None, Some(name)) => rules.require(&*text, role(name)),
            (Some(method), Some(name)) => rules.require((method, &*text), role(name)),
        }
    });
    Some((rules, kept))
}

fn satisfies(need: Need, caller: Option<&str>) -> bool {
    match need {
        Need::Nothing => true,
        Need::Role(name) => caller.is_some_and(|c| c.contains(&format!(":{name}"))),
        Need::Never => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn access_requires_the_policies_of_every_reading_of_the_path(
        patterns in prop::collection::vec(any_pattern(), 1..7),
        path in any_path(),
        method in prop::sample::select(vec!["GET", "HEAD", "CONNECT", "POST", "DELETE"]),
        caller in prop::sample::select(vec![None, Some("ann"), Some("ann:user"), Some("ann:admin")]),
    ) {
        let Some((rules, patterns)) = build(&patterns) else { return Ok(()) };
        let reply = common::block_on(ask(&rules, method, &path, caller));
        let needs: Vec<_> = readings(&path).iter().map(|p| need(&patterns, method, p)).collect();
        if reply.status == 200 {
            for need in &needs {
                prop_assert!(satisfies(*need, caller), "{needs:?}");
            }
        } else if readings(&path).iter().all(|reading| *reading == path) && !has_broken_escape(&path) {
            // Nothing ambiguous about it: the answer is exact.
            let expected = match (needs[0], caller) {
                (Need::Nothing, _) => 200,
                (_, None) => 401,
                (need, caller) if satisfies(need, caller) => 200,
                _ => 403,
            };
            prop_assert_eq!(reply.status.as_u16(), expected);
        } else {
            prop_assert!([400, 401, 403].contains(&reply.status.as_u16()));
        }
    }

    #[test]
    fn any_pattern_is_taken_or_rejected_by_a_panic_that_names_it(pattern in "(/[a-c{}*%./\\\\]{0,6}){0,3}") {
        let text = pattern.clone();
        if let Err(payload) = std::panic::catch_unwind(move || AccessRules::new().allow(&*text)) {
            let message = *payload.downcast::<String>().expect("a message of its own");
            let named = format!("path pattern {pattern:?}");
            prop_assert!(message.starts_with(&named), "{message}");
        }
    }

    #[test]
    fn the_rules_do_not_panic_on_any_path(path in "/[ -~é%./]{0,24}") {
        let rules = AccessRules::new().allow("/{x}").require("/a/{*rest}", role("admin"));
        if let Ok(uri) = path.parse::<http::Uri>() {
            common::block_on(ask(&rules, "GET", &uri.to_string(), None));
        }
    }
}
