//! What an Argon2id hash costs, and how much of it a stored one may ask for.

use crate::ConfigError;

/// The cost parameters of Argon2id (RFC 9106 section 3.1).
///
/// The order is by work: memory times passes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    work: u64,
    /// KiB.
    pub(crate) memory: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Cost {
    /// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
    pub(crate) const RECOMMENDED: Self = Self {
        work: 2 * 19_456,
        memory: 19_456,
        passes: 2,
        lanes: 1,
    };

    /// # Errors
    ///
    /// If one of them is beyond what this crate computes, or Argon2 does not know it.
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

    pub(crate) fn params(self, output: usize) -> Result<argon2::Params, argon2::Error> {
        argon2::Params::new(self.memory, self.passes, self.lanes, Some(output))
    }
}

/// 256 MiB; four times RFC 9106's recommendation for servers short of memory.
const MAX_MEMORY: u32 = 262_144;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// Bytes; shorter ones are too easily hit (RFC 9106 section 4 takes 32).
pub(super) const MIN_OUTPUT: usize = 16;
