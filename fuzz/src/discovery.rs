//! Whatever an issuer answers with, its keys are taken from nowhere else than its own metadata
//! says, and nothing else is ever asked.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;
use std::{
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use tower_auth::{fetch::fetch_fn, jwt::JwtVerifier, jwt::remote::RemoteKeys};

const ISSUER: &str = "https://login.example/tenant";
const METADATA: [&str; 3] = [
    "https://login.example/tenant/.well-known/openid-configuration",
    "https://login.example/.well-known/oauth-authorization-server/tenant",
    "https://login.example/.well-known/openid-configuration/tenant",
];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

/// The input is metadata, a `Cache-Control` and a set, with a NUL between each.
///
/// Returns whether the keys can be used.
pub fn check(input: &[u8]) -> bool {
    let mut parts = input.splitn(3, |&byte| byte == 0);
    let (Some(metadata), Some(caching), Some(set)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let jwt = RUNTIME.block_on(connect(metadata, caching, set, asked.clone()));
    let asked = asked.lock().unwrap();
    let is_metadata = |url: &&String| METADATA.contains(&url.as_str());
    let of_metadata = asked.iter().take_while(is_metadata).count();
    let (metadata_urls, set_urls) = asked.split_at(of_metadata);
    assert!(metadata_urls.len() <= 3 && set_urls.len() <= 1, "{asked:?}");
    let Some(jwt) = jwt else {
        return false;
    };

    // What was taken, another reader reads the same way.
    let [place] = set_urls else {
        panic!("keys out of nowhere: {asked:?}");
    };
    assert!(
        place.to_ascii_lowercase().starts_with("https://"),
        "{place}"
    );
    let health = jwt.health();
    assert!(health.is_ready && health.keys > 0);
    let next = health.next_refresh.unwrap();
    assert!(next > Duration::from_secs(40) && next < Duration::from_secs(24 * 3600));
    if let Ok(metadata) = serde_json::from_slice::<Value>(metadata) {
        assert_eq!(metadata["issuer"], ISSUER);
        let said: http::Uri = metadata["jwks_uri"].as_str().unwrap().parse().unwrap();
        assert_eq!(said.to_string(), *place);
    }
    if let Ok(set) = serde_json::from_slice::<Value>(set) {
        let entries = set["keys"].as_array().unwrap().len();
        assert!(health.keys + health.skipped_keys <= entries);
    }
    true
}

/// A verifier that has got such answers, and writes down what it has asked for.
async fn connect(
    metadata: &[u8],
    caching: &[u8],
    set: &[u8],
    asked: Arc<Mutex<Vec<String>>>,
) -> Option<JwtVerifier> {
    let metadata = Bytes::copy_from_slice(metadata);
    let set = Bytes::copy_from_slice(set);
    let caching = http::HeaderValue::from_bytes(caching).ok();
    let client = fetch_fn(move |request: Request<Bytes>| {
        let url = request.uri().to_string();
        let mut response = Response::new(match METADATA.contains(&url.as_str()) {
            true => metadata.clone(),
            false => set.clone(),
        });
        if let Some(caching) = &caching {
            let headers = response.headers_mut();
            headers.insert("cache-control", caching.clone());
        }
        asked.lock().unwrap().push(url);
        async move { Ok::<_, std::io::Error>(response) }
    });
    JwtVerifier::issuer(ISSUER)
        .audience("fuzz")
        .keys(RemoteKeys::discover().fetch_with(client))
        .connect()
        .await
        .ok()
}
