//! [`IssuerScope`]: where a name that is revoked counts.

use crate::Identity;

/// The issuer within which a name is revoked.
///
/// Made of the issuer's own name (`"https://login.example.com/"`), or of an identity, which is
/// right whether or not it has an issuer of its own. [`Identity::issuer`] is not: where a
/// verifier names none, that is the realm, which comes in only after the list was asked.
#[derive(Clone, Copy, Debug)]
pub struct IssuerScope<'a>(Option<&'a str>);

impl<'a> IssuerScope<'a> {
    /// For credentials whose verifier names no issuer, such as API keys.
    pub const NO_ISSUER: Self = Self(None);

    pub(super) fn issuer(self) -> Option<&'a str> {
        self.0
    }
}

impl<'a> From<&'a str> for IssuerScope<'a> {
    fn from(issuer: &'a str) -> Self {
        Self(Some(issuer))
    }
}

impl<'a> From<&'a String> for IssuerScope<'a> {
    fn from(issuer: &'a String) -> Self {
        Self(Some(issuer))
    }
}

impl<'a> From<&'a Identity> for IssuerScope<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self(identity.own_issuer())
    }
}
