//! [`Digest`]: 256 bits.

use constant_time_eq::constant_time_eq_32;
use std::hash::{Hash, Hasher};

/// A digest of 256 bits as the key of a map: compared in constant time, hashed by its beginning.
#[derive(Clone, Copy, Eq)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Digest {
    /// Part of a digest is as good a hash as any, and costs nothing. Whoever could choose it would
    /// have to find preimages; an attacker's secrets are not in the map anyway.
    pub(crate) fn start(&self) -> u64 {
        u64::from_ne_bytes(self.0.first_chunk().copied().unwrap_or_default())
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq_32(&self.0, &other.0)
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.start());
    }
}
