//! Requests as handlers inside of a `RenewLayer` receive them.

use crate::support::*;
use http::{Request, Response};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tower::{Layer, ServiceExt, service_fn};
use tower_auth::issue::{Cookies, RenewLayer, TokenSubject};

/// A handler that logs out by the refresh token of the cookie, behind a `RenewLayer`.
#[tokio::test]
async fn a_handler_behind_a_renew_layer_can_read_a_refresh_token() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let cookies = Cookies::new();
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(14 * MINUTE);
    let seen = Arc::new(AtomicBool::new(false));
    let service = RenewLayer::new(tokens, cookies.clone()).layer(service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<()>| {
            let (head, ()) = request.into_parts();
            seen.store(matches!(cookies.refresh_token(&head), Ok(Some(_))), SeqCst);
            async { Ok::<_, Infallible>(Response::new(())) }
        }
    }));
    let cookie = format!(
        "__Host-access={}; __Host-refresh={}",
        issued.access_token().expose(),
        issued.refresh_token()
    );
    let request = Request::post("/logout")
        .header("cookie", cookie)
        .body(())
        .unwrap();
    service.oneshot(request).await.unwrap();
    assert!(seen.load(SeqCst));
}
