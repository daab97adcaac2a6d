//! The identity that a token becomes.

use crate::support::*;

#[test]
fn a_valid_token_becomes_an_identity() {
    let mut claims = claims();
    claims["auth_time"] = json!(NOW - 100);
    claims["iat"] = json!(NOW - 5);
    claims["sid"] = json!("s1");
    claims["nested"] = json!({ "roles": ["admin", "editor"] });
    let identity = accepted(usual().roles_at(["nested", "roles"]), &hs256(&claims));
    assert_eq!(identity.subject(), "alice");
    assert_eq!(identity.issuer(), Some(ISSUER));
    assert_eq!(identity.scopes().collect::<Vec<_>>(), ["read", "write"]);
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["admin", "editor"]);
    assert_eq!(
        identity.expires_at(),
        Some(UNIX_EPOCH + Duration::from_secs(NOW + 600))
    );
    assert_eq!(
        identity.authenticated_at(),
        Some(UNIX_EPOCH + Duration::from_secs(NOW - 100))
    );
    assert_eq!(
        identity.issued_at(),
        Some(UNIX_EPOCH + Duration::from_secs(NOW - 5))
    );
    assert_eq!(identity.session_id(), Some("s1"));
    refused(usual(), &hs256(&with("sid", 1)), "claim_type");
    assert_eq!(identity.token_id(), Some("t1"));
    assert_eq!(identity.claim::<String>("client_id").unwrap(), "app");
    assert_eq!(identity.claims::<Value>().unwrap(), claims);
}

#[test]
fn claims_are_parsed_once_as_the_applications_type() {
    #[derive(Deserialize)]
    struct Mine {
        tenant: u32,
    }
    let builder = || usual().typed_claims::<Mine>();
    let identity = accepted(builder(), &hs256(&with("tenant", 7)));
    assert_eq!(identity.typed_claims::<Mine>().unwrap().tenant, 7);
    refused(builder(), &hs256(&claims()), "typed_claims");
}

#[test]
fn escaped_names_and_values_are_unescaped() {
    let payload = claims()
        .to_string()
        .replace("\"sub\":\"alice\"", r#""\u0073ub":"\u0061lice""#);
    let token = sign(Algorithm::HS256, r#"{"\u0061lg":"HS\u003256"}"#, &payload);
    assert_eq!(accepted(usual(), &token).subject(), "alice");
}

#[test]
fn another_claim_may_be_the_subject() {
    let builder = || usual().subject_at("oid");
    assert_eq!(
        accepted(builder(), &hs256(&with("oid", "o1"))).subject(),
        "o1"
    );
    let mut claims = with("oid", "o1");
    claims.as_object_mut().unwrap().remove("sub");
    assert_eq!(accepted(builder(), &hs256(&claims)).subject(), "o1");
    refused(builder(), &hs256(&self::claims()), "missing_claim");
    refused(builder(), &hs256(&with("oid", true)), "claim_type");
}

#[test]
fn roles_come_from_the_configured_claim_only() {
    let roles = |builder: JwtVerifierBuilder, value: Value| -> Vec<String> {
        let identity = accepted(builder, &hs256(&with("roles", value)));
        identity.roles().map(str::to_owned).collect()
    };
    let configured = || usual().roles_at("roles");
    assert!(roles(usual(), json!(["admin"])).is_empty());
    assert_eq!(roles(configured(), json!(["a", "b"])), ["a", "b"]);
    assert_eq!(
        roles(configured(), json!("one role, with spaces")),
        ["one role, with spaces"]
    );
    assert!(roles(configured(), json!([])).is_empty());
    assert!(roles(configured(), Value::Null).is_empty(), "absent");
    for wrong in [
        json!(1),
        json!(true),
        json!({"admin": true}),
        json!(["a", 1]),
        json!([["a"]]),
    ] {
        refused(configured(), &hs256(&with("roles", wrong)), "claim_type");
    }
}

#[test]
fn scopes_are_a_string_with_spaces_or_an_array() {
    let scopes = |builder: JwtVerifierBuilder, claims: Value| -> Vec<String> {
        let identity = accepted(builder, &hs256(&claims));
        identity.scopes().map(str::to_owned).collect()
    };
    assert_eq!(scopes(usual(), with("scope", " a  b ")), ["a", "b"]);
    assert!(scopes(usual(), with("scope", "")).is_empty());
    assert!(scopes(usual(), with("scope", Value::Null)).is_empty());
    assert_eq!(
        scopes(usual().scopes_at("scp"), with("scp", json!(["x", "y z"]))),
        ["x", "y z"]
    );
    for wrong in [json!(1), json!({}), json!(["a", null])] {
        refused(usual(), &hs256(&with("scope", wrong)), "claim_type");
    }
}
