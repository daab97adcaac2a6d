//! The types of claims.

use crate::{
    identity::{ClaimPath, Names},
    json::{Document, Value},
    rejection::Mismatch,
};
#[cfg(feature = "jwt")]
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
#[cfg(feature = "jwt")]
use constant_time_eq::constant_time_eq;
use std::{fmt, slice};

/// A claim is of the wrong type. The field is the type that the claim must have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrongType(pub(crate) &'static str);

impl WrongType {
    /// Returns both sides: the type that this claim must have, and the type that it has.
    #[cold]
    pub(crate) fn of(self, claim: impl fmt::Display, value: Option<&Value<'_>>) -> Box<Mismatch> {
        let found = match value {
            Some(Value::Array(elements)) => {
                match elements.iter().find(|element| element.as_str().is_none()) {
                    Some(other) => format!("an array that holds {}", type_of(other)),
                    None => type_of(&Value::Array(Vec::new())).to_owned(),
                }
            }
            Some(value) => type_of(value).to_owned(),
            None => "missing".to_owned(),
        };
        Mismatch::new(claim, found, self.0)
    }
}

/// Returns the type of a value. The value is not part of it, because it may be personal.
pub(crate) fn type_of(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::Plain(_) | Value::Escaped(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
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
    const EXPECTED: WrongType = WrongType("an object with a known confirmation method");
    let mut members = cnf.members().ok_or(EXPECTED)?.iter();
    let is_known = members.any(|(name, method)| CONFIRMATIONS.contains(&name) && !method.is_null());
    is_known.then_some(()).ok_or(EXPECTED)
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

const STRINGS: WrongType = WrongType("a string or an array of strings");

/// Reads a string.
pub(crate) fn text<'v>(value: &'v Value<'_>) -> Result<&'v str, WrongType> {
    value.as_str().ok_or(WrongType("a string"))
}

/// Reads a string that can be a subject; `None` if it is empty.
///
/// A string with control characters has the wrong type. Software behind this crate may cut such a
/// name at a NUL, and a log line at a line break.
pub(crate) fn subject<'v>(value: &'v Value<'_>) -> Result<Option<&'v str>, WrongType> {
    let subject = text(value)?;
    if subject.contains(char::is_control) {
        return Err(WrongType("a string without control characters"));
    }
    Ok(Some(subject).filter(|subject| !subject.is_empty()))
}

/// Reads the subject from a claim that the application chose: a string or a whole number.
///
/// A number must consist of digits only, so that each number has one spelling.
pub(super) fn chosen_subject<'v>(
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
    number
        .map(Some)
        .ok_or(WrongType("a string, or a number of at most 20 digits"))
}

/// Reads a number that consists of digits only, exactly as it is written. `serde_json` rounds a
/// number that does not fit into 64 bits.
fn digits<'a>(claims: &Document<'a>, path: &ClaimPath) -> Option<&'a str> {
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
        let aud = aud.as_str().ok_or(STRINGS)?;
        found |= audiences.iter().any(|ours| **ours == *aud);
    }
    Ok(found)
}

/// Reads scopes: a string separated by spaces (RFC 7662 section 2.2, RFC 8693 section 4.2), or an
/// array of strings, as many issuers write it.
pub(super) fn scopes(scopes: &Value<'_>) -> Result<Names, WrongType> {
    match scopes.as_str() {
        Some(text) => Ok(text.split(' ').filter(|word| !word.is_empty()).collect()),
        None => list(scopes),
    }
}

/// Reads one role, whatever characters it contains, or an array of roles.
pub(super) fn roles(roles: &Value<'_>) -> Result<Names, WrongType> {
    match roles.as_str() {
        Some(role) => Ok([role].into_iter().collect()),
        None => list(roles),
    }
}

fn list(names: &Value<'_>) -> Result<Names, WrongType> {
    let names = names.elements().ok_or(STRINGS)?;
    let text = |name| text(name).map_err(|_| STRINGS);
    names.iter().map(text).collect()
}
