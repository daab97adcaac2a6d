//! The text between the quotes of a string.

use std::{borrow::Cow, iter};

pub(super) fn is_escaped(raw: &str) -> bool {
    raw.as_bytes().contains(&b'\\')
}

/// Whether a string, still escaped, reads as this one.
pub(super) fn is(raw: &str, text: &str) -> bool {
    // A backslash in the text is two in the raw one: they may look alike and differ.
    match is_escaped(raw) {
        true => unescape(raw) == text,
        false => raw == text,
    }
}

/// What a string reads as; the scanner has seen that its escapes are right.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    if !is_escaped(raw) {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some('u') => {
                let first = code_unit(chars.as_str());
                chars.nth(3);
                let mut second = None;
                if matches!(first, 0xD800..=0xDBFF) {
                    second = chars.as_str().strip_prefix("\\u").map(code_unit);
                    chars.nth(5);
                }
                let units = iter::once(first).chain(second);
                text.extend(
                    char::decode_utf16(units)
                        .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)),
                );
            }
            Some(itself) => text.push(itself),
            None => {}
        }
    }
    Cow::Owned(text)
}

fn code_unit(text: &str) -> u16 {
    text.get(..4)
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}
