//! A hasher for keys that are hashes already.

use std::hash::{BuildHasherDefault, Hasher};

/// Hashes by the one word that a key writes.
pub(crate) type ByFirstWord = BuildHasherDefault<FirstWord>;

/// The hash is what is written.
#[derive(Default)]
pub(crate) struct FirstWord(u64);

impl Hasher for FirstWord {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Never called by keys that write one word; still a hash.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}
