//! Fields with the name of a scheme and its credentials, such as `Authorization` (RFC 9110 section
//! 11.6.2).

use super::{Credential, Found, Place, items::single};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use std::ops::Range;
use zeroize::Zeroizing;

/// Finds the credential of this scheme in this field. A repeated field is ambiguous even if only one
/// of the fields is of this scheme.
pub(super) fn find(headers: &HeaderMap, name: &HeaderName, place: Place, scheme: &str) -> Found {
    found(headers, name, place, scheme, |field, range| {
        Found::one(Credential::of_field(place, field, range))
    })
}

fn found(
    headers: &HeaderMap,
    name: &HeaderName,
    place: Place,
    scheme: &str,
    read: impl FnOnce(&HeaderValue, Range<usize>) -> Found,
) -> Found {
    let start = |field: &HeaderValue| start(field.as_bytes(), scheme);
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => match start(field) {
            Some(start) => read(field, start..field.len()),
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

/// Finds a credential without the name of a scheme in `Authorization`: one word.
pub(super) fn find_bare(headers: &HeaderMap) -> Found {
    let is_word = |field: &&HeaderValue| !field.is_empty() && !field.as_bytes().contains(&b' ');
    let words = headers.get_all(AUTHORIZATION).iter().filter(is_word);
    single(Place::Authorization, words, |field| {
        let whole = 0..field.len();
        Some(Credential::of_field(Place::Authorization, field, whole))
    })
}

/// Finds the credential that is the password of Basic credentials, or their user name if they have
/// no password. Browsers send Basic credentials by themselves.
pub(super) fn find_in_basic(headers: &HeaderMap) -> Found {
    let place = Place::Authorization;
    let found = found(headers, &AUTHORIZATION, place, "Basic", |field, range| {
        let token68 = field.as_bytes().get(range).unwrap_or_default();
        match in_basic(token68) {
            Some(secret) => Found::one(Credential::new(place, secret)),
            None => Found::malformed(place),
        }
    });
    found.sent_by_browsers()
}

/// The largest length of Basic credentials in base64, in bytes. The password may be a token.
const MAX_BASIC: usize = 32 * 1024;

/// The password that clients send for a token in the place of the user name.
const NO_PASSWORD: &[u8] = b"x-oauth-basic";

/// Returns the one secret of Basic credentials (RFC 7617 section 2).
fn in_basic(token68: &[u8]) -> Option<Vec<u8>> {
    if token68.len() > MAX_BASIC {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(token68).ok()?);
    if decoded.iter().any(u8::is_ascii_control) {
        return None;
    }
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let (user, password) = decoded.split_at_checked(colon)?;
    let secret = match password.get(1..)? {
        b"" | NO_PASSWORD => user,
        password => password,
    };
    Some(secret.to_vec())
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

    #[test]
    fn the_secret_of_basic_credentials_is_the_password_or_else_the_user() {
        let secret = |text: &str| in_basic(STANDARD.encode(text).as_bytes());
        for (text, expected) in [
            ("git:KEY", "KEY"),
            ("x-access-token:K:EY", "K:EY"),
            (":KEY", "KEY"),
            ("KEY:", "KEY"),
            ("KEY:x-oauth-basic", "KEY"),
            (":", ""),
        ] {
            assert_eq!(secret(text).as_deref(), Some(expected.as_bytes()), "{text}");
        }
        for text in ["KEY", "", "a:b\n", "a\0:b"] {
            assert_eq!(secret(text), None, "{text:?}");
        }
        assert_eq!(in_basic(b"Z2l0OktFWQ"), None, "without padding");
        assert_eq!(in_basic(&[b'A'; MAX_BASIC + 4]), None);
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
