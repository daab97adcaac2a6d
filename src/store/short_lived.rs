//! Small values that servers share for a while.

use crate::Verdict;
use std::{sync::Arc, time::Duration};

/// Keeps small values that end by themselves: counters of attempts, what may be used once, and
/// revocations where they are read quickly.
///
/// Keys are short texts of visible ASCII, which begin with the name of what uses them
/// (`login/…`); values are of a few kilobytes at most.
pub trait ShortLived: Send + Sync + 'static {
    /// Keeps a value unless the key has one; says whether it had none. Of any number of calls for
    /// one key, one is told `true`.
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool>;

    /// Keeps a value in place of whatever the key had.
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()>;

    /// Reads the values of several keys at one moment, in their order.
    fn read(&self, keys: &[&str]) -> Verdict<Read>;

    /// Takes a value away and gives it back. Of any number of calls, one gets it.
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>>;

    /// Adds one to a counter and gives its new value. It ends so long after its first count.
    fn count(&self, key: &str, window: Duration) -> Verdict<u64>;

    /// Begins to fill the store with everything of one kind, from where it is kept durably.
    /// The mark that is given back is for [`complete`](Self::complete).
    fn begin_filling(&self) -> Verdict<String>;

    /// Marks the store as complete, unless it has lost anything since that filling began; says
    /// whether it is.
    fn complete(&self, mark: &str) -> Verdict<bool>;
}

/// What [`ShortLived::read`] has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The value of each key, if it has one.
    pub values: Vec<Option<Vec<u8>>>,
    /// Whether the store was marked as complete and has lost nothing since. Where it is not, that
    /// a value is missing says nothing.
    pub complete: bool,
}

impl<S: ShortLived + ?Sized> ShortLived for Arc<S> {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        (**self).add(key, value, lifetime)
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        (**self).put(key, value, lifetime)
    }

    fn read(&self, keys: &[&str]) -> Verdict<Read> {
        (**self).read(keys)
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        (**self).take(key)
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        (**self).count(key, window)
    }

    fn begin_filling(&self) -> Verdict<String> {
        (**self).begin_filling()
    }

    fn complete(&self, mark: &str) -> Verdict<bool> {
        (**self).complete(mark)
    }
}
