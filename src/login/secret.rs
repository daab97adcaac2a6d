//! [`Secret`]: what the application alone knows.

use crate::ConfigError;
use std::fmt;
use zeroize::Zeroizing;

/// The shortest secret, in bytes: as many as the keys that are derived from it.
const MIN: usize = 32;

/// A secret of the application, from which the keys for its cookies are derived. Every server of
/// a fleet has the same. `Debug` shows nothing of it, and it is wiped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A secret of 32 bytes or more, from a good source of randomness (`openssl rand -base64 48`).
    ///
    /// # Errors
    ///
    /// If it is shorter.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ConfigError> {
        let bytes = Zeroizing::new(bytes.into());
        match bytes.len() < MIN {
            true => Err(ConfigError::new(format!(
                "the secret of a login has {} bytes, at least {MIN} are needed (`openssl rand -base64 48`)",
                bytes.len()
            ))),
            false => Ok(Self(bytes)),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
