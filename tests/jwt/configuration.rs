//! The required configuration of a verifier, and the maximum size of a token.

use crate::support::*;

#[test]
fn a_verifier_needs_issuer_audience_and_keys() {
    let keys = || key(Algorithm::HS256);
    misconfigured(
        JwtVerifier::issuer(ISSUER).keys(keys()).build(),
        "call `audience`",
    );
    misconfigured(
        JwtVerifier::dangerous_any_issuer()
            .audience(AUDIENCE)
            .build(),
        "call `keys`",
    );
    misconfigured(
        JwtVerifier::issuer("")
            .audience(AUDIENCE)
            .keys(keys())
            .build(),
        "issuer must not be empty",
    );
    misconfigured(usual().audience("").build(), "audience must not be empty");
    misconfigured(
        usual().dangerous_any_audience().build(),
        "must not both be called",
    );
    misconfigured(
        usual().roles_at(Vec::<String>::new()).build(),
        "at least one name",
    );
    misconfigured(
        usual().leeway(Duration::from_secs(3601)).build(),
        "at most an hour",
    );
    misconfigured(
        usual()
            .access_token_profile()
            .dangerous_allow_missing_expiry()
            .build(),
        "RFC 9068 requires",
    );
    assert!(usual().leeway(Duration::from_secs(3600)).build().is_ok());
}

#[test]
fn a_token_is_bounded_before_it_is_decoded() {
    let token = hs256(&claims());
    accepted(usual().max_token_bytes(token.len()), &token);
    refused(usual().max_token_bytes(token.len() - 1), &token, "too_long");
    let long = hs256(&with("x", "x".repeat(16 * 1024)));
    refused(usual(), &long, "too_long");
    let header = format!(r#"{{"alg":"HS256","x":"{}"}}"#, "x".repeat(4096));
    let token = sign(Algorithm::HS256, &header, &claims().to_string());
    refused(usual(), &token, "too_long");
}

#[test]
fn only_the_compact_form_is_a_token() {
    let token = hs256(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for form in [
        "",
        ".",
        "..",
        "...",
        "opaque",
        signed,
        &format!("{token}."),
        &format!(".{token}"),
        &format!("{token}.{signature}"),
        &format!(" {token}"),
        &format!("{token} "),
        &format!("{token}="),
        &format!("{token}\n"),
        &token.replace('.', ".."),
        &token.replacen('e', "+", 1),
        "é.é.é",
    ] {
        let rejection = verify(&usual().build().unwrap(), form).expect_err(form);
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
        assert_eq!(rejection.detail(), "the credentials are not valid");
    }
    refused(usual(), &format!("{signed}."), "signature");
}

#[test]
fn a_key_file_that_cannot_be_used_is_named_with_the_cause() {
    misconfigured(
        KeySet::from_jwks_file("absent/jwks.json"),
        "cannot read the JWK Set absent/jwks.json: No such file",
    );
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    misconfigured(
        KeySet::from_jwks_file(manifest),
        "Cargo.toml cannot be used: this is not a JWK Set",
    );
}

#[test]
fn an_issuer_without_tls_is_rejected_with_the_setting_that_allows_it() {
    crate::common::install_tls();
    let result = JwtVerifier::issuer("http://localhost:8080")
        .audience(AUDIENCE)
        .build();
    misconfigured(result, "dangerous_allow_http");
}
