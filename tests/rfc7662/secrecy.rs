//! Neither tokens nor this service's secret are to be seen anywhere but at the endpoint.

use crate::{
    common::{Probe, get, send},
    events::{LINES, record},
    support::*,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use tower::Layer;
use tower_auth::{AuthLayer, bearer::Bearer};

const TOKEN: &str = "S3cretTokenOfASession";
const SECRET: &str = "S3cretOfThisService";

#[tokio::test]
async fn tokens_and_secrets_are_in_no_log_line_response_or_debug() {
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
