//! [`Remembered`]: names of keys that an issuer was asked for in vain.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

/// A bounded set that forgets: when it is full, when time has passed, or when told to.
///
/// It must forget by itself. Who guesses the name that a new key will have could otherwise keep
/// it unknown from before it was published until the next scheduled fetch.
pub(super) struct Remembered {
    ids: HashMap<u64, Duration>,
    order: VecDeque<u64>,
    forget_after: Duration,
}

impl Remembered {
    pub(super) const CAPACITY: usize = 1024;

    pub(super) fn new(forget_after: Duration) -> Self {
        Self {
            ids: HashMap::new(),
            order: VecDeque::new(),
            forget_after,
        }
    }

    pub(super) fn contains(&self, id: u64, now: Duration) -> bool {
        let since = self.ids.get(&id);
        since.is_some_and(|since| now < since.saturating_add(self.forget_after))
    }

    pub(super) fn insert(&mut self, id: u64, now: Duration) {
        if self.ids.insert(id, now).is_some() {
            return; // Its place in the order stays: it is forgotten the sooner.
        }
        self.order.push_back(id);
        if self.order.len() > Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.order.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.ids.len(), self.order.len());
        self.ids.len()
    }
}
