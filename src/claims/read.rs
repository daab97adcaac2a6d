//! The types of claims.

use crate::{
    identity::{ClaimPath, Names},
    json::{Document, Value},
};
#[cfg(feature = "jwt")]
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
#[cfg(feature = "jwt")]
use constant_time_eq::constant_time_eq;
use std::{fmt, slice};

/// A claim is of the wrong type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrongType;

/// Logs the name of a claim that is of the wrong type.
pub(crate) fn named<T>(
    claim: &dyn fmt::Display,
    read: Result<T, WrongType>,
) -> Result<T, WrongType> {
    #[cfg(feature = "tracing")]
    if read.is_err() {
        let claim = claim.to_string();
        tracing::debug!(target: "tower_auth", claim, "a claim is of the wrong type");
    }
    #[cfg(not(feature = "tracing"))]
    let _ = claim;
    read
}

/// Treats a claim that is `null` as absent, because serializers write `null` for unknown values.
///
/// Three readers do not call this function: those of `cnf`, of the `active` of RFC 7662 and of the
/// parameters of a JOSE header. The absence of these weakens a token, so `null` has the wrong type
/// there.
pub(crate) fn present<'v, 'a>(claim: Option<&'v Value<'a>>) -> Option<&'v Value<'a>> {
    claim.filter(|claim| !claim.is_null())
}

/// The confirmation methods of RFC 7800 section 3, RFC 8705 section 3.1, RFC 9203 section 3.2 and
/// RFC 9449 section 6.1.
const CONFIRMATIONS: [&str; 7] = ["jwk", "jwe", "kid", "jku", "x5t#S256", "osc", "jkt"];

/// Checks that `cnf` binds a token to a key by a known method.
///
/// A bearer token has no `cnf` at all. This check only distinguishes a bound token from a token
/// whose `cnf` has no meaning.
pub(crate) fn is_confirmation(cnf: &Value<'_>) -> Result<(), WrongType> {
    let mut members = cnf.members().ok_or(WrongType)?.iter();
    let is_known = members.any(|(name, method)| CONFIRMATIONS.contains(&name) && !method.is_null());
    is_known.then_some(()).ok_or(WrongType)
}

/// Returns whether `cnf` binds a token to the key with this thumbprint, and to no other key (`jkt`,
/// RFC 9449 section 6.1).
#[cfg(feature = "jwt")]
pub(crate) fn is_bound_to(cnf: &Value<'_>, thumbprint: &[u8; 32]) -> bool {
    let others = |name: &str| CONFIRMATIONS.contains(&name) && name != "jkt";
    let has_others = cnf
        .members()
        .is_none_or(|members| members.iter().any(|(name, _)| others(name)));
    let bound = cnf.named("jkt").and_then(Value::as_str);
    let bound = bound.and_then(|bound| URL_SAFE_NO_PAD.decode(bound).ok());
    !has_others && bound.is_some_and(|bound| constant_time_eq(&bound, thumbprint))
}

/// Reads a string.
pub(crate) fn text<'v>(value: &'v Value<'_>) -> Result<&'v str, WrongType> {
    value.as_str().ok_or(WrongType)
}

/// Reads a string that can be a subject; `None` if it is empty.
///
/// A string with control characters has the wrong type. Software behind this crate may cut such a
/// name at a NUL, and a log line at a line break.
pub(crate) fn subject<'v>(value: &'v Value<'_>) -> Result<Option<&'v str>, WrongType> {
    let subject = text(value)?;
    if subject.contains(char::is_control) {
        return Err(WrongType);
    }
    Ok(Some(subject).filter(|subject| !subject.is_empty()))
}

/// Reads the subject from a claim that the application chose: a string or a whole number.
///
/// A number must consist of digits only, so that each number has one spelling.
pub(crate) fn chosen_subject<'v>(
    claims: &'v Document<'_>,
    path: &ClaimPath,
) -> Result<Option<&'v str>, WrongType> {
    let Some(value) = present(claims.at(path.names())) else {
        return Ok(None);
    };
    if value.as_number().is_none() {
        return subject(value);
    }
    let number = digits(claims, path).filter(|number| number.len() <= 20);
    number.map(Some).ok_or(WrongType)
}

/// Reads a number that consists of digits only, exactly as it is written. `serde_json` rounds a
/// number that does not fit into 64 bits.
pub(crate) fn digits<'a>(claims: &Document<'a>, path: &ClaimPath) -> Option<&'a str> {
    let text = claims.raw(path.names())?;
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(text)
}

/// Returns whether an audience (RFC 7519 section 4.1.3) is or contains one of these: one string, or
/// an array of strings. If no audience is configured, only the type is checked.
pub(crate) fn is_for(aud: &Value<'_>, audiences: &[Box<str>]) -> Result<bool, WrongType> {
    let mut found = audiences.is_empty();
    for aud in aud.elements().unwrap_or(slice::from_ref(aud)) {
        let aud = text(aud)?;
        found |= audiences.iter().any(|ours| **ours == *aud);
    }
    Ok(found)
}

/// Reads scopes: a string separated by spaces (RFC 7662 section 2.2, RFC 8693 section 4.2), or an
/// array of strings, as many issuers write it.
pub(crate) fn scopes(scopes: &Value<'_>) -> Result<Names, WrongType> {
    match scopes.as_str() {
        Some(text) => Ok(text.split(' ').filter(|word| !word.is_empty()).collect()),
        None => list(scopes),
    }
}

/// Reads one role, whatever characters it contains, or an array of roles.
pub(crate) fn roles(roles: &Value<'_>) -> Result<Names, WrongType> {
    match roles.as_str() {
        Some(role) => Ok([role].into_iter().collect()),
        None => list(roles),
    }
}

fn list(names: &Value<'_>) -> Result<Names, WrongType> {
    let names = names.elements().ok_or(WrongType)?;
    names.iter().map(text).collect()
}

/// Returns a text from outside in the form for logs: escaped, and at most 128 bytes long.
#[cfg(feature = "tracing")]
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 128;
    let mut shown = String::new();
    for character in text.chars() {
        let before = shown.len();
        match character {
            '"' | '\'' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
        if shown.len() > LONGEST {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_shows_is_short_and_escaped() {
        assert_eq!(
            shown(r#"["https://a.example/"]"#),
            r#"["https://a.example/"]"#
        );
        assert_eq!(
            shown("a\nWARN \u{1b}[31m\u{202e}"),
            "a\\nWARN \\u{1b}[31m\\u{202e}"
        );
        for text in ["x", "é", "\n", "\u{1b}"] {
            let shown = shown(&text.repeat(1000));
            assert!(shown.len() <= 128 + '…'.len_utf8() && shown.ends_with('…'));
        }
    }
}
