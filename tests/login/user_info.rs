//! The user-info endpoint, and the form of a first sign-in.

use crate::common::signer::Signer;
use crate::scripted::*;
use axum::{Router, routing::get};
use http::HeaderMap;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tower_auth::{
    AuthLayer, Identity, Rejection,
    login::{LoggedIn, LoginBuilder},
    store::MemoryStore,
};

async fn about(identity: Identity) -> String {
    let email: Option<String> = identity.claim("email");
    let roles: Vec<_> = identity.roles().collect();
    let acr: Option<String> = identity.claim("acr");
    format!("{} {email:?} {roles:?} {acr:?}", identity.subject())
}

fn site(op: &Op, login: LoginBuilder) -> Site {
    let login = login.build().unwrap();
    let app = Router::new()
        .route("/", get(about))
        .layer(AuthLayer::new(login.session()))
        .layer(login.layer());
    Site::with(op, app)
}

fn info(op: &Op, claims: Value) {
    op.script(|script| script.user_info = claims);
}

#[tokio::test]
async fn the_endpoint_is_called_if_asked_for_or_if_a_configured_claim_is_missing() {
    let me = format!("{ISSUER}/me");
    let found = r#"alice Some("a@example.com") ["staff"] None"#;
    for (login, in_token, calls, expected) in [
        (Op::new().builder(), json!({}), 0, "alice None [] None"),
        (
            Op::new().builder().user_info(),
            json!({}),
            1,
            r#"alice Some("a@example.com") [] None"#,
        ),
        (
            Op::new().builder().user_info_endpoint(&me),
            json!({}),
            1,
            r#"alice Some("a@example.com") [] None"#,
        ),
        (Op::new().builder().roles_at("groups"), json!({}), 1, found),
        (
            Op::new().builder().roles_at("groups"),
            json!({ "groups": null }),
            1,
            found,
        ),
        (
            Op::new().builder().roles_at(["realm", "roles"]),
            json!({ "realm": { "id": 1 } }),
            1,
            r#"alice Some("a@example.com") ["nested"] None"#,
        ),
        (
            Op::new().builder().roles_at("groups"),
            json!({ "groups": [] }),
            0,
            "alice None [] None",
        ),
        (
            Op::new().builder().roles_at("groups").user_info(),
            json!({ "groups": ["own"], "email": "own" }),
            1,
            r#"alice Some("own") ["own"] None"#,
        ),
    ] {
        let op = Op::new();
        let login = login.fetch_with(op.client());
        info(
            &op,
            json!({
                "sub": "alice", "email": "a@example.com", "groups": ["staff"],
                "realm": { "id": 2, "roles": ["nested"] }, "acr": "gold", "auth_time": 1, "iss": "x",
            }),
        );
        let mut site = site(&op, login);
        op.script(|script| script.claims = in_token);
        assert_eq!(site.sign_in().await.status, 303);
        assert_eq!(site.get("/").await.body, expected);
        assert_eq!(op.asked("/me").len(), calls, "{expected}");
    }
}

#[tokio::test]
async fn the_claims_of_another_user_are_refused() {
    for claims in [
        json!({ "sub": "bob" }),
        json!({ "email": "x" }),
        json!({ "sub": null }),
        json!("alice"),
    ] {
        for login in [
            Op::new().builder().user_info(),
            Op::new().builder().roles_at("groups"),
        ] {
            let op = Op::new();
            info(&op, claims.clone());
            let mut site = site(&op, login.fetch_with(op.client()));
            let answer = site.sign_in().await;
            assert_eq!(answer.status, 401, "{claims}");
            assert!(
                answer.why().contains("user-info endpoint"),
                "{}",
                answer.why()
            );
            assert!(!site.cookies.contains_key("__Host-session"));
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_an_outage_and_one_that_refuses_is_not() {
    let status = async |login: LoginBuilder, status: u16| {
        let op = Op::new();
        op.script(|script| script.raw.insert("/me".into(), (status, String::new())));
        let mut site = site(&op, login.fetch_with(op.client()));
        (site.sign_in().await.status, site.get("/").await.status)
    };
    let asked = || Op::new().builder().user_info();
    let needed = || Op::new().builder().roles_at("groups");
    for outage in [500, 503, 429, 302] {
        assert_eq!(status(asked(), outage).await, (503, 401), "{outage}");
        assert_eq!(status(needed(), outage).await, (503, 401), "{outage}");
    }
    // The access token may be for another API: the user has no roles then.
    for refused in [401, 403] {
        assert_eq!(status(asked(), refused).await, (401, 401), "{refused}");
        assert_eq!(status(needed(), refused).await, (303, 200), "{refused}");
    }
}

#[tokio::test]
async fn a_signed_answer_is_verified() {
    let claims = json!({ "iss": ISSUER, "aud": "app", "sub": "alice", "email": "signed" });
    for openid in [true, false] {
        for (changes, signer, status) in [
            (json!({}), "a", 303),
            (json!({ "aud": ["app", "other"] }), "a", 303),
            (json!({}), "b", 401),
            (json!({ "aud": "other" }), "a", 401),
            (json!({ "aud": null }), "a", 401),
            (json!({ "iss": "https://evil.example" }), "a", 401),
            (json!({ "iss": null }), "a", 401),
        ] {
            let op = Op::new();
            let login = match openid {
                true => op.builder().user_info(),
                false => op.builder().without_openid(),
            };
            let claims = merge(claims.clone(), &changes);
            op.script(|script| {
                let token = match signer {
                    "a" => script.signer.sign(&claims),
                    _ => Signer::new("a").sign(&claims),
                };
                script.user_info_token = Some(token);
            });
            let mut site = site(&op, login);
            let answer = site.sign_in().await;
            assert_eq!(answer.status, status, "{openid} {changes} {signer}");
            if status == 303 {
                let body = site.get("/").await.body;
                assert_eq!(body, r#"alice Some("signed") [] None"#);
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_asks_for_the_present_roles() {
    for in_store in [false, true] {
        let op = Op::new();
        op.script(|script| script.expires_in = 100);
        let mut login = op.builder().roles_at("groups");
        if in_store {
            login = login.store(MemoryStore::new()).sessions_in_store();
        }
        let mut site = site(&op, login);
        info(&op, json!({ "sub": "alice", "groups": ["a"] }));
        assert_eq!(site.sign_in().await.status, 303);
        info(&op, json!({ "sub": "alice", "groups": ["b"] }));
        assert_eq!(site.get("/").await.body, r#"alice None ["a"] None"#);
        op.shift(90);
        assert_eq!(site.get("/").await.body, r#"alice None ["b"] None"#);
        // An outage keeps what is known.
        op.shift(90);
        op.script(|script| script.raw.insert("/me".into(), (500, String::new())));
        let answer = site.get("/").await;
        let why = (answer.status != 200).then(|| answer.why());
        assert_eq!(answer.body, r#"alice None ["b"] None"#, "{why:?}");
        // Another user ends the session.
        op.shift(90);
        op.script(|script| script.raw.clear());
        info(&op, json!({ "sub": "bob", "groups": ["c"] }));
        assert_eq!(site.get("/").await.status, 401);
    }
}

#[tokio::test]
async fn a_missing_endpoint_that_was_asked_for_is_said_at_start_up() {
    let op = Op::new();
    op.script(|script| {
        drop(
            script
                .metadata
                .as_object_mut()
                .unwrap()
                .remove("userinfo_endpoint"),
        );
    });
    let login = op.builder().user_info().build().unwrap();
    let error = login.connect().await.unwrap_err();
    let text = format!(
        "{error} {:?}",
        std::error::Error::source(&error).map(ToString::to_string)
    );
    assert!(text.contains("user-info"), "{text}");
    // Nobody has asked for it.
    let login = op.builder().roles_at("groups").build().unwrap();
    assert!(login.connect().await.is_ok());
    let by_hand = op
        .builder()
        .authorization_endpoint(format!("{ISSUER}/auth"))
        .token_endpoint(format!("{ISSUER}/token"));
    assert!(by_hand.user_info().build().is_err());
}

/// "Sign in with Apple" sends the name once, in the form.
#[tokio::test]
async fn the_form_of_a_first_sign_in_reaches_the_application() {
    let user = r#"{"name":{"firstName":"Grete","lastName":"Müller"},"email":"g@example.com"}"#;
    for (sent, expected) in [
        (user, Some(user)),
        ("", None),
        ("Grete", None),
        ("[]", None),
        (&*format!("{{\"a\":\"{}\"}}", "x".repeat(5000)), None),
    ] {
        for instead in [true, false] {
            let op = Op::new();
            op.script(|script| {
                script.metadata["response_modes_supported"] = json!(["query", "form_post"]);
            });
            let seen = Arc::new(Mutex::new(None));
            let hook = Arc::clone(&seen);
            let keep = move |login: LoggedIn| {
                *hook.lock().unwrap() = Some(login.user.clone());
                let mut fields = HeaderMap::new();
                fields.append("x-own", login.identity.subject().parse().unwrap());
                Ok(fields)
            };
            let login = op.builder().form_post();
            let mut site = match instead {
                true => {
                    let login = login.on_login(keep).build().unwrap();
                    Site::with(
                        &op,
                        Router::new()
                            .route("/", get(|| async {}))
                            .layer(login.layer()),
                    )
                }
                false => site(&op, login.on_session(keep)),
            };
            let asked = site.begin("").await;
            op.script(|script| script.claims = json!({ "nonce": asked["nonce"] }));
            let encoded: String = url::form_urlencoded::byte_serialize(sent.as_bytes()).collect();
            let body = format!("code=c&state={}&user={encoded}", asked["state"]);
            let form = [
                ("content-type", "application/x-www-form-urlencoded"),
                ("origin", ISSUER),
                ("sec-fetch-site", "cross-site"),
            ];
            let answer = site.send("POST", "/callback", &form, &body).await;
            assert_eq!(answer.status, 303);
            assert_eq!(answer.headers["x-own"], "alice");
            let seen = seen.lock().unwrap().clone().unwrap();
            assert_eq!(seen.as_deref(), expected);
            assert_eq!(site.cookies.contains_key("__Host-session"), !instead);
        }
    }
}

#[tokio::test]
async fn a_login_that_the_application_rejects_makes_no_session() {
    let op = Op::new();
    let store = Arc::new(MemoryStore::new());
    let login = op.builder().store(Arc::clone(&store)).sessions_in_store();
    let login = login.on_session(|login: LoggedIn| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        match login.identity.subject() {
            "alice" => Err(Rejection::forbidden()),
            _ => Ok(HeaderMap::new()),
        }
    });
    let mut site = site(&op, login);
    assert_eq!(site.sign_in().await.status, 403);
    assert!(!site.cookies.contains_key("__Host-session"));
    op.script(|script| script.claims = json!({ "sub": "bob" }));
    assert_eq!(site.sign_in().await.status, 303);
    assert_eq!(site.get("/").await.status, 200);
    let both = op.builder().on_session(|_| Ok(HeaderMap::new()));
    assert!(both.on_login(|_| Ok(HeaderMap::new())).build().is_err());
}
