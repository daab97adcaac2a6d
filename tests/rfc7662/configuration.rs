//! The required configuration.

use crate::support::*;
use bytes::Bytes;
use http::{Request, Response};
use tower_auth::fetch::fetch_fn;

fn bare(url: &str) -> IntrospectionBuilder {
    let client = fetch_fn(|_: Request<Bytes>| async {
        Ok::<_, std::io::Error>(Response::new(Bytes::new()))
    });
    Introspection::endpoint(url).fetch_with(client)
}

fn usual() -> IntrospectionBuilder {
    bare("https://server.example.com/introspect")
        .client_basic("rs", "rs-secret")
        .issuer(ISSUER)
        .audience(AUDIENCE)
}

#[track_caller]
fn refused(builder: IntrospectionBuilder, message: &str) {
    let error = builder.build().expect_err("this is no configuration");
    let error = format!("{error} {:?}", error.source());
    assert!(error.contains(message), "{error:?} says {message:?}");
    assert!(!error.contains("rs-secret"));
}

#[test]
fn the_usual_one_builds() {
    usual().build().unwrap();
    usual().client_post("a", "b").build().unwrap();
}

#[test]
fn credentials_issuer_and_audience_are_configured_or_waived() {
    let url = "https://server.example.com/introspect";
    let with = || bare(url).client_basic("rs", "rs-secret");
    refused(bare(url).issuer(ISSUER).audience(AUDIENCE), "client_basic");
    refused(with().audience(AUDIENCE), "call `issuer`");
    refused(with().issuer(ISSUER), "call `audience`");
    refused(usual().dangerous_any_issuer(), "either an issuer");
    refused(usual().dangerous_any_audience(), "must not both be called");
    refused(usual().issuer(""), "must not be empty");
    refused(usual().audience(""), "not empty");
    refused(usual().token_prefix(""), "not empty");
    with()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .build()
        .unwrap();
}

#[test]
fn the_endpoint_is_a_url_over_tls() {
    for (url, message) in [
        ("http://server.example.com/introspect", "cannot be asked"),
        ("http://127.0.0.1/introspect", "cannot be asked"),
        ("/introspect", "cannot be asked"),
        ("https://user@server.example.com/", "cannot be asked"),
        ("https://server.example.com/ x", "no URL"),
        ("", "no URL"),
    ] {
        let builder = bare(url).client_basic("rs", "rs-secret");
        refused(builder.issuer(ISSUER).audience(AUDIENCE), message);
    }
}

#[test]
fn invalid_numbers_are_rejected() {
    refused(usual().leeway(Duration::from_secs(3601)), "at most an hour");
    refused(usual().time_out(Duration::ZERO), "time-out");
    refused(usual().time_out(Duration::from_secs(6)), "time-out");
    refused(usual().max_calls(0), "without a call");
    for age in [Duration::from_secs(3601), Duration::MAX] {
        refused(usual().max_age(age), "at most one hour");
        refused(usual().refused_age(age), "at most one hour");
    }
    refused(usual().roles_at(Vec::new()), "path of a claim");
    usual()
        .max_calls(usize::MAX)
        .capacity(usize::MAX)
        .cache_bytes(usize::MAX)
        .build()
        .unwrap();
}
