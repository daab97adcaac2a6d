//! OAuth scopes.

use crate::{ConfigError, error::fail_if};
use std::{fmt, sync::Arc};

/// One scope: what a token may be used for (`scope-token` of RFC 6749 section 3.3).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Arc<str>);

impl Scope {
    /// A scope by its name.
    ///
    /// # Errors
    ///
    /// If the name is empty or holds anything but printable ASCII without space, `"` and `\`.
    pub fn new(name: impl AsRef<str>) -> Result<Self, ConfigError> {
        let name = name.as_ref();
        let valid = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        fail_if!(
            name.is_empty() || !name.bytes().all(valid),
            "{name:?} is no scope: one or more printable ASCII characters other than space, \" and \\ (RFC 6749 section 3.3)"
        );
        Ok(Self(name.into()))
    }

    /// The scope's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
