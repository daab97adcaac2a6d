//! The HTTP client of the feature `reqwest`, against servers that misbehave.

use crate::common::{
    install_tls,
    origin::{Answer, Origin},
};
use bytes::Bytes;
use http::{Request, Response};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tower_auth::fetch::{Fetch, FetchError, FetchErrorKind, HttpClient, MAX_BODY, fetch_fn};

async fn fetch(client: &impl Fetch, url: String) -> Result<Response<Bytes>, FetchError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    client.fetch(request).await
}

fn client() -> HttpClient {
    install_tls();
    HttpClient::new().unwrap()
}

#[tokio::test]
async fn the_client_gets_and_posts() {
    let origin = Origin::start().await;
    origin.answer("/doc", Answer::json("{}").with("etag", "\"1\""));
    let client = client();
    let answer = fetch(&client, origin.url("/doc")).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (200, &b"{}"[..])
    );
    assert_eq!(answer.headers()["etag"], "\"1\"");

    let request = Request::post(origin.url("/doc"))
        .header("authorization", "Basic c2VjcmV0")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(b"token=abc"))
        .unwrap();
    client.fetch(request).await.unwrap();
    let asked = origin.asked("/doc").pop().unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.body.as_str()),
        ("POST", "token=abc")
    );
    assert_eq!(asked.fields["authorization"], "Basic c2VjcmV0");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (origin, other) = (Origin::start().await, Origin::start().await);
    let client = client();
    for status in [301, 302, 303, 307, 308] {
        let away = Answer::status(status).with("location", &other.url("/jwks"));
        origin.answer("/jwks", away);
        let answer = fetch(&client, origin.url("/jwks")).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    assert_eq!(other.total(), 0);
}

#[tokio::test]
async fn the_client_keeps_no_cookies() {
    let origin = Origin::start().await;
    origin.answer("/", Answer::json("{}").with("set-cookie", "a=b; Path=/"));
    let client = client();
    for _ in 0..2 {
        fetch(&client, origin.url("/")).await.unwrap();
    }
    let asked = origin.asked("/");
    assert_eq!(asked.len(), 2);
    assert!(
        asked
            .iter()
            .all(|asked| !asked.fields.contains_key("cookie"))
    );
}

#[tokio::test]
async fn a_body_without_end_is_not_read_to_its_end() {
    let origin = Origin::start().await;
    let client = client();
    origin.answer("/flood", Answer::Flood(MAX_BODY + 1024));
    let error = fetch(&client, origin.url("/flood")).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::TooLong);
    origin.answer("/fits", Answer::Flood(MAX_BODY));
    let answer = fetch(&client, origin.url("/fits")).await.unwrap();
    assert_eq!(answer.body().len(), MAX_BODY);
}

#[tokio::test]
async fn silence_and_broken_connections_are_errors() {
    let origin = Origin::start().await;
    let client = client();
    origin.answer("/reset", Answer::Reset);
    let error = fetch(&client, origin.url("/reset")).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Connection);
    origin.answer("/hang", Answer::Hang);
    let started = Instant::now();
    let error = fetch(&client, origin.url("/hang")).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(7));
    // Neither the message nor its sources name the URL, which may be somebody's secret.
    let text = format!("{error:?} {error}");
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn an_application_can_bring_its_own_client() {
    let own = fetch_fn(|_| async { Err::<Response<Bytes>, _>(std::io::Error::other("down")) });
    let error = fetch(&own, "https://a.example/".into()).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Connection);
    let own =
        fetch_fn(|_| async { Err::<Response<Bytes>, _>(FetchError::of(FetchErrorKind::TimedOut)) });
    let error = fetch(&own, "https://a.example/".into()).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::TimedOut);
}

#[tokio::test]
async fn a_server_without_tls_is_rejected_for_https() {
    // The provider of cryptography is the client's own: nobody has installed one here.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 X\r\n\r\n").await.unwrap();
    });
    let error = fetch(&client(), url).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Connection);
}
