//! [`Shared`]: facts that several hold, and [`Group`]: the facts of many keys under one count.

use super::{Facts, Prepared};
use std::{
    mem,
    num::NonZero,
    ops::Deref,
    sync::{Arc, LazyLock},
};

/// Facts that several hold.
pub(super) enum Shared {
    /// With a count of their own.
    Alone(Arc<Facts>),
    /// At this place of a group, which is held as a whole.
    OneOf(Arc<Group>, Seat),
}

/// A place in a group, counted from 1: since it is never 0, [`Shared`] is two words and no tag.
/// An enum in smaller pieces is put together anew, and waited for, each time it is moved.
#[derive(Clone, Copy)]
pub(super) struct Seat(NonZero<usize>);

impl Seat {
    fn new(at: u16) -> Self {
        Self(NonZero::<usize>::MIN.saturating_add(usize::from(at)))
    }

    fn index(self) -> usize {
        self.0.get().wrapping_sub(1)
    }
}

impl Shared {
    #[inline]
    pub(super) fn new(facts: Facts) -> Self {
        Self::Alone(Arc::new(facts))
    }

    /// These facts for one holder, and nobody else's: a copy if there are others.
    pub(super) fn make_mut(&mut self) -> &mut Facts {
        match self {
            Self::Alone(facts) => Arc::make_mut(facts),
            Self::OneOf(..) => {
                *self = self.clone();
                self.make_mut()
            }
        }
    }

    #[inline]
    fn facts(&self) -> &Arc<Facts> {
        match self {
            Self::Alone(facts) => facts,
            Self::OneOf(group, at) => group.facts(*at),
        }
    }
}

impl Clone for Shared {
    /// Alone, so that who keeps a copy keeps nobody else's facts.
    #[inline]
    fn clone(&self) -> Self {
        Self::Alone(Arc::clone(self.facts()))
    }
}

impl Deref for Shared {
    type Target = Facts;

    #[inline]
    fn deref(&self) -> &Facts {
        self.facts()
    }
}

/// The facts of many keys under one count.
///
/// Of a million counts hardly one is in the processor's cache when a request comes to change it;
/// of a thousand most are. The price: a request holds the facts of the whole group for as long as
/// it lasts, and a change to the group meanwhile is made in a copy of its pointers.
#[derive(Clone)]
pub(crate) struct Group {
    /// Of which places there are facts, a bit each: near the count, and in the cache with it.
    taken: [u64; Group::PLACES as usize / 64],
    facts: [Option<Arc<Facts>>; Group::PLACES as usize],
}

#[allow(dead_code, reason = "only API keys are that many")]
impl Group {
    /// Many, so that a table of a million keys has few counts; not more, as they are copied.
    pub(crate) const PLACES: u16 = 1024;

    /// The identity at this place, held with its group; `None` if the place is free.
    #[inline]
    pub(crate) fn get(self: &Arc<Self>, at: u16) -> Option<Prepared> {
        let (word, bit) = Self::bit(at);
        // What is held never changes, so that it is there for whoever reads it.
        let is_taken = self.taken.get(word)? & bit != 0;
        is_taken.then(|| Prepared(Shared::OneOf(Arc::clone(self), Seat::new(at))))
    }

    /// Takes an identity in, at a place that is free.
    pub(crate) fn put(self: &mut Arc<Self>, at: u16, identity: &Prepared) {
        self.set(at, Some(Arc::clone(identity.0.facts())));
    }

    /// Lets the identity at this place go.
    pub(crate) fn take(self: &mut Arc<Self>, at: u16) -> Option<Prepared> {
        let facts = self.set(at, None)?;
        Some(Prepared(Shared::Alone(facts)))
    }

    /// Gives back what was there.
    fn set(self: &mut Arc<Self>, at: u16, facts: Option<Arc<Facts>>) -> Option<Arc<Facts>> {
        let group = Arc::make_mut(self);
        let (word, bit) = Self::bit(at);
        let taken = group.taken.get_mut(word)?;
        *taken = if facts.is_some() {
            *taken | bit
        } else {
            *taken & !bit
        };
        mem::replace(group.facts.get_mut(usize::from(at))?, facts)
    }

    fn bit(at: u16) -> (usize, u64) {
        (usize::from(at / 64), 1 << (at % 64))
    }

    #[inline]
    fn facts(&self, at: Seat) -> &Arc<Facts> {
        /// At a place that is free, which nobody is given.
        static NOBODY: LazyLock<Arc<Facts>> = LazyLock::new(Arc::default);
        let place = self.facts.get(at.index());
        place.and_then(Option::as_ref).unwrap_or_else(|| &NOBODY)
    }
}

impl Default for Group {
    fn default() -> Self {
        Self {
            taken: [0; Self::PLACES as usize / 64],
            facts: [const { None }; Self::PLACES as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    /// A group with the identities of `0`, `1` and `2`, each with the same data.
    fn group(data: &Arc<()>) -> Arc<Group> {
        let mut group = Arc::new(Group::default());
        for at in 0..3 {
            let identity = Identity::new(at.to_string()).with_data(Arc::clone(data));
            group.put(at, &identity.into());
        }
        group
    }

    #[test]
    fn it_is_two_words() {
        assert_eq!(size_of::<Shared>(), 2 * size_of::<usize>());
    }

    #[test]
    fn a_member_reads_as_itself() {
        let group = group(&Arc::default());
        for at in 0..3 {
            let member = group.get(at).unwrap().into_identity();
            assert_eq!(member.subject(), at.to_string());
            assert_eq!(member.clone().subject(), at.to_string());
        }
    }

    #[test]
    fn a_change_to_a_member_changes_no_other_holder() {
        let data = Arc::default();
        let group = group(&data);
        let changed = group.get(1).unwrap().into_identity().with_role("editor");
        assert_eq!(changed.subject(), "1");
        assert!(changed.has_role("editor"));
        assert!(!group.get(1).unwrap().into_identity().has_role("editor"));
        // It has let go of the others.
        drop(group);
        assert_eq!(Arc::strong_count(&data), 2);
    }

    #[test]
    fn what_is_taken_is_gone_at_once_if_nobody_holds_the_group() {
        let data = Arc::default();
        let mut group = group(&data);
        drop(group.take(1));
        assert_eq!(Arc::strong_count(&data), 3);
        assert!(group.take(1).is_none());
        assert!(group.get(1).is_none());
    }

    #[test]
    fn what_is_taken_is_gone_with_the_last_that_holds_the_group() {
        let data = Arc::default();
        let mut group = group(&data);
        let (one, two) = (group.get(1).unwrap(), group.get(2).unwrap());
        drop(group.take(1));
        group.put(1, &Identity::new("another").into());
        assert_eq!(Arc::strong_count(&data), 4);
        assert_eq!(one.into_identity().subject(), "1");
        assert_eq!(Arc::strong_count(&data), 4);
        // A copy holds its own facts only.
        let copy = two.clone();
        drop(two);
        assert_eq!(Arc::strong_count(&data), 3);
        assert_eq!(copy.into_identity().subject(), "2");
        assert_eq!(group.get(1).unwrap().into_identity().subject(), "another");
    }
}
