//! Small values that servers share for a while.

use crate::{Rejection, Verdict};
use std::{sync::Arc, time::Duration};

/// Keeps small values that end by themselves: counters of attempts, what may be used once, and
/// revocations where they are read quickly.
///
/// Keys are short texts of visible ASCII, which begin with the name of what uses them
/// (`login/…`); values are of a few kilobytes at most.
///
/// The store removes expired values itself, and a store in memory bounds their number. Any lifetime
/// may be given, [`Duration::MAX`] included: it may be cut or refused with
/// [`unavailable`](crate::Rejection::unavailable), but must not panic.
pub trait EphemeralStore: Send + Sync + 'static {
    /// Keeps a value unless the key has one; says whether it had none. Of any number of calls for
    /// one key, one is told `true`.
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool>;

    /// Keeps a value in place of whatever the key had.
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()>;

    /// Reads the values of several keys at one moment, in their order.
    fn read(&self, keys: &[&str]) -> Verdict<BatchRead>;

    /// Takes a value away and gives it back. Of any number of calls, one gets it.
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>>;

    /// Adds one to a counter and returns its new value. The counter ends so long after its first
    /// count. [`read`](Self::read) returns its value in decimal digits.
    fn count(&self, key: &str, window: Duration) -> Verdict<u64>;

    /// Reads several counters, in the order of their keys, and changes none of them. The result is
    /// `None` for a counter that has counted nothing, or whose window has ended.
    ///
    /// The default implementation calls [`read`](Self::read), which has to return the value of a
    /// counter in decimal digits. In that case the end of the window is not known.
    fn counted(&self, keys: &[&str]) -> Verdict<Vec<Option<Counted>>> {
        let read = self.read(keys);
        Verdict::pending(async move {
            let values = read.await?.values;
            values
                .into_iter()
                .map(|value| value.as_deref().map(digits).transpose())
                .collect()
        })
    }

    /// Raises numbers. Each key has the larger of its number and the given number, and lasts for
    /// the longer of its lifetime and the given lifetime. Each key is raised in one step; a later
    /// read sees all of them.
    ///
    /// The [value](Self::read) of such a key is the number in decimal, 20 digits with leading
    /// zeros. A key is either raised or written in another way, never both.
    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()>;
}

/// One key in [`EphemeralStore::raise`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raise<'a> {
    /// The key.
    pub key: &'a str,
    /// The least number that the key has afterwards.
    pub number: u64,
    /// The shortest time that the key lasts.
    pub lifetime: Duration,
}

impl Raise<'_> {
    /// Returns the number as a value. Numbers compare as their values do.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{:020}", self.number)
    }
}

/// The state of one counter, as returned by [`EphemeralStore::counted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The value of the counter, at least one.
    pub count: u64,
    /// The time until the window ends, if the store knows it.
    pub ends_in: Option<Duration>,
}

fn digits(value: &[u8]) -> Result<Counted, Rejection> {
    let text = std::str::from_utf8(value).ok();
    let count = text.and_then(|text| text.parse().ok());
    count
        .map(|count| Counted {
            count,
            ends_in: None,
        })
        .ok_or_else(|| Rejection::unavailable("invalid counter: not a number in decimal digits"))
}

/// The result of [`EphemeralStore::read`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRead {
    /// The value of each key, if it has one.
    pub values: Vec<Option<Vec<u8>>>,
    /// The history of the store. It is different if the store was restarted or replaced by another
    /// server, so that writes may have been lost. It is empty if values can be lost only by
    /// removing them from the store. A store that loses its values with its process returns a
    /// random text that is made at its start.
    pub history: Arc<str>,
}

impl<S: EphemeralStore + ?Sized> EphemeralStore for Arc<S> {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        (**self).add(key, value, lifetime)
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        (**self).put(key, value, lifetime)
    }

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        (**self).read(keys)
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        (**self).take(key)
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        (**self).count(key, window)
    }

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        (**self).raise(raised)
    }

    fn counted(&self, keys: &[&str]) -> Verdict<Vec<Option<Counted>>> {
        (**self).counted(keys)
    }
}
