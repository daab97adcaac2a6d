//! Discovery of an issuer's keys, over real sockets, with servers that misbehave.

use crate::common::{
    self,
    origin::{Answer, Origin},
    signer::{AUDIENCE, Signer, builder, metadata, set, status},
};
use std::time::{Duration, Instant};
use tower_auth::{jwt::JwtVerifier, jwt::remote::RemoteKeys};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

fn discover(issuer: &str) -> JwtVerifier {
    let keys = RemoteKeys::discover().dangerous_allow_http();
    builder(issuer).keys(keys).build().unwrap()
}

/// Publishes these keys, with metadata at this path.
fn publish(origin: &Origin, path: &str, issuer: &str, signer: &Signer) {
    let jwks = origin.url("/jwks");
    origin.answer(path, Answer::json(metadata(issuer, &jwks)));
    origin.answer("/jwks", Answer::json(set([signer])));
}

async fn why(issuer: &str) -> String {
    let keys = RemoteKeys::discover().dangerous_allow_http();
    let error = builder(issuer)
        .keys(keys)
        .connect()
        .await
        .unwrap_err()
        .to_string();
    let message = error.strip_prefix(&format!("cannot fetch the keys of {issuer}: "));
    message.unwrap_or_else(|| panic!("{error}")).to_owned()
}

/// Waits for what happens by itself.
async fn until<F: Future<Output = bool>>(happened: impl Fn() -> F) {
    let started = Instant::now();
    while !happened().await {
        assert!(started.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_issuer_is_enough_for_discovery() {
    let signer = Signer::new("a");
    for slash in ["", "/"] {
        let origin = Origin::start().await;
        let issuer = origin.url(slash);
        publish(&origin, OPENID, &issuer, &signer);
        let jwt = discover(&issuer);
        assert_eq!(status(&jwt, &signer.token(&issuer)).await, 200);
        assert_eq!((origin.count(OPENID), origin.count("/jwks")), (1, 1));
        let asked = &origin.asked("/jwks")[0];
        assert_eq!((asked.method.as_str(), asked.body.as_str()), ("GET", ""));
        assert!(!asked.fields.contains_key("authorization"));
    }
}

#[tokio::test]
async fn metadata_is_found_at_all_three_places() {
    let signer = Signer::new("a");
    for path in [
        format!("/realms/x{OPENID}"),
        format!("{OAUTH}/realms/x"),
        format!("{OPENID}/realms/x"),
    ] {
        let origin = Origin::start().await;
        let issuer = origin.url("/realms/x");
        // Elsewhere are a page for people, and nothing.
        origin.answer(&format!("/realms/x{OPENID}"), Answer::json("<html>"));
        publish(&origin, &path, &issuer, &signer);
        let jwt = discover(&issuer);
        assert_eq!(status(&jwt, &signer.token(&issuer)).await, 200, "{path}");
    }
    let origin = Origin::start().await;
    let issuer = origin.url("");
    publish(&origin, OAUTH, &issuer, &signer);
    assert_eq!(
        status(&discover(&issuer), &signer.token(&issuer)).await,
        200
    );
}

#[tokio::test]
async fn metadata_of_another_issuer_is_rejected() {
    let (origin, signer) = (Origin::start().await, Signer::new("a"));
    let issuer = origin.url("/");
    for other in [
        origin.url(""),
        "https://evil.example/".to_owned(),
        issuer.replace("127.0.0.1", "localhost"),
    ] {
        publish(&origin, OPENID, &other, &signer);
        publish(&origin, OAUTH, &issuer, &signer);
        assert_eq!(why(&issuer).await, "the metadata names another issuer");
        let jwt = discover(&issuer);
        assert_eq!(status(&jwt, &signer.token(&issuer)).await, 503);
        assert_eq!(origin.count("/jwks"), 0);
    }
}

#[tokio::test]
async fn metadata_without_a_usable_key_set_is_rejected() {
    let origin = Origin::start().await;
    let issuer = origin.url("");
    let answer = |jwks_uri: &str| {
        origin.answer(OPENID, Answer::json(metadata(&issuer, jwks_uri)));
    };
    assert_eq!(
        why(&issuer).await,
        "the issuer answers with an error or a redirect"
    );
    origin.answer(OPENID, Answer::json("{}"));
    assert_eq!(
        why(&issuer).await,
        "no metadata is where the issuer's should be"
    );
    origin.answer(OPENID, Answer::json(format!(r#"{{"issuer":"{issuer}"}}"#)));
    assert_eq!(why(&issuer).await, "the metadata names no key set");
    answer("file:///etc/passwd"); // no URL of any host
    assert_eq!(why(&issuer).await, "the metadata names no key set");
    for uri in ["ftp://a.example/jwks", "/jwks"] {
        answer(uri);
        assert_eq!(
            why(&issuer).await,
            "the URL must be https; for development, `dangerous_allow_http` allows http",
            "{uri}"
        );
    }
    answer(&origin.url("/jwks").replace("http://", "http://user@"));
    assert_eq!(
        why(&issuer).await,
        "the URL must have a host, and no credentials"
    );
    assert_eq!(origin.count("/jwks"), 0);
}

#[tokio::test]
async fn loopback_requires_the_dangerous_method() {
    let origin = Origin::start().await;
    assert!(builder(&origin.url("")).build().is_err());
    let at = builder("https://login.example").keys(RemoteKeys::at(origin.url("/jwks")));
    assert!(at.build().is_err());
    assert_eq!(origin.total(), 0);
}

#[tokio::test]
async fn the_key_set_url_can_be_configured() {
    let (origin, signer) = (Origin::start().await, Signer::new("a"));
    origin.answer("/keys?v=1", Answer::json(set([&signer])));
    let keys = RemoteKeys::at(origin.url("/keys?v=1")).dangerous_allow_http();
    let jwt = builder("urn:example:issuer").keys(keys).build().unwrap();
    assert_eq!(status(&jwt, &signer.token("urn:example:issuer")).await, 200);
    assert_eq!(origin.total(), 1);
    // Also for tokens of anybody.
    let keys = RemoteKeys::at(origin.url("/keys?v=1")).dangerous_allow_http();
    let any = JwtVerifier::dangerous_any_issuer()
        .audience(AUDIENCE)
        .keys(keys);
    let any = any.build().unwrap();
    assert_eq!(status(&any, &signer.token("whoever")).await, 200);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let (origin, other, signer) = (
        Origin::start().await,
        Origin::start().await,
        Signer::new("a"),
    );
    let issuer = origin.url("");
    other.answer("/jwks", Answer::json(set([&signer])));
    publish(&origin, OPENID, &issuer, &signer);
    for status in [301, 302, 307, 308] {
        let away = Answer::status(status).with("location", &other.url("/jwks"));
        origin.answer("/jwks", away);
        assert_eq!(
            why(&issuer).await,
            "the issuer answers with an error or a redirect"
        );
    }
    assert_eq!(other.total(), 0);
}

#[tokio::test]
async fn every_fault_of_the_server_is_a_failed_fetch() {
    let (origin, signer) = (Origin::start().await, Signer::new("a"));
    let issuer = origin.url("");
    publish(&origin, OPENID, &issuer, &signer);
    for (answer, message) in [
        (
            Answer::status(500),
            "the issuer answers with an error or a redirect",
        ),
        (Answer::Reset, "the connection failed"),
        (Answer::Flood(2 << 20), "the answer is too long"),
        (Answer::json("junk"), "the answer is no JWK Set"),
        (Answer::Hang, "no answer came in time"),
    ] {
        origin.answer("/jwks", answer);
        let started = Instant::now();
        assert_eq!(why(&issuer).await, message);
        assert!(started.elapsed() < Duration::from_secs(8));
    }
    drop(origin);
    assert_eq!(why(&issuer).await, "the connection failed");
}

#[tokio::test]
async fn an_issuer_that_starts_late_is_found_automatically() {
    let signer = Signer::new("a");
    let address = Origin::start().await.address; // gone at once
    let issuer = format!("http://{address}");
    let jwt = discover(&issuer);
    let token = signer.token(&issuer);
    assert_eq!(status(&jwt, &token).await, 503);
    let origin = Origin::start_at(address).await;
    publish(&origin, OPENID, &issuer, &signer);
    until(|| async { status(&jwt, &token).await == 200 }).await;
}

#[tokio::test]
async fn a_moved_key_set_is_found_again() {
    let (origin, signer) = (Origin::start().await, Signer::new("a"));
    let issuer = origin.url("");
    publish(&origin, OPENID, &issuer, &signer);
    let keys = RemoteKeys::discover()
        .dangerous_allow_http()
        .lifetime(Duration::from_secs(1));
    let jwt = builder(&issuer).keys(keys).connect().await.unwrap();
    let (new, [old_token, new_token]) = {
        let new = Signer::new("b");
        let tokens = [&signer, &new].map(|signer| signer.token(&issuer));
        (new, tokens)
    };
    origin.answer("/jwks", Answer::status(404));
    origin.answer("/moved", Answer::json(set([&new])));
    origin.answer(
        OPENID,
        Answer::json(metadata(&issuer, &origin.url("/moved"))),
    );
    until(|| async { status(&jwt, &old_token).await == 401 }).await;
    assert_eq!(status(&jwt, &new_token).await, 200);
    // The old place stays known while there is no metadata.
    origin.answer(OPENID, Answer::status(500));
    origin.answer("/moved", Answer::status(500));
    until(|| async {
        assert_eq!(status(&jwt, &new_token).await, 200);
        jwt.health().last_error.is_some()
    })
    .await;
    origin.answer("/moved", Answer::json(set([&new, &signer])));
    until(|| async { status(&jwt, &old_token).await == 200 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn valid_tokens_are_accepted_under_load_with_rotations_and_failures() {
    let origin = Origin::start().await;
    let issuer = origin.url("");
    let (stays, forger) = (Signer::new("stays"), Signer::new("forger"));
    publish(&origin, OPENID, &issuer, &stays);
    let keys = RemoteKeys::discover()
        .dangerous_allow_http()
        .lifetime(Duration::from_secs(1))
        .cooldown(Duration::from_secs(1));
    let jwt = builder(&issuer).keys(keys).connect().await.unwrap();
    let good = stays.token(&issuer);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let (jwt, good) = (jwt.clone(), good.clone());
        let claims = common::signer::claims(&issuer);
        let forged: Vec<_> = (0..100)
            .map(|i| forger.sign_as(&format!("{caller}-{i}"), &claims))
            .collect();
        callers.spawn(async move {
            let started = Instant::now();
            let mut verified = 0;
            while started.elapsed() < Duration::from_secs(5) {
                assert_eq!(status(&jwt, &good).await, 200);
                let refused = status(&jwt, &forged[verified % forged.len()]).await;
                assert!(refused == 401 || refused == 503, "{refused}");
                verified += 1;
                tokio::task::yield_now().await;
            }
            verified
        });
    }
    let mut round = 0;
    while !callers.is_empty() {
        round += 1;
        let rotated = Signer::new(&format!("r{round}"));
        origin.answer(
            "/jwks",
            match round % 4 {
                0 => Answer::status(500),
                1 => Answer::json("junk"),
                2 => Answer::Reset,
                _ => Answer::json(set([&rotated, &stays])),
            },
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
        while let Some(verified) = callers.try_join_next() {
            eprintln!("{} verified", verified.unwrap());
        }
    }
    // By the first use in each second and after a failure's pause, and by a forger each cooldown.
    assert!(origin.count("/jwks") < 40, "{}", origin.count("/jwks"));
}
