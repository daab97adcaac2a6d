//! Helpers that are not specific to authentication.

pub(crate) mod digest;
#[cfg(feature = "bearer")]
pub(crate) mod loopback;
