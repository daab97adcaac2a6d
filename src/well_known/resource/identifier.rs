//! Resource identifiers, and where their documents are (RFC 9728 sections 1.2 and 3.1).

use crate::{ConfigError, util::loopback::is_loopback};
use http::Uri;

/// Between the host and the rest of the resource identifier (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Checks a URL that clients are told: `https`, or `http` on this very machine; no fragment, and
/// no user's name (RFC 9728 section 1.2, RFC 8414 section 2).
pub(super) fn check(what: &str, url: &str) -> Result<(), ConfigError> {
    let wrong = |why: &str| Err(ConfigError::new(format!("{what} {url:?} {why}")));
    // `Uri` would leave a fragment away, and take other characters.
    if url.contains('#') {
        return wrong("has a fragment");
    }
    let Some((scheme, authority, _)) = parts(url) else {
        return wrong("is no https URL");
    };
    if authority.contains('@') {
        return wrong("names a user");
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let uri = url.parse::<Uri>().ok().filter(|_| url.bytes().all(plain));
    let Some(host) = uri.as_ref().and_then(Uri::host).filter(|h| !h.is_empty()) else {
        return wrong("is no URL");
    };
    if scheme == "http" && !is_loopback(host) {
        return wrong("is not https");
    }
    Ok(())
}

/// Returns the address of the document of a checked resource: the whole URL, and the target of a
/// request for it.
///
/// Section 3.1: the well-known path goes between the host and the rest, a slash that is all of
/// the path is left away.
pub(super) fn well_known(resource: &str) -> (String, String) {
    let (scheme, authority, rest) = parts(resource).unwrap_or_default();
    let rest = match rest.strip_prefix('/') {
        Some(query) if query.is_empty() || query.starts_with('?') => query,
        _ => rest,
    };
    let asked = format!("{WELL_KNOWN}{rest}");
    (format!("{scheme}://{authority}{asked}"), asked)
}

/// Scheme, authority, and the rest.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "https" | "http") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    Some((scheme, authority, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_document_is_between_host_and_path() {
        const HOST: &str = "https://resource.example.com";
        for (rest, expected) in [
            // The examples of RFC 9728 sections 3.1 and 3.
            ("", ""),
            ("/resource1", "/resource1"),
            // A slash that follows the host is removed.
            ("/", ""),
            ("/?tenant=1", "?tenant=1"),
            ("?tenant=1", "?tenant=1"),
            // One that ends a path is part of it.
            ("/mcp/", "/mcp/"),
            ("/a/b?c=d/", "/a/b?c=d/"),
            ("//", "//"),
        ] {
            let (url, asked) = well_known(&format!("{HOST}{rest}"));
            assert_eq!(asked, format!("{WELL_KNOWN}{expected}"), "{rest}");
            assert_eq!(url, format!("{HOST}{asked}"), "{rest}");
        }
        let (url, _) = well_known("http://[::1]:8080/mcp");
        assert_eq!(url, format!("http://[::1]:8080{WELL_KNOWN}/mcp"));
    }

    #[test]
    fn only_https_urls_and_those_of_this_machine_are_taken() {
        for url in [
            "https://api.example.com",
            "https://api.example.com:8443/a/b?c=d",
            "http://localhost:3000/mcp",
            "http://127.0.0.1:3000",
            "http://127.9.9.9/",
            "http://[::1]:3000/mcp",
        ] {
            assert!(check("resource", url).is_ok(), "{url}");
        }
        for (url, why) in [
            ("", "is no https URL"),
            ("api.example.com", "is no https URL"),
            ("/mcp", "is no https URL"),
            ("urn:example:api", "is no https URL"),
            ("ftp://api.example.com", "is no https URL"),
            ("HTTPS://api.example.com", "is no https URL"),
            ("http://api.example.com", "is not https"),
            ("http://localhost.example.com", "is not https"),
            ("http://127.0.0.1.example.com", "is not https"),
            ("http://0.0.0.0", "is not https"),
            ("https://api.example.com/#top", "has a fragment"),
            ("https://api.example.com#", "has a fragment"),
            ("https://user@api.example.com/", "names a user"),
            ("https://", "is no URL"),
            ("https:///mcp", "is no URL"),
            ("https://api.example.com/a b", "is no URL"),
            ("https://api.example.com/\"", "is no URL"),
            ("https://api.example.com/é", "is no URL"),
            ("https://api.example.com/\r\nx: y", "is no URL"),
        ] {
            let error = check("resource", url).unwrap_err().to_string();
            assert_eq!(error, format!("resource {url:?} {why}"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(url: String, rest in "[ -~]{0,20}") {
            let _ = check("resource", &url);
            let url = format!("https://a.example{rest}");
            if check("resource", &url).is_ok() {
                let (url, asked) = well_known(&url);
                let uri: Uri = url.parse().unwrap();
                prop_assert_eq!(uri.path_and_query().unwrap().as_str(), asked);
            }
        }
    }
}
