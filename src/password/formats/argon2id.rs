//! Argon2id (RFC 9106), as PHC strings: what new hashes are.

use super::{Impossible, Kind, Parsed};
use crate::ConfigError;
use argon2::{Algorithm, Argon2, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as B64};
use std::{ops::RangeInclusive, str::FromStr};
use zeroize::Zeroizing;

/// The cost parameters of Argon2id (RFC 9106 section 3.1).
///
/// The order is by work: memory times passes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Argon2id {
    work: u64,
    /// KiB.
    pub(crate) memory: u32,
    passes: u32,
    lanes: u32,
}

impl Argon2id {
    /// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
    pub(crate) const RECOMMENDED: Self = Self {
        work: 2 * 19_456,
        memory: 19_456,
        passes: 2,
        lanes: 1,
    };

    pub(crate) fn new(memory: u32, passes: u32, lanes: u32) -> Result<Self, ConfigError> {
        let cost = Self {
            work: u64::from(memory).saturating_mul(u64::from(passes)),
            memory,
            passes,
            lanes,
        };
        if memory > MAX_MEMORY || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err(ConfigError::new(
                "the password hash is too costly: at most m=262144, t=16, p=16",
            ));
        }
        cost.params(MIN_OUTPUT)
            .map_err(|error| {
                ConfigError::new("the password hash has impossible parameters").with_source(error)
            })
            .map(|_| cost)
    }

    /// Whether it takes as much memory, and as much time, as a new hash does.
    pub(crate) fn is_recommended(self) -> bool {
        self.memory >= Self::RECOMMENDED.memory && self.work >= Self::RECOMMENDED.work
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.work.saturating_mul(500)
    }

    pub(crate) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), Impossible> {
        let params = self.params(output.len())?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password, salt, output)?;
        Ok(())
    }

    fn params(self, output: usize) -> Result<argon2::Params, argon2::Error> {
        argon2::Params::new(self.memory, self.passes, self.lanes, Some(output))
    }

    /// The PHC string.
    pub(crate) fn write(self, salt: &[u8], output: &[u8]) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            self.memory,
            self.passes,
            self.lanes,
            B64.encode(salt),
            *Zeroizing::new(B64.encode(output)),
        ))
    }
}

/// Reads what follows `$argon2id$`.
pub(super) fn read(text: &str) -> Result<Parsed, ConfigError> {
    let Some(rest) = text.strip_prefix("v=19$") else {
        return Err(ConfigError::new(
            "the password hash is not of Argon2 version 19 (`v=19`)",
        ));
    };
    let mut fields = rest.splitn(3, '$');
    let mut field = || fields.next().ok_or_else(not_canonical);
    let (cost, salt, output) = (field()?, field()?, field()?);
    let mut costs = cost.splitn(3, ',');
    let mut number = |name: &str| {
        costs
            .next()
            .and_then(|cost| cost.strip_prefix(name))
            .and_then(|digits| u32::from_str(digits).ok())
            .ok_or_else(not_canonical)
    };
    let cost = Argon2id::new(number("m=")?, number("t=")?, number("p=")?)?;
    let salt = bytes(salt, 8..=64)?;
    let output = Zeroizing::new(bytes(output, MIN_OUTPUT..=64)?);
    // What was read, written again, is the input: no sign, leading zero or stray character has
    // been overlooked.
    if cost.write(&salt, &output).strip_prefix("$argon2id$") != Some(text) {
        return Err(not_canonical());
    }
    Ok(Parsed {
        kind: Kind::Argon2id(cost),
        salt,
        output,
    })
}

fn bytes(text: &str, len: RangeInclusive<usize>) -> Result<Vec<u8>, ConfigError> {
    let bytes = B64.decode(text).map_err(|_| not_canonical())?;
    if len.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(ConfigError::new(
            "the password hash has a salt outside 8 to 64 bytes, or an output outside 16 to 64",
        ))
    }
}

fn not_canonical() -> ConfigError {
    ConfigError::new(
        "the password hash is not in the form `$argon2id$v=19$m=M,t=T,p=P$SALT$OUTPUT`",
    )
}

/// 256 MiB; four times RFC 9106's recommendation for servers short of memory.
const MAX_MEMORY: u32 = 262_144;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// Bytes; shorter ones are too easily hit (RFC 9106 section 4 takes 32).
const MIN_OUTPUT: usize = 16;
