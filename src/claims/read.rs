//! The types of claims.

use crate::{
    identity::Names,
    json::{Object, Value},
};
use std::borrow::Cow;

/// A claim is of the wrong type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrongType;

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
