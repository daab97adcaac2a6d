//! A path that leads to `/admin`, however it is written, does not get there without the role.

use super::through::{percent_decode, request, through};
use http::{HeaderValue, Method, Request, header};
use std::sync::LazyLock;
use tower_auth::{
    AccessRules, AuthLayer, Identity, authenticated,
    bearer::{Bearer, Token},
    role, verify_fn,
};

static LAYER: LazyLock<AuthLayer> = LazyLock::new(|| {
    let rules = AccessRules::new()
        .allow("/")
        .allow("/health")
        .allow((Method::GET, "/public/{*rest}"))
        .allow("/{tenant}/logo")
        .require((Method::DELETE, "/orders/{id}"), role("admin"))
        .require("/admin", role("admin"))
        .require("/admin/", role("admin"))
        .require("/admin/{*rest}", role("admin"))
        .otherwise(authenticated());
    // Whoever comes, nobody is an administrator.
    let anybody = verify_fn(|_: Token| Ok(Identity::new("user1").with_role("user")));
    AuthLayer::new(Bearer::new(anybody)).rules(rules)
});

/// The input is the head of a request, sent with and without credentials.
pub fn check(input: &[u8]) -> bool {
    let Some(mut request) = request(input) else {
        return false;
    };
    request.headers_mut().clear();
    let path = normal(request.uri().path().as_bytes(), false);
    let bare = normal(request.uri().path().as_bytes(), true);
    let is_admin = [&path, &bare].into_iter().any(|path| is_admin(path));
    let is_delete = request.method() == Method::DELETE && (is_order(&path) || is_order(&bare));
    let reads = [Method::GET, Method::HEAD, Method::CONNECT].contains(request.method());
    let is_open = path == b"/"
        || path == b"/health"
        || (reads && path.starts_with(b"/public/"))
        || path.ends_with(b"/logo");

    let visitor = passes(request.clone());
    let token = HeaderValue::from_static("Bearer mF_9.B5f-4.1JqM");
    request.headers_mut().insert(header::AUTHORIZATION, token);
    let user = passes(request);

    assert!(!(is_admin && (visitor || user)), "{}", path.escape_ascii());
    assert!(!(is_delete && user), "{}", path.escape_ascii());
    assert!(!visitor || (is_open && user), "{}", path.escape_ascii());
    user
}

fn is_admin(path: &[u8]) -> bool {
    path == b"/admin" || path.starts_with(b"/admin/")
}

fn is_order(path: &[u8]) -> bool {
    let order = path.strip_prefix(b"/orders/").unwrap_or_default();
    !order.is_empty() && !order.contains(&b'/')
}

fn passes(request: Request<()>) -> bool {
    let answer = through(&LAYER, request);
    assert!([200, 400, 401, 403].contains(&answer.status.as_u16()));
    assert_eq!(answer.inner.is_some(), answer.status == 200);
    answer.inner.is_some()
}

/// How a lenient server reads a path: all escapes undone, backslashes as slashes, no further
/// than NUL, empty and dot segments resolved (RFC 3986 section 5.2.4); `bare` if it ignores the
/// parameters of segments (section 3.3).
fn normal(path: &[u8], bare: bool) -> Vec<u8> {
    let decoded = percent_decode(path);
    let text = decoded.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut segments = Vec::new();
    let mut directory = true;
    for segment in text.split(|byte| b"/\\".contains(byte)) {
        let segment = match bare {
            true => segment
                .split(|&byte| byte == b';')
                .next()
                .unwrap_or_default(),
            false => segment,
        };
        directory = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let mut path = [b"/", &segments.join(&b'/')[..]].concat();
    if directory && path.len() > 1 {
        path.push(b'/');
    }
    path
}
