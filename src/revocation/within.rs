//! [`IssuerScope`]: where a name that is revoked counts.

use crate::{Identity, identity::revocable_client};
use std::borrow::Cow;

/// The issuer within which a name is revoked.
///
/// Made of the issuer's own name (`"https://login.example.com/"`), or of an identity, which is
/// right whether or not it has an issuer of its own. [`Identity::issuer`] is not: where a
/// verifier names none, that is the realm, which comes in only after the list was asked.
///
/// A user and a client of one issuer may have the same name. A scope is that of the issuer's users,
/// unless it is made of the identity of a [client](Identity::is_client), or by
/// [`clients_of`](Self::clients_of). Tokens and sessions have the same scope for both.
#[derive(Clone, Copy, Debug)]
pub struct IssuerScope<'a> {
    issuer: Option<&'a str>,
    is_of_clients: bool,
}

impl<'a> IssuerScope<'a> {
    /// For credentials whose verifier names no issuer, such as API keys.
    pub const NO_ISSUER: Self = Self {
        issuer: None,
        is_of_clients: false,
    };

    /// Creates the scope in which the names of subjects are those of an issuer's clients.
    #[must_use]
    pub fn clients_of(issuer: &'a str) -> Self {
        Self {
            issuer: Some(issuer),
            is_of_clients: true,
        }
    }

    pub(super) fn issuer(self) -> Option<&'a str> {
        self.issuer
    }

    /// Returns a subject of this scope in the form in which it is kept.
    pub(super) fn subject(self, subject: &str) -> Cow<'_, str> {
        match self.is_of_clients {
            true => revocable_client(subject).into(),
            false => subject.into(),
        }
    }
}

impl<'a> From<&'a str> for IssuerScope<'a> {
    fn from(issuer: &'a str) -> Self {
        Self {
            issuer: Some(issuer),
            is_of_clients: false,
        }
    }
}

impl<'a> From<&'a String> for IssuerScope<'a> {
    fn from(issuer: &'a String) -> Self {
        Self::from(issuer.as_str())
    }
}

impl<'a> From<&'a Identity> for IssuerScope<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self {
            issuer: identity.own_issuer(),
            is_of_clients: identity.is_client(),
        }
    }
}
