//! What issuers answer with: metadata, sets, and for how long they are good.

use crate::json::{Document, Value};
use http::{
    HeaderMap, Uri,
    header::{AGE, CACHE_CONTROL, ETAG},
};
use std::time::Duration;

/// Where an issuer's metadata may be, in the order in which it is asked.
///
/// 1. OpenID Connect Discovery 1.0 section 4.1: behind the issuer, without its last slash.
/// 2. RFC 8414 section 3.1: between host and path.
/// 3. RFC 8414 section 5: OpenID's name in the place of RFC 8414, where that is another.
///
/// `None` if the issuer is no URL without query and fragment.
pub(crate) fn metadata_urls(issuer: &str) -> Option<Vec<Uri>> {
    if issuer.contains(['?', '#']) {
        return None;
    }
    let url: Uri = issuer.parse().ok()?;
    let (scheme, authority) = (url.scheme_str()?, url.authority()?);
    let path = url.path().strip_suffix('/').unwrap_or(url.path());
    let behind = format!("{path}/.well-known/openid-configuration");
    let between = |name: &str| format!("/.well-known/{name}{path}");
    let mut paths = vec![behind, between("oauth-authorization-server")];
    if !path.is_empty() {
        paths.push(between("openid-configuration"));
    }
    paths
        .into_iter()
        .map(|path| format!("{scheme}://{authority}{path}").parse().ok())
        .collect()
}

/// Why a document is not the issuer's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is no metadata at all.
    Junk,
    /// It names another issuer.
    Issuer,
    /// It names no key set.
    JwksUri,
}

/// The `jwks_uri` of this issuer's metadata (OpenID Connect Discovery 1.0 section 4.3, RFC 8414
/// section 3.3).
pub(super) fn jwks_uri(metadata: &[u8], issuer: &str) -> Result<Uri, Unfit> {
    let metadata = Document::published(metadata).map_err(|_| Unfit::Junk)?;
    let named = metadata.named("issuer").ok_or(Unfit::Junk)?;
    if !named.is_str(issuer) {
        return Err(Unfit::Issuer);
    }
    let uri = metadata.named("jwks_uri").and_then(Value::as_str);
    uri.and_then(|uri| uri.parse().ok()).ok_or(Unfit::JwksUri)
}

/// For how long an answer says it is good (RFC 9111 section 4.2); `None` if it does not say.
pub(super) fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let mut seconds = None;
    for field in headers.get_all(CACHE_CONTROL) {
        for directive in field.to_str().ok()?.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" => seconds = value.trim().trim_matches('"').parse::<u64>().ok(),
                "no-store" | "no-cache" => return Some(Duration::ZERO),
                _ => {}
            }
        }
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok());
    let age = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    Some(Duration::from_secs(seconds?.saturating_sub(age)))
}

/// The longest entity tag that is sent back.
const MAX_ETAG: usize = 512;

/// What an answer calls its version (RFC 9110 section 8.8.3).
pub(super) fn etag(headers: &HeaderMap) -> Option<http::HeaderValue> {
    let etag = headers.get(ETAG)?;
    (etag.len() <= MAX_ETAG && etag.to_str().is_ok()).then(|| etag.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn urls(issuer: &str) -> Vec<String> {
        let urls = metadata_urls(issuer).unwrap();
        urls.iter().map(Uri::to_string).collect()
    }

    #[test]
    fn metadata_is_looked_for_where_the_specifications_put_it() {
        let plain = [
            "https://a.example/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server",
        ];
        assert_eq!(urls("https://a.example"), plain);
        assert_eq!(urls("https://a.example/"), plain);
        let path = [
            "https://a.example:8443/realms/x/.well-known/openid-configuration",
            "https://a.example:8443/.well-known/oauth-authorization-server/realms/x",
            "https://a.example:8443/.well-known/openid-configuration/realms/x",
        ];
        assert_eq!(urls("https://a.example:8443/realms/x"), path);
        assert_eq!(urls("https://a.example:8443/realms/x/"), path);
    }

    #[test]
    fn an_issuer_that_is_no_url_has_no_metadata() {
        for issuer in [
            "",
            "login",
            "/login",
            "login.example.com",
            "https://a.example/?tenant=1",
            "https://a.example/#x",
            "https:///x",
            "urn:example:issuer",
        ] {
            assert_eq!(metadata_urls(issuer), None, "{issuer}");
        }
    }

    #[test]
    fn metadata_has_to_name_this_very_issuer() {
        let issuer = "https://a.example/";
        let read = |text: &str| jwks_uri(text.as_bytes(), issuer);
        let good = r#"{"issuer":"https://a.example/","jwks_uri":"https://b.example/keys"}"#;
        assert_eq!(read(good).unwrap(), "https://b.example/keys");
        for other in [
            "https://a.example",
            "https://A.example/",
            "https://b.example/",
        ] {
            let text = good.replace("https://a.example/", other);
            assert_eq!(read(&text), Err(Unfit::Issuer), "{other}");
        }
        assert_eq!(
            read(r#"{"issuer":["https://a.example/"]}"#),
            Err(Unfit::Issuer)
        );
        for none in [
            r#"{"issuer":"https://a.example/"}"#,
            r#"{"issuer":"https://a.example/","jwks_uri":7}"#,
            r#"{"issuer":"https://a.example/","jwks_uri":"a b"}"#,
        ] {
            assert_eq!(read(none), Err(Unfit::JwksUri), "{none}");
        }
        for junk in ["", "<html>", "[]", "{}", r#"{"issuer":"a","issuer":"b"}"#] {
            assert_eq!(read(junk), Err(Unfit::Junk), "{junk}");
        }
    }

    #[test]
    fn an_answer_says_for_how_long_it_is_good() {
        let said = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            lifetime(&headers).map(|lifetime| lifetime.as_secs())
        };
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[("cache-control", "public")]), None);
        assert_eq!(said(&[("cache-control", "public, Max-Age=600")]), Some(600));
        assert_eq!(
            said(&[("cache-control", "max-age=600"), ("age", "500")]),
            Some(100)
        );
        assert_eq!(
            said(&[("cache-control", "max-age=600"), ("age", "900")]),
            Some(0)
        );
        assert_eq!(
            said(&[
                ("cache-control", "public"),
                ("cache-control", "max-age=\"5\"")
            ]),
            Some(5)
        );
        assert_eq!(said(&[("cache-control", "no-store")]), Some(0));
        assert_eq!(said(&[("cache-control", "max-age=600, no-cache")]), Some(0));
        assert_eq!(said(&[("cache-control", "max-age=x")]), None);
        assert_eq!(said(&[("cache-control", "max-age=-1")]), None);
    }
}
