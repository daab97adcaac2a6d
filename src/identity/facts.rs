//! [`Facts`]: what a verifier said, in little memory.
//!
//! Most of what a token says lies in its claims already, which an identity keeps: it is pointed
//! to there instead of copied, unless it is escaped.

use super::names::Names;
use crate::json::{Object, Span};
use std::{any::Any, borrow::Cow, sync::Arc};

/// The factor by which typed claims of an application are assumed to exceed the length of the
/// claims. For example, a number and a comma are two bytes, and 32 bytes as a `serde_json::Value`.
const TYPED: usize = 16;

/// What a verifier said; shared by all requests with the same token or key.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    /// Shared where many identities have the same one.
    pub(crate) issuer: Option<Text<Arc<str>>>,
    pub(crate) subject: Text,
    pub(crate) roles: Names,
    pub(crate) scopes: Names,
    pub(crate) expires_at: Option<u64>,
    /// The time of the authentication, in milliseconds since 1970. The other times are in seconds.
    pub(crate) authenticated_at: Option<u64>,
    pub(crate) issued_at: Option<u64>,
    pub(crate) token_id: Option<Text>,
    pub(crate) session_id: Option<Text>,
    pub(crate) claims: Option<Object>,
    pub(crate) typed: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) data: Option<Arc<dyn Any + Send + Sync>>,
}

impl Facts {
    pub(super) fn read<'a>(&'a self, text: &'a Text<impl AsRef<str>>) -> &'a str {
        match text {
            Text::Own(text) => text.as_ref(),
            Text::Claim(span) => span.of(self.claims()),
        }
    }

    /// Returns the memory that these facts use in addition to their own size, in bytes. The part
    /// for typed claims is an estimate.
    pub(super) fn bytes(&self) -> usize {
        let copied = |text: &Text| match text {
            Text::Own(text) => text.len(),
            Text::Claim(_) => 0,
        };
        let issuer = match &self.issuer {
            Some(Text::Own(issuer)) => issuer.len(),
            _ => 0,
        };
        let names = [&self.token_id, &self.session_id].into_iter().flatten();
        let typed = self.typed.as_ref().map_or(0, |typed| {
            let guess = self.claims().len().saturating_mul(TYPED);
            size_of_val(&**typed).saturating_add(guess)
        });
        [
            self.claims.as_ref().map_or(0, Object::memory),
            issuer,
            copied(&self.subject),
            names.map(copied).sum(),
            self.roles.bytes(),
            self.scopes.bytes(),
            typed,
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// The text that spans point into.
    pub(super) fn claims(&self) -> &str {
        self.claims.as_ref().map_or("", Object::as_str)
    }
}

/// A text of its own, or one that stands in the claims.
#[derive(Clone)]
pub(crate) enum Text<T = Box<str>> {
    Own(T),
    #[allow(dead_code, reason = "only token verifiers have claims")]
    Claim(Span),
}

#[allow(dead_code, reason = "only token verifiers have claims")]
impl<T: for<'a> From<&'a str>> Text<T> {
    /// A text that was read from these claims.
    #[inline]
    pub(crate) fn of(claims: &Object, text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => match Span::within(claims.as_str(), text) {
                Some(span) => Self::Claim(span),
                None => Self::Own(text.into()),
            },
            Cow::Owned(text) => Self::Own(text.as_str().into()),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Own(Box::default())
    }
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        Self::Own(text)
    }
}
