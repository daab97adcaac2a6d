//! What a JWK Set brings along is used as it says itself, and broken keys do no harm to others.

use serde::Deserialize;
use serde_json::Value;
use tower_auth::jwt::{Key, KeySet};

/// RFC 7515 appendix A.3 and RFC 8037 appendix A.2.
const GOOD: [&str; 2] = [
    r#"{"kid":"a","kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    r#"{"kid":"b","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
];

/// The input is a set, and then one more key in a good set.
pub fn check(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else {
        return false;
    };
    check_set(text) | check_entry(text)
}

/// Returns whether it is a set.
fn check_set(text: &str) -> bool {
    let Ok(set) = KeySet::from_jwks(text) else {
        return false;
    };
    // A set may begin with a byte order mark (RFC 8259 section 8.1), which serde_json refuses.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let oracle: Value = serde_json::from_str(text).unwrap();
    let entries = oracle["keys"].as_array().unwrap();
    assert_eq!(set.keys().count() + set.skipped_keys().len(), entries.len());
    for key in set.keys() {
        let called = |entry: &&Value| entry.get("kid").and_then(Value::as_str) == key.key_id();
        let mut candidates = entries.iter().filter(called);
        assert!(candidates.any(|entry| is_for(entry, key)), "{key:?}");
    }
    true
}

#[derive(Deserialize)]
struct Entry {
    kty: String,
    alg: Option<String>,
    crv: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<Value>>,
    d: Option<Value>,
}

/// Whether this entry may have made that key.
fn is_for(entry: &Value, key: &Key) -> bool {
    let Ok(entry) = Entry::deserialize(entry) else {
        return false;
    };
    let algorithm = key.algorithm().as_str();
    let allowed: &[&str] = match (entry.kty.as_str(), entry.crv.as_deref()) {
        ("oct", _) => &["HS256", "HS384", "HS512"],
        ("RSA", _) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ("EC", Some("P-256")) => &["ES256"],
        ("EC", Some("P-384")) => &["ES384"],
        ("OKP", Some("Ed25519")) => &["EdDSA"],
        _ => &[],
    };
    let named = match entry.alg.as_deref() {
        Some("Ed25519") => Some("EdDSA"),
        None if entry.kty == "oct" => None,
        named => named.or(Some(algorithm)),
    };
    allowed.contains(&algorithm)
        && named == Some(algorithm)
        && entry.r#use.is_none_or(|purpose| purpose == "sig")
        && entry
            .key_ops
            .is_none_or(|all| all.contains(&"verify".into()))
        && (entry.kty == "oct" || entry.d.is_none())
}

/// Returns whether the entry is a key beside the good ones, which outlast it if it is none.
fn check_entry(text: &str) -> bool {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return false;
    }
    let [a, b] = GOOD;
    // Names that occur twice and deep nests are refused wherever they are.
    let strict = KeySet::from_jwks(&format!(r#"{{"keys":[{a}],"x":[{text}]}}"#)).is_ok();
    let with = KeySet::from_jwks(&format!(r#"{{"keys":[{a},{text},{b}]}}"#));
    let alone = Key::from_jwk(text);
    if let (Ok(key), Ok(entry)) = (&alone, serde_json::from_str(text)) {
        assert!(is_for(&entry, key), "{key:?}");
    }
    match (strict, with) {
        (false, with) => assert!(with.is_err()),
        (true, Ok(set)) => {
            let kept: Vec<_> = set.keys().filter_map(Key::key_id).collect();
            assert!(kept.contains(&"a") && kept.contains(&"b"), "{kept:?}");
            assert_eq!(set.keys().count() + set.skipped_keys().len(), 3);
            assert_eq!(set.keys().count() == 3, alone.is_ok());
            return alone.is_ok();
        }
        (true, Err(error)) => {
            // A key that cannot be told apart, or a secret.
            let key = alone.unwrap_or_else(|_| panic!("{error}"));
            let same = matches!(
                (key.key_id(), key.algorithm().as_str()),
                (Some("a"), "ES256") | (Some("b"), "EdDSA")
            );
            assert!(
                same || key.algorithm().as_str().starts_with("HS"),
                "{error}"
            );
        }
    }
    false
}
