use super::*;
use http::Request;

const OWN: &str = "app.example.com";

fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// Whether a POST to the own host with these fields passes.
fn passes(fields: &[(&str, &str)]) -> bool {
    let mut all = vec![("host", OWN)];
    all.extend_from_slice(fields);
    let check = CrossSite::default().check(&request("POST", "/", &all));
    if let Err(rejection) = &check {
        assert_eq!(rejection.status(), 403);
    }
    check.is_ok()
}

#[test]
fn reading_passes_whoever_asks() {
    for method in ["GET", "HEAD"] {
        let fields = [
            ("host", OWN),
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        let head = request(method, "/", &fields);
        assert!(CrossSite::default().check(&head).is_ok(), "{method}");
    }
}

#[test]
fn every_other_method_is_checked() {
    for method in [
        "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PURGE", "get",
    ] {
        let fields = [("host", OWN), ("origin", "https://evil.example")];
        let head = request(method, "/", &fields);
        assert!(CrossSite::default().check(&head).is_err(), "{method}");
    }
}

#[test]
fn a_websocket_is_checked_although_it_is_a_get() {
    for upgrade in [
        "websocket",
        "WebSocket",
        "websocket/13",
        "h2c, websocket",
        "h2c ,WEBSOCKET ",
    ] {
        let check = |origin: &str| {
            let fields = [("host", OWN), ("upgrade", upgrade), ("origin", origin)];
            CrossSite::default().check(&request("GET", "/", &fields))
        };
        assert!(check("https://evil.example").is_err(), "{upgrade}");
        assert!(check("null").is_err(), "{upgrade}");
        assert!(check("https://app.example.com").is_ok(), "{upgrade}");
    }
    let second = [
        ("host", OWN),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("origin", "https://evil.example"),
    ];
    let check = CrossSite::default().check(&request("GET", "/", &second));
    assert!(check.is_err());
}

#[test]
fn another_upgrade_is_an_ordinary_get() {
    let fields = [("upgrade", "h2c"), ("origin", "https://evil.example")];
    assert!(
        CrossSite::default()
            .check(&request("GET", "/", &fields))
            .is_ok()
    );
}

#[test]
fn fetch_metadata_decides_where_it_is_sent() {
    let passes = |site: &str| passes(&[("sec-fetch-site", site)]);
    assert!(passes("same-origin"));
    assert!(passes("none"));
    for site in [
        "same-site",
        "cross-site",
        "",
        "Same-Origin",
        "none, none",
        "x",
    ] {
        assert!(!passes(site), "{site:?}");
    }
}

#[test]
fn every_fetch_metadata_field_has_to_pass() {
    let passes = |a, b| passes(&[("sec-fetch-site", a), ("sec-fetch-site", b)]);
    assert!(passes("same-origin", "none"));
    assert!(!passes("same-origin", "cross-site"));
    assert!(!passes("cross-site", "same-origin"));
}

#[test]
fn the_own_origin_does_not_outweigh_fetch_metadata() {
    // Same host, other port or scheme: the browser knows better than the Host field.
    let own = ("origin", "https://app.example.com");
    assert!(!passes(&[("sec-fetch-site", "cross-site"), own]));
    assert!(!passes(&[("sec-fetch-site", "same-site"), own]));
}

#[test]
fn without_origin_and_fetch_metadata_it_is_no_browser() {
    assert!(passes(&[]));
}

#[test]
fn without_fetch_metadata_the_origin_has_to_be_the_host() {
    for (origin, own) in [
        ("https://app.example.com", true),
        ("http://app.example.com", true),
        ("https://APP.example.com", true),
        ("https://app.example.com:443", true),
        ("http://app.example.com:80", true),
        ("https://app.example.com:80", false),
        ("http://app.example.com:443", false),
        ("https://app.example.com:8443", false),
        ("https://example.com", false),
        ("https://evil.example", false),
        ("https://app.example.com.evil.example", false),
        ("https://evilapp.example.com", false),
        ("https://app.example.com@evil.example", false),
        ("https://evil.example@app.example.com", false),
        ("https://evil.example/app.example.com", false),
        ("https://app.example.com/", false),
        ("https://app.example.com.", false),
        ("https://app.example.com, https://app.example.com", false),
        ("HTTPS://app.example.com", false),
        ("capacitor://app.example.com", false),
        ("chrome-extension://app.example.com", false),
        ("app.example.com", false),
        ("://app.example.com", false),
        ("https://", false),
        ("https://:443", false),
        ("null", false),
        ("", false),
    ] {
        assert_eq!(passes(&[("origin", origin)]), own, "{origin:?}");
    }
}

#[test]
fn a_host_may_name_its_port() {
    for (host, origin, own) in [
        ("app.example.com:443", "https://app.example.com", true),
        ("app.example.com:80", "http://app.example.com", true),
        ("app.example.com:443", "http://app.example.com", false),
        ("localhost:3000", "http://localhost:3000", true),
        ("localhost:3000", "http://localhost:3001", false),
        ("[::1]:3000", "http://[::1]:3000", true),
        ("[::1]", "http://[::1]:80", true),
        ("", "https://:443", false),
        ("user@app.example.com", "https://app.example.com", false),
    ] {
        let head = request("POST", "/", &[("host", host), ("origin", origin)]);
        let check = CrossSite::default().check(&head);
        assert_eq!(check.is_ok(), own, "{host:?} {origin:?}");
    }
}

#[test]
fn an_authority_goes_before_a_host_field() {
    // HTTP/2's `:authority`, or the absolute form (RFC 9112 section 3.2.2).
    let check = |origin| {
        let fields = [("host", "other.example"), ("origin", origin)];
        CrossSite::default().check(&request("POST", "https://app.example.com/", &fields))
    };
    assert!(check("https://app.example.com").is_ok());
    assert!(check("https://other.example").is_err());
}

#[test]
fn without_one_host_no_origin_is_the_own() {
    let origin = ("origin", "https://app.example.com");
    let none = request("POST", "/", &[origin]);
    assert!(CrossSite::default().check(&none).is_err());
    let two = request("POST", "/", &[("host", OWN), ("host", OWN), origin]);
    assert!(CrossSite::default().check(&two).is_err());
}

#[test]
fn several_origins_never_pass() {
    let own = ("origin", "https://app.example.com");
    assert!(!passes(&[own, own]));
    assert!(!passes(&[("sec-fetch-site", "same-origin"), own, own]));
}

#[test]
fn bytes_beyond_ascii_are_no_origin() {
    let mut head = request("POST", "/", &[("host", OWN)]);
    let origin = http::HeaderValue::from_bytes(b"https://app.example.com\xff").unwrap();
    head.headers.insert("origin", origin);
    assert!(CrossSite::default().check(&head).is_err());
}

#[test]
fn a_trusted_origin_passes_and_nothing_near_it() {
    let mut cross_site = CrossSite::default();
    cross_site.trust("https://Front.example.com:443");
    cross_site.trust("http://localhost:5173");
    cross_site.trust("capacitor://localhost");
    cross_site.trust("http://[::1]:3000");
    cross_site.trust("http://[2001:DB8::1]");
    cross_site.trust("http://[::ffff:7f00:1]");
    for (origin, trusted) in [
        ("https://front.example.com", true),
        ("http://localhost:5173", true),
        ("capacitor://localhost", true),
        ("http://[2001:db8::1]", true),
        ("http://[::ffff:7f00:1]", true),
        ("http://[::1]:3000", true),
        ("http://front.example.com", false),
        ("https://front.example.com:8443", false),
        ("https://front.example.com.evil.example", false),
        ("https://front.example.com@evil.example", false),
        ("http://localhost", false),
        ("null", false),
    ] {
        for site in [None, Some("same-site"), Some("cross-site")] {
            let mut fields = vec![("host", OWN), ("origin", origin)];
            fields.extend(site.map(|site| ("sec-fetch-site", site)));
            let check = cross_site.check(&request("POST", "/", &fields));
            assert_eq!(check.is_ok(), trusted, "{origin:?} {site:?}");
        }
    }
}

#[test]
fn what_is_no_origin_cannot_be_trusted() {
    for origin in [
        "",
        "null",
        "*",
        "example.com",
        "https://",
        "://example.com",
        "https://example.com/",
        "https://example.com/path",
        "https://user@example.com",
        "https://a.example https://b.example",
        "https://a.example,https://b.example",
        // These would be trusted in vain.
        "https://*.example.com",
        "https://:443",
        "https://a.example:",
        "https://a.example:99999",
        "https://a.example:0443",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[::0001]:8443",
        "https://[::ffff:127.0.0.1]",
        "https://[::1",
        "https://bücher.example",
    ] {
        let trust = || CrossSite::default().trust(origin);
        assert!(std::panic::catch_unwind(trust).is_err(), "{origin:?}");
    }
}

#[test]
fn turned_off_it_lets_everything_pass() {
    let mut cross_site = CrossSite::default();
    cross_site.turn_off();
    let head = request("POST", "/", &[("origin", "https://evil.example")]);
    assert!(cross_site.check(&head).is_ok());
}

#[test]
fn a_closure_trusts_origins_by_a_pattern() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let mut cross_site = CrossSite::default();
    cross_site.trust("https://app.example.org");
    cross_site.trust_by(|origin| origin == "http://localhost:5173");
    // https://pr-42.preview.example.com
    cross_site.trust_by(move |origin| {
        record.lock().unwrap().push(origin.to_owned());
        let number = origin
            .strip_prefix("https://pr-")
            .and_then(|rest| rest.strip_suffix(".preview.example.com"));
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    });
    for (origin, trusted) in [
        ("https://pr-42.preview.example.com", true),
        ("https://PR-42.Preview.example.com", true),
        ("https://app.example.org", true),
        ("http://localhost:5173", true),
        ("http://localhost:5174", false),
        ("http://pr-42.preview.example.com", false),
        ("https://pr-.preview.example.com", false),
        ("https://pr-42.preview.example.com:8443", false),
        ("https://pr-42.preview.example.com.evil.example", false),
        ("https://pr-42.evil.example/.preview.example.com", false),
        ("https://pr-42@evil.example/.preview.example.com", false),
        ("https://pr-42,https://x.preview.example.com", false),
        ("https://pr-x.preview.example.com", false),
        ("null", false),
        ("", false),
        ("https://", false),
    ] {
        for site in [None, Some("same-site"), Some("cross-site")] {
            let mut fields = vec![("host", OWN), ("origin", origin)];
            fields.extend(site.map(|site| ("sec-fetch-site", site)));
            let check = cross_site.check(&request("POST", "/", &fields));
            assert_eq!(check.is_ok(), trusted, "{origin:?} {site:?}");
        }
    }
    // Only texts in the form that browsers send.
    for origin in seen.lock().unwrap().iter() {
        assert!(serialized(origin).as_ref() == Some(origin), "{origin}");
    }
}

#[test]
fn the_request_of_a_proxy_counts_as_that_of_the_browser() {
    let mut cross_site = CrossSite::default();
    cross_site.of_forwarded_requests();
    let link = [("sec-fetch-site", "cross-site")];
    let own = [("sec-fetch-site", "same-origin")];
    let old = [
        ("origin", "https://app.example.com"),
        ("host", "auth.internal"),
    ];
    let host = ("x-forwarded-host", "app.example.com");
    let other = ("x-forwarded-host", "other.example.com");
    let get = ("x-forwarded-method", "GET");
    let post = ("x-forwarded-method", "POST");
    let socket = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (fields, passes) in [
        (vec![link[0], get], true),
        (vec![link[0], ("x-forwarded-method", "HEAD")], true),
        (vec![link[0], post], false),
        (vec![link[0], get, post], false),
        (vec![link[0], ("x-forwarded-method", "get")], false),
        // The proxy does not say which method the browser has used.
        (vec![link[0]], false),
        (vec![link[0], get, socket], false),
        (vec![link[0], get, ("upgrade", "websocket")], false),
        (vec![own[0], post], true),
        (vec![own[0]], true),
        (vec![old[0], old[1], post], false),
        (vec![old[0], old[1], post, host], true),
        (vec![old[0], old[1], post, other], false),
        (vec![old[0], old[1], post, host, other], false),
    ] {
        let check = cross_site.check(&request("GET", "/verify", &fields));
        assert_eq!(check.is_ok(), passes, "{fields:?}");
    }
    // A client that is not the proxy must not choose the method and the host.
    let fields = [link[0], get, host];
    let check = CrossSite::default().check(&request("POST", "/", &fields));
    assert!(check.is_err());
}
