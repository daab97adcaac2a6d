//! `Authorization` fields (RFC 9110 section 11.6.2).

use super::location::{Look, Raw, is_repeated};
use http::{HeaderMap, header::AUTHORIZATION};

/// The name of a scheme; its case does not matter (RFC 9110 section 11.1).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SchemeName {
    /// In lower case.
    name: Box<str>,
    /// The same as one word, if it has no more than eight bytes. Nearly all have fewer.
    word: Option<Word>,
}

/// A name that is compared at once: for each byte of it, one of each word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Word {
    lower: u64,
    /// The bit in which a letter differs from the capital one, and nothing for what is no letter.
    case: u64,
    /// All bits; none behind the name.
    mask: u64,
}

impl SchemeName {
    pub(super) fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase().into_boxed_str();
        let word = Word::new(name.as_bytes());
        Self { name, word }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    /// What lies in the field. A repeated one is ambiguous even if only one of them is of this
    /// scheme.
    #[inline]
    pub(super) fn look<'a>(&self, headers: &'a HeaderMap) -> Look<'a> {
        let Some(first) = headers.get(AUTHORIZATION) else {
            return Look::Nothing;
        };
        if is_repeated(headers, &AUTHORIZATION) {
            let mut fields = headers.get_all(AUTHORIZATION).iter();
            return match fields.any(|field| self.end(field.as_bytes()).is_some()) {
                true => Look::Several,
                false => Look::Nothing,
            };
        }
        match self.end(first.as_bytes()) {
            Some(end) => Look::One(Raw::Field(first, end, first.len())),
            None => Look::Nothing,
        }
    }

    /// Where `SCHEME 1*SP` ends and the credentials begin, if the scheme is this one
    /// (`credentials` of RFC 9110 section 11.4).
    #[inline]
    fn end(&self, field: &[u8]) -> Option<usize> {
        let (name, rest) = field.split_at_checked(self.name.len())?;
        let is_this_one = match (self.word, field.first_chunk()) {
            (Some(word), Some(start)) => word.begins(*start),
            _ => name.eq_ignore_ascii_case(self.name.as_bytes()),
        };
        if !is_this_one {
            return None;
        }
        let spaces = match rest {
            // Nearly all have one.
            [b' ', next, ..] if *next != b' ' => 1,
            _ => rest.iter().take_while(|&&byte| byte == b' ').count(),
        };
        if spaces == 0 && !rest.is_empty() {
            return None;
        }
        Some(name.len().saturating_add(spaces))
    }
}

impl Word {
    fn new(name: &[u8]) -> Option<Self> {
        let word = |byte: fn(u8) -> u8| {
            let mut word = [0; 8];
            for (to, from) in word.get_mut(..name.len())?.iter_mut().zip(name) {
                *to = byte(*from);
            }
            Some(u64::from_le_bytes(word))
        };
        Some(Self {
            lower: word(|byte| byte)?,
            case: word(|byte| if byte.is_ascii_lowercase() { 0x20 } else { 0 })?,
            mask: word(|_| 0xff)?,
        })
    }

    /// Whether a field that starts so begins with this name.
    #[inline]
    fn begins(self, start: [u8; 8]) -> bool {
        (u64::from_le_bytes(start) | self.case) & self.mask == self.lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(scheme: &str, field: &[u8]) -> Option<Vec<u8>> {
        let end = SchemeName::new(scheme).end(field)?;
        Some(field[end..].to_owned())
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

    /// Only letters have two cases: `^` and `~`, like `X` and `x`, are one bit apart.
    #[test]
    fn what_is_no_letter_has_one_case() {
        for (scheme, other) in [("x^", "x~"), ("x~", "x^"), ("a0", "a\u{10}"), ("`a", "@a")] {
            for more in ["", "-longer", "-longer-than-eight"] {
                let (scheme, other) = (format!("{scheme}{more}"), format!("{other}{more}"));
                let good = format!("{scheme} abcdefgh");
                let bad = format!("{other} abcdefgh");
                assert_eq!(after(&scheme, good.as_bytes()), Some(b"abcdefgh".to_vec()));
                assert_eq!(after(&scheme, bad.as_bytes()), None, "{scheme}");
            }
        }
    }

    proptest! {
        /// However long the name and the field are, every bit of the name counts but the case of
        /// letters, and none behind it.
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
            let is_name = name.eq_ignore_ascii_case(scheme.as_bytes());
            let expected = is_name && (spaces > 0 || rest.is_empty());
            prop_assert_eq!(after(&scheme, &field), expected.then(|| rest[spaces..].to_owned()));
        }
    }
}
