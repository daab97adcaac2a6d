//! [`Carried`]: what bearer tokens and API keys have in common.

use crate::{
    Attempt, Credential, Found, Location, Rejection, Verify,
    place::{Locations, Sent},
    realm::Realm,
    scheme::Admit,
};
use http::request::Parts;

/// A credential that a scheme carries to its verifier unread, from one of several locations.
pub(crate) struct Carried<V> {
    pub(crate) scheme: &'static str,
    pub(crate) locations: Locations,
    /// The layer's own otherwise.
    pub(crate) realm: Option<Realm>,
    /// The size above which a credential is refused unread.
    pub(crate) max_bytes: usize,
    pub(crate) verifier: V,
}

impl<V> Carried<V> {
    #[track_caller]
    pub(crate) fn new(
        scheme: &'static str,
        locations: impl IntoIterator<Item = Location>,
        max_bytes: usize,
        verifier: V,
    ) -> Self {
        Self {
            scheme,
            locations: Locations::new(locations),
            realm: None,
            max_bytes,
            verifier,
        }
    }

    /// The name of the realm in a challenge, given the layer's.
    pub(crate) fn realm_or<'a>(&self, layers: &'a str) -> &'a str {
        match self.realm {
            Some(realm) => realm.as_str(),
            None => layers,
        }
    }

    /// Finds the credential and has it judged, if it is of this form.
    pub(crate) fn attempt<C>(
        &self,
        head: &Parts,
        admit: Admit<'_>,
        is_well_formed: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Attempt>, Rejection>
    where
        V: Verify<C>,
        C: From<Credential>,
    {
        let Some((found, sent)) = self.locations.take(head) else {
            return Ok(None);
        };
        admit(found)?;
        Ok(self.judge(found, sent, is_well_formed))
    }

    fn judge<C>(
        &self,
        found: Found,
        sent: Result<Sent<'_>, Rejection>,
        is_well_formed: impl Fn(&[u8]) -> bool,
    ) -> Option<Attempt>
    where
        V: Verify<C>,
        C: From<Credential>,
    {
        let verdict = match sent {
            Ok(sent) if sent.as_bytes().len() > self.max_bytes => {
                Err(Rejection::malformed()).into()
            }
            Ok(sent) => match self.verifier.verify_borrowed(sent.as_bytes()) {
                // What passes is well-formed, by contract.
                Some(Ok(identity)) => Ok(identity).into(),
                _ if !is_well_formed(sent.as_bytes()) => Err(Rejection::malformed()).into(),
                Some(Err(rejection)) => Err(rejection).into(),
                None => self.verifier.verify(sent.into_credential().into()),
            },
            Err(rejection) => Err(rejection).into(),
        };
        let mut attempt = Attempt::new(self.scheme, found.anywhere()?, verdict);
        attempt.realm = self.realm;
        Some(attempt)
    }
}
