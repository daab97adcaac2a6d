//! `Authorization` fields (RFC 9110 section 11.6.2).

use super::location::{Look, Raw, is_repeated};
use http::{HeaderMap, header::AUTHORIZATION};

/// The name of a scheme, in lower case.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SchemeName {
    name: Box<str>,
    /// Its first bytes, which nearly all names are no longer than.
    start: Start,
}

/// Up to eight bytes at once.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Start {
    lower: u64,
    /// The bit in which letters differ from capital ones, for each that is a letter.
    letters: u64,
    /// Which bytes are meant.
    mask: u64,
}

impl SchemeName {
    pub(super) fn new(name: &str) -> Self {
        let name = name.to_ascii_lowercase().into_boxed_str();
        let word = |byte: fn(u8) -> u8| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(name.bytes()) {
                *to = byte(from);
            }
            u64::from_le_bytes(word)
        };
        let start = Start {
            lower: word(|byte| byte),
            letters: word(|byte| if byte.is_ascii_lowercase() { 0x20 } else { 0 }),
            mask: word(|_| 0xff),
        };
        Self { name, start }
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
        if !self.is(field, name) {
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

    /// Whether a field that begins with `name` begins with this one; the case does not matter
    /// (RFC 9110 section 11.1).
    #[inline]
    fn is(&self, field: &[u8], name: &[u8]) -> bool {
        let Start {
            lower,
            letters,
            mask,
        } = self.start;
        match field.first_chunk() {
            Some(start) if self.name.len() <= 8 => {
                (u64::from_le_bytes(*start) | letters) & mask == lower
            }
            _ => name.eq_ignore_ascii_case(self.name.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(scheme: &str, field: &str) -> Option<String> {
        let end = SchemeName::new(scheme).end(field.as_bytes())?;
        Some(field[end..].to_owned())
    }

    #[test]
    fn a_scheme_ends_at_its_spaces() {
        let after = |field| after("Basic", field);
        assert_eq!(after("Basic abc"), Some("abc".into()));
        assert_eq!(after("bASIC   abc"), Some("abc".into()));
        assert_eq!(after("Basic"), Some(String::new()));
        assert_eq!(after("Basic "), Some(String::new()));
        assert_eq!(after("Basic   "), Some(String::new()));
        assert_eq!(after("Basic  a b "), Some("a b ".into()));
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
                assert!(after(&scheme, &format!("{scheme} abcdefgh")).is_some());
                assert_eq!(
                    after(&scheme, &format!("{other} abcdefgh")),
                    None,
                    "{scheme}"
                );
            }
        }
    }

    proptest! {
        /// However long the name and the field are, every byte of the name counts, and none
        /// behind it.
        #[test]
        fn a_name_is_compared_as_a_whole(
            scheme in "[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,12}",
            field in "[Bb!^~ ]{0,3}[ -~]{0,20}",
            at in any::<proptest::sample::Index>(),
            bit in 0..7u32,
            token in "[a-z]{0,9}",
        ) {
            let expected = |field: &str| {
                let name = field.get(..scheme.len())?;
                let rest = field[scheme.len()..].trim_start_matches(' ');
                let spaces = field.len() - scheme.len() - rest.len();
                let is_name = name.eq_ignore_ascii_case(&scheme);
                (is_name && (spaces > 0 || rest.is_empty())).then(|| rest.to_owned())
            };
            prop_assert_eq!(after(&scheme, &field), expected(&field));
            let mut flipped = scheme.clone().into_bytes();
            let at = at.index(flipped.len());
            flipped[at] ^= 1 << bit;
            let field = format!("{} {token}", String::from_utf8(flipped).unwrap());
            prop_assert_eq!(after(&scheme, &field), expected(&field));
        }
    }
}
