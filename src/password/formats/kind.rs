//! [`Kind`]: the kinds of hashes, by value.

#[cfg(feature = "password-import")]
use super::imported;
use super::{
    argon2id::{self, Argon2id},
    parsed::{Impossible, Parsed},
};
use crate::ConfigError;

/// A kind with its parameters. The order is none of time: [`Cost`](crate::password::Cost) has that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Argon2id(Argon2id),
    #[cfg(feature = "password-import")]
    Imported(imported::Kind),
}

/// Reads a stored hash of any kind.
pub(in crate::password) fn read(text: &str) -> Result<Parsed<Kind>, ConfigError> {
    if text.len() > MAX_TEXT {
        return Err(ConfigError::new("the password hash is too long"));
    }
    if text.starts_with("$argon2id$") {
        return Ok(argon2id::read(text)?.map(Kind::Argon2id));
    }
    #[cfg(feature = "password-import")]
    return Ok(imported::read(text)?.map(Kind::Imported));
    #[cfg(not(feature = "password-import"))]
    Err(ConfigError::new(
        "the password hash is not of a kind understood: it must begin with `$argon2id$` \
         (the feature `password-import` understands more)",
    ))
}

impl Kind {
    /// About how long it takes.
    pub(in crate::password) const fn nanos(self) -> u64 {
        match self {
            Self::Argon2id(argon2id) => argon2id.nanos(),
            #[cfg(feature = "password-import")]
            Self::Imported(imported) => imported.nanos(),
        }
    }

    /// Returns the length of the output, in bytes, for a hash that no password matches.
    pub(in crate::password) fn output_len(self) -> usize {
        match self {
            Self::Argon2id(_) => 32,
            #[cfg(feature = "password-import")]
            Self::Imported(imported) => imported.output_len(),
        }
    }

    /// Computes the hash of a password; whether the kind can have such passwords at all. If not,
    /// it has taken as long, and the output says nothing.
    pub(in crate::password) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<bool, Impossible> {
        match self {
            Self::Argon2id(argon2id) => argon2id.compute(password, salt, output).map(|()| true),
            #[cfg(feature = "password-import")]
            Self::Imported(imported) => imported.compute(password, salt, output),
        }
    }
}

/// Bytes; the longest hash that the bounds allow has 232.
const MAX_TEXT: usize = 256;
