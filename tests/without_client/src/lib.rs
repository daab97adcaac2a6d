//! Start-up errors of features that fetch, compiled without the HTTP client.
//!
//! The tests of tower-auth itself are always compiled with all features.
#![cfg(test)]

use tower_auth::{ConfigError, jwt::JwtVerifier};

#[track_caller]
fn fails<T>(result: Result<T, ConfigError>, message: &str) {
    match result {
        Ok(_) => panic!("built without an HTTP client"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

#[cfg(feature = "fetching")]
const MISSING_CLIENT: &str = "an HTTP client is missing: enable the feature \"reqwest\" of tower-auth, \
     or call `fetch_with` with a client of the application";

#[cfg(feature = "fetching")]
#[test]
fn keys_of_an_issuer_need_an_http_client() {
    use tower_auth::jwt::remote::RemoteKeys;

    let verifier = || JwtVerifier::issuer("https://as.example").audience("https://rs.example");
    fails(verifier().build(), MISSING_CLIENT);
    let keys = RemoteKeys::at("https://as.example/jwks");
    fails(verifier().keys(keys).build(), MISSING_CLIENT);
}

#[cfg(feature = "fetching")]
#[test]
fn introspection_needs_an_http_client() {
    let introspection =
        tower_auth::introspection::Introspection::endpoint("https://as.example/introspect")
            .client_basic("api", "secret")
            .issuer("https://as.example")
            .audience("https://rs.example");
    fails(introspection.build(), MISSING_CLIENT);
}

#[cfg(feature = "fetching")]
#[test]
fn a_client_of_the_application_is_enough() {
    use tower_auth::{
        fetch::{FetchError, fetch_fn},
        jwt::remote::RemoteKeys,
    };

    let client = fetch_fn(|_| async { Err::<_, FetchError>(FetchError::new("never called")) });
    let keys = RemoteKeys::discover().fetch_with(client);
    let verifier = JwtVerifier::issuer("https://as.example").audience("https://rs.example");
    assert!(verifier.keys(keys).build().is_ok());
}

#[cfg(not(feature = "fetching"))]
#[test]
fn keys_of_an_issuer_need_the_feature_provider() {
    let verifier = JwtVerifier::issuer("https://as.example").audience("https://rs.example");
    fails(
        verifier.build(),
        "the keys of the issuer are missing: call `keys`, or enable the feature \"provider\" of \
         tower-auth, which fetches them",
    );
}
