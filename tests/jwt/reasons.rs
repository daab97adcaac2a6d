//! The reason for which a token is rejected names what was found and what was expected, to logs and to
//! code, and never to clients.

use crate::support::*;
use std::error::Error as _;

/// The text of the reason, after the client has received none of it.
#[track_caller]
fn reason(builder: JwtVerifierBuilder, token: &str) -> String {
    let rejection = verify(&builder.build().unwrap(), token).expect_err("the token is rejected");
    let reason = rejection.source().unwrap().to_string();
    for text in [rejection.to_string(), rejection.detail().to_owned()] {
        let fixed = [
            "the credentials are not valid",
            "the token has expired",
            "the token is not valid yet",
        ];
        assert!(fixed.contains(&text.as_str()), "{text}");
    }
    reason
}

fn named(algorithm: Algorithm, id: &str) -> Key {
    key(algorithm).with_key_id(id)
}

#[test]
fn a_claim_is_named_with_both_values() {
    let both = || usual().audience("https://other.example");
    for (builder, claims, expected) in [
        (
            usual(),
            with("iss", "https://as.example/"),
            r#"the issuer is "https://as.example/", expected "https://as.example""#,
        ),
        (
            usual(),
            with("aud", json!(["a", "b"])),
            r#"the audience is ["a","b"], expected "https://rs.example""#,
        ),
        (
            both(),
            with("aud", "a"),
            r#"the audience is "a", expected one of "https://rs.example", "https://other.example""#,
        ),
        (
            usual(),
            with("aud", Value::Null),
            r#"the claim "aud" is missing, expected "https://rs.example""#,
        ),
        (
            usual(),
            with("iss", Value::Null),
            r#"the claim "iss" is missing, expected "https://as.example""#,
        ),
        (
            usual(),
            with("exp", Value::Null),
            r#"the claim "exp" is missing"#,
        ),
        (
            usual().subject_at(["user", "id"]),
            claims(),
            r#"the claim "user/id" is missing, expected a subject"#,
        ),
        (
            usual(),
            with("exp", "soon"),
            r#"the claim "exp" must be a date: a number of seconds since 1970, found a string"#,
        ),
        (
            usual().roles_at(["realm_access", "roles"]),
            with("realm_access", json!({ "roles": ["a", 7] })),
            r#"the claim "realm_access/roles" must be a string or an array of strings, found an array that holds a number"#,
        ),
        (
            usual(),
            with("exp", NOW - 61),
            r#"the token has expired: "exp" is 1799999939, expected later than 1799999940 (now 1800000000, leeway 60 s)"#,
        ),
        (
            usual(),
            with("nbf", NOW + 61),
            r#"the token is not valid yet: "nbf" is 1800000061, expected at most 1800000060 (now 1800000000, leeway 60 s)"#,
        ),
        (
            usual(),
            with("iat", NOW + 100),
            r#"the token is not valid yet: "iat" is 1800000100, expected at most 1800000060 (now 1800000000, leeway 60 s)"#,
        ),
    ] {
        assert_eq!(reason(builder, &hs256(&claims)), expected);
    }
}

#[test]
fn a_header_parameter_is_named_with_both_values() {
    let token = |header: &str| sign(Algorithm::HS256, header, &claims().to_string());
    for (header, expected) in [
        (
            r#"{"alg":"none"}"#,
            r#"the header parameter "alg" is "none", expected a supported algorithm"#,
        ),
        (
            r#"{"typ":"JWT"}"#,
            r#"the header parameter "alg" is missing, expected a supported algorithm"#,
        ),
        (
            r#"{"alg":"HS256","kid":7}"#,
            r#"the header parameter "kid" must be a string, found a number"#,
        ),
        (
            r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
            r#"the header parameter "typ" is "dpop+jwt", expected none, "JWT" or "at+jwt""#,
        ),
        (
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"the header parameter "crit" is ["exp"], expected no extension"#,
        ),
        (
            r#"{"alg":"HS256","alg":"HS256"}"#,
            "the header is malformed: a member name occurs twice",
        ),
    ] {
        assert_eq!(reason(usual(), &token(header)), expected, "{header}");
    }
    let profile = usual().access_token_profile();
    assert_eq!(
        reason(profile, &hs256(&claims())),
        r#"the header parameter "typ" is missing, expected "at+jwt""#
    );
}

#[test]
fn a_key_is_named_with_the_known_keys() {
    let keys = KeySet::new([
        named(Algorithm::HS256, "k1"),
        named(Algorithm::ES256, "k3"),
        named(Algorithm::HS512, "k4"),
    ]);
    let keys = keys.unwrap();
    let token = |header: &str| sign(Algorithm::HS256, header, &claims().to_string());
    for (header, expected) in [
        (
            r#"{"alg":"HS256","kid":"k2"}"#,
            r#"no key has the id "k2"; known: "k1" (HS256), "k3" (ES256), "k4" (HS512)"#,
        ),
        (
            r#"{"alg":"RS256"}"#,
            r#"no key can be chosen for RS256 without an id; known: "k1" (HS256), "k3" (ES256), "k4" (HS512)"#,
        ),
        (
            r#"{"alg":"HS256","kid":"k3"}"#,
            r#"the key "k3" is for ES256, but "alg" is HS256"#,
        ),
        (
            r#"{"alg":"HS512","kid":"k4"}"#,
            r#"the signature does not verify with the key "k4", which is for HS512"#,
        ),
    ] {
        assert_eq!(reason(builder(keys.clone()), &token(header)), expected);
    }
}

#[test]
fn the_form_is_named_without_any_part_of_the_token() {
    let signed = hs256(&claims());
    for (token, expected) in [
        (
            "2YotnFZFEjr1zCsicMWpAA",
            "the token is not a compact JWS: the token is 1 part(s), expected 3 parts with dots between them",
        ),
        (
            "a.b.c.d.e",
            "the token is not a compact JWS: the token is 5 part(s), expected 3 parts with dots between them",
        ),
        (
            &signed.replacen('.', ".*", 1),
            "the signature does not verify with the key without an id, which is for HS256",
        ),
        (
            &format!("{signed}="),
            "the token is not a compact JWS: the signature is something else, expected base64url without padding",
        ),
    ] {
        let found = reason(usual(), token);
        assert_eq!(found, expected);
    }
    let limited = usual().max_token_bytes(100);
    assert_eq!(
        reason(limited, &"a".repeat(101)),
        "the token has 101 bytes, at most 100 are accepted"
    );
}

#[test]
fn a_text_of_a_stranger_is_short_and_has_no_control_characters() {
    let evil = format!("\u{1b}[31m\nERROR forged\u{202e}{}", "x".repeat(10_000));
    for name in ["iss", "aud"] {
        let text = reason(usual(), &hs256(&with(name, evil.as_str())));
        assert!(text.len() < 256, "{text}");
        assert!(
            !text.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{text}"
        );
    }
    for member in ["alg", "kid", "typ"] {
        let mut header = json!({ "alg": "HS256" });
        header[member] = evil.as_str().into();
        let keys = builder(named(Algorithm::HS256, "k"));
        let token = sign(
            Algorithm::HS256,
            &header.to_string()[..],
            &claims().to_string(),
        );
        let text = match token.len() > 4096 {
            // The header has a limit of its own.
            true => {
                header[member] = evil[..300].into();
                let header = header.to_string();
                reason(
                    keys,
                    &sign(Algorithm::HS256, &header, &claims().to_string()),
                )
            }
            false => reason(keys, &token),
        };
        assert!(text.len() < 256, "{text}");
        assert!(
            !text.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{text}"
        );
    }
}

#[test]
fn code_can_match_on_the_reason() {
    let token = hs256(&with("iss", "https://as.example/"));
    let rejection = verify(&usual().build().unwrap(), token.as_str()).unwrap_err();
    let reason = rejection.source().unwrap().downcast_ref();
    let Some(TokenError::Issuer(issuer)) = reason else {
        panic!("{reason:?}");
    };
    assert_eq!(&*issuer.name, "iss");
    assert_eq!(&*issuer.found, r#""https://as.example/""#);
    assert_eq!(&*issuer.expected, r#""https://as.example""#);
    assert_eq!(reason.map(TokenError::as_str), Some("issuer"));
}
