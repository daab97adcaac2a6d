//! Names for secrets: HMAC-SHA-256 under a random key.

use super::Digest;
use crate::{ConfigError, util::random};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Digests under a random key, prepared once (RFC 2104 section 4).
#[derive(Clone)]
pub(crate) struct Keyed(Hmac<Sha256>);

impl Keyed {
    /// # Errors
    ///
    /// If the operating system has no random bytes.
    pub(crate) fn new() -> Result<Self, ConfigError> {
        Self::with_key(&*random::bytes::<32>()?)
    }

    /// # Errors
    ///
    /// None that is known of: HMAC takes keys of any length.
    pub(crate) fn with_key(key: &[u8]) -> Result<Self, ConfigError> {
        Hmac::new_from_slice(key)
            .map(Self)
            .map_err(|error| ConfigError::new("the key was refused").with_source(error))
    }

    /// The digest of these parts; each goes with its length, so that none runs into the next.
    pub(crate) fn digest<const N: usize>(&self, parts: [&[u8]; N]) -> Digest {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        Digest(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let keyed = Keyed::new().unwrap();
        let digest = keyed.digest([b"ab", b"c"]);
        assert!(digest == keyed.digest([b"ab", b"c"]));
        assert!(digest != keyed.digest([b"a", b"bc"]));
        assert!(digest != keyed.digest([b"abc", b""]));
        assert!(digest != keyed.digest([b"abc"]));
        assert!(digest != Keyed::new().unwrap().digest([b"ab", b"c"]));
    }
}
