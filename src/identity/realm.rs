//! [`Realm`]: the name of a realm, which every identity of a scheme has.

use crate::util::lanes::Padded;
use std::{borrow::Cow, fmt, sync::Arc};

/// The name of a realm: the part of a server that subjects are unique within (RFC 9110 section
/// 11.5). Every identity of a scheme has a copy. A constant is copied without a reference count.
#[derive(Clone)]
pub(crate) enum Realm {
    Constant(&'static str),
    /// Padded, so that the reference counts of the copies of two lanes are on different cache lines.
    Shared(Arc<Padded<Box<str>>>),
}

impl Realm {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Constant(name) => name,
            Self::Shared(name) => &name.0,
        }
    }

    /// Returns a copy with a reference count of its own.
    pub(crate) fn unshared(&self) -> Self {
        match self {
            Self::Constant(name) => Self::Constant(name),
            Self::Shared(name) => Self::Shared(Arc::new(Padded(name.0.clone()))),
        }
    }
}

impl From<&'static str> for Realm {
    fn from(name: &'static str) -> Self {
        Self::Constant(name)
    }
}

impl From<Cow<'static, str>> for Realm {
    fn from(name: Cow<'static, str>) -> Self {
        match name {
            Cow::Borrowed(name) => Self::Constant(name),
            Cow::Owned(name) => Self::Shared(Arc::new(Padded(name.into()))),
        }
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
