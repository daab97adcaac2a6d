//! `Authorization` fields (RFC 9110 section 11.6.2).

use super::{Credential, Found, Place};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

/// Finds the credential of this scheme. A repeated field is ambiguous even if only one of the
/// fields is of this scheme.
pub(super) fn find(headers: &HeaderMap, scheme: &str) -> Found {
    let place = Place::Authorization;
    let start = |field: &HeaderValue| start(field.as_bytes(), scheme);
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => match start(field) {
            Some(start) => Found::one(Credential::of_field(place, field, start..field.len())),
            None => Found::nothing(),
        },
        (first, second) => {
            let mut all = first.into_iter().chain(second).chain(fields);
            match all.any(|field| start(field).is_some()) {
                true => Found::ambiguous(place),
                false => Found::nothing(),
            }
        }
    }
}

/// Returns the index at which the credentials begin, after `SCHEME 1*SP`, if the field is of this
/// scheme (`credentials` of RFC 9110 section 11.4). The case of the name does not matter (section
/// 11.1).
fn start(field: &[u8], scheme: &str) -> Option<usize> {
    let (name, rest) = field.split_at_checked(scheme.len())?;
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    let ends = spaces > 0 || rest.is_empty();
    (ends && name.eq_ignore_ascii_case(scheme.as_bytes()))
        .then(|| name.len().saturating_add(spaces))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(scheme: &str, field: &[u8]) -> Option<Vec<u8>> {
        Some(field[start(field, scheme)?..].to_owned())
    }

    #[test]
    fn a_scheme_ends_at_its_spaces() {
        let after = |field: &str| after("Basic", field.as_bytes());
        assert_eq!(after("Basic abc"), Some(b"abc".to_vec()));
        assert_eq!(after("bASIC   abc"), Some(b"abc".to_vec()));
        assert_eq!(after("Basic"), Some(Vec::new()));
        assert_eq!(after("Basic "), Some(Vec::new()));
        assert_eq!(after("Basic   "), Some(Vec::new()));
        assert_eq!(after("Basic  a b "), Some(b"a b ".to_vec()));
        assert_eq!(after("Basic=abc"), None);
        assert_eq!(after("Basic\tabc"), None);
        assert_eq!(after("Basicabc"), None);
        assert_eq!(after("Bas"), None);
        assert_eq!(after(""), None);
    }

    proptest! {
        /// Every bit of the name is compared except the case of letters.
        #[test]
        fn a_name_is_compared_as_a_whole(
            scheme in "[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,12}",
            behind in "[ ]{0,2}[ -~]{0,9}",
            flips in proptest::collection::vec((any::<proptest::sample::Index>(), 0..8u32), 0..3),
        ) {
            let mut field = format!("{scheme}{behind}").into_bytes();
            for (at, bit) in flips {
                let at = at.index(field.len());
                field[at] ^= 1 << bit;
            }
            let (name, rest) = field.split_at(scheme.len());
            let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
            let is_name = name.to_ascii_lowercase() == scheme.to_ascii_lowercase().as_bytes();
            let expected = is_name && (spaces > 0 || rest.is_empty());
            prop_assert_eq!(after(&scheme, &field), expected.then(|| rest[spaces..].to_owned()));
        }
    }
}
