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
        (r#","crit":["exp"]"#, "extension"),
        (r#","crit":[]"#, "extension"),
        (r#","crit":null"#, "extension"),
        (r#","crit":["b64"],"b64":true"#, "extension"),
        (r#","b64":false"#, "extension"),
        (r#","b64":"true""#, "extension"),
        (r#","typ":"id+jwt""#, "type"),
        (r#","typ":"dpop+jwt""#, "type"),
        (r#","typ":"logout+jwt""#, "type"),
        (r#","typ":"application/jwt""#, "type"),
        (r#","typ":"""#, "type"),
        (r#","typ":1"#, "header"),
        (r#","typ":null"#, "header"),
        (r#","kid":1"#, "header"),
        (r#","kid":null"#, "header"),
        (r#","kid":["a"]"#, "header"),
        (r#","alg":"HS256""#, "header"),
        (r#","x":{"y":1,"y":2}"#, "header"),
        (r#","x":NaN"#, "header"),
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
        refused(usual(), &token(unknown), "algorithm");
    }
    for wrong in ["null", "1", "{}", "[\"HS256\"]"] {
        refused(usual(), &token(wrong), "header");
    }
    refused(
        usual(),
        &sign(Algorithm::HS256, "{}", &claims().to_string()),
        "algorithm",
    );
    for other in ["\"HS384\"", "\"HS512\"", "\"RS256\"", "\"EdDSA\""] {
        refused(usual(), &token(other), "unknown_key");
    }
    // The public key as the secret: what a verifier that asks the token would fall for.
    let confused = builder(key(Algorithm::RS256));
    refused(confused, &hs256(&claims()), "unknown_key");
    let named = builder(key(Algorithm::RS256).with_key_id("k"));
    let token = sign(
        Algorithm::HS256,
        r#"{"alg":"HS256","kid":"k"}"#,
        &claims().to_string(),
    );
    refused(named, &token, "key_algorithm");
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
