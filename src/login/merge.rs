//! The claims of an ID token together with those of the user-info endpoint.
//!
//! A member that the ID token has is taken from there. The user-info endpoint cannot add a member
//! about the token or the authentication, such as `auth_time` or `acr` (OpenID Connect Core section
//! 5.1), because users can edit some of its members.

use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The members that only an ID token may have.
const OF_TOKENS: [&str; 18] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "cnf",
    "events",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "s_hash",
    "sid",
    "sub_jwk",
];

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Returns the claims of an ID token together with those that the user-info endpoint adds.
pub(super) fn merged(id_token: &[u8], user_info: &str) -> Option<Vec<u8>> {
    let id_token = str::from_utf8(id_token).ok()?;
    // Both have been read by the strict reader, which bounds their depth.
    let mut added: Members<'_> = serde_json::from_str(user_info).ok()?;
    added.retain(|name, _| !OF_TOKENS.contains(&name.as_str()));
    let mut text = String::with_capacity(id_token.len().saturating_add(user_info.len()));
    write(&mut text, serde_json::from_str(id_token).ok()?, added)?;
    Some(text.into_bytes())
}

/// Writes the members of the first object, and those that it lacks. If both have an object under
/// one name, the same applies to these.
fn write(text: &mut String, first: Members<'_>, mut second: Members<'_>) -> Option<()> {
    text.push('{');
    for (name, value) in first {
        let other = second.remove(&name);
        let (value, other) = match other {
            Some(other) if value.get() == "null" => (other, None),
            other => (value, other),
        };
        name_of(text, &name)?;
        match other {
            Some(other) if value.get().starts_with('{') && other.get().starts_with('{') => {
                write(text, inside(value)?, inside(other)?)?;
            }
            _ => text.push_str(value.get()),
        }
    }
    for (name, value) in second {
        name_of(text, &name)?;
        text.push_str(value.get());
    }
    text.push('}');
    Some(())
}

fn inside(value: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn name_of(text: &mut String, name: &str) -> Option<()> {
    if !text.ends_with('{') {
        text.push(',');
    }
    text.push_str(&serde_json::to_string(name).ok()?);
    text.push(':');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn the_id_token_goes_first_and_user_info_adds_what_it_lacks() {
        for (id_token, user_info, expected) in [
            (r#"{"sub":"a"}"#, "{}", r#"{"sub":"a"}"#),
            (
                r#"{"sub":"a","email":"x","n":1e400}"#,
                r#"{"sub":"a","email":"y","g":["s"],"big":123456789012345678901234567890}"#,
                r#"{"email":"x","n":1e400,"sub":"a","big":123456789012345678901234567890,"g":["s"]}"#,
            ),
            (
                r#"{"sub":"a","roles":null,"amr":["pwd"]}"#,
                r#"{"roles":["r"],"amr":["mfa"],"acr":"gold","auth_time":9,"sid":"s","exp":9}"#,
                r#"{"amr":["pwd"],"roles":["r"],"sub":"a"}"#,
            ),
            (
                r#"{"realm":{"a":1,"deep":{"x":1}},"sub":"a"}"#,
                r#"{"realm":{"a":2,"roles":["r"],"deep":{"y":2}}}"#,
                r#"{"realm":{"a":1,"deep":{"x":1,"y":2},"roles":["r"]},"sub":"a"}"#,
            ),
            (
                r#"{ "a\"b" : 1 }"#,
                r#"{"é\n":2}"#,
                "{\"a\\\"b\":1,\"é\\n\":2}",
            ),
        ] {
            let merged = merged(id_token.as_bytes(), user_info).unwrap();
            assert_eq!(String::from_utf8(merged.clone()).unwrap(), expected);
            assert!(Document::read(&merged).is_ok() || expected.contains("1e400"));
        }
    }
}
