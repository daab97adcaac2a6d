//! Kinds that other software has made: checked, and never made here.
//!
//! | kind | forms | bounds |
//! |---|---|---|
//! | bcrypt | `$2a$`, `$2b$`, `$2y$` | cost 4 to 15 |
//! | scrypt | PHC `$scrypt$`; Werkzeug's `scrypt:` | 256 MiB, `r` 32, `p` 16, `N * r * p` 2^23 |
//! | PBKDF2 | PHC and passlib's `$pbkdf2-sha256$`, `$pbkdf2-sha512$`; Django's `pbkdf2_sha256$`; Werkzeug's `pbkdf2:` | 5,000,000 iterations |
//! | SHA-crypt | `$5$`, `$6$` | 1,000 to 1,000,000 rounds |

mod bcrypt;
mod pbkdf2;
mod scrypt;
mod sha_crypt;

use super::{Impossible, Parsed};
use crate::ConfigError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bcrypt(bcrypt::Bcrypt),
    Pbkdf2(pbkdf2::Pbkdf2),
    Scrypt(scrypt::Scrypt),
    ShaCrypt(sha_crypt::ShaCrypt),
}

pub(super) fn read(text: &str) -> Result<Parsed, ConfigError> {
    bcrypt::read(text)
        .or_else(|| scrypt::read(text))
        .or_else(|| pbkdf2::read(text))
        .or_else(|| sha_crypt::read(text))
        .unwrap_or_else(|| {
            Err(ConfigError::new(
                "the password hash is not of a kind understood: Argon2id, bcrypt, scrypt, \
                 PBKDF2 or SHA-crypt",
            ))
        })
}

impl Kind {
    pub(super) const fn nanos(self) -> u64 {
        match self {
            Self::Bcrypt(kind) => kind.nanos(),
            Self::Pbkdf2(kind) => kind.nanos(),
            Self::Scrypt(kind) => kind.nanos(),
            Self::ShaCrypt(kind) => kind.nanos(),
        }
    }

    pub(super) fn output_len(self) -> usize {
        match self {
            Self::Bcrypt(_) => bcrypt::OUTPUT,
            Self::Pbkdf2(kind) => kind.output_len(),
            Self::Scrypt(_) => 32,
            Self::ShaCrypt(kind) => kind.output_len(),
        }
    }

    pub(super) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<bool, Impossible> {
        match self {
            Self::Bcrypt(kind) => kind.compute(password, salt, output),
            Self::Pbkdf2(kind) => kind.compute(password, salt, output),
            Self::Scrypt(kind) => kind.compute(password, salt, output),
            Self::ShaCrypt(kind) => Ok(kind.compute(password, salt, output)),
        }
    }
}

impl From<Kind> for super::Kind {
    fn from(kind: Kind) -> Self {
        Self::Imported(kind)
    }
}
