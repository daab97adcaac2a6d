//! [`Carried`]: what bearer tokens and API keys have in common.

use crate::{
    Credential, Location, Rejection, Verify,
    credential::{Locations, Taken},
    realm::Realm,
    scheme::{Admit, Trial, Tried},
};
use http::request::Parts;
use std::{error::Error, fmt};

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

/// Why a credential is refused unread, for logs.
#[derive(Debug)]
struct TooLong;

static TOO_LONG: TooLong = TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the credential is longer than the scheme's limit, such as `Bearer::max_token_bytes`",
        )
    }
}

impl Error for TooLong {}

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
    #[inline]
    pub(crate) fn attempt<C>(
        &self,
        head: &Parts,
        admit: Admit<'_>,
        trial: &mut Trial,
        is_well_formed: impl Fn(&[u8]) -> bool,
    ) -> Tried
    where
        V: Verify<C>,
        C: From<Credential>,
    {
        // Most have one location, where nothing has to be weighed.
        let decoded = &mut None;
        match self.locations.all() {
            [only] => self.judge(only.take(head, decoded), admit, trial, is_well_formed),
            _ => {
                let taken = self.locations.take(head, decoded);
                self.judge(taken, admit, trial, is_well_formed)
            }
        }
    }

    #[inline(always)]
    fn judge<C>(
        &self,
        taken: Taken<'_>,
        admit: Admit<'_>,
        trial: &mut Trial,
        is_well_formed: impl Fn(&[u8]) -> bool,
    ) -> Tried
    where
        V: Verify<C>,
        C: From<Credential>,
    {
        let Some((found, sent)) = taken else {
            return Tried::Nothing;
        };
        if let Err(rejection) = admit(found) {
            return Tried::Refused(rejection);
        }
        trial.scheme = self.scheme;
        trial.place = found.anywhere();
        trial.realm = self.realm;
        let Some(sent) = sent else {
            return Tried::Refused(Rejection::malformed());
        };
        let bytes = sent.bytes;
        if bytes.len() > self.max_bytes {
            return Tried::Refused(Rejection::malformed().with_cause(&TOO_LONG));
        }
        match self.verifier.verify_borrowed(bytes) {
            // What passes is well-formed, by contract.
            Some(Ok(identity)) => Tried::Passed(identity),
            _ if !is_well_formed(bytes) => Tried::Refused(Rejection::malformed()),
            Some(Err(rejection)) => Tried::Refused(rejection),
            None => self.verifier.verify(sent.into_credential().into()).into(),
        }
    }
}
