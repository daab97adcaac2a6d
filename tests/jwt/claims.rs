//! The claims that a token must have.

use crate::support::*;

#[test]
fn a_token_of_another_issuer_is_rejected() {
    for other in [
        "https://as.example/",
        "https://AS.example",
        "http://as.example",
        "",
    ] {
        refused(usual(), &hs256(&with("iss", other)), "issuer");
    }
    refused(usual(), &hs256(&with("iss", Value::Null)), "missing_claim");
    for wrong in [json!(1), json!([ISSUER]), json!({})] {
        refused(usual(), &hs256(&with("iss", wrong)), "claim_type");
    }
}

#[test]
fn accepting_any_issuer_requires_the_dangerous_method() {
    let builder = || {
        let builder = JwtVerifier::dangerous_any_issuer().audience(AUDIENCE);
        builder.keys(key(Algorithm::HS256)).clock(now)
    };
    let other = accepted(builder(), &hs256(&with("iss", "https://other.example")));
    assert_eq!(other.issuer(), Some("https://other.example"));
    assert_eq!(
        accepted(builder(), &hs256(&with("iss", Value::Null))).issuer(),
        None
    );
    refused(builder(), &hs256(&with("iss", 1)), "claim_type");
}

#[test]
fn a_token_for_another_audience_is_rejected() {
    let both = || usual().audience("api");
    accepted(both(), &hs256(&claims()));
    accepted(both(), &hs256(&with("aud", "api")));
    accepted(both(), &hs256(&with("aud", json!(["other", "api"]))));
    for other in [
        json!("other"),
        json!(["other"]),
        json!([]),
        json!("https://rs.example/"),
        json!("API"),
    ] {
        refused(both(), &hs256(&with("aud", other)), "audience");
    }
    refused(both(), &hs256(&with("aud", Value::Null)), "missing_claim");
    for wrong in [
        json!(1),
        json!(["api", 1]),
        json!([1, "api"]),
        json!([["api"]]),
        json!({"api": 1}),
    ] {
        refused(both(), &hs256(&with("aud", wrong)), "claim_type");
    }
    let any = || {
        let builder = JwtVerifier::issuer(ISSUER).dangerous_any_audience();
        builder.keys(key(Algorithm::HS256)).clock(now)
    };
    accepted(any(), &hs256(&with("aud", "other")));
    accepted(any(), &hs256(&with("aud", Value::Null)));
    refused(any(), &hs256(&with("aud", 1)), "claim_type");
}

#[test]
fn a_token_without_exp_is_rejected() {
    refused(usual(), &hs256(&with("exp", Value::Null)), "missing_claim");
    let waived = || usual().dangerous_allow_missing_expiry();
    assert_eq!(
        accepted(waived(), &hs256(&with("exp", Value::Null))).expires_at(),
        None
    );
    refused(waived(), &hs256(&with("exp", NOW - 60)), "expired");
}

#[test]
fn the_leeway_is_sixty_seconds_to_the_second() {
    accepted(usual(), &hs256(&with("exp", NOW - 59)));
    let detail = refused(usual(), &hs256(&with("exp", NOW - 60)), "expired");
    assert_eq!(detail, "the token has expired");
    for start in ["nbf", "iat"] {
        accepted(usual(), &hs256(&with(start, NOW + 60)));
        let detail = refused(usual(), &hs256(&with(start, NOW + 61)), "not_yet_valid");
        assert_eq!(detail, "the token is not valid yet");
    }
    let strict = || usual().leeway(Duration::ZERO);
    accepted(strict(), &hs256(&with("exp", NOW + 1)));
    refused(strict(), &hs256(&with("exp", NOW)), "expired");
    accepted(strict(), &hs256(&with("nbf", NOW)));
    refused(
        strict(),
        &hs256(&with("nbf", NOW as f64 + 0.5)),
        "not_yet_valid",
    );
}

#[test]
fn a_date_is_a_number() {
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for wrong in [
            json!((NOW + 60).to_string()),
            json!(true),
            json!([NOW]),
            json!(-1),
            json!(-0.5),
            json!(1e20),
            json!(NOW * 1000),
        ] {
            refused(usual(), &hs256(&with(name, wrong)), "claim_type");
        }
    }
}

fn null(name: &str) -> String {
    let mut null = claims();
    null[name] = Value::Null;
    hs256(&null)
}

#[test]
fn null_is_absence_where_a_claim_is_optional() {
    for name in [
        "nbf",
        "iat",
        "jti",
        "sid",
        "auth_time",
        "scope",
        "roles",
        "groups",
        "events",
        "client_id",
    ] {
        let identity = accepted(usual().roles_at("roles"), &null(name));
        assert_eq!(identity.subject(), "alice", "{name}");
    }
    let mut inner = claims();
    inner["realm_access"] = json!({ "roles": null });
    inner["resource_access"] = Value::Null;
    for path in [["realm_access", "roles"], ["resource_access", "roles"]] {
        assert_eq!(
            accepted(usual().roles_at(path), &hs256(&inner))
                .roles()
                .count(),
            0
        );
    }
    let waived = || usual().dangerous_allow_missing_expiry();
    assert_eq!(accepted(waived(), &null("exp")).expires_at(), None);
}

#[test]
fn null_is_rejected_where_a_claim_is_required() {
    for name in ["iss", "aud", "exp", "sub"] {
        refused(usual(), &null(name), "missing_claim");
    }
    refused(usual().subject_at("uid"), &null("uid"), "missing_claim");
    refused(usual(), &null("cnf"), "claim_type");
}

#[test]
fn a_header_parameter_that_is_null_is_rejected() {
    for parameter in ["kid", "typ", "alg", "jku", "x5t", "cty"] {
        let header = match parameter {
            "alg" => r#"{"alg":null}"#.to_owned(),
            _ => format!(r#"{{"alg":"HS256","{parameter}":null}}"#),
        };
        let token = sign(Algorithm::HS256, &header, &claims().to_string());
        refused(usual(), &token, "header");
    }
}

#[test]
fn claims_that_no_check_depends_on_may_have_any_type() {
    for name in [
        "client_id",
        "events",
        "azp",
        "acr",
        "amr",
        "username",
        "email",
    ] {
        for value in [json!(7), json!("x"), json!(["x"]), json!(true)] {
            accepted(usual(), &hs256(&with(name, value)));
        }
    }
    // Another claim is the subject.
    let mut other = with("sub", 7);
    other["uid"] = "bob".into();
    let identity = accepted(usual().subject_at("uid"), &hs256(&other));
    assert_eq!(identity.subject(), "bob");
}

#[test]
fn a_claim_that_a_check_depends_on_has_its_type() {
    for (name, wrong) in [
        ("scope", json!(7)),
        ("scope", json!({})),
        ("scope", json!(["a", 7])),
        ("roles", json!({})),
        ("sid", json!(7)),
        ("jti", json!(["x"])),
    ] {
        let builder = usual().roles_at("roles");
        refused(builder, &hs256(&with(name, wrong)), "claim_type");
    }
}

#[test]
fn a_number_is_a_subject_if_the_application_chose_the_claim() {
    for (name, number) in [
        ("sub", json!(42)),
        ("user_id", json!(42)),
        ("user_id", json!("42")),
    ] {
        let identity = accepted(usual().subject_at(name), &hs256(&with(name, number)));
        assert_eq!(identity.subject(), "42");
    }
    refused(usual(), &hs256(&with("sub", 42)), "claim_type");
    let profile = usual().access_token_profile().subject_at("sub");
    let typed = sign(
        Algorithm::HS256,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        &with("sub", 42).to_string(),
    );
    refused(profile, &typed, "claim_type");
    // One number has one spelling.
    let token = |number: &str| {
        let claims = claims().to_string();
        let claims = claims.replacen('{', &format!("{{\"user_id\":{number},"), 1);
        sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, &claims)
    };
    for other in ["4.2e1", "42.0", "-42", "1e300", "123456789012345678901"] {
        let builder = usual().subject_at("user_id");
        refused(builder, &token(other), "claim_type");
    }
    let builder = usual().subject_at("user_id");
    refused(builder, &token("1e400"), "payload");
    // More digits than 64 bits hold.
    let number = "98765432109876543210";
    let identity = accepted(usual().subject_at("user_id"), &token(number));
    assert_eq!(identity.subject(), number);
}

#[test]
fn an_empty_string_is_not_a_name() {
    for name in ["jti", "sid"] {
        let identity = accepted(usual(), &hs256(&with(name, "")));
        assert_eq!(identity.token_id().filter(|id| id.is_empty()), None);
        assert_eq!(identity.session_id(), None);
    }
}

#[test]
fn a_token_without_a_subject_is_rejected() {
    refused(usual(), &hs256(&with("sub", Value::Null)), "missing_claim");
    refused(usual(), &hs256(&with("sub", "")), "missing_claim");
    for wrong in [
        json!(1),
        json!(["alice"]),
        json!({}),
        json!("alice\0"),
        json!("alice\n"),
    ] {
        refused(usual(), &hs256(&with("sub", wrong)), "claim_type");
    }
}

#[test]
fn a_token_id_is_a_string() {
    refused(usual(), &hs256(&with("jti", 1)), "claim_type");
    assert_eq!(
        accepted(usual(), &hs256(&with("jti", Value::Null))).token_id(),
        None
    );
}

#[test]
fn another_kind_of_token_is_rejected() {
    refused(usual(), &hs256(&with("cnf", json!({"jkt": "x"}))), "bound");
    refused(usual(), &hs256(&with("events", json!({}))), "event");
}

#[test]
fn a_payload_is_one_object_without_duplicates() {
    let token = |payload: &str| sign(Algorithm::HS256, r#"{"alg":"HS256"}"#, payload);
    let twice = claims()
        .to_string()
        .replacen('{', r#"{"sub":"mallory","#, 1);
    let deep = claims().to_string().replacen(
        '{',
        &format!("{{\"x\":{}{},", "[".repeat(5000), "]".repeat(5000)),
        1,
    );
    for payload in ["", "null", "[]", "\"a\"", "{", "{}x", &twice, &deep] {
        refused(usual(), &token(payload), "payload");
    }
}

#[test]
fn the_access_token_profile_requires_what_rfc_9068_does() {
    let profile = || usual().access_token_profile();
    let token = |claims: &Value| {
        sign(
            Algorithm::HS256,
            r#"{"alg":"HS256","typ":"at+JWT"}"#,
            &claims.to_string(),
        )
    };
    accepted(profile(), &token(&claims()));
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        refused(profile(), &token(&with(name, Value::Null)), "missing_claim");
    }
    refused(profile(), &token(&with("client_id", 1)), "claim_type");
    let typed = |typ: &str| {
        sign(
            Algorithm::HS256,
            &format!(r#"{{"alg":"HS256","typ":{typ}}}"#),
            &claims().to_string(),
        )
    };
    accepted(profile(), &typed(r#""application/at+jwt""#));
    refused(profile(), &typed(r#""JWT""#), "type");
    refused(profile(), &hs256(&claims()), "type");
}
