//! Random bytes, all from the generator of the operating system.

use crate::ConfigError;
use zeroize::Zeroizing;

/// Returns random bytes, which are wiped after use.
///
/// # Errors
///
/// If the operating system has none.
pub(crate) fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, ConfigError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| {
        ConfigError::new("the operating system has no random bytes").with_source(error)
    })?;
    Ok(bytes)
}

/// Returns 128 random bits in hexadecimal.
#[cfg(feature = "store")]
pub(crate) fn hex() -> Result<String, ConfigError> {
    Ok(format!("{:032x}", u128::from_be_bytes(*bytes()?)))
}
