//! [`Realm`]: a name that identities of every request point to.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    sync::{Mutex, PoisonError},
};

/// The name of a realm: the part of a server that subjects are unique within (RFC 9110
/// section 11.5).
///
/// Every request's identity refers to it, so it costs no count of references: constants are what
/// they are, and a name made at run time is kept, once, for the life of the process. Realms are
/// configuration; nothing that a client sends ever becomes one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Realm(&'static str);

impl Realm {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(kept(name.into()))
    }

    pub(crate) fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

/// The same text, for the life of the process. Equal texts are kept once.
pub(crate) fn kept(text: Cow<'static, str>) -> &'static str {
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let text = match text {
        Cow::Borrowed(text) => return text,
        Cow::Owned(text) => text,
    };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some(same) = kept.get(text.as_str()) {
        return same;
    }
    let text = Box::leak(text.into_boxed_str());
    kept.insert(text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_kept_once() {
        let kept = |text: &str| kept(text.to_owned().into());
        assert_eq!(kept("a realm"), "a realm");
        assert!(std::ptr::eq(kept("a realm"), kept("a realm")));
        assert_ne!(kept("a realm"), kept("another"));
        let constant = "a constant";
        assert!(std::ptr::eq(super::kept(constant.into()), constant));
    }
}
