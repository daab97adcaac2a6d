//! [`Kind`]: the kinds that other software has made, by value.

use super::{bcrypt, pbkdf2, scrypt, sha_crypt};
use crate::{
    ConfigError,
    password::formats::parsed::{Impossible, Parsed},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bcrypt(bcrypt::Bcrypt),
    Pbkdf2(pbkdf2::Pbkdf2),
    Scrypt(scrypt::Scrypt),
    ShaCrypt(sha_crypt::ShaCrypt),
}

pub(in crate::password::formats) fn read(text: &str) -> Result<Parsed<Kind>, ConfigError> {
    kind(bcrypt::read(text), Kind::Bcrypt)
        .or_else(|| kind(scrypt::read(text), Kind::Scrypt))
        .or_else(|| kind(pbkdf2::read(text), Kind::Pbkdf2))
        .or_else(|| kind(sha_crypt::read(text), Kind::ShaCrypt))
        .unwrap_or_else(|| {
            Err(ConfigError::new(
                "the password hash is not of a kind understood: Argon2id, bcrypt, scrypt, \
                 PBKDF2 or SHA-crypt",
            ))
        })
}

fn kind<K>(
    read: Option<Result<Parsed<K>, ConfigError>>,
    convert: impl FnOnce(K) -> Kind,
) -> Option<Result<Parsed<Kind>, ConfigError>> {
    read.map(|read| read.map(|parsed| parsed.map(convert)))
}

impl Kind {
    pub(in crate::password::formats) const fn nanos(self) -> u64 {
        match self {
            Self::Bcrypt(kind) => kind.nanos(),
            Self::Pbkdf2(kind) => kind.nanos(),
            Self::Scrypt(kind) => kind.nanos(),
            Self::ShaCrypt(kind) => kind.nanos(),
        }
    }

    pub(in crate::password::formats) fn output_len(self) -> usize {
        match self {
            Self::Bcrypt(_) => bcrypt::OUTPUT,
            Self::Pbkdf2(kind) => kind.output_len(),
            Self::Scrypt(_) => 32,
            Self::ShaCrypt(kind) => kind.output_len(),
        }
    }

    pub(in crate::password::formats) fn compute(
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
