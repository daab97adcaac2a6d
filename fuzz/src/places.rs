//! Wherever credentials lie, at most one is judged, and none goes on in the query.

use super::through::{note, percent_decode, request, through};
use http::{HeaderValue, Uri, header};
use std::sync::LazyLock;
use tower_auth::{
    AuthLayer, Identity, Location, Rejection,
    api_key::{ApiKey, Key},
    verify_fn,
};

const GOOD: &[u8] = b"open-sesame";

static LAYER: LazyLock<AuthLayer> = LazyLock::new(|| {
    let locations = [
        Location::authorization("ApiKey"),
        Location::header("x-api-key"),
        Location::query("api_key"),
        Location::websocket_protocol("key."),
        Location::cookie("api_key"),
        Location::cookie("old_api_key"),
    ];
    let verifier = verify_fn(|key: Key| {
        note(key.as_bytes());
        match key.as_bytes() == GOOD {
            true => Ok(Identity::new("user1")),
            false => Err(Rejection::invalid()),
        }
    });
    AuthLayer::new(ApiKey::new(locations, verifier)).optional()
});

/// The input is the head of a request.
pub fn check(input: &[u8]) -> bool {
    let Some(request) = request(input) else {
        return false;
    };
    let sent = request.uri().clone();
    let answer = through(&LAYER, request);

    let status = answer.status.as_u16();
    assert!([200, 400, 401, 403].contains(&status), "{status}");
    assert!(answer.judged.len() <= 1, "{:?}", answer.judged);
    let accepted = answer.judged.iter().any(|key| key == GOOD);
    assert_eq!(answer.identity().is_some(), accepted);
    // A bad credential never becomes a visitor.
    assert_eq!(
        status == 200,
        accepted || (answer.judged.is_empty() && answer.inner.is_some())
    );

    let Some(inner) = answer.inner else {
        return false;
    };
    let others: Vec<_> = pairs(&sent).filter(|pair| !is_key(pair)).collect();
    if others.len() == pairs(&sent).count() {
        assert_eq!(inner.uri, sent);
    } else {
        assert_eq!(pairs(&inner.uri).collect::<Vec<_>>(), others);
        assert_eq!(inner.uri.path(), sent.path());
        assert_eq!(inner.uri.authority(), sent.authority());
    }
    for name in [
        header::AUTHORIZATION,
        header::COOKIE,
        "x-api-key".parse().unwrap(),
    ] {
        let mut values = inner.headers.get_all(name).iter();
        assert!(values.all(HeaderValue::is_sensitive));
    }
    let protocols = inner.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut protocols = protocols
        .iter()
        .flat_map(|list| list.as_bytes().split(|&b| b == b','));
    assert!(!protocols.any(|protocol| protocol.trim_ascii().starts_with(b"key.")));
    accepted
}

fn pairs(uri: &Uri) -> impl Iterator<Item = &str> {
    uri.query().into_iter().flat_map(|query| query.split('&'))
}

fn is_key(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    percent_decode(name.replace('+', " ").as_bytes()) == b"api_key"
}
