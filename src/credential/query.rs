//! Query parameters (`application/x-www-form-urlencoded`, WHATWG URL section 5.1).

use super::{Credential, Found, Place, items::single};
use crate::util::percent;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// Finds the parameter of this name. Names are decoded first and are case-sensitive. A value with
/// a broken escape is malformed.
pub(super) fn find(query: Option<&str>, name: &str) -> Found {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let values = pairs.filter(|(key, _)| is_name(key, name));
    single(Place::Query, values, |(_, value)| {
        let decoded = decode(value.as_bytes())?;
        Some(Credential::new(Place::Query, decoded))
    })
}

/// Whether an encoded parameter name reads as this one. A broken escape is the name of nothing.
pub(super) fn is_name(encoded: &str, name: &str) -> bool {
    encoded == name
        || (encoded.contains(['%', '+'])
            && decode(encoded.as_bytes()).is_some_and(|decoded| decoded == name.as_bytes()))
}

/// Percent-decodes, `+` being a space; `None` on a broken escape.
pub(super) fn decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'+') {
        return percent::decode(text);
    }
    let mut spaced = Zeroizing::new(text.to_vec());
    for byte in spaced.iter_mut().filter(|byte| **byte == b'+') {
        *byte = b' ';
    }
    Some(Cow::Owned(percent::decode(&spaced)?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_escape_is_refused() {
        assert_eq!(decode(b"a%20b+c").as_deref(), Some(&b"a b c"[..]));
        assert_eq!(decode(b"plain").as_deref(), Some(&b"plain"[..]));
        for broken in ["%", "%2", "%zz", "a%2", "%+1", "%é"] {
            assert_eq!(decode(broken.as_bytes()), None, "{broken}");
        }
    }
}
