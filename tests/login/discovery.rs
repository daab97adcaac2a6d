//! The provider's metadata: at another URL than the issuer's, for several tenants, and together with
//! endpoints that are set by hand.

use crate::scripted::*;
use axum::{Router, routing::get};
use serde_json::{Value, json};
use std::error::Error;
use tower_auth::{AuthLayer, Identity, jwt::remote::RemoteKeys, login::LoginBuilder};

async fn issuer(identity: Identity) -> String {
    format!("{} {}", identity.issuer().unwrap(), identity.subject())
}

fn builder(op: &Op, issuer: &str) -> LoginBuilder {
    op.login(issuer).redirect_uri(format!("{APP}/callback"))
}

fn site(op: &Op, login: LoginBuilder) -> Site {
    let login = login.build().unwrap();
    let app = Router::new()
        .route("/", get(issuer))
        .layer(AuthLayer::new(login.session()))
        .layer(login.layer());
    Site::with(op, app)
}

/// Answers metadata that names this issuer at this path, and nowhere else.
fn metadata(op: &Op, path: &str, issuer: &str) {
    op.script(|script| {
        let metadata = merge(script.metadata.clone(), &json!({ "issuer": issuer }));
        let usual = "/.well-known/openid-configuration";
        script.raw.insert(usual.into(), (404, String::new()));
        script.raw.insert(path.into(), (200, metadata.to_string()));
    });
}

#[tokio::test]
async fn metadata_may_be_at_another_url_and_still_names_the_issuer() {
    // Azure AD B2C: the policy is in the URL of the metadata, and not in the issuer.
    let own = "https://b2c.example/tenant-id/v2.0/";
    let path = "/shop/policy/v2.0/.well-known/openid-configuration";
    let url = format!("https://b2c.example{path}");
    for (named, is_own) in [
        (own, true),
        ("https://b2c.example/tenant-id/v2.0", false),
        ("https://evil.example/", false),
    ] {
        let op = Op::new();
        metadata(&op, path, named);
        let login = builder(&op, own).metadata_at(&url).build().unwrap();
        let connected = login.connect().await;
        assert_eq!(connected.is_ok(), is_own, "{named}");
        if let Err(error) = connected {
            let text = error.source().unwrap().to_string();
            assert!(text.contains(named) && text.contains(own), "{text}");
            continue;
        }
        op.script(|script| script.claims = json!({ "iss": own }));
        let mut site = site(&op, builder(&op, own).metadata_at(&url));
        assert_eq!(site.sign_in().await.status, 303);
        assert_eq!(site.get("/").await.body, format!("{own} alice"));
        assert!(op.asked("/.well-known/openid-configuration").is_empty());
    }
}

#[tokio::test]
async fn endpoints_by_hand_are_laid_over_metadata_whose_url_is_given() {
    let op = Op::new();
    let path = "/inside/metadata";
    metadata(&op, path, ISSUER);
    let login = op
        .builder()
        .metadata_at(format!("{ISSUER}{path}"))
        .authorization_endpoint(format!("{ISSUER}/auth?tenant=1"))
        .token_endpoint(format!("{ISSUER}/token"));
    let mut site = site(&op, login);
    assert_eq!(site.sign_in().await.status, 303);
    let end = site.send("POST", "/logout", &[], "").await.location();
    assert!(end.starts_with("https://login.example/end?"), "{end}");
    // A URL that may not be requested fails at start-up.
    for url in ["http://login.example/metadata", "metadata", "https://a b/"] {
        assert!(op.builder().metadata_at(url).build().is_err(), "{url}");
    }
}

const ALL: &str = "https://login.example/organizations/v2.0";

fn tenant(id: &str) -> Value {
    json!({ "iss": format!("https://login.example/{id}/v2.0"), "tid": id })
}

fn of_tenants(op: &Op) -> LoginBuilder {
    let path = "/organizations/v2.0/.well-known/openid-configuration";
    metadata(op, path, "https://login.example/{tenantid}/v2.0");
    builder(op, ALL)
}

#[tokio::test]
async fn users_of_the_allowed_tenants_sign_in_and_have_their_tenants_issuer() {
    let any = |op: &Op| of_tenants(op).tenants_where(|_| true);
    let listed = |op: &Op| of_tenants(op).tenants(["8eaef023", "72f988bf"]);
    let by_hand = |op: &Op| {
        builder(op, ALL)
            .tenants(["8eaef023"])
            .authorization_endpoint(format!("{ISSUER}/auth?tenant=1"))
            .token_endpoint(format!("{ISSUER}/token"))
            .keys(RemoteKeys::at(format!("{ISSUER}/jwks")).fetch_with(op.client()))
    };
    let (own, foreign) = (tenant("8eaef023"), tenant("dead0000"));
    let mixed = merge(own.clone(), &json!({ "tid": "72f988bf" }));
    let without = merge(own.clone(), &json!({ "tid": null }));
    let evil = json!({ "iss": "https://evil.example/8eaef023/v2.0", "tid": "8eaef023" });
    let all = json!({ "iss": ALL, "tid": "organizations" });
    type Make<'a> = &'a dyn Fn(&Op) -> LoginBuilder;
    let cases: [(Make<'_>, &Value, u16); 11] = [
        (&any, &own, 303),
        (&any, &foreign, 303),
        (&any, &mixed, 401),
        (&any, &without, 401),
        (&any, &evil, 401),
        (&listed, &own, 303),
        (&listed, &foreign, 401),
        (&listed, &all, 401),
        (&by_hand, &own, 303),
        (&by_hand, &foreign, 401),
        (&of_tenants, &own, 503),
    ];
    for (make, claims, status) in cases {
        let op = Op::new();
        let mut site = site(&op, make(&op));
        if status == 503 {
            // Without the setting, the metadata is that of another issuer.
            assert_eq!(site.get("/login").await.status, status);
            continue;
        }
        op.script(|script| script.claims = claims.clone());
        let answer = site.sign_in().await;
        assert_eq!(answer.status, status, "{claims}");
        if status == 303 {
            let expected = format!("{} alice", claims["iss"].as_str().unwrap());
            assert_eq!(site.get("/").await.body, expected);
        }
    }
}

#[tokio::test]
async fn a_session_stays_with_its_tenant() {
    let op = Op::new();
    op.script(|script| script.expires_in = 100);
    let mut site = site(&op, of_tenants(&op).tenants(["8eaef023", "72f988bf"]));
    op.script(|script| script.claims = tenant("8eaef023"));
    assert_eq!(site.sign_in().await.status, 303);
    for (id, seconds, status) in [("8eaef023", 90, 200), ("72f988bf", 90, 401)] {
        op.script(|script| script.claims = tenant(id));
        op.shift(seconds);
        let answer = site.get("/").await;
        assert_eq!(answer.status, status, "{id}");
    }
    // The authorization response names the same tenant as the ID token (RFC 9207).
    for (named, status) in [
        ("8eaef023", 303),
        ("72f988bf", 400),
        ("dead0000", 400),
        ("organizations", 400),
    ] {
        let asked = site.begin("").await;
        op.script(|script| {
            script.claims = merge(tenant("8eaef023"), &json!({ "nonce": asked["nonce"] }));
        });
        let target = format!(
            "/callback?code=c&state={}&iss=https://login.example/{named}/v2.0",
            asked["state"]
        );
        assert_eq!(site.get(&target).await.status, status, "{named}");
    }
}

#[test]
fn tenants_that_cannot_be_told_apart_fail_at_start_up() {
    let op = Op::new();
    for login in [
        builder(&op, ISSUER).tenants(["a"]),
        builder(&op, ALL).tenants(["a"]).without_openid(),
        builder(&op, ALL)
            .tenants(["a"])
            .store(tower_auth::store::MemoryStore::new())
            .backchannel_logout_path("/ended"),
    ] {
        assert!(login.build().is_err());
    }
}
