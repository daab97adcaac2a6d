use super::*;
use serde_json::{Value as Json, json};

fn checked(json: &Json, expected: &Expected<'_>) -> Result<(), &'static str> {
    let text = json.to_string();
    let claims = Document::read(text.as_bytes()).unwrap();
    check(&claims, Algorithm::RS256, expected)
}

fn checked_logout(json: &Json) -> Result<LogoutToken, &'static str> {
    let text = json.to_string();
    check_logout(
        &Document::read(text.as_bytes()).unwrap(),
        "i",
        "app",
        10,
        1000,
    )
}

fn with(mut json: Json, name: &str, value: Json) -> Json {
    match value {
        Json::Null => drop(json.as_object_mut().unwrap().remove(name)),
        value => json[name] = value,
    }
    json
}

const EXPECTED: Expected<'_> = Expected {
    client: "app",
    tenants: None,
    access_token: "token",
    nonce: Nonce::Is("n"),
    max_age: Some(60),
    leeway: 10,
    now: 1000,
};

#[test]
fn an_id_token_has_to_fit_this_login() {
    let hash = at_hash(Algorithm::RS256, "token");
    let good = json!({ "aud": "app", "iat": 1, "nonce": "n", "auth_time": 930, "at_hash": hash });
    let outcome = |json: &Json| checked(json, &EXPECTED);
    assert_eq!(outcome(&good), Ok(()));
    for (name, value) in [
        ("azp", json!("app")),
        ("aud", json!(["app"])),
        ("at_hash", Json::Null),
    ] {
        assert_eq!(outcome(&with(good.clone(), name, value)), Ok(()));
    }
    for (name, value) in [
        ("iat", Json::Null),
        ("azp", json!("other")),
        ("azp", json!(["app"])),
        ("aud", json!(["app", "other"])),
        ("nonce", Json::Null),
        ("nonce", json!("N")),
        ("nonce", json!(["n"])),
        ("at_hash", json!("")),
        ("at_hash", json!(7)),
        ("at_hash", json!(at_hash(Algorithm::RS512, "token"))),
        ("auth_time", Json::Null),
        ("auth_time", json!(929)),
        ("auth_time", json!(1011)),
        ("auth_time", json!("930")),
    ] {
        let other = with(good.clone(), name, value);
        assert!(outcome(&other).is_err(), "{other}");
    }
    let both = with(good, "aud", json!(["app", "other"]));
    assert_eq!(outcome(&with(both, "azp", json!("app"))), Ok(()));
}

#[test]
fn null_is_absence_where_a_claim_of_an_id_token_is_optional() {
    let good = json!({ "aud": "app", "iat": 1, "nonce": "n", "auth_time": 930 });
    for (name, is_optional) in [
        ("azp", true),
        ("at_hash", true),
        ("iat", false),
        ("nonce", false),
        ("auth_time", false),
    ] {
        let mut claims = good.clone();
        claims[name] = Json::Null;
        let judged = checked(&claims, &EXPECTED);
        assert_eq!(judged.is_ok(), is_optional, "{name}");
    }
    let logout = json!({
        "iss": "i", "aud": "app", "iat": 1000, "jti": "1", "sid": "s", "sub": "a",
        "events": { EVENT: {} },
    });
    for (name, is_optional) in [
        ("exp", true),
        ("sub", true),
        ("sid", true),
        ("iss", false),
        ("aud", false),
        ("iat", false),
        ("jti", false),
        ("events", false),
        // The claim is forbidden, whatever its value is.
        ("nonce", false),
    ] {
        let mut claims = logout.clone();
        claims[name] = Json::Null;
        let judged = checked_logout(&claims);
        assert_eq!(judged.is_ok(), is_optional, "{name}");
    }
}

/// Tests the rule of OpenID Connect Core section 12.2.
#[test]
fn a_nonce_of_a_refresh_is_absent_or_the_same() {
    let outcome = |before, nonce| {
        let expected = Expected {
            client: "app",
            tenants: None,
            access_token: "token",
            nonce: Nonce::AsBefore(before),
            max_age: None,
            leeway: 10,
            now: 1000,
        };
        let claims = with(json!({ "aud": "app", "iat": 1 }), "nonce", nonce);
        checked(&claims, &expected).is_ok()
    };
    assert!(outcome(Some("n"), Json::Null));
    assert!(outcome(Some("n"), json!("n")));
    assert!(outcome(None, json!("m")));
    assert!(!outcome(Some("n"), json!("m")));
    assert!(!outcome(Some("n"), json!(7)));
}

/// OpenID Connect Core appendix A.3 and A.4 hold this pair.
#[test]
fn the_hash_of_an_access_token_is_that_of_the_specification() {
    let hash = at_hash(
        Algorithm::RS256,
        "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
    );
    assert_eq!(hash, "77QmUPtjPfzWtF2AnpK9RQ");
}

#[test]
fn a_logout_token_is_one_by_every_rule() {
    let good = json!({
        "iss": "i", "aud": "app", "iat": 1000, "exp": 1100, "jti": "1", "sid": "s",
        "events": { EVENT: {} },
    });
    let outcome = checked_logout;
    assert_eq!(
        outcome(&good),
        Ok(LogoutToken {
            id: "1".into(),
            subject: None,
            session: Some("s".into()),
            issued: 1000,
        })
    );
    assert!(outcome(&with(good.clone(), "sub", json!("a"))).is_ok());
    assert!(outcome(&with(good.clone(), "exp", Json::Null)).is_ok());
    for (name, value) in [
        ("iss", json!("j")),
        ("iss", Json::Null),
        ("aud", json!("other")),
        ("aud", Json::Null),
        ("iat", Json::Null),
        ("iat", json!(1011)),
        ("iat", json!(1000 - 310)),
        ("exp", json!(990)),
        ("jti", Json::Null),
        ("jti", json!(7)),
        ("sid", Json::Null),
        ("sid", json!("")),
        ("sub", json!(7)),
        ("nonce", json!("n")),
        ("events", Json::Null),
        ("events", json!({})),
        ("events", json!({ EVENT: true })),
        ("events", json!([EVENT])),
    ] {
        let other = with(good.clone(), name, value);
        assert!(outcome(&other).is_err(), "{other}");
    }
}
