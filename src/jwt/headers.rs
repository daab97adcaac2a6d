//! [`Headers`]: headers that have been read before.

use std::sync::OnceLock;

/// How many are remembered; an issuer has as many as it has keys and kinds of tokens.
const MOST: usize = 8;

/// In bytes of base64url.
const LONGEST: usize = 512;

/// The first segments of tokens that were good, each with the place of its key in one set.
///
/// Tokens of one issuer share their first segment. It has been read strictly once, and the same
/// bytes read the same. Only a verified token is remembered, so nobody fills this but the issuer;
/// a new set of keys starts anew.
#[derive(Default)]
pub(crate) struct Headers([OnceLock<(Box<[u8]>, usize)>; MOST]);

impl Headers {
    pub(super) fn key(&self, header: &[u8]) -> Option<usize> {
        let known = self.0.iter().map_while(OnceLock::get);
        known
            .filter(|(known, _)| **known == *header)
            .map(|&(_, key)| key)
            .next()
    }

    pub(super) fn remember(&self, header: &[u8], key: usize) {
        if header.len() > LONGEST || self.key(header).is_some() {
            return;
        }
        let mut free = self.0.iter();
        // Another thread may be faster; then it is the next one's turn.
        let _full = free.find(|slot| slot.set((header.into(), key)).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_found_and_nothing_else() {
        let headers = Headers::default();
        for n in 0..MOST + 3 {
            headers.remember(format!("h{n}").as_bytes(), n);
            headers.remember(format!("h{n}").as_bytes(), n + 100);
        }
        for n in 0..MOST {
            assert_eq!(headers.key(format!("h{n}").as_bytes()), Some(n));
        }
        assert_eq!(headers.key(format!("h{MOST}").as_bytes()), None, "full");
        assert_eq!(headers.key(b"h"), None);
        let headers = Headers::default();
        headers.remember(&[b'h'; LONGEST + 1], 0);
        assert_eq!(headers.key(&[b'h'; LONGEST + 1]), None);
    }
}
