//! [`GeneratedKey`]: a generated key, as long as it may be seen.

use super::form;
use crate::{ConfigError, error::fail_if, util::random};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// A key that has just been generated, in the form that the [module](super) describes.
///
/// This is the only time that it can be read: [`expose`](Self::expose) it to its owner, store
/// the [`digest`](Self::digest), drop it. It is wiped on drop, and `Debug` shows the id only.
pub struct GeneratedKey {
    text: Zeroizing<String>,
    prefix: Box<str>,
    id: Box<str>,
}

impl GeneratedKey {
    /// Generates a key, for a store of your own; [`ApiKeys::create`](super::ApiKeys::create)
    /// generates and keeps one.
    ///
    /// ```
    /// use tower_auth::{ConfigError, api_key::{PresentedKey, GeneratedKey}};
    ///
    /// let new = GeneratedKey::generate("acme_live")?;
    /// let key = PresentedKey::new(new.expose());
    /// assert_eq!(key.digest(), new.digest());
    /// assert_eq!(key.parse().map(|parsed| parsed.id), Some(new.id()));
    /// # Ok::<(), ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the prefix is not of its form, or the operating system has no randomness to give.
    pub fn generate(prefix: &str) -> Result<Self, ConfigError> {
        fail_if!(
            !form::is_prefix(prefix.as_bytes()),
            "{prefix:?} is no prefix of keys: a lower-case letter, then up to 15 lower-case letters, digits or \"_\", not ending in \"_\""
        );
        let id = random_text(form::ID)?;
        let secret = random_text(form::SECRET)?;
        // Of its full size from the start: growing would leave a copy of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(96));
        for part in [prefix, "_", &id, "_", &secret] {
            text.push_str(part);
        }
        let checksum = form::checksum(text.as_bytes());
        text.extend(checksum.map(char::from));
        Ok(Self {
            text,
            prefix: prefix.into(),
            id: id.as_str().into(),
        })
    }

    /// The key itself, to be shown to its owner and to nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The id of the key: no secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the key begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The SHA-256 digest, by which keys are stored and looked up.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedKey")
            .field("prefix", &self.prefix)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Characters to the base 62, drawn uniformly.
pub(super) fn random_text(length: usize) -> Result<Zeroizing<String>, ConfigError> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    while text.len() < length {
        let bytes = random::bytes::<64>()?;
        let missing = length.saturating_sub(text.len());
        text.extend(bytes.iter().copied().filter_map(form::digit).take(missing));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_has_the_length_asked_for() {
        for length in [0, 1, 12, 43, 200] {
            assert_eq!(random_text(length).unwrap().len(), length);
        }
        assert_ne!(random_text(43).unwrap(), random_text(43).unwrap());
    }

    #[test]
    fn a_key_of_the_longest_prefix_fits_what_is_set_aside() {
        let key = GeneratedKey::generate("abcdefghijklmnop").unwrap();
        assert_eq!(key.expose().len(), 79);
        assert_eq!(key.text.capacity(), 96);
    }
}
