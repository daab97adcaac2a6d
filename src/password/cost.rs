//! The cost of verifying a hash of any kind.

use super::formats::{Argon2id, Kind};
use std::time::Duration;

/// The kind and the parameters of a hash, ordered by the time that they take.
///
/// Kinds have no common measure but time, and that is estimated from their parameters by the
/// rates below: what a unit of each took on one core of a server's processor with SHA extensions.
/// Elsewhere they are others, by up to three times between kinds; within a kind the order is
/// exact. It decides which of several hashes is the costliest, and thereby what a name costs that
/// nobody has.
///
/// | kind | unit | ns |
/// |---|---|---|
/// | Argon2id | KiB and pass | 500 |
/// | bcrypt | 2 to the power of its cost | 52,000 |
/// | scrypt | `N * r * p`: 128 bytes | 230 |
/// | PBKDF2 | iteration and block of output, with SHA-256 | 120 |
/// | | with SHA-512 | 375 |
/// | SHA-crypt | round, with SHA-256 and a short password | 95 |
/// | | with SHA-512 | 210 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    nanos: u64,
    kind: Kind,
}

impl Cost {
    /// The cost of new hashes.
    pub(crate) const RECOMMENDED: Self = Self {
        nanos: Argon2id::RECOMMENDED.nanos(),
        kind: Kind::Argon2id(Argon2id::RECOMMENDED),
    };

    /// That of an Argon2id hash: KiB of memory, passes, lanes.
    ///
    /// # Errors
    ///
    /// If one of them is beyond what this crate computes, or Argon2 does not know it.
    #[cfg(test)]
    pub(crate) fn argon2id(
        memory: u32,
        passes: u32,
        lanes: u32,
    ) -> Result<Self, crate::ConfigError> {
        Argon2id::new(memory, passes, lanes).map(|argon2id| Kind::Argon2id(argon2id).into())
    }

    pub(super) fn kind(self) -> Kind {
        self.kind
    }

    pub(super) fn estimate(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }
}

impl From<Kind> for Cost {
    fn from(kind: Kind) -> Self {
        Self {
            nanos: kind.nanos(),
            kind,
        }
    }
}

#[cfg(test)]
impl Cost {
    /// KiB, of Argon2id.
    pub(crate) fn memory(self) -> u32 {
        match self.kind {
            Kind::Argon2id(argon2id) => argon2id.memory,
            Kind::Imported(_) => 0,
        }
    }
}
