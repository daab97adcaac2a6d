//! Limits of one message per minute, because strangers can cause any number of messages.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

/// The time between two messages, in seconds.
const PAUSE: u64 = 60;

/// The number of different messages in that time.
const MOST: usize = 64;

/// A limit of one message per minute and key, and of 64 messages per minute.
#[derive(Debug)]
pub(crate) struct SeldomByKey {
    /// Hashes of the keys of the last minute, each with the time of its message.
    recent: Mutex<Vec<(u64, u64)>>,
}

impl SeldomByKey {
    pub(crate) const fn new() -> Self {
        Self {
            recent: Mutex::new(Vec::new()),
        }
    }

    /// Returns whether a message with this key may be logged. `now` is in seconds.
    pub(crate) fn is_due(&self, key: impl Hash, now: u64) -> bool {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let key = hasher.finish();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that is set back does not silence the messages.
        recent.retain(|(_, at)| at.abs_diff(now) < PAUSE);
        let is_due = recent.len() < MOST && recent.iter().all(|(other, _)| *other != key);
        if is_due {
            recent.push((key, now));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_a_minute_and_key_gets_through() {
        let seldom = SeldomByKey::new();
        let messages = [
            ("a", 1000, true),
            ("b", 1000, true),
            ("a", 1059, false),
            ("a", 1060, true),
            ("a", 500, true),
            ("b", 501, true),
            ("b", 502, false),
        ];
        for (key, now, due) in messages {
            assert_eq!(seldom.is_due(key, now), due, "{key} at {now}");
        }
    }

    #[test]
    fn the_number_of_messages_a_minute_is_bounded() {
        let seldom = SeldomByKey::new();
        let logged = (0..1000).filter(|key| seldom.is_due(key, 1000)).count();
        assert_eq!(logged, MOST);
        assert_eq!(seldom.recent.lock().unwrap().len(), MOST);
        assert!(seldom.is_due("another", 1060));
    }
}
