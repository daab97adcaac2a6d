//! Tokens and the client secret are sent to the endpoint only.

use crate::{
    common::{
        Probe,
        events::{LINES, record},
        get, send,
    },
    support::*,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use tower::Layer;
use tower_auth::{AuthLayer, bearer::Bearer};

const TOKEN: &str = "S3cretTokenOfASession";
const SECRET: &str = "S3cretOfThisService";

#[tokio::test]
async fn too_many_tokens_are_logged_at_info_only() {
    record();
    let endpoint = Endpoint::answering(Answer::Hang).await;
    let introspection = endpoint.builder().max_calls(1).patience(Duration::ZERO);
    let layer = AuthLayer::new(Bearer::new(introspection.build().unwrap()));
    let service = layer.layer(Probe::new());
    let first = tokio::spawn({
        let service = service.clone();
        async move { send(&service, get("/", &[("authorization", "Bearer first")])).await }
    });
    let start = Instant::now();
    while endpoint.count() == 0 {
        assert!(start.elapsed() < Duration::from_secs(4), "never asked");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let second = send(&service, get("/", &[("authorization", "Bearer second")])).await;
    assert_eq!(second.status, 503);
    first.abort();
    let lines = LINES.lock().unwrap().clone();
    let of = |level: &str| {
        let start = format!("{level} tower_auth");
        let text = "error=too many tokens are being introspected";
        let found = |line: &&String| line.starts_with(&start) && line.contains(text);
        lines.iter().filter(found).count()
    };
    assert_eq!((of("ERROR"), of("INFO")), (0, 1), "{lines:#?}");
}

#[tokio::test]
async fn logs_responses_and_debug_output_have_no_tokens_or_secrets() {
    record();
    let endpoint = Endpoint::start().await;
    let unseen = |what: &str, text: &str| {
        let pair = STANDARD.encode(format!("rs:{SECRET}"));
        for secret in [TOKEN, SECRET, &STANDARD.encode(TOKEN), &pair] {
            assert!(!text.contains(secret), "{what}: {text}");
        }
    };
    for builder in [
        endpoint.builder().client_basic("rs", SECRET),
        endpoint.builder().client_post("rs", SECRET),
    ] {
        unseen("builder", &format!("{builder:?}"));
        let introspection = builder.build().unwrap();
        unseen("verifier", &format!("{introspection:?} {introspection:#?}"));
        let service = AuthLayer::new(Bearer::new(introspection.clone())).layer(Probe::new());
        for (n, answer) in [
            good(),
            inactive(),
            Answer::json("junk"),
            Answer::status(400),
            Answer::status(401),
            Answer::status(500),
            Answer::Reset,
            Answer::json(format!("{{\"active\":true,\"x\":\"{TOKEN}\"}}")),
            Answer::status(500),
            Answer::status(500),
            Answer::status(500),
            Answer::status(500),
            Answer::status(500),
            good(),
        ]
        .into_iter()
        .enumerate()
        {
            endpoint.answer(answer);
            let field = format!("Bearer {TOKEN}{n}");
            let reply = send(&service, get("/", &[("authorization", &field)])).await;
            unseen("response", &format!("{reply:?}"));
        }
    }
    let lines = LINES.lock().unwrap().join("\n");
    unseen("log", &lines);
    let refused = "does not accept this service's own credentials: no opaque token";
    let is_error = |line: &str| line.starts_with("ERROR tower_auth") && line.contains(refused);
    assert!(lines.lines().any(is_error), "{lines}");
}
