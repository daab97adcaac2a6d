//! [`Groups`]: the identities of many keys, in groups.

use crate::identity::{Group, Prepared};
use std::{num::NonZero, sync::Arc};

/// Identities, each at a place of its own.
#[derive(Default)]
pub(super) struct Groups {
    groups: Vec<Arc<Group>>,
    /// Places that were given up.
    free: Vec<Seat>,
    /// The last place that was given for the first time.
    last: usize,
}

/// Counted from 1 over all groups.
#[derive(Clone, Copy)]
pub(super) struct Seat(NonZero<usize>);

impl Seat {
    fn group(self) -> usize {
        self.0.get() / usize::from(Group::PLACES)
    }

    fn within(self) -> u16 {
        // A remainder is no larger than its divisor.
        (self.0.get() % usize::from(Group::PLACES)) as u16
    }
}

impl Groups {
    pub(super) fn put(&mut self, identity: &Prepared) -> Seat {
        let place = self.free.pop().unwrap_or_else(|| {
            let next = NonZero::<usize>::MIN.saturating_add(self.last);
            self.last = next.get();
            Seat(next)
        });
        if place.group() >= self.groups.len() {
            self.groups.push(Arc::default());
        }
        if let Some(group) = self.groups.get_mut(place.group()) {
            group.put(place.within(), identity);
        }
        place
    }

    #[inline]
    pub(super) fn get(&self, place: Seat) -> Option<Prepared> {
        self.groups.get(place.group())?.get(place.within())
    }

    pub(super) fn take(&mut self, place: Seat) -> Option<Prepared> {
        let identity = self.groups.get_mut(place.group())?.take(place.within())?;
        self.free.push(place);
        Some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    #[test]
    fn places_that_were_given_up_are_given_again() {
        let mut groups = Groups::default();
        let put = |groups: &mut Groups, n: usize| groups.put(&Identity::new(n.to_string()).into());
        let count = 3 * usize::from(Group::PLACES);
        let mut places: Vec<Seat> = (0..count).map(|n| put(&mut groups, n)).collect();
        for place in places.iter_mut().step_by(3) {
            assert!(groups.take(*place).is_some());
            assert!(groups.take(*place).is_none());
        }
        for n in (0..count).step_by(3) {
            places[n] = put(&mut groups, n);
        }
        assert_eq!(groups.groups.len(), 4);
        assert_eq!((groups.last, groups.free.len()), (count, 0));
        for (n, place) in places.into_iter().enumerate() {
            let identity = groups.get(place).unwrap().into_identity();
            assert_eq!(identity.subject(), n.to_string());
        }
    }
}
