//! The kinds of hashes: how each is written, bounded and computed.
//!
//! A kind is a few numbers, a salt and an output. What is read from a stored hash decides what
//! checking it costs, so each file bounds its own numbers before anything is computed, and takes
//! one spelling only.

mod argon2id;
#[cfg(feature = "password-import")]
mod imported;
#[cfg(not(feature = "password-import"))]
#[path = "not_imported.rs"]
mod imported;
mod phc;
#[cfg(feature = "password-import")]
mod text;

pub(super) use argon2id::Argon2id;

use crate::ConfigError;
use std::error::Error;
use zeroize::Zeroizing;

/// A kind with its parameters. The order is none of time: [`Cost`](super::Cost) has that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Argon2id(Argon2id),
    #[allow(
        dead_code,
        reason = "without the feature `password-import` there are none"
    )]
    Imported(imported::Kind),
}

/// What a stored hash consists of.
pub(super) struct Parsed {
    pub(super) kind: Kind,
    pub(super) salt: Bytes,
    pub(super) output: Bytes,
}

/// Part of a stored hash.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

impl Parsed {
    /// The parts of a hash whose salt has at least so many bytes.
    ///
    /// # Errors
    ///
    /// If the salt or the output has another length.
    fn new(
        kind: Kind,
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
}

/// Why a hash could not be computed: no memory, or no such parameters.
pub(super) type Impossible = Box<dyn Error + Send + Sync>;

/// Reads a stored hash of any kind.
pub(super) fn read(text: &str) -> Result<Parsed, ConfigError> {
    if text.len() > MAX_TEXT {
        return Err(ConfigError::new("the password hash is too long"));
    }
    match text.starts_with("$argon2id$") {
        true => argon2id::read(text),
        false => imported::read(text),
    }
}

impl Kind {
    /// About how long it takes.
    pub(super) const fn nanos(self) -> u64 {
        match self {
            Self::Argon2id(argon2id) => argon2id.nanos(),
            Self::Imported(imported) => imported.nanos(),
        }
    }

    /// How many bytes a hash of no password has.
    pub(super) fn output_len(self) -> usize {
        match self {
            Self::Argon2id(_) => 32,
            Self::Imported(imported) => imported.output_len(),
        }
    }

    /// Computes the hash of a password; whether the kind can have such passwords at all. If not,
    /// it has taken as long, and the output says nothing.
    pub(super) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<bool, Impossible> {
        match self {
            Self::Argon2id(argon2id) => argon2id.compute(password, salt, output).map(|()| true),
            Self::Imported(imported) => imported.compute(password, salt, output),
        }
    }
}

/// Bytes; shorter ones are too easily hit (RFC 9106 section 4 takes 32).
const MIN_OUTPUT: usize = 16;

/// Bytes; the longest hash that the bounds allow has 232.
const MAX_TEXT: usize = 256;
