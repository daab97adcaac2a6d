//! Argon2id (RFC 9106), as PHC strings: what new hashes are.

use super::{
    parsed::{Impossible, MIN_OUTPUT, Parsed},
    phc::Phc,
};
use crate::ConfigError;
use argon2::{Algorithm, Argon2, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as B64};
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

/// Reads a PHC string.
pub(super) fn read(text: &str) -> Result<Parsed<Argon2id>, ConfigError> {
    if !text.starts_with("$argon2id$v=19$") {
        return Err(ConfigError::new(
            "the password hash is not of Argon2 version 19 (`v=19`)",
        ));
    }
    let phc = Phc::read(text, Some(19)).ok_or_else(not_canonical)?;
    let [memory, passes, lanes] = phc.parameters(["m", "t", "p"]).ok_or_else(not_canonical)?;
    let cost = Argon2id::new(memory, passes, lanes)?;
    Parsed::new(cost, phc.salt, phc.output, ("password", 8))
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
