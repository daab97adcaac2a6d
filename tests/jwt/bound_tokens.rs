//! Tokens that are bound to a key (RFC 7800 section 3, RFC 9449 section 6.1).

use crate::support::*;
use tower_auth::bearer::{BoundToken, Token};

const KEY: [u8; 32] = [7; 32];

fn thumbprint(key: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Verifies a token of a client that has proved to have this key.
fn with_key(jwt: &JwtVerifier, claims: &Value, key: [u8; 32]) -> Result<Identity, &'static str> {
    let bound = BoundToken::new(Token::new(hs256(claims)), key);
    let result = jwt.verify(bound).now().expect("fixed keys need no fetch");
    result.map_err(|rejection| {
        assert_eq!(rejection.status(), 401);
        let source = Error::source(&rejection).unwrap();
        source.downcast_ref::<TokenError>().unwrap().as_str()
    })
}

#[test]
fn a_bound_token_is_accepted_with_its_key_only() {
    let jwt = usual().build().unwrap();
    let claims = with("cnf", json!({ "jkt": thumbprint(KEY) }));
    assert!(with_key(&jwt, &claims, KEY).is_ok());
    let mut other = KEY;
    other[31] ^= 1;
    let rejected = with_key(&jwt, &claims, other).unwrap_err();
    assert_eq!(rejected, "other_key");
}

#[test]
fn a_key_does_not_make_a_bearer_token_bound() {
    let jwt = usual().build().unwrap();
    let rejected = with_key(&jwt, &claims(), KEY).unwrap_err();
    assert_eq!(rejected, "other_key");
}

#[test]
fn a_bearer_cannot_use_a_bound_token_even_after_its_owner() {
    let jwt = usual().build().unwrap();
    let claims = with("cnf", json!({ "jkt": thumbprint(KEY) }));
    for _ in 0..200 {
        assert!(with_key(&jwt, &claims, KEY).is_ok());
        assert!(verify(&jwt, hs256(&claims)).is_err());
    }
}

#[test]
fn a_confirmation_must_be_the_thumbprint_alone_in_its_one_spelling() {
    let jwt = usual().build().unwrap();
    let jkt = thumbprint(KEY);
    for (cnf, why) in [
        (json!({ "jkt": "" }), "other_key"),
        (json!({ "jkt": format!("{jkt}=") }), "other_key"),
        (json!({ "jkt": jkt[..42] }), "other_key"),
        (json!({ "jkt": 7 }), "other_key"),
        (json!({ "x5t#S256": jkt }), "other_key"),
        // The possession of the second key has not been proved.
        (json!({ "jkt": jkt, "x5t#S256": jkt }), "other_key"),
        (json!({ "jkt": null }), "claim_type"),
    ] {
        let claims = with("cnf", cnf.clone());
        assert_eq!(with_key(&jwt, &claims, KEY).unwrap_err(), why, "{cnf}");
    }
    let more = with("cnf", json!({ "jkt": jkt, "note": "of the application" }));
    assert!(with_key(&jwt, &more, KEY).is_ok());
}

#[test]
fn a_bound_token_is_checked_like_any_other() {
    let jwt = usual().build().unwrap();
    let mut claims = with("cnf", json!({ "jkt": thumbprint(KEY) }));
    claims["exp"] = json!(1);
    assert_eq!(with_key(&jwt, &claims, KEY).unwrap_err(), "expired");
}
