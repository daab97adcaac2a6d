//! [`Facts`]: what a verifier has established about the caller.

use super::names::Names;
#[cfg(any(feature = "introspection", feature = "jwt"))]
use crate::json::Object;
use std::{any::Any, sync::Arc};

/// The factor by which typed claims of an application are assumed to exceed the length of the
/// claims. For example, a number and a comma are two bytes, and 32 bytes as a `serde_json::Value`.
#[cfg(any(feature = "jwt", feature = "introspection"))]
const TYPED: usize = 16;

/// The claims of a token. Without a feature that verifies tokens, no identity has claims.
#[cfg(not(any(feature = "introspection", feature = "jwt")))]
#[derive(Clone)]
pub(crate) enum Object {}

#[cfg(not(any(feature = "introspection", feature = "jwt")))]
impl Object {
    pub(super) fn get<'p, T>(&self, _: impl IntoIterator<Item = &'p str>) -> Option<T> {
        match *self {}
    }

    pub(super) fn as_str(&self) -> &str {
        match *self {}
    }
}

/// The facts that a verifier has established; shared by all requests with the same token or key.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    /// Shared where many identities have the same one.
    pub(crate) issuer: Option<Arc<str>>,
    pub(crate) subject: Box<str>,
    /// Whether the subject is the name of a client, not of a user.
    pub(crate) is_client: bool,
    pub(crate) roles: Names,
    pub(crate) scopes: Names,
    pub(crate) expires_at: Option<u64>,
    /// The time of the authentication, in milliseconds since 1970. The other times are in seconds.
    pub(crate) authenticated_at: Option<u64>,
    pub(crate) issued_at: Option<u64>,
    pub(crate) token_id: Option<Box<str>>,
    pub(crate) session_id: Option<Box<str>>,
    pub(crate) claims: Option<Object>,
    pub(crate) typed: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) data: Option<Arc<dyn Any + Send + Sync>>,
}

impl Facts {
    /// Returns the memory that these facts use in addition to their own size, in bytes. The part
    /// for typed claims is an estimate.
    #[cfg(any(feature = "jwt", feature = "introspection"))]
    pub(super) fn bytes(&self) -> usize {
        let names = [&self.token_id, &self.session_id].into_iter().flatten();
        let claims = self.claims.as_ref();
        let typed = self.typed.as_ref().map_or(0, |typed| {
            let length = claims.map_or(0, |claims| claims.as_str().len());
            size_of_val(&**typed).saturating_add(length.saturating_mul(TYPED))
        });
        [
            claims.map_or(0, Object::memory),
            self.issuer.as_ref().map_or(0, |issuer| issuer.len()),
            self.subject.len(),
            names.map(|name| name.len()).sum(),
            self.roles.bytes(),
            self.scopes.bytes(),
            typed,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }
}
