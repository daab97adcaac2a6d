//! The types of claims.

use crate::{
    identity::Names,
    json::{Object, Value},
};
use std::borrow::Cow;

/// A claim is of the wrong type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrongType;

/// Logs the name of a claim that is of the wrong type.
#[inline(always)]
pub(crate) fn named<T>(claim: &str, read: Result<T, WrongType>) -> Result<T, WrongType> {
    if read.is_err() {
        log_wrong_type(claim);
    }
    read
}

#[cold]
fn log_wrong_type(claim: &str) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "tower_auth", claim, "a claim is of the wrong type");
    #[cfg(not(feature = "tracing"))]
    let _ = claim;
}

/// Treats a claim that is `null` as absent, because serializers write `null` for unknown values.
///
/// Three readers do not call this function: those of `cnf`, of the `active` of RFC 7662 and of the
/// parameters of a JOSE header. The absence of these weakens a token, so `null` has the wrong type
/// there.
#[inline(always)]
pub(crate) fn present(claim: Option<Value<'_>>) -> Option<Value<'_>> {
    claim.filter(|claim| !claim.is_null())
}

/// The confirmation methods of RFC 7800 section 3, RFC 8705 section 3.1, RFC 9203 section 3.2 and
/// RFC 9449 section 6.1.
const CONFIRMATIONS: [&str; 7] = ["jwk", "jwe", "kid", "jku", "x5t#S256", "osc", "jkt"];

/// Checks that `cnf` binds a token to a key by a known method.
///
/// A bearer token has no `cnf` at all. This check only distinguishes a bound token from a token
/// whose `cnf` has no meaning.
pub(crate) fn is_confirmation(cnf: Value<'_>) -> Result<(), WrongType> {
    let mut members = cnf.members().ok_or(WrongType)?;
    let is_known =
        members.any(|(name, method)| CONFIRMATIONS.contains(&&*name) && !method.is_null());
    is_known.then_some(()).ok_or(WrongType)
}

/// A string.
#[inline(always)]
pub(crate) fn text(value: Value<'_>) -> Result<Cow<'_, str>, WrongType> {
    value.as_str().ok_or(WrongType)
}

/// A string that can name somebody; `None` if it is empty.
#[inline]
pub(crate) fn subject(value: Value<'_>) -> Result<Option<Cow<'_, str>>, WrongType> {
    let subject = text(value)?;
    Ok(is_name(&subject)?.then_some(subject))
}

/// Reads the subject from a claim that the application chose by its name: a string or a whole
/// number.
///
/// A number must consist of digits only, so that each number has one spelling.
pub(crate) fn chosen_subject(value: Value<'_>) -> Result<Option<Cow<'_, str>>, WrongType> {
    let Some(number) = value.as_number() else {
        return subject(value);
    };
    let is_whole = number.len() <= 20 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then_some(Some(number.into())).ok_or(WrongType)
}

/// Whether a string names somebody: it is not empty. What can name nobody is an error.
#[inline]
pub(crate) fn is_name(text: &str) -> Result<bool, WrongType> {
    // JSON may hold them, and what is behind may cut the name short at a NUL, or a log line at a
    // line break.
    let is_plain = |plain, &byte: &u8| plain & matches!(byte, b' '..=b'~');
    if !text.as_bytes().iter().fold(true, is_plain) && text.contains(char::is_control) {
        return Err(WrongType);
    }
    Ok(!text.is_empty())
}

/// Whether an audience (RFC 7519 section 4.1.3) is or holds one of these: one string, or an array
/// of nothing else. With none of ours to look for, only the type counts.
pub(crate) fn is_for(aud: Value<'_>, audiences: &[Box<str>]) -> Result<bool, WrongType> {
    let is_ours = |aud: Value<'_>| audiences.iter().any(|ours| aud.is_str(ours));
    let mut found = audiences.is_empty();
    match aud.elements() {
        None if aud.is_string() => found |= is_ours(aud),
        None => return Err(WrongType),
        Some(elements) => {
            for element in elements {
                if !element.is_string() {
                    return Err(WrongType);
                }
                found |= is_ours(element);
            }
        }
    }
    Ok(found)
}

/// Scopes: a string separated by spaces (RFC 7662 section 2.2, RFC 8693 section 4.2), or an array
/// of strings, as many issuers have it.
#[inline]
pub(crate) fn scopes(claims: &Object, scopes: Value<'_>) -> Result<Names, WrongType> {
    match scopes.as_str() {
        Some(text) => Ok(Names::words(claims, &text)),
        None => Names::list(claims, scopes).ok_or(WrongType),
    }
}

/// One role, whatever characters it holds, or an array of them.
#[inline]
pub(crate) fn roles(claims: &Object, roles: Value<'_>) -> Result<Names, WrongType> {
    match roles.as_str() {
        Some(role) => Ok(Names::one(&role)),
        None => Names::list(claims, roles).ok_or(WrongType),
    }
}

/// Returns a text from outside in the form for logs: escaped, and at most 128 bytes long.
#[cfg_attr(
    not(feature = "tracing"),
    allow(dead_code, reason = "only logs show it")
)]
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
