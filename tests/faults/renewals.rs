//! Refresh tokens that were spent for a response that the client has not received, and are sent again
//! later: the client is not taken for a thief.

use crate::{
    harness::{Hand, Stores, answered, builder},
    polls::dropped_after,
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_auth::{
    Verify,
    bearer::Token,
    issue::{Cookies, IssuedTokens, RenewLayer, TokenIssuer, TokenSubject},
    store::MemoryStore,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The cookies of a browser.
struct Jar {
    access: String,
    refresh: Option<String>,
}

impl Jar {
    fn new(issued: &IssuedTokens) -> Self {
        Self {
            access: issued.access_token().expose().to_owned(),
            refresh: Some(issued.refresh_token().to_owned()),
        }
    }

    fn request(&self, path: &str) -> http::Request<()> {
        let refresh = self.refresh.as_deref().unwrap_or_default();
        let cookies = format!("__Host-access={}; __Host-refresh={refresh}", self.access);
        let request = http::Request::get(path).header("cookie", cookies);
        request.body(()).unwrap()
    }

    fn receive<B>(&mut self, response: &http::Response<B>) {
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match name {
                "__Host-access" => self.access = value.to_owned(),
                "__Host-refresh" if attributes.contains("Max-Age=0") => self.refresh = None,
                "__Host-refresh" => self.refresh = Some(value.to_owned()),
                _ => {}
            }
        }
    }

    /// The access token passes, and the refresh token was not taken away.
    async fn is_alive(&self, tokens: &TokenIssuer, when: &str) {
        assert!(self.refresh.is_some(), "the cookie was cleared {when}");
        let verifier = tokens.verifier().unwrap();
        let passes = answered(|| async { verifier.verify(Token::new(self.access.as_str())).await });
        assert!(passes.await.is_ok(), "the session was ended {when}");
    }

    async fn is_logged_in(&self, tokens: &TokenIssuer, when: &str) {
        let refresh = self.refresh.as_deref();
        let refresh = refresh.unwrap_or_else(|| panic!("the cookie was cleared {when}"));
        let renewed = answered(|| tokens.refresh(refresh)).await;
        assert!(renewed.is_ok(), "the session was ended {when}: {renewed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_whose_response_is_lost_does_not_end_the_session() {
    let stores = Stores::new(MemoryStore::new()).with_lookup(MemoryStore::new());
    let clock = Hand::fixed();
    let tokens = builder(&stores.stepped(), &clock).build().unwrap();
    let service = RenewLayer::new(tokens.clone(), Cookies::new()).layer(service_fn(
        async |_: http::Request<()>| {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(http::Response::new(()))
        },
    ));
    let mut points = 0;
    // Within the retry window, and after it, while the access token is still valid.
    for later in [11 * SECOND, 200 * SECOND] {
        for polls in 0.. {
            let mut jar = Jar::new(
                &tokens
                    .start_session(TokenSubject::new("ada"))
                    .await
                    .unwrap(),
            );
            clock.pass(11 * MINUTE);
            let mut ready = service.clone();
            let ready = ready.ready().await.unwrap();
            let dropped = dropped_after(polls, ready.call(jar.request("/"))).await;
            // The user comes back, with the cookies as they were.
            clock.pass(later);
            let response = service.clone().oneshot(jar.request("/")).await.unwrap();
            jar.receive(&response);
            let when = format!("{later:?} after a request that was dropped after {polls} polls");
            jar.is_alive(&tokens, &when).await;
            if dropped.is_some() {
                break;
            }
            points += 1;
        }
    }
    println!("faults: renewals dropped, memory with a lookup store: dropped at {points} awaits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_with_a_slow_handler_does_not_end_the_session() {
    let stores = Stores::new(MemoryStore::new());
    let clock = Hand::fixed();
    let tokens = builder(&stores, &clock).build().unwrap();
    let (begun, goes_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, goes_on) = (Arc::clone(&begun), Arc::clone(&goes_on));
        service_fn(move |request: http::Request<()>| {
            let (begun, goes_on) = (Arc::clone(&begun), Arc::clone(&goes_on));
            async move {
                if request.uri().path() == "/slow" {
                    begun.notify_one();
                    goes_on.notified().await;
                }
                Ok::<_, Infallible>(http::Response::new(()))
            }
        })
    };
    let service = RenewLayer::new(tokens.clone(), Cookies::new()).layer(handler);
    let mut jar = Jar::new(
        &tokens
            .start_session(TokenSubject::new("ada"))
            .await
            .unwrap(),
    );
    clock.pass(11 * MINUTE + 30 * SECOND);
    let slow = tokio::spawn(service.clone().oneshot(jar.request("/slow")));
    begun.notified().await;
    // The access token is still valid.
    for seconds in [1, 9, 11, 30, 120] {
        clock.pass(seconds * SECOND);
        let response = service.clone().oneshot(jar.request("/")).await.unwrap();
        let mut tab = Jar {
            access: jar.access.clone(),
            refresh: jar.refresh.clone(),
        };
        tab.receive(&response);
        assert!(tab.refresh.is_some(), "cleared after {seconds} s more");
    }
    goes_on.notify_one();
    jar.receive(&slow.await.unwrap().unwrap());
    jar.is_logged_in(&tokens, "by a slow handler").await;
}
