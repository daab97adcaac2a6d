//! Wherever credentials lie, at most one is judged, and none goes on in the query.

use super::through::{note, percent_decode, request, through};
use http::{HeaderName, HeaderValue, Uri, header, request::Parts};
use std::sync::LazyLock;
use tower_auth::{
    AuthLayer, Identity, Location, Rejection,
    api_key::{ApiKey, PresentedKey},
    verify_fn,
};

const GOOD: &[u8] = b"open-sesame";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

static LAYER: LazyLock<AuthLayer> = LazyLock::new(|| {
    let locations = [
        Location::cookie("old_api_key"),
        Location::authorization("ApiKey"),
        Location::header("x-api-key"),
        Location::query("api_key"),
        Location::websocket_protocol("key."),
        Location::cookie("api_key"),
    ];
    let verifier = verify_fn(|key: PresentedKey| {
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
    let (sent, ()) = request.clone().into_parts();
    let answer = through(&LAYER, request);

    let status = answer.status.as_u16();
    assert!([200, 400, 401, 403].contains(&status), "{status}");
    assert_eq!(status == 200, answer.inner.is_some());
    // Of two cookies, the second is tried if the first is invalid.
    let most = if is_filled(&sent) { 1 } else { 2 };
    assert!(answer.judged.len() <= most, "{:?}", answer.judged);
    let invalid = answer.judged.iter().rev().skip(1);
    assert!(invalid.into_iter().all(|key| key != GOOD));
    let accepted = answer.judged.iter().any(|key| key == GOOD);
    assert_eq!(answer.identity().is_some(), accepted);

    if let Some(header) = sent.headers.get(X_API_KEY) {
        // No other place speaks for it.
        assert!(answer.judged.iter().all(|key| key == header.as_bytes()));
    }
    if let Some(inner) = &answer.inner {
        check_inner(inner, &sent.uri);
        // A caller who has sent an explicit credential is not anonymous, be it invalid or of another
        // scheme.
        assert!(accepted || !is_filled(&sent));
    }
    accepted
}

/// Whether there are credentials in places that browsers do not fill by themselves.
fn is_filled(head: &Parts) -> bool {
    let fields = [header::AUTHORIZATION, X_API_KEY];
    fields.iter().any(|name| head.headers.contains_key(name))
        || pairs(&head.uri).any(is_key)
        || offers_key(head)
}

/// What is passed inward has lost or hidden its credentials, and nothing else.
fn check_inner(inner: &Parts, sent: &Uri) {
    let others: Vec<_> = pairs(sent).filter(|pair| !is_key(pair)).collect();
    if others.len() == pairs(sent).count() {
        assert_eq!(inner.uri, *sent);
    } else {
        assert_eq!(pairs(&inner.uri).collect::<Vec<_>>(), others);
        assert_eq!(inner.uri.path(), sent.path());
        assert_eq!(inner.uri.authority(), sent.authority());
    }
    for name in [header::AUTHORIZATION, header::COOKIE, X_API_KEY] {
        let mut values = inner.headers.get_all(name).iter();
        assert!(values.all(HeaderValue::is_sensitive));
    }
    assert!(!offers_key(inner));
}

fn offers_key(head: &Parts) -> bool {
    let lists = head.headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut protocols = lists.flat_map(|list| list.as_bytes().split(|&byte| byte == b','));
    protocols.any(|protocol| protocol.trim_ascii().starts_with(b"key."))
}

fn pairs(uri: &Uri) -> impl Iterator<Item = &str> {
    uri.query().into_iter().flat_map(|query| query.split('&'))
}

fn is_key(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    percent_decode(name.replace('+', " ").as_bytes()) == b"api_key"
}
