//! Maps by digest, and when what they hold ends.

use super::{ByFirstWord, Digest};
use crate::clock;
use std::{collections::HashMap, time::SystemTime};

/// A map by digest.
pub(crate) type DigestMap<T> = HashMap<Digest, T, ByFirstWord>;

/// 22 characters of base64 hold 128 bits; what is shorter can be guessed from its digest.
pub(crate) const MIN_SECRET: usize = 22;

/// The last second in which a key is no longer good: one word, and no clock for most keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends(u64);

impl Ends {
    pub(crate) const NEVER: Self = Self(u64::MAX);
    pub(crate) const REVOKED: Self = Self(0);

    /// The end of credentials that expire at this time.
    pub(crate) fn of(expiry: Option<SystemTime>) -> Self {
        expiry.map_or(Self::NEVER, |end| Self::at(clock::seconds(end)))
    }

    fn at(seconds: u64) -> Self {
        // The beginning of 1970 is long over, too; it must not read as revoked.
        Self(seconds.max(1))
    }

    /// `now` is asked for only where it matters.
    pub(crate) fn is_over(self, now: impl FnOnce() -> u64) -> bool {
        match self {
            Self::NEVER => false,
            Self::REVOKED => true,
            Self(end) => now() >= end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_that_begin_alike_are_told_apart() {
        let mut map = DigestMap::default();
        let digest = |last| {
            let mut digest = [7; 32];
            digest[31] = last;
            Digest(digest)
        };
        for last in 0..100 {
            assert!(map.insert(digest(last), last).is_none());
        }
        assert_eq!(map.get(&digest(42)), Some(&42));
        assert_eq!(map.get(&digest(100)), None);
    }

    #[test]
    fn only_an_expiry_asks_for_the_time() {
        assert!(!Ends::NEVER.is_over(|| panic!("no clock")));
        assert!(Ends::REVOKED.is_over(|| panic!("no clock")));
        assert!(!Ends::at(10).is_over(|| 9));
        assert!(Ends::at(10).is_over(|| 10));
        assert_ne!(Ends::at(0), Ends::REVOKED);
        assert!(Ends::at(0).is_over(|| 1));
    }
}
