//! A short list of names in at most one allocation, however many there are.

use crate::json::{Object, Span, Value};
use std::{borrow::Cow, iter};

/// Roles or scopes.
#[derive(Clone)]
pub(crate) enum Names {
    /// One after another, each behind its length. No separator: a name may hold any character,
    /// and must not become two.
    Own(Vec<u8>),
    /// One string in the claims, words separated by spaces.
    Words(Span),
    /// An array in the claims, of strings that are not escaped.
    List(Span),
}

/// Bytes; enough for what most lists hold.
const USUAL: usize = 96;

#[allow(dead_code, reason = "only token verifiers have claims")]
impl Names {
    /// The words of a string in these claims (RFC 8693 section 4.2).
    #[inline]
    pub(crate) fn words(claims: &Object, text: &str) -> Self {
        match Span::within(claims.as_str(), text) {
            Some(span) => Self::Words(span),
            // It was escaped, and is a copy.
            None => Self::own(words(text)),
        }
    }

    /// The elements of an array in these claims; `None` if it holds anything but strings.
    #[inline]
    pub(crate) fn list(claims: &Object, array: Value<'_>) -> Option<Self> {
        let is_plain = array.is_plain_strings() || all_are_plain(array)?;
        if is_plain && let Some(span) = Span::within(claims.as_str(), array.text()) {
            return Some(Self::List(span));
        }
        Some(Self::own(array.elements()?.filter_map(Value::as_str)))
    }

    /// One name, whatever characters it holds.
    pub(crate) fn one(name: &str) -> Self {
        Self::own(iter::once(name))
    }

    fn own(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut own = Vec::new();
        for name in names {
            push(&mut own, name.as_ref());
        }
        Self::Own(own)
    }

    /// Adds names to those there are, which may lie in these claims.
    pub(super) fn extend(
        &mut self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        claims: &str,
    ) {
        let mut own = match std::mem::take(self) {
            Self::Own(own) => own,
            elsewhere => {
                let mut own = Vec::new();
                elsewhere.iter(claims).for_each(|name| push(&mut own, name));
                own
            }
        };
        for name in names {
            push(&mut own, name.as_ref());
        }
        *self = Self::Own(own);
    }

    /// Returns the memory that is used in addition to the claims, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Own(own) => own.capacity(),
            Self::Words(_) | Self::List(_) => 0,
        }
    }

    pub(super) fn iter<'a>(&'a self, claims: &'a str) -> Iter<'a> {
        match self {
            Self::Own(own) => Iter::Own(own),
            Self::Words(span) => Iter::Words(span.of(claims).split(' ')),
            Self::List(span) => Iter::List(Value::kept(span.of(claims)).strings()),
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

/// The names of a list.
pub(super) enum Iter<'a> {
    Own(&'a [u8]),
    Words(std::str::Split<'a, char>),
    List(crate::json::Strings<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        match self {
            Self::Own(rest) => {
                let (len, names) = rest.split_first_chunk()?;
                let len = usize::try_from(u32::from_ne_bytes(*len)).ok()?;
                let (name, others) = names.split_at_checked(len)?;
                *rest = others;
                std::str::from_utf8(name).ok()
            }
            Self::Words(words) => words.find(|word| !word.is_empty()),
            Self::List(strings) => strings.next(),
        }
    }
}

/// Whether an array of strings has none that is escaped; `None` if it holds anything else.
fn all_are_plain(array: Value<'_>) -> Option<bool> {
    let mut is_plain = true;
    for element in array.elements()? {
        is_plain &= matches!(element.as_str()?, Cow::Borrowed(_));
    }
    Some(is_plain)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

fn push(own: &mut Vec<u8>, name: &str) {
    // A name of 4 GiB would not have got here; it is left out rather than cut.
    let Ok(len) = u32::try_from(name.len()) else {
        return;
    };
    if own.capacity() == 0 {
        own.reserve(USUAL);
    }
    own.extend_from_slice(&len.to_ne_bytes());
    own.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_come_back_as_they_went_in() {
        let names = [
            "",
            "a",
            "admin\u{0}editor",
            "è 3,4;5",
            "",
            &"x".repeat(1000),
        ];
        let mut list = Names::default();
        list.extend(names, "");
        assert!(list.iter("").eq(names));
    }

    fn claims(value: &serde_json::Value) -> Object {
        let text = serde_json::json!({ "before": [1, "x"], "names": value, "after": "y" });
        Object::parse(text.to_string().into_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn a_list_in_claims_reads_as_it_would_on_its_own(names in proptest::collection::vec(".{0,6}", 0..5)) {
            let claims = claims(&names.clone().into());
            let list = Names::list(&claims, claims.at(&"names".into()).unwrap()).unwrap();
            prop_assert!(list.iter(claims.as_str()).eq(names.iter().map(String::as_str)));
            let mut more = list;
            more.extend(["more"], claims.as_str());
            prop_assert!(more.iter("").eq(names.iter().map(String::as_str).chain(["more"])));
        }

        #[test]
        fn words_in_claims_are_what_lies_between_spaces(text in "[a-c\"\\\\é ]{0,12}") {
            let claims = claims(&text.clone().into());
            let value = claims.at(&"names".into()).unwrap();
            let names = Names::words(&claims, &value.as_str().unwrap());
            prop_assert!(names.iter(claims.as_str()).eq(text.split(' ').filter(|word| !word.is_empty())));
        }
    }

    #[test]
    fn what_is_no_string_is_no_name() {
        let claims = claims(&serde_json::json!(["a", 1]));
        assert!(Names::list(&claims, claims.at(&"names".into()).unwrap()).is_none());
    }
}
