//! How many credentials a request carries, and which of them counts.

use super::Place;

/// What a scheme finds of its credentials in a request, before anything is judged.
///
/// ```
/// use tower_auth::{Found, Place};
///
/// let header = Found::at(Place::Header);
/// let cookie = Found::at(Place::Cookie);
/// assert_eq!(cookie.and(header), header); // an ambient credential yields
/// assert!(header.and(Found::at(Place::Query)).is_ambiguous());
/// assert_eq!(Found::nothing().and(cookie), cookie);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Found {
    count: Count,
    by_browser: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    Nothing,
    One(Place),
    Ambiguous(Place),
}

impl Found {
    /// No credentials of this scheme.
    pub const fn nothing() -> Self {
        Self {
            count: Count::Nothing,
            by_browser: false,
        }
    }

    /// One credential in this place.
    pub fn at(place: Place) -> Self {
        Self {
            count: Count::One(place),
            by_browser: place.is_ambient(),
        }
    }

    /// More than one credential in this place.
    pub fn ambiguous(place: Place) -> Self {
        Self {
            count: Count::Ambiguous(place),
            by_browser: place.is_ambient(),
        }
    }

    /// A browser sends these credentials by itself, as it resends those of Basic; they pass the
    /// cross-site check although their place is explicit.
    pub fn sent_by_browsers(mut self) -> Self {
        self.by_browser = !self.is_nothing();
        self
    }

    /// Marks the credentials as not sent by browsers, because the scheme knows that a page of its
    /// own origin has sent the request.
    #[cfg(feature = "login")]
    pub(crate) fn sent_by_own_origin(mut self) -> Self {
        self.by_browser = false;
        self
    }

    /// Combines two finds. `self` is the first in order.
    ///
    /// - Two explicit places are ambiguous.
    /// - An ambient place (a cookie, a client certificate) yields to an explicit one. If the
    ///   explicit place is a parameter of the query or a subprotocol, another site may have filled
    ///   it to replace the user with its own. The cross-site check then applies to the explicit
    ///   place as to the ambient one.
    /// - Of two ambient places the first in order is used.
    pub fn and(self, other: Self) -> Self {
        match (self.anywhere(), other.anywhere()) {
            (None, _) => other,
            (_, None) => self,
            (Some(place), Some(others)) => match (place.is_ambient(), others.is_ambient()) {
                (false, false) => Self::ambiguous(place),
                (true, false) => other.in_place_of_ambient(),
                (false, true) => self.in_place_of_ambient(),
                (true, true) => self,
            },
        }
    }

    /// Applies the cross-site check to this find, if the check applies to `other`.
    pub(crate) fn checked_with(self, other: Self) -> Self {
        if other.by_browser {
            self.sent_by_browsers()
        } else {
            self
        }
    }

    /// Returns whether `other` is used instead of this find, given that not both are explicit.
    pub(crate) fn yields_to(self, other: Self) -> bool {
        match (self.anywhere(), other.anywhere()) {
            (_, None) => false,
            (None, _) => true,
            (Some(place), Some(others)) => place.is_ambient() && !others.is_ambient(),
        }
    }

    /// Returns this explicit find as it is used if an ambient one yields to it.
    fn in_place_of_ambient(self) -> Self {
        match self.count {
            Count::One(Place::Query | Place::WebSocketProtocol) => self.sent_by_browsers(),
            _ => self,
        }
    }

    /// The one place that counts.
    #[must_use]
    pub fn place(self) -> Option<Place> {
        match self.count {
            Count::One(place) => Some(place),
            _ => None,
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self.count == Count::Nothing
    }

    /// Whether there is more than one credential and none that counts.
    #[must_use]
    pub fn is_ambiguous(self) -> bool {
        matches!(self.count, Count::Ambiguous(_))
    }

    /// Whether a browser may have sent this on behalf of another site.
    #[must_use]
    pub fn may_be_cross_site(self) -> bool {
        self.by_browser
    }

    /// Whether a place is filled that is not ambient.
    pub(crate) fn is_explicit(self) -> bool {
        self.anywhere().is_some_and(|place| !place.is_ambient())
    }

    /// A place that is filled, whether or not it counts.
    pub(crate) fn anywhere(self) -> Option<Place> {
        match self.count {
            Count::Nothing => None,
            Count::One(place) | Count::Ambiguous(place) => Some(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value there is.
    fn all() -> Vec<Found> {
        let places = [
            Place::Authorization,
            Place::Header,
            Place::Query,
            Place::Cookie,
            Place::WebSocketProtocol,
            Place::Connection,
        ];
        let one = places.into_iter().map(Found::at);
        let several = places.into_iter().map(Found::ambiguous);
        let mut all: Vec<_> = one.chain(several).collect();
        all.extend(all.clone().into_iter().map(Found::sent_by_browsers));
        all.push(Found::nothing());
        all
    }

    #[test]
    fn it_does_not_matter_how_finds_are_grouped() {
        for a in all() {
            for b in all() {
                for c in all() {
                    assert_eq!(a.and(b).and(c), a.and(b.and(c)), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_adds_nothing() {
        for found in all() {
            assert_eq!(found.and(Found::nothing()), found);
            assert_eq!(Found::nothing().and(found), found);
        }
    }

    #[test]
    fn two_explicit_places_are_ambiguous_in_either_order() {
        let explicit = |found: &Found| found.anywhere().is_some_and(|place| !place.is_ambient());
        for a in all().into_iter().filter(explicit) {
            for b in all().into_iter().filter(explicit) {
                assert!(a.and(b).is_ambiguous(), "{a:?} {b:?}");
                assert_eq!(a.and(b).place(), None);
            }
        }
    }

    #[test]
    fn an_ambient_place_yields_to_an_explicit_one_in_either_order() {
        let ambient = |found: &Found| found.anywhere().is_some_and(Place::is_ambient);
        let explicit = |found: &Found| !found.is_nothing() && !ambient(found);
        for a in all().into_iter().filter(ambient) {
            for b in all().into_iter().filter(explicit) {
                assert_eq!(a.and(b).count, b.count);
                assert_eq!(b.and(a), a.and(b));
                assert!(a.yields_to(b) && !b.yields_to(a));
            }
            for b in all().into_iter().filter(ambient) {
                assert_eq!(a.and(b), a, "the first in order counts");
            }
        }
    }

    #[test]
    fn a_place_that_other_sites_can_fill_is_checked_beside_an_ambient_one() {
        for ambient in [Place::Cookie, Place::Connection].map(Found::at) {
            for (place, checked) in [
                (Place::Query, true),
                (Place::WebSocketProtocol, true),
                (Place::Authorization, false),
                (Place::Header, false),
            ] {
                let explicit = Found::at(place);
                assert!(!explicit.may_be_cross_site());
                assert_eq!(ambient.and(explicit).may_be_cross_site(), checked);
                assert_eq!(explicit.and(ambient).may_be_cross_site(), checked);
                assert_eq!(explicit.and(ambient).place(), Some(place));
            }
        }
    }

    #[test]
    fn what_browsers_send_by_themselves_may_be_cross_site() {
        assert!(Found::at(Place::Cookie).may_be_cross_site());
        assert!(Found::ambiguous(Place::Connection).may_be_cross_site());
        assert!(!Found::at(Place::Authorization).may_be_cross_site());
        let basic = Found::at(Place::Authorization).sent_by_browsers();
        assert!(basic.may_be_cross_site());
        assert!(Found::at(Place::Cookie).and(basic).may_be_cross_site());
        assert!(!Found::nothing().may_be_cross_site());
    }
}
