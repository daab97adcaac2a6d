//! Short-lived values in memory.

use super::{MemoryStore, ready};
use crate::{
    Verdict,
    store::{Read, ShortLived},
};
use std::time::Duration;

impl ShortLived for MemoryStore {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        let now = self.clock.now();
        let mut tables = self.tables();
        if tables.value(key, now).is_some() {
            return ready(false);
        }
        Verdict::ready(tables.keep(key, value, 0, now, lifetime).map(|()| true))
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        let now = self.clock.now();
        Verdict::ready(self.tables().keep(key, value, 0, now, lifetime))
    }

    fn read(&self, keys: &[&str]) -> Verdict<Read> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut read = |key: &&str| tables.value(key, now).map(|value| value.bytes.clone());
        let values = keys.iter().map(&mut read).collect();
        ready(Read {
            values,
            complete: tables.complete,
        })
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        let now = self.clock.now();
        let taken = self.tables().values.remove(key);
        ready(
            taken
                .filter(|value| value.until > now)
                .map(|value| value.bytes),
        )
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        let now = self.clock.now();
        let mut tables = self.tables();
        if let Some(value) = tables.value(key, now) {
            value.count = value.count.saturating_add(1);
            return ready(value.count);
        }
        Verdict::ready(tables.keep(key, b"", 1, now, window).map(|()| 1))
    }

    fn begin_filling(&self) -> Verdict<String> {
        ready(String::new())
    }

    fn complete(&self, _: &str) -> Verdict<bool> {
        self.tables().complete = true;
        ready(true)
    }
}
