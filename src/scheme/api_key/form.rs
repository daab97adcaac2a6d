//! The form of generated keys: `{prefix}_{id}_{secret}{checksum}`.

pub(super) const ID: usize = 12;
/// 43 characters of 62 hold 256.03 bits.
pub(super) const SECRET: usize = 43;
const CHECKSUM: usize = 6;
const TAIL: usize = SECRET + CHECKSUM;
const MAX_PREFIX: usize = 16;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What can be read from a generated key without knowing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParsedKey<'a> {
    /// What stands before the id, such as `acme_live`.
    pub prefix: &'a str,
    /// The id of the key: no secret.
    pub id: &'a str,
}

/// What a key looks like.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    Generated(ParsedKey<'a>),
    /// A generated key but for its checksum.
    Mistyped,
    /// Not of this crate's making.
    Other,
}

pub(super) fn read(key: &[u8]) -> Form<'_> {
    let Some(parsed) = shape(key) else {
        return Form::Other;
    };
    match key.split_last_chunk::<CHECKSUM>() {
        Some((text, sum)) if checksum(text) == *sum => Form::Generated(parsed),
        _ => Form::Mistyped,
    }
}

/// Read from the right, where every part has a fixed length.
fn shape(key: &[u8]) -> Option<ParsedKey<'_>> {
    let (rest, tail) = key.split_last_chunk::<TAIL>()?;
    let (rest, id) = rest.strip_suffix(b"_")?.split_last_chunk::<ID>()?;
    let prefix = rest.strip_suffix(b"_")?;
    if !is_prefix(prefix) || !is_base62(id) || !is_base62(tail) {
        return None;
    }
    Some(ParsedKey {
        prefix: std::str::from_utf8(prefix).ok()?,
        id: std::str::from_utf8(id).ok()?,
    })
}

/// `[a-z](?:[a-z0-9_]{0,14}[a-z0-9])?`
pub(super) fn is_prefix(prefix: &[u8]) -> bool {
    prefix.len() <= MAX_PREFIX
        && prefix.first().is_some_and(u8::is_ascii_lowercase)
        && prefix.last() != Some(&b'_')
        && prefix
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// CRC-32 to the base 62, most significant digit first; 62⁶ is more than 2³².
pub(super) fn checksum(text: &[u8]) -> [u8; CHECKSUM] {
    let mut crc = crc32fast::hash(text);
    let mut digits = [b'0'; CHECKSUM];
    for place in digits.iter_mut().rev() {
        // A remainder below 62 always has a digit.
        let digit = BASE62.get((crc % 62) as usize);
        *place = digit.copied().unwrap_or_default();
        crc /= 62;
    }
    digits
}

/// One character from one random byte; two in 64 have none, so that all 62 are equally likely.
pub(super) fn digit(random: u8) -> Option<char> {
    let digit = BASE62.get(usize::from(random & 63))?;
    Some(char::from(*digit))
}

fn is_base62(text: &[u8]) -> bool {
    // Without branches in the loop, as every request with a generated key pays for it.
    text.iter().fold(true, |ok, &byte| {
        let is_digit = byte.wrapping_sub(b'0') <= 9;
        let is_letter = (byte | 0x20).wrapping_sub(b'a') <= b'z' - b'a';
        ok & (is_digit | is_letter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PREFIX: &str = "[a-z]([a-z0-9_]{0,14}[a-z0-9])?";

    fn complete(text: String) -> String {
        let sum = checksum(text.as_bytes());
        text + std::str::from_utf8(&sum).unwrap()
    }

    #[test]
    fn a_checksum_is_the_crc_32_to_the_base_62() {
        // The check value of CRC-32/ISO-HDLC: 0xCBF43926 of "123456789".
        let value = checksum(b"123456789").iter().fold(0u64, |value, digit| {
            let digit = BASE62.iter().position(|each| each == digit).unwrap();
            value * 62 + digit as u64
        });
        assert_eq!(value, 0xCBF4_3926);
        assert_eq!(checksum(b""), *b"000000");
    }

    #[test]
    fn prefixes_are_short_words() {
        for prefix in ["a", "acme", "acme_live", "a1", "a__b", "abcdefghijklmnop"] {
            assert!(is_prefix(prefix.as_bytes()), "{prefix}");
        }
        for prefix in [
            "",
            "_",
            "1a",
            "_a",
            "a_",
            "Acme",
            "a-b",
            "a b",
            "é",
            "abcdefghijklmnopq",
        ] {
            assert!(!is_prefix(prefix.as_bytes()), "{prefix}");
        }
    }

    #[test]
    fn every_byte_is_classed_as_the_alphabet_does() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_base62(&[byte]), BASE62.contains(&byte), "{byte:#x}");
        }
    }

    #[test]
    fn random_bytes_make_every_digit_equally_often() {
        let mut counts = std::collections::HashMap::new();
        for byte in 0..=u8::MAX {
            *counts.entry(digit(byte)).or_insert(0) += 1;
        }
        assert_eq!(counts.remove(&None), Some(8));
        assert_eq!(counts.len(), 62);
        assert!(counts.values().all(|&count| count == 4));
    }

    proptest! {
        #[test]
        fn a_complete_key_is_read(
            prefix in PREFIX, id in "[0-9A-Za-z]{12}", secret in "[0-9A-Za-z]{43}",
        ) {
            let key = complete(format!("{prefix}_{id}_{secret}"));
            let parsed = ParsedKey { prefix: &prefix, id: &id };
            prop_assert_eq!(read(key.as_bytes()), Form::Generated(parsed));
        }

        #[test]
        fn one_wrong_character_is_noticed(
            id in "[0-9A-Za-z]{12}", secret in "[0-9A-Za-z]{43}", at in 0usize..70, to in "[ -~]",
        ) {
            let key = complete(format!("acme_{id}_{secret}"));
            let at = at % key.len();
            prop_assume!(key[at..=at] != to);
            let mut mistyped = key;
            mistyped.replace_range(at..=at, &to);
            prop_assert!(!matches!(read(mistyped.as_bytes()), Form::Generated(_)));
        }

        #[test]
        fn a_cut_or_extended_key_is_noticed(
            id in "[0-9A-Za-z]{12}", secret in "[0-9A-Za-z]{43}", cut in 1usize..67, more in "[0-9A-Za-z]{1,3}",
        ) {
            let key = complete(format!("acme_{id}_{secret}"));
            let is_read = |key: &str| matches!(read(key.as_bytes()), Form::Generated(_));
            prop_assert!(!is_read(&key[..key.len() - cut]));
            prop_assert!(!is_read(&key[cut..]));
            prop_assert!(!is_read(&(key + &more)));
        }

        #[test]
        fn any_bytes_are_judged(key: Vec<u8>) {
            let _ = read(&key);
        }
    }
}
