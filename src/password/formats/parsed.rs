//! [`Parsed`]: the parts of a stored hash.

use crate::ConfigError;
use std::error::Error;
use zeroize::Zeroizing;

/// The parts of a stored hash.
pub(in crate::password) struct Parsed<K> {
    pub(in crate::password) kind: K,
    pub(in crate::password) salt: Bytes,
    pub(in crate::password) output: Bytes,
}

/// Part of a stored hash.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

impl<K> Parsed<K> {
    /// The parts of a hash whose salt has at least so many bytes.
    ///
    /// # Errors
    ///
    /// If the salt or the output has another length.
    pub(super) fn new(
        kind: K,
        salt: Bytes,
        output: Bytes,
        (name, shortest_salt): (&str, usize),
    ) -> Result<Self, ConfigError> {
        if (shortest_salt..=64).contains(&salt.len()) && (MIN_OUTPUT..=64).contains(&output.len()) {
            return Ok(Self { kind, salt, output });
        }
        Err(ConfigError::new(format!(
            "the {name} hash has a salt outside {shortest_salt} to 64 bytes, or an output outside \
             16 to 64"
        )))
    }

    /// Converts the kind.
    pub(super) fn map<L>(self, convert: impl FnOnce(K) -> L) -> Parsed<L> {
        Parsed {
            kind: convert(self.kind),
            salt: self.salt,
            output: self.output,
        }
    }
}

/// Why a hash could not be computed: no memory, or no such parameters.
pub(in crate::password) type Impossible = Box<dyn Error + Send + Sync>;

/// Bytes; shorter ones are too easily hit (RFC 9106 section 4 takes 32).
pub(super) const MIN_OUTPUT: usize = 16;
