//! Refreshing the tokens of a session, with a scripted provider.

use crate::common::events;
use crate::common::signer::Signer;
use crate::scripted::*;
use http::header;
use serde_json::json;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};
use tower_auth::{
    Verdict,
    login::LoginBuilder,
    store::{BatchRead, EphemeralStore, MemoryStore, Raise},
};

const SESSION: &str = "__Host-session";

/// A site with a session whose access token lasts five minutes.
async fn signed_in(op: &Op, login: LoginBuilder) -> Site {
    op.script(|script| script.expires_in = 300);
    let mut site = Site::new(op, login);
    assert_eq!(site.sign_in().await.status, 303);
    site.cookies.remove("__Host-session-just-now");
    site
}

fn token_endpoint(op: &Op, status: u16, body: &str) {
    let answer = (status, body.to_owned());
    op.script(|script| script.raw.insert("/token".into(), answer));
}

/// The bodies of requests for tokens after the login's own.
fn refreshes(op: &Op) -> Vec<String> {
    op.asked("/token").split_off(1)
}

#[tokio::test(start_paused = true)]
async fn a_rejected_refresh_ends_the_session_and_redirects_to_the_login() {
    for (status, body) in [
        (400, r#"{"error":"invalid_grant"}"#),
        (401, r#"{"error":"invalid_grant"}"#),
        (500, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":"interaction_required","suberror":"x"}"#),
        (400, r#"{"error":"login_required"}"#),
        (403, r#"{"error":"consent_required"}"#),
        (200, r#"{"error":"bad_refresh_token"}"#),
        (400, r#"{"error":"invalid_request"}"#),
        (400, r#"{"error":"Odd Code!"}"#),
    ] {
        for store in [None, Some(false), Some(true)] {
            let op = Op::new();
            let mut login = op.builder();
            if let Some(in_store) = store {
                login = login.store(MemoryStore::new());
                if in_store {
                    login = login.sessions_in_store();
                }
            }
            let mut site = signed_in(&op, login).await;
            let mut copy = site.clone();
            token_endpoint(&op, status, body);
            op.forward(400).await;
            let answer = site.visit("/").await;
            assert_eq!(answer.status, 303, "{body} {store:?}");
            assert!(answer.location().starts_with("/login?"), "{body}");
            assert!(!site.cookies.contains_key(SESSION), "{body}");
            assert_eq!(copy.get("/").await.status, 401);
            assert_eq!(refreshes(&op).len(), 1, "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_outlasts_outages_and_configuration_errors() {
    events::record();
    for (status, body) in [
        (401, r#"{"error":"invalid_client"}"#),
        (200, r#"{"error":"invalid_client"}"#),
        (400, r#"{"error":"unauthorized_client"}"#),
        (400, r#"{"error":"unsupported_grant_type"}"#),
        (400, r#"{"error":"invalid_scope"}"#),
        (400, r#"{"error":"invalid_target"}"#),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (400, r#"{"error":"server_error"}"#),
        (500, r#"{"error":"interaction_required"}"#),
        (429, r#"{"error":"slow_down"}"#),
        (408, ""),
        (502, "<html>"),
        (200, "<html>"),
        (200, "{}"),
        (302, ""),
        (400, r#"{"error":{"message":"x","code":190}}"#),
        (400, r#"{"error":""}"#),
        (404, "not found"),
    ] {
        let op = Op::new();
        let mut site = signed_in(&op, op.builder()).await;
        token_endpoint(&op, status, body);
        // While the access token is valid, users notice nothing.
        op.forward(250).await;
        assert_eq!(site.get("/").await.status, 200, "{body}");
        op.forward(100).await;
        let answer = site.get("/").await;
        assert_eq!(answer.status, 503, "{status} {body}");
        assert!(answer.headers.contains_key("retry-after"));
        assert!(site.cookies.contains_key(SESSION), "{body}");
        // A browser gets a page, which leads back to here.
        let answer = site.visit("/?a=1").await;
        assert_eq!(answer.status, 503);
        let link = r#"<a href="/login?return_to=%2F%3Fa%3D1">"#;
        assert!(answer.body.contains(link), "{}", answer.body);
        assert_eq!(
            answer.headers[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        op.script(|script| script.raw.clear());
        op.forward(6).await;
        assert_eq!(site.get("/").await.status, 200, "{status} {body}");
    }
    let lines = events::LINES.lock().unwrap();
    let warned = |code: &str| {
        let mut lines = lines.iter();
        lines.any(|line| line.starts_with("WARN") && line.contains(code))
    };
    for code in [
        "invalid_client",
        "invalid_target",
        "server_error",
        "429",
        "502",
    ] {
        assert!(warned(code), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_refresh_gets_the_same_4xx_for_five_minutes_ends() {
    let facebook = r#"{"error":{"message":"x","code":190}}"#;
    let op = Op::new();
    let mut site = signed_in(&op, op.builder()).await;
    token_endpoint(&op, 400, facebook);
    op.forward(301).await;
    assert_eq!(site.get("/").await.status, 503);
    op.forward(299).await;
    assert_eq!(site.get("/").await.status, 503);
    op.forward(6).await;
    assert_eq!(site.visit("/").await.status, 303);
    assert!(!site.cookies.contains_key(SESSION));
    // Another answer between them begins anew, and what passes by itself ends no session.
    for (status, other) in [(400, 404), (429, 429), (503, 503)] {
        let op = Op::new();
        let mut site = signed_in(&op, op.builder()).await;
        op.forward(301).await;
        for status in [status, other, status] {
            token_endpoint(&op, status, "");
            op.forward(200).await;
            assert_eq!(site.get("/").await.status, 503, "{status}");
        }
        op.script(|script| script.raw.clear());
        op.forward(6).await;
        assert_eq!(site.get("/").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotated_refresh_token_outlasts_an_outage_of_the_keys() {
    let op = Op::new();
    op.script(|script| script.spent = Some(Default::default()));
    let mut site = signed_in(&op, op.builder()).await;
    assert_eq!(site.get("/").await.status, 200);
    // The provider signs by a new key, which cannot be fetched.
    op.script(|script| {
        script.signer = Signer::new("b");
        script.raw.insert("/jwks".into(), (503, "{}".into()));
        script.tokens = json!({ "access_token": "two", "refresh_token": "rotated" });
    });
    op.forward(250).await;
    assert_eq!(site.get("/").await.body, "alice two");
    op.script(|script| {
        script.raw.clear();
        script.tokens = json!({ "access_token": "three", "refresh_token": "third" });
    });
    op.forward(250).await;
    assert_eq!(site.get("/").await.body, "alice three");
    assert_eq!(
        refreshes(&op),
        ["provider-refresh", "rotated"]
            .map(|token| format!("grant_type=refresh_token&refresh_token={token}"))
    );
    // A wrong ID token ends the session.
    op.script(|script| script.claims = json!({ "aud": "other" }));
    op.forward(250).await;
    assert_eq!(site.get("/").await.status, 401);
    assert!(!site.cookies.contains_key(SESSION));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_refresh_token_outlasts_a_hiccup_of_the_store() {
    for hiccup in [1, 30] {
        let op = Op::new();
        op.script(|script| script.spent = Some(Default::default()));
        let plug = Plug::default();
        let login = op.builder().store(plug.clone()).sessions_in_store();
        let mut site = signed_in(&op, login).await;
        plug.2.store(true, Ordering::SeqCst);
        op.script(|script| {
            script.tokens = json!({ "access_token": "two", "refresh_token": "rotated" });
        });
        op.forward(250).await;
        let mut poll = site.clone();
        let poll = tokio::spawn(async move { poll.get("/").await.body });
        sleep(Duration::from_secs(hiccup)).await;
        plug.2.store(false, Ordering::SeqCst);
        assert_eq!(poll.await.unwrap(), "alice two", "{hiccup}");
        sleep(Duration::from_secs(70)).await;
        op.script(|script| {
            script.tokens = json!({ "access_token": "three", "refresh_token": "third" });
        });
        op.shift(250);
        assert_eq!(site.get("/").await.body, "alice three", "{hiccup}");
        assert!(refreshes(&op)[1].ends_with("refresh_token=rotated"));
    }
}

/// A store whose servers do not see that another refreshes.
struct NoTurns(Arc<MemoryStore>);

impl EphemeralStore for NoTurns {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        match key.starts_with("oauth2/refresh/") {
            true => Verdict::ready(Ok(true)),
            false => self.0.add(key, value, lifetime),
        }
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        match key.starts_with("oauth2/refreshed/") {
            true => Verdict::ready(Ok(())),
            false => self.0.put(key, value, lifetime),
        }
    }

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.0.read(keys)
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.0.take(key)
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.0.count(key, window)
    }

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        self.0.raise(raised)
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_refresh_checks_for_a_renewal_by_another_server() {
    let op = Op::new();
    let store = Arc::new(MemoryStore::new());
    let login = || {
        let store = NoTurns(Arc::clone(&store));
        op.builder().store(store).sessions_in_store()
    };
    let mut one = signed_in(&op, login()).await;
    let mut two = Site::new(&op, login());
    two.cookies = one.cookies.clone();
    op.script(|script| script.spent = Some(Default::default()));
    op.forward(250).await;
    // The second server has read the session, and its refresh comes after that of the first.
    let gate = Arc::new(Notify::new());
    op.script(|script| script.gates.insert("/token".into(), Arc::clone(&gate)));
    op.script(|script| {
        let tokens = json!({ "access_token": "two", "refresh_token": "rotated" });
        script.tokens = tokens;
    });
    let late = tokio::spawn(async move { (two.get("/").await, two) });
    let first = tokio::spawn(async move { (one.get("/").await, one) });
    while op.asked("/token").len() < 3 {
        sleep(Duration::from_millis(10)).await;
    }
    op.script(|script| script.gates.clear());
    gate.notify_one();
    sleep(Duration::from_secs(1)).await;
    gate.notify_one();
    for task in [late, first] {
        let (answer, site) = task.await.unwrap();
        assert_eq!(answer.body, "alice two", "{answer:?}");
        assert!(site.cookies.contains_key(SESSION));
    }
    assert_eq!(refreshes(&op).len(), 2);
}

#[tokio::test]
async fn a_pending_refresh_undoes_neither_a_log_out_nor_another_login() {
    for with_store in [false, true] {
        for other_login in [false, true] {
            let op = Op::new();
            let mut login = op.builder();
            if with_store {
                login = login.store(MemoryStore::new());
            }
            let mut site = signed_in(&op, login).await;
            let gate = Arc::new(Notify::new());
            op.script(|script| script.gates.insert("/token".into(), Arc::clone(&gate)));
            op.shift(250);
            let mut poll = site.clone();
            let poll = tokio::spawn(async move { poll.get("/").await });
            while refreshes(&op).is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
            op.script(|script| script.gates.clear());
            let mut copy = site.clone();
            if other_login {
                op.script(|script| script.claims = json!({ "sub": "bob" }));
                assert_eq!(site.sign_in().await.status, 303);
            } else {
                let answer = site.send("POST", "/logout", &[], "").await;
                assert_eq!(answer.status, 303);
            }
            gate.notify_one();
            // Its fields are the last that the browser receives.
            let late = poll.await.unwrap();
            assert_eq!(copy.get("/").await.status, 401, "{with_store}");
            take_cookies(&mut site.cookies, &late.headers);
            let answer = site.get("/").await;
            match other_login {
                true => assert_eq!(answer.body, "bob provider-token", "{with_store}"),
                false => {
                    assert_eq!(answer.status, 401, "{with_store}");
                    assert!(!site.cookies.contains_key(SESSION));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_refresh_asks_for_the_resources_of_the_login() {
    let op = Op::new();
    let login = op
        .builder()
        .resource("https://a.example")
        .resource("https://b.example");
    let mut site = signed_in(&op, login).await;
    for token in ["one", "two"] {
        op.forward(250).await;
        op.script(|script| {
            script.tokens = json!({ "access_token": token, "refresh_token": token });
        });
        assert_eq!(site.get("/").await.body, format!("alice {token}"));
    }
    let end = "&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example";
    assert!(op.asked("/token").iter().all(|form| form.ends_with(end)));
}

#[tokio::test(start_paused = true)]
async fn short_access_tokens_are_refreshed_after_three_quarters_of_their_life() {
    // One minute, as long as the default of `refresh_before`, and rotated.
    let op = Op::new();
    op.script(|script| {
        script.expires_in = 60;
        script.spent = Some(Default::default());
    });
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    for i in 0..5 {
        op.script(|script| {
            script.tokens =
                json!({ "access_token": format!("t{i}"), "refresh_token": format!("r{i}") });
        });
        assert_eq!(site.get("/").await.body, "alice provider-token");
    }
    assert_eq!(refreshes(&op).len(), 0);
    let old = site.clone();
    op.forward(45).await;
    assert_eq!(site.get("/").await.body, "alice t4");
    assert_eq!(refreshes(&op).len(), 1);
    // A request with the old cookie follows to the newest session.
    op.script(|script| {
        script.tokens = json!({ "access_token": "next", "refresh_token": "next" });
    });
    op.forward(50).await;
    assert_eq!(old.clone().get("/").await.body, "alice next");
    assert!(refreshes(&op)[1].ends_with("refresh_token=r4"));

    // Half a minute, and not rotated: a kept result serves only as long as its token.
    let op = Op::new();
    op.script(|script| script.expires_in = 30);
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    for _ in 0..8 {
        op.forward(15).await;
        assert_eq!(site.get("/").await.body, "alice provider-token");
    }
    assert_eq!(refreshes(&op).len(), 4);

    // Some say 0 for a token that does not end.
    let op = Op::new();
    op.script(|script| script.expires_in = 0);
    let mut site = Site::new(&op, op.builder());
    assert_eq!(site.sign_in().await.status, 303);
    for _ in 0..5 {
        assert_eq!(site.get("/").await.body, "alice provider-token");
    }
    assert_eq!(refreshes(&op).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn all_responses_after_one_refresh_set_the_same_cookies() {
    let op = Op::new();
    let mut site = signed_in(&op, op.builder()).await;
    op.script(|script| {
        script.tokens = json!({ "access_token": "t".repeat(5000), "refresh_token": "r" });
    });
    op.forward(250).await;
    let mut other = site.clone();
    let (a, b) = tokio::join!(site.get("/"), other.get("/"));
    assert_eq!((a.status, b.status), (200, 200));
    assert!(site.cookies.len() > 1);
    assert_eq!(site.cookies, other.cookies);
    // Also one that comes later.
    assert_eq!(refreshes(&op).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refreshed_session_that_is_too_long_for_cookies_ends() {
    let op = Op::new();
    let mut site = signed_in(&op, op.builder()).await;
    op.script(|script| {
        script.tokens = json!({ "access_token": "t".repeat(20_000), "refresh_token": "r" });
    });
    op.forward(250).await;
    assert_eq!(site.get("/").await.status, 401);
    assert!(!site.cookies.contains_key(SESSION));
    // If only the ID token is, the claims before stay.
    let op = Op::new();
    let mut site = signed_in(&op, op.builder()).await;
    op.script(|script| {
        script.claims = json!({ "groups": "g".repeat(9000) });
        script.tokens = json!({ "access_token": "two", "refresh_token": "r" });
    });
    op.forward(250).await;
    assert_eq!(site.get("/").await.body, "alice two");
}
