//! bcrypt (Provos and Mazières, 1999), as `$2b$12$SALT…OUTPUT…`.
//!
//! `$2a$` and `$2y$` name the same function; `$2x$` names a broken one and is refused. bcrypt
//! sees 72 bytes and repeats what ends with NUL, so that another password than the right one
//! would pass: one that is longer, or has a NUL, never matches, at the same cost.

use super::super::{
    parsed::{Impossible, Parsed},
    text::number,
};
use crate::ConfigError;
use base64::{Engine as _, alphabet::BCRYPT, engine::GeneralPurpose, engine::general_purpose};
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bcrypt {
    /// The logarithm to base 2 of the number of rounds.
    cost: u32,
}

/// Bytes; the last one that bcrypt computes has never been stored.
pub(super) const OUTPUT: usize = 23;

pub(super) fn read(text: &str) -> Option<Result<Parsed<Bcrypt>, ConfigError>> {
    let rest = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    Some(read_rest(rest))
}

/// Reads the text after the version: two digits, `$`, 22 characters of salt and 31 of output.
fn read_rest(text: &str) -> Result<Parsed<Bcrypt>, ConfigError> {
    let (cost, rest) = text.split_once('$').ok_or_else(malformed)?;
    let (salt, output) = rest.split_at_checked(22).ok_or_else(malformed)?;
    if cost.len() != 2 {
        return Err(malformed());
    }
    // Costs below 10 are written with a zero in front.
    let cost = number(cost.strip_prefix('0').unwrap_or(cost)).ok_or_else(malformed)?;
    if !COSTS.contains(&cost) {
        return Err(ConfigError::new(
            "the bcrypt hash has a cost outside 4 to 15",
        ));
    }
    let salt = Zeroizing::new(B64.decode(salt).map_err(|_| malformed())?);
    let output = Zeroizing::new(B64.decode(output).map_err(|_| malformed())?);
    if salt.len() != 16 || output.len() != OUTPUT {
        return Err(malformed());
    }
    Ok(Parsed {
        kind: Bcrypt { cost },
        salt,
        output,
    })
}

impl Bcrypt {
    pub(super) const fn nanos(self) -> u64 {
        52_000_u64.saturating_mul(1 << self.cost)
    }

    pub(super) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<bool, Impossible> {
        let fits = password.len() <= LONGEST && !password.contains(&0);
        let mut key = Zeroizing::new([0; LONGEST]);
        for (to, from) in key.iter_mut().zip(password) {
            *to = *from;
        }
        // The NUL that ends a shorter one is part of it.
        let used = password.len().saturating_add(1).min(LONGEST);
        let key = key.get(..used).ok_or("no key")?;
        let computed = Zeroizing::new(bcrypt::bcrypt(self.cost, salt.try_into()?, key));
        for (to, from) in output.iter_mut().zip(computed.iter()) {
            *to = *from;
        }
        Ok(fits)
    }
}

fn malformed() -> ConfigError {
    ConfigError::new("the bcrypt hash is not in the form `$2b$COST$SALTOUTPUT`")
}

/// A step doubles the time; 15 takes some two seconds.
const COSTS: std::ops::RangeInclusive<u32> = 4..=15;

/// Bytes of a password that bcrypt sees.
const LONGEST: usize = 72;

const B64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, general_purpose::NO_PAD);
