//! Helpers that are not specific to authentication.

pub(crate) mod digest;
pub(crate) mod loopback;
