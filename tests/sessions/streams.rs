//! Streams that end with the credentials that opened them.

use crate::support::*;
use axum::{
    Router,
    response::{Sse, sse::Event},
    routing::get,
};
use http_body_util::BodyExt;
use std::{
    convert::Infallible,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;
use tower_auth::{
    AuthLayer, Identity, Rejection, RejectionKind, Verdict,
    bearer::Bearer,
    issue::TokenSubject,
    revocation::{Revocations, RevokedBy, UntilEnded},
};

/// A clock that follows the paused time of the runtime.
fn clock() -> impl Fn() -> SystemTime + Clone + Send + Sync + 'static {
    let begun = Instant::now();
    move || UNIX_EPOCH + Duration::from_millis(START) + begun.elapsed()
}

fn expiring_in(seconds: u64) -> Identity {
    let expiry = UNIX_EPOCH + Duration::from_millis(START) + SECOND * seconds as u32;
    Identity::new("42")
        .with_issuer(ISSUER)
        .with_session_id("s")
        .with_expiry(expiry)
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_credentials_expire_with_the_leeway_of_the_verifier() {
    for (leeway, end) in [
        (None, 160),
        (Some(Duration::ZERO), 100),
        (Some(SECOND), 101),
    ] {
        let mut until = UntilEnded::new(expiring_in(100)).clock(clock());
        if let Some(leeway) = leeway {
            until = until.leeway(leeway);
        }
        let begun = Instant::now();
        let rejection = until.ended().await;
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
        let passed = begun.elapsed();
        assert!(
            passed >= SECOND * end && passed < SECOND * (end + 1),
            "{passed:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_the_next_check_after_its_session_is_revoked() {
    let list = Revocations::new();
    let until = UntilEnded::new(expiring_in(3600))
        .clock(clock())
        .recheck(list.clone(), Duration::from_secs(40));
    let begun = Instant::now();
    let ended = tokio::spawn(until.ended());
    sleep(Duration::from_secs(90)).await;
    assert!(!ended.is_finished());
    let far = SystemTime::now() + DAY;
    list.revoke_session(ISSUER, "s", far).unwrap();
    let rejection = ended.await.unwrap();
    let source = std::error::Error::source(&rejection).unwrap();
    assert_eq!(source.downcast_ref(), Some(&RevokedBy::Session));
    let passed = begun.elapsed();
    assert!(
        passed >= SECOND * 120 && passed < SECOND * 121,
        "{passed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_does_not_go_on_unchecked() {
    struct Down;

    impl tower_auth::revocation::RevocationCheck for Down {
        fn check(&self, _: &Identity) -> Verdict<()> {
            Verdict::ready(Err(Rejection::unavailable("down")))
        }
    }

    let until = UntilEnded::new(Identity::new("42")).recheck(Down, Duration::ZERO);
    let rejection = timeout(MINUTE, until.ended()).await.unwrap();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    // Credentials that neither expire nor are checked do not end.
    let until = UntilEnded::new(Identity::new("42"));
    assert!(timeout(DAY, until.ended()).await.is_err());
}

/// Server-sent events of axum, whose session is ended by its id.
#[tokio::test]
async fn events_end_with_their_session() {
    let (tokens, _) = tokens();
    let list = tokens.revocations().clone();
    let handler = move |identity: Identity| async move {
        let ended = UntilEnded::new(identity).recheck(list, SECOND);
        let (send, receive) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            let ended = ended.ended();
            tokio::pin!(ended);
            loop {
                tokio::select! {
                    _ = &mut ended => return,
                    () = sleep(Duration::from_millis(50)) => {
                        let event = Event::default().data("tick");
                        if send.send(Ok::<_, Infallible>(event)).await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Sse::new(tokio_stream::wrappers::ReceiverStream::new(receive))
    };
    let verifier = tokens.verifier().unwrap();
    let app = Router::new()
        .route("/events", get(handler))
        .layer(AuthLayer::new(Bearer::new(verifier)));
    let subject = TokenSubject::new("42").with_lifetime(DAY);
    let issued = tokens.start_session(subject).await.unwrap();
    let field = format!("Bearer {}", issued.access_token().expose());
    let request = http::Request::get("/events").header("authorization", field);
    let request = request.body(axum::body::Body::empty()).unwrap();
    let mut body = app.oneshot(request).await.unwrap().into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "data: tick\n\n");
    assert!(
        tokens
            .end_session_by_id("42", issued.session_id())
            .await
            .unwrap()
    );
    timeout(MINUTE, body.collect()).await.unwrap().unwrap();
}
