//! Names of a fixed size, for whatever an issuer has named.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

/// 128 bits in place of an issuer and a name it gave.
///
/// Names may be as long as a token; this is not, so that a list of many has a bound, and holds
/// nobody's name. Two names with one fingerprint would refuse a token that is not revoked, never
/// pass one that is; without the keys nobody can look for such names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u64; 2]);

/// Makes fingerprints, by SipHash under two random keys.
pub(super) struct Fingerprints([RandomState; 2]);

impl Fingerprints {
    pub(super) fn new() -> Self {
        Self([RandomState::new(), RandomState::new()])
    }

    pub(super) fn of(&self, issuer: Option<&str>, name: &str) -> Fingerprint {
        // `Hash` of a string marks its end, so that the two do not run into each other.
        let Self(keys) = self;
        Fingerprint(keys.each_ref().map(|key| key.hash_one((issuer, name))))
    }
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self([first, _]) = self;
        state.write_u64(*first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_within_its_issuer_only() {
        let fingerprints = Fingerprints::new();
        let all = [
            fingerprints.of(None, "ab"),
            fingerprints.of(Some(""), "ab"),
            fingerprints.of(Some("a"), "b"),
            fingerprints.of(Some("ab"), ""),
            fingerprints.of(None, "a"),
        ];
        for (i, one) in all.iter().enumerate() {
            for other in all.iter().skip(i + 1) {
                assert!(one != other);
            }
        }
        assert!(all[0] == fingerprints.of(None, "ab"));
        assert!(all[0] != Fingerprints::new().of(None, "ab"));
    }
}
