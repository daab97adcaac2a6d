//! The addresses that browsers are sent to, for an application below a path, behind a proxy that
//! removes the path, and in a router.

use crate::scripted::*;
use axum::{Router, routing::get};
use serde_json::json;
use tower_auth::{AuthLayer, login::LoginBuilder};

/// Requests as a browser sends them; the application receives the path without this prefix.
async fn visit(site: &mut Site, removed: &str, address: &str) -> Answer {
    let path = address.strip_prefix(removed).unwrap();
    site.visit(if path.is_empty() { "/" } else { path }).await
}

/// A router of the application, without an address of its own.
fn shop(login: LoginBuilder) -> Router {
    let login = login.build().unwrap();
    Router::new()
        .route("/", get(whoami))
        .route("/me", get(whoami).post(whoami))
        .layer(AuthLayer::new(login.session()))
        .layer(login.layer())
}

/// Signs in from a page, and out again, always below the prefix.
async fn walk(mut site: Site, removed: &str, prefix: &str, home: &str) {
    let me = format!("{prefix}/me");
    let answer = visit(&mut site, removed, &format!("{me}?a=b")).await;
    let encoded = prefix.replace('/', "%2F");
    let login = format!("{prefix}/login?return_to={encoded}%2Fme%3Fa%3Db");
    assert_eq!((answer.status, answer.location()), (303, login.clone()));
    let answer = visit(&mut site, removed, &login).await;
    let asked = parameters(&answer.location());
    assert_eq!(asked["redirect_uri"], format!("{APP}{prefix}/callback"));
    site.op
        .script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
    let callback = format!("{prefix}/callback?code=c&state={}", asked["state"]);
    let answer = visit(&mut site, removed, &callback).await;
    assert_eq!(answer.location(), format!("{me}?a=b"));
    assert_eq!(visit(&mut site, removed, &me).await.status, 200);
    // Nothing is left to return to.
    let answer = visit(&mut site, removed, &callback).await;
    assert_eq!(answer.location(), home);
    for own in ["login", "logout", "callback"] {
        let target = format!("{prefix}/login?return_to={prefix}/{own}");
        let answer = visit(&mut site, removed, &target).await;
        assert_eq!(answer.status, 400, "{own}");
        let link = format!(r#"href="{prefix}/login""#);
        assert!(answer.body.contains(&link), "{}", answer.body);
    }
    // From the address bar.
    let fields = [
        ("sec-fetch-site", "none"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let logout = format!("{prefix}/logout");
    let logout = logout.strip_prefix(removed).unwrap();
    let answer = site.send("GET", logout, &fields, "").await;
    let form = format!(r#"action="{prefix}/logout""#);
    assert!(answer.body.contains(&form), "{}", answer.body);
    site.op.script(|script| {
        script.metadata["end_session_endpoint"] = json!(null);
    });
    // Behind a proxy that changes the host, in a browser without Fetch Metadata.
    let fields = [("host", "127.0.0.1:3000"), ("origin", APP)];
    let me = me.strip_prefix(removed).unwrap();
    assert_eq!(site.send("POST", me, &fields, "").await.status, 200);
    let answer = site.send("POST", logout, &fields, "").await;
    assert_eq!((answer.status, &*answer.location()), (303, home));
    assert!(site.cookies.is_empty());
}

fn without_log_out_at_the_provider() -> Op {
    let op = Op::new();
    op.script(|script| drop(script.metadata["end_session_endpoint"].take()));
    op
}

#[tokio::test]
async fn one_setting_keeps_every_address_below_the_path_of_the_application() {
    let url = format!("{APP}/shop");
    for removed in ["", "/shop"] {
        let op = without_log_out_at_the_provider();
        let login = op.builder_at(&url);
        let app = match removed {
            "" => Router::new().nest_service("/shop", shop(login)),
            _ => shop(login),
        };
        walk(Site::with(&op, app), removed, "/shop", "/shop").await;
    }
    // The layer is outside of the router that removes the path.
    let op = without_log_out_at_the_provider();
    let login = op.builder_at(&url).build().unwrap();
    let inner = Router::new()
        .route("/me", get(whoami).post(whoami))
        .layer(AuthLayer::new(login.session()));
    let app = Router::new().nest("/shop", inner).layer(login.layer());
    walk(Site::with(&op, app), "", "/shop", "/shop").await;
    // The proxy removes one part, and the router another one.
    let op = without_log_out_at_the_provider();
    let login = op.builder_at(&format!("{APP}/a/b/"));
    let app = Router::new().nest_service("/b", shop(login));
    walk(Site::with(&op, app), "/a", "/a/b", "/a/b/").await;
}

#[tokio::test]
async fn a_nested_router_needs_no_setting_besides_its_redirect_uri() {
    let op = without_log_out_at_the_provider();
    let login = op.builder().redirect_uri(format!("{APP}/shop/callback"));
    let app = Router::new().nest_service("/shop", shop(login));
    walk(Site::with(&op, app), "", "/shop", "/shop").await;
}

#[tokio::test]
async fn configured_paths_may_have_the_prefix_or_not() {
    for prefix in ["", "/shop"] {
        let op = Op::new();
        let login = op
            .builder_at(&format!("{APP}/shop"))
            .callback_path(format!("{prefix}/auth/done"))
            .login_path(format!("{prefix}/auth/in"))
            .logout_path(format!("{prefix}/auth/out"))
            .after_login(format!("{prefix}/welcome"))
            .after_logout(format!("{prefix}/bye"));
        let mut site = Site::with(&op, shop(login));
        let answer = site.visit("/me").await;
        assert_eq!(answer.location(), "/shop/auth/in?return_to=%2Fshop%2Fme");
        let asked = parameters(&site.visit("/auth/in").await.location());
        assert_eq!(asked["redirect_uri"], format!("{APP}/shop/auth/done"));
        op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
        let target = format!("/auth/done?code=c&state={}", asked["state"]);
        assert_eq!(site.visit(&target).await.location(), "/shop/welcome");
        op.script(|script| {
            let path = "/.well-known/openid-configuration".to_owned();
            script.raw.insert(path, (404, String::new()));
        });
        let mut other = Site::with(
            &op,
            shop(op.builder_at(&format!("{APP}/shop")).after_logout("/bye")),
        );
        assert_eq!(
            other.send("POST", "/logout", &[], "").await.location(),
            "/shop/bye"
        );
    }
}

#[tokio::test]
async fn a_browser_does_not_return_to_another_application_of_the_host() {
    let op = Op::new();
    let mut site = Site::with(&op, shop(op.builder_at(&format!("{APP}/shop"))));
    for wanted in [
        "/",
        "/other/",
        "/shopping",
        "/shop/../other",
        "/shop/%2e%2e/other",
        "/shop/..%2fother",
    ] {
        let answer = site.get(&format!("/login?return_to={wanted}")).await;
        assert_eq!(answer.status, 400, "{wanted}");
    }
    for wanted in ["/shop", "/shop/", "/shop/a?b"] {
        let answer = site.get(&format!("/login?return_to={wanted}")).await;
        assert_eq!(answer.status, 303, "{wanted}");
    }
}

#[tokio::test]
async fn a_path_from_the_request_cannot_lead_to_another_host_or_write_html() {
    let op = Op::new();
    for (path, prefix) in [
        ("/a/b", "/a/b"),
        ("/caf%C3%A9/x", "/caf%C3%A9/x"),
        ("//evil.example/b", ""),
        ("/%2fevil.example/b", ""),
        ("/\"onclick=/b", ""),
    ] {
        let login = op.builder().redirect_uri(format!("{APP}/t/callback"));
        let tenants = Router::new().nest("/{tenant}/{shop}", shop(login.login_path("/in")));
        let tenants = match path.starts_with("//") {
            true => Router::new().nest(
                "/{empty}/{tenant}/{shop}",
                shop(op.builder().login_path("/in")),
            ),
            false => tenants,
        };
        let mut site = Site::with(&op, tenants);
        let answer = site.visit(&format!("{path}/me")).await;
        if answer.status == 404 {
            continue;
        }
        let location = answer.location();
        assert!(
            location.starts_with(&format!("{prefix}/in")),
            "{path}: {location}"
        );
        assert!(!location.starts_with("//"), "{location}");
    }
}

/// A field that any client can send.
#[tokio::test]
async fn a_prefix_in_a_header_field_is_ignored() {
    let op = Op::new();
    let mut site = Site::with(&op, shop(op.builder()));
    let fields = [&NAVIGATE[..], &[("x-forwarded-prefix", "/evil")]].concat();
    let answer = site.send("GET", "/me", &fields, "").await;
    assert_eq!(answer.location(), "/login?return_to=%2Fme");
}

#[test]
fn addresses_that_do_not_fit_together_are_refused_at_start_up() {
    let op = Op::new();
    let at = |url: &str| op.builder_at(url);
    for (login, part) in [
        (at("https://example.com/shop?x=y"), "must not have a query"),
        (at("http://example.com/shop"), "must be https"),
        (at("/shop"), "must be a URL"),
        (
            at("https://example.com/a/../shop"),
            "in its normal form, \"https://example.com/shop\"",
        ),
        (at("https://example.com/<b>"), "must"),
        (
            at("https://example.com/shop").redirect_uri("https://example.com/callback"),
            "must be below the public URL",
        ),
        (
            at("https://example.com/shop").redirect_uri("https://other.example/shop/callback"),
            "must be below the public URL",
        ),
        (
            at("https://example.com/shop")
                .redirect_uri("https://example.com/shop/a")
                .callback_path("/b"),
            "must end with the path of the callback",
        ),
        (
            op.builder().callback_path("/other"),
            "must end with the path of the callback",
        ),
        (
            at("https://example.com/shop").after_login("/login"),
            "can end at",
        ),
        (
            at("https://example.com/shop").after_login("/../other"),
            "can end at",
        ),
    ] {
        let error = login.build().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(at("https://example.com").build().is_ok());
    assert!(at("http://localhost:3000/shop/").build().is_ok());
    let exact =
        at("https://example.com/shop").redirect_uri("https://example.com/shop/callback?x=y");
    assert!(exact.build().is_ok());
}
