//! [`Known`]: parts of tokens that have been read before.

use std::sync::OnceLock;

/// How many are remembered; an issuer has as many headers as it has keys and kinds of tokens.
const MOST: usize = 8;

/// In bytes.
const LONGEST: usize = 512;

/// Parts that many tokens have in common, each with what it means.
///
/// Tokens of one issuer share their first segment, and mostly their audience. It has been read
/// strictly once, and the same bytes read the same. Only what a verified token says is remembered,
/// so nobody fills this but the issuer.
pub(crate) struct Known<T>([OnceLock<(Box<[u8]>, T)>; MOST]);

impl<T: Copy> Known<T> {
    #[inline]
    pub(super) fn get(&self, part: &[u8]) -> Option<T> {
        let known = self.0.iter().map_while(OnceLock::get);
        let mut same = known.filter(|(known, _)| **known == *part);
        same.next().map(|&(_, meaning)| meaning)
    }

    pub(super) fn remember(&self, part: &[u8], meaning: T) {
        if part.len() > LONGEST || self.get(part).is_some() {
            return;
        }
        let mut free = self.0.iter();
        // Another thread may be faster; then it is the next one's turn.
        let _full = free.find(|slot| slot.set((part.into(), meaning)).is_ok());
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_found_and_nothing_else() {
        let known = Known::default();
        for n in 0..MOST + 3 {
            known.remember(format!("h{n}").as_bytes(), n);
            known.remember(format!("h{n}").as_bytes(), n + 100);
        }
        for n in 0..MOST {
            assert_eq!(known.get(format!("h{n}").as_bytes()), Some(n));
        }
        assert_eq!(known.get(format!("h{MOST}").as_bytes()), None, "full");
        assert_eq!(known.get(b"h"), None);
        let known = Known::default();
        known.remember(&[b'h'; LONGEST + 1], 0);
        assert_eq!(known.get(&[b'h'; LONGEST + 1]), None);
    }
}
