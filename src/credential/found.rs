//! [`Found`]: the credential that a request carries, and which of several is used.

use super::{Credential, Place};

/// The result of a search for credentials: nothing, one credential, or a place that is ambiguous
/// or malformed.
///
/// A search reports at most one credential, so a scheme cannot verify another one than the layer
/// has checked.
///
/// ```
/// use tower_auth::credential::{Credential, Found, Place};
///
/// let header = || Found::one(Credential::new(Place::Header, "key"));
/// let cookie = || Found::one(Credential::new(Place::Cookie, "session"));
/// assert_eq!(cookie().and(header()).place(), Some(Place::Header)); // the ambient one yields
/// assert!(header().and(header()).is_ambiguous());
/// assert_eq!(Found::nothing().and(cookie()).place(), Some(Place::Cookie));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Found {
    outcome: Outcome,
    by_browser: bool,
    /// The index of the scheme that has found it. `None` if several schemes have.
    scheme: Option<usize>,
    /// The next ambient result in order.
    next: Option<Box<Self>>,
}

#[derive(Clone, Debug)]
enum Outcome {
    Nothing,
    One(Credential),
    Ambiguous(Place),
    Malformed(Place),
}

impl Found {
    fn of(outcome: Outcome) -> Self {
        let mut found = Self {
            outcome,
            by_browser: false,
            scheme: None,
            next: None,
        };
        found.by_browser = found.place().is_some_and(Place::is_ambient);
        found
    }

    /// Reports that the request carries no credential of this scheme.
    pub fn nothing() -> Self {
        Self::of(Outcome::Nothing)
    }

    /// Reports one credential.
    pub fn one(credential: Credential) -> Self {
        Self::of(Outcome::One(credential))
    }

    /// Reports more than one credential in this place.
    ///
    /// The request is rejected with 400. If the place is a cookie and the path is open to anonymous
    /// callers, the caller is anonymous instead.
    pub fn ambiguous(place: Place) -> Self {
        Self::of(Outcome::Ambiguous(place))
    }

    /// Reports that this place is filled, but is not readable as a credential, as with a broken
    /// percent escape. The consequences are those of [`ambiguous`](Self::ambiguous).
    pub fn malformed(place: Place) -> Self {
        Self::of(Outcome::Malformed(place))
    }

    /// Marks the credential as one that browsers send by themselves, although its place is
    /// explicit. This is the case for Basic credentials. The
    /// [cross-site check](crate::AuthLayer#cross-site-requests) then applies.
    pub fn sent_by_browsers(self) -> Self {
        let by_browser = !self.is_nothing();
        self.map_all(|found| found.by_browser = by_browser)
    }

    /// Marks the credential as one that a page of the server's own origin has sent, although its
    /// place is ambient. The cross-site check then does not apply.
    ///
    /// Only a scheme that knows this origin can tell, such as one that is configured with the
    /// public URL of the server. It has to compare the whole `Origin` field.
    pub fn sent_by_own_origin(self) -> Self {
        self.map_all(|found| found.by_browser = false)
    }

    /// Notes the scheme that has found this.
    pub(crate) fn of_scheme(self, index: usize) -> Self {
        self.map_all(|found| found.scheme = Some(index))
    }

    fn map_all(mut self, change: impl Fn(&mut Self)) -> Self {
        change(&mut self);
        let mut next = self.next.as_deref_mut();
        while let Some(found) = next {
            change(found);
            next = found.next.as_deref_mut();
        }
        self
    }

    /// Combines two results. `self` is the first in order.
    ///
    /// - Two explicit places are ambiguous.
    /// - An ambient place (a cookie, a client certificate) yields to an explicit one. If the
    ///   explicit place is a parameter of the query or a subprotocol, another site may have filled
    ///   it to replace the user with its own. The cross-site check then applies to the explicit
    ///   place as to the ambient one.
    /// - Of two ambient places the first in order is used. If the credential in it is invalid, the
    ///   [next](Self::next) one is tried.
    pub fn and(self, other: Self) -> Self {
        match (self.place(), other.place()) {
            (None, _) => other,
            (_, None) => self,
            (Some(first), Some(second)) => match (first.is_ambient(), second.is_ambient()) {
                (false, false) => Self::ambiguous(first),
                (true, false) => other.in_place_of_ambient(),
                (false, true) => self.in_place_of_ambient(),
                (true, true) => self.before(other),
            },
        }
    }

    /// Appends an ambient result to the ambient ones in order.
    fn before(mut self, other: Self) -> Self {
        let mut end = &mut self.next;
        while let Some(found) = end {
            end = &mut found.next;
        }
        *end = Some(Box::new(other));
        self
    }

    /// Returns this explicit result as it is used if an ambient one yields to it.
    fn in_place_of_ambient(self) -> Self {
        match self.outcome {
            Outcome::One(_) | Outcome::Malformed(_)
                if matches!(self.place(), Some(Place::Query | Place::WebSocketProtocol)) =>
            {
                self.sent_by_browsers()
            }
            _ => self,
        }
    }

    /// Returns the result that is used if this one is an ambient credential and invalid.
    #[must_use]
    pub fn next(&self) -> Option<&Self> {
        self.next.as_deref()
    }

    /// Removes and returns the [next](Self::next) result.
    pub(crate) fn take_next(&mut self) -> Option<Box<Self>> {
        self.next.take()
    }

    /// Returns the index of the scheme that has found this, or `None` if several schemes have.
    pub(crate) fn scheme(&self) -> Option<usize> {
        self.scheme
    }

    /// Returns the place that is filled, whether with one credential or not.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match &self.outcome {
            Outcome::Nothing => None,
            Outcome::One(credential) => Some(credential.place()),
            Outcome::Ambiguous(place) | Outcome::Malformed(place) => Some(*place),
        }
    }

    /// Returns the one credential, if there is one.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        match &self.outcome {
            Outcome::One(credential) => Some(credential),
            _ => None,
        }
    }

    /// Converts into the one credential, if there is one.
    #[must_use]
    pub fn into_credential(self) -> Option<Credential> {
        match self.outcome {
            Outcome::One(credential) => Some(credential),
            _ => None,
        }
    }

    /// Returns whether nothing was found.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self.outcome, Outcome::Nothing)
    }

    /// Returns whether there is more than one credential.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.outcome, Outcome::Ambiguous(_))
    }

    /// Returns whether another site may have made a browser send this.
    #[must_use]
    pub fn may_be_cross_site(&self) -> bool {
        self.by_browser
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [Place; 6] = [
        Place::Authorization,
        Place::Header,
        Place::Query,
        Place::Cookie,
        Place::WebSocketProtocol,
        Place::Connection,
    ];

    fn at(place: Place) -> Found {
        Found::one(Credential::new(place, place.as_str()))
    }

    /// Every kind of result in every place; the credentials of two places differ.
    fn all() -> Vec<Found> {
        let mut all: Vec<_> = PLACES
            .into_iter()
            .flat_map(|place| [at(place), Found::ambiguous(place), Found::malformed(place)])
            .collect();
        let marked = all.clone().into_iter();
        let marked =
            marked.flat_map(|found| [found.clone().sent_by_browsers(), found.sent_by_own_origin()]);
        all.extend(marked.collect::<Vec<_>>());
        all.push(Found::nothing());
        all
    }

    /// Everything that can be observed of a result, apart from the next one.
    type Seen<'a> = (Option<Place>, bool, Option<&'a [u8]>, bool);

    fn seen(found: &Found) -> Seen<'_> {
        let bytes = found.credential().map(Credential::as_bytes);
        let cross_site = found.may_be_cross_site();
        (found.place(), found.is_ambiguous(), bytes, cross_site)
    }

    fn is_explicit(found: &Found) -> bool {
        found.place().is_some_and(|place| !place.is_ambient())
    }

    #[track_caller]
    fn assert_same(a: &Found, b: &Found) {
        fn all(found: &Found) -> Vec<Seen<'_>> {
            std::iter::successors(Some(found), |found| found.next())
                .map(seen)
                .collect()
        }
        assert_eq!(all(a), all(b));
    }

    fn and(a: &Found, b: &Found) -> Found {
        a.clone().and(b.clone())
    }

    #[test]
    fn grouping_does_not_change_the_result() {
        for a in &all() {
            for b in &all() {
                for c in &all() {
                    assert_same(&and(&and(a, b), c), &and(a, &and(b, c)));
                }
            }
        }
    }

    #[test]
    fn nothing_is_neutral() {
        for found in &all() {
            assert_same(&and(found, &Found::nothing()), found);
            assert_same(&and(&Found::nothing(), found), found);
        }
    }

    #[test]
    fn two_explicit_places_are_ambiguous_in_either_order() {
        for a in all().iter().filter(|found| is_explicit(found)) {
            for b in all().iter().filter(|found| is_explicit(found)) {
                assert!(and(a, b).is_ambiguous(), "{a:?} {b:?}");
                assert!(and(a, b).into_credential().is_none());
            }
        }
    }

    #[test]
    fn an_ambient_place_yields_to_an_explicit_one_in_either_order() {
        let ambient = |found: &&Found| found.place().is_some_and(Place::is_ambient);
        let all = all();
        for a in all.iter().filter(ambient) {
            for b in all.iter().filter(|found| is_explicit(found)) {
                let (place, ambiguous, bytes, _) = seen(b);
                let both = and(a, b);
                assert_eq!(
                    (place, ambiguous, bytes),
                    (seen(&both).0, seen(&both).1, seen(&both).2)
                );
                assert_same(&and(b, a), &both);
                assert!(both.next().is_none());
            }
            for b in all.iter().filter(ambient) {
                let both = and(a, b);
                assert_eq!(seen(&both), seen(a));
                assert_same(both.next().unwrap(), b);
            }
        }
    }

    #[test]
    fn a_place_that_other_sites_can_fill_is_checked_beside_an_ambient_one() {
        for ambient in [Place::Cookie, Place::Connection].map(at) {
            for (place, checked) in [
                (Place::Query, true),
                (Place::WebSocketProtocol, true),
                (Place::Authorization, false),
                (Place::Header, false),
            ] {
                for explicit in [at(place), Found::malformed(place)] {
                    assert!(!explicit.may_be_cross_site());
                    assert_eq!(and(&ambient, &explicit).may_be_cross_site(), checked);
                    assert_eq!(and(&explicit, &ambient).may_be_cross_site(), checked);
                    assert_eq!(and(&explicit, &ambient).place(), Some(place));
                }
            }
        }
    }

    #[test]
    fn credentials_that_browsers_send_by_themselves_may_be_cross_site() {
        assert!(at(Place::Cookie).may_be_cross_site());
        assert!(Found::ambiguous(Place::Connection).may_be_cross_site());
        assert!(!at(Place::Authorization).may_be_cross_site());
        assert!(!at(Place::Cookie).sent_by_own_origin().may_be_cross_site());
        let basic = at(Place::Authorization).sent_by_browsers();
        assert!(basic.may_be_cross_site());
        assert!(at(Place::Cookie).and(basic).may_be_cross_site());
        assert!(!Found::nothing().sent_by_browsers().may_be_cross_site());
    }
}
