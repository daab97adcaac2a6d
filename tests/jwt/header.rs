//! The headers that a token may have.

use crate::support::*;

#[test]
fn a_header_with_unknown_requirements_is_rejected() {
    let token = |more: &str| {
        sign(
            Algorithm::HS256,
            &format!(r#"{{"alg":"HS256"{more}}}"#),
            &claims().to_string(),
        )
    };
    for more in [
        "",
        r#","typ":"JWT""#,
        r#","typ":"jwt""#,
        r#","typ":"AT+jwt""#,
        r#","typ":"application/AT+JWT""#,
        r#","b64":true"#,
        r#","zip":"DEF""#,
        r#","jku":"http://127.0.0.1/""#,
        r#","jwk":{"kty":"oct","k":""}"#,
        r#","x5c":["x"]"#,
        r#","x5u":1"#,
        r#","cty":"JWT""#,
    ] {
        accepted(usual(), &token(more));
    }
    for (more, why) in [
        (r#","crit":["exp"]"#, TokenError::Extension),
        (r#","crit":[]"#, TokenError::Extension),
        (r#","crit":null"#, TokenError::Extension),
        (r#","crit":["b64"],"b64":true"#, TokenError::Extension),
        (r#","b64":false"#, TokenError::Extension),
        (r#","b64":"true""#, TokenError::Extension),
        (r#","typ":"id+jwt""#, TokenError::Type),
        (r#","typ":"dpop+jwt""#, TokenError::Type),
        (r#","typ":"logout+jwt""#, TokenError::Type),
        (r#","typ":"application/jwt""#, TokenError::Type),
        (r#","typ":"""#, TokenError::Type),
        (r#","typ":1"#, TokenError::Header),
        (r#","typ":null"#, TokenError::Header),
        (r#","kid":1"#, TokenError::Header),
        (r#","kid":null"#, TokenError::Header),
        (r#","kid":["a"]"#, TokenError::Header),
        (r#","alg":"HS256""#, TokenError::Header),
        (r#","x":{"y":1,"y":2}"#, TokenError::Header),
        (r#","x":NaN"#, TokenError::Header),
    ] {
        refused(usual(), &token(more), why);
    }
}

#[test]
fn the_key_decides_the_algorithm() {
    let token = |alg: &str| {
        sign(
            Algorithm::HS256,
            &format!(r#"{{"alg":{alg}}}"#),
            &claims().to_string(),
        )
    };
    for unknown in [
        "\"none\"",
        "\"None\"",
        "\"\"",
        "\"hs256\"",
        "\"HS256 \"",
        "\"ES512\"",
        "\"HS1\"",
    ] {
        refused(usual(), &token(unknown), TokenError::Algorithm);
    }
    for wrong in ["null", "1", "{}", "[\"HS256\"]"] {
        refused(usual(), &token(wrong), TokenError::Header);
    }
    refused(
        usual(),
        &sign(Algorithm::HS256, "{}", &claims().to_string()),
        TokenError::Algorithm,
    );
    for other in ["\"HS384\"", "\"HS512\"", "\"RS256\"", "\"EdDSA\""] {
        refused(usual(), &token(other), TokenError::UnknownKey);
    }
    // The public key as the secret: what a verifier that asks the token would fall for.
    let confused = builder(key(Algorithm::RS256));
    refused(confused, &hs256(&claims()), TokenError::UnknownKey);
    let named = builder(key(Algorithm::RS256).with_key_id("k"));
    let token = sign(
        Algorithm::HS256,
        r#"{"alg":"HS256","kid":"k"}"#,
        &claims().to_string(),
    );
    refused(named, &token, TokenError::KeyAlgorithm);
}

#[test]
fn ed25519_has_two_names() {
    for alg in ["EdDSA", "Ed25519"] {
        let token = sign(
            Algorithm::EdDSA,
            &format!(r#"{{"alg":"{alg}"}}"#),
            &claims().to_string(),
        );
        accepted(builder(key(Algorithm::EdDSA)), &token);
    }
}
