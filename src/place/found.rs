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
        self.by_browser = true;
        self
    }

    /// Both together, the first in order on the left: the rules at the head of this module.
    pub fn and(self, other: Self) -> Self {
        let (Some(place), Some(others)) = (self.anywhere(), other.anywhere()) else {
            return if self.is_nothing() { other } else { self };
        };
        match (place.is_ambient(), others.is_ambient()) {
            (false, false) => Self::ambiguous(place),
            (true, false) => other,
            (_, true) => self,
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
