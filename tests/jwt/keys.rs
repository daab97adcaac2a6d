//! Keys, key sets, and the choice of the key that verifies a token.

use crate::support::*;

#[test]
fn a_token_is_verified_with_the_key_it_names_or_the_only_one() {
    let token = |kid: Option<&str>| {
        let kid = kid.map_or(String::new(), |kid| format!(",\"kid\":\"{kid}\""));
        sign(
            Algorithm::HS256,
            &format!(r#"{{"alg":"HS256"{kid}}}"#),
            &claims().to_string(),
        )
    };
    let good = || key(Algorithm::HS256);
    let bad = || Key::from_secret(Algorithm::HS256, [1; 32]).unwrap();
    let set = |keys: Vec<Key>| builder(KeySet::new(keys).unwrap());

    let named = || {
        set(vec![
            good().with_key_id("a"),
            bad().with_key_id("b"),
            key(Algorithm::RS256),
        ])
    };
    accepted(named(), &token(Some("a")));
    accepted(named(), &token(Some("\\u0061")));
    refused(named(), &token(Some("b")), "signature");
    refused(named(), &token(Some("c")), "unknown_key");
    refused(named(), &token(Some("")), "unknown_key");
    refused(named(), &token(None), "unknown_key");

    let one = || set(vec![good().with_key_id("a")]);
    accepted(one(), &token(None));
    refused(one(), &token(Some("b")), "unknown_key");

    let nameless = || set(vec![good(), bad().with_key_id("b")]);
    accepted(nameless(), &token(Some("whatever")));
    refused(nameless(), &token(Some("b")), "signature");
}

#[test]
fn a_key_set_cannot_be_ambiguous_or_empty() {
    let hs = || key(Algorithm::HS256);
    misconfigured(KeySet::new([]), "at least one key");
    misconfigured(KeySet::new([hs(), hs()]), "have no \"kid\"");
    misconfigured(
        KeySet::new([hs().with_key_id("a"), hs().with_key_id("a")]),
        "are called \"a\"",
    );
    assert!(KeySet::new([hs(), key(Algorithm::HS384), hs().with_key_id("a")]).is_ok());
}

#[test]
fn weak_and_wrong_keys_are_rejected_at_start_up() {
    misconfigured(
        Key::from_secret(Algorithm::HS256, [0; 31]),
        "at least 32 bytes",
    );
    misconfigured(
        Key::from_secret(Algorithm::HS384, [0; 47]),
        "at least 48 bytes",
    );
    misconfigured(
        Key::from_secret(Algorithm::HS512, [0; 63]),
        "at least 64 bytes",
    );
    misconfigured(Key::from_secret(Algorithm::HS256, []), "at least 32 bytes");
    misconfigured(
        Key::from_secret(Algorithm::RS256, SECRET),
        "RS256 takes an RSA key",
    );
    misconfigured(
        Key::from_secret(Algorithm::HS256, pem("rsa.public.pem")),
        "this secret is a PEM file",
    );
    let from = |algorithm, name: &str| Key::from_pem(algorithm, pem(name));
    misconfigured(
        from(Algorithm::RS256, "rsa1024.public.pem"),
        "this one has 1024",
    );
    misconfigured(from(Algorithm::RS256, "rsa.private.pem"), "private key");
    misconfigured(from(Algorithm::ES256, "p256.private.pem"), "private key");
    misconfigured(from(Algorithm::RS256, "certificate.pem"), "certificate");
    misconfigured(
        from(Algorithm::ES256, "p384.public.pem"),
        "ES256 takes an EC key on P-256",
    );
    misconfigured(
        from(Algorithm::EdDSA, "p256.public.pem"),
        "EdDSA takes an Ed25519 key",
    );
    misconfigured(
        from(Algorithm::HS256, "rsa.public.pem"),
        "HS256 takes a shared secret",
    );
    misconfigured(
        Key::from_pem(Algorithm::RS256, "no PEM"),
        "not a public key in PEM",
    );
    misconfigured(
        Key::from_der(Algorithm::RS256, [0x30, 0]),
        "not a public key in DER",
    );
    assert!(from(Algorithm::RS256, "rsa.pkcs1.pem").is_ok());
}

#[test]
fn a_key_says_nothing_of_its_secret() {
    let key = Key::from_secret(Algorithm::HS256, b"correct horse battery staple one!").unwrap();
    assert_eq!(
        format!("{:?}", key.with_key_id("a")),
        r#"Key { kid: Some("a"), algorithm: HS256, .. }"#
    );
}

fn jwk(value: &Value) -> Result<Key, tower_auth::ConfigError> {
    Key::from_jwk(&value.to_string())
}

#[test]
fn a_jwk_is_bound_to_the_algorithm_of_its_kind() {
    // RFC 8037 appendix A.2 and RFC 7515 appendix A.3.
    let okp =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let ec = json!({
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let oct =
        json!({"kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET), "kid": "k"});
    assert_eq!(jwk(&okp).unwrap().algorithm(), Algorithm::EdDSA);
    assert_eq!(jwk(&ec).unwrap().algorithm(), Algorithm::ES256);
    assert_eq!(jwk(&oct).unwrap().key_id(), Some("k"));
    let changed = |base: &Value, name: &str, value: Value| {
        let mut key = base.clone();
        match value {
            Value::Null => drop(key.as_object_mut().unwrap().remove(name)),
            value => key[name] = value,
        }
        jwk(&key)
    };
    misconfigured(changed(&ec, "d", json!("AA")), "private key");
    misconfigured(changed(&okp, "d", json!("AA")), "private key");
    misconfigured(changed(&ec, "use", json!("enc")), "\"use\" is not \"sig\"");
    misconfigured(changed(&ec, "key_ops", json!(["encrypt"])), "\"verify\"");
    assert!(changed(&ec, "key_ops", json!(["sign", "verify"])).is_ok());
    misconfigured(changed(&ec, "alg", json!("ES384")), "ES384 takes");
    misconfigured(
        changed(&ec, "alg", json!("HS256")),
        "HS256 takes a shared secret",
    );
    misconfigured(changed(&ec, "alg", json!("ECDH-ES")), "not supported");
    misconfigured(
        changed(&ec, "crv", json!("P-521")),
        "neither P-256 nor P-384",
    );
    misconfigured(changed(&ec, "x", json!("AA")), "has 32 bytes");
    misconfigured(changed(&ec, "y", ec["x"].clone()), "can be used for ES256");
    misconfigured(changed(&ec, "kty", json!("ec")), "none of oct");
    misconfigured(changed(&ec, "kid", json!(1)), "\"kid\" is not a string");
    misconfigured(changed(&oct, "alg", Value::Null), "\"alg\" is missing");
    misconfigured(changed(&oct, "k", json!("AA")), "at least 32 bytes");
    misconfigured(
        changed(&okp, "x", json!(URL_SAFE_NO_PAD.encode([0; 32]))),
        "small order",
    );
    misconfigured(Key::from_jwk("[]"), "not a JSON Web Key");
}

#[test]
fn the_usable_keys_of_a_set_serve_without_the_others() {
    let set = KeySet::from_jwks(
        &json!({ "keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "good", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty": "OKP", "crv": "X25519", "kid": "dh", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"},
            {"kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB"},
            {"kty": "AKP", "kid": "new", "alg": "ML-DSA-44"},
            {"kty": "oct", "kid": "secret", "k": URL_SAFE_NO_PAD.encode(SECRET)},
            17,
        ]})
        .to_string(),
    )
    .unwrap();
    assert_eq!(
        set.keys().map(Key::key_id).collect::<Vec<_>>(),
        [Some("good")]
    );
    let skipped_keys: Vec<_> = set.skipped_keys().iter().map(|key| key.key_id()).collect();
    assert_eq!(
        skipped_keys,
        [
            Some("dh"),
            Some("enc"),
            Some("weak"),
            Some("new"),
            Some("secret"),
            None
        ]
    );
    assert_eq!(set.skipped_keys()[1].reason(), "\"use\" is not \"sig\"");
}

#[test]
fn a_set_without_a_usable_key_is_rejected() {
    misconfigured(KeySet::from_jwks("junk"), "not a JWK Set");
    misconfigured(KeySet::from_jwks("{}"), "array called \"keys\"");
    misconfigured(KeySet::from_jwks(r#"{"keys":{}}"#), "array called \"keys\"");
    misconfigured(KeySet::from_jwks(r#"{"keys":[]}"#), "at least one key");
    misconfigured(
        KeySet::from_jwks(r#"{"keys":[{"kty":"AKP"}]}"#),
        "no key of this set can be used",
    );
    misconfigured(
        KeySet::from_jwks_file("tests/keys/none.json"),
        "cannot read the JWK Set",
    );
    let mixed = json!({ "keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET)},
    ]});
    misconfigured(
        KeySet::from_jwks(&mixed.to_string()),
        "either secrets or public keys",
    );
}

#[test]
fn a_pem_file_is_rejected_as_a_secret_with_any_prefix() {
    let pem = include_str!("../keys/p256.public.pem");
    for text in [
        pem.to_owned(),
        format!("\n{pem}"),
        format!("\u{feff}{pem}"),
        format!("  \r\n{pem}"),
        format!("Bag Attributes\n    friendlyName: x\n{pem}"),
    ] {
        let error = Key::from_secret(Algorithm::HS256, &text).unwrap_err();
        assert!(error.to_string().contains("PEM"), "{error}");
    }
}
