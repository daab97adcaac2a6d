//! Short-lived values in memory.

use super::store::{MemoryStore, Value, ready};
use crate::{
    Verdict,
    store::{BatchRead, Counted, EphemeralStore, Raise},
};
use std::{sync::Arc, time::Duration};

impl EphemeralStore for MemoryStore {
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

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut read = |key: &&str| tables.value(key, now).map(Value::read);
        let values = keys.iter().map(&mut read).collect();
        ready(BatchRead {
            values,
            history: Arc::default(),
        })
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        let now = self.clock.now();
        let taken = self.tables().values.remove(key);
        ready(
            taken
                .filter(|value| value.until > now)
                .map(|mut value| value.read()),
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

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        let now = self.clock.now();
        let mut tables = self.tables();
        for one in raised {
            let new = one.value().into_bytes();
            let until = now.checked_add(one.lifetime);
            if let (Some(kept), Some(until)) = (tables.value(one.key, now), until) {
                kept.until = kept.until.max(until);
                if kept.bytes < new {
                    kept.bytes = new;
                }
            } else if let Err(full) = tables.keep(one.key, &new, 0, now, one.lifetime) {
                return Verdict::ready(Err(full));
            }
        }
        ready(())
    }

    fn counted(&self, keys: &[&str]) -> Verdict<Vec<Option<Counted>>> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut counted = |key: &&str| {
            let value = tables.value(key, now).filter(|value| value.count > 0)?;
            Some(Counted {
                count: value.count,
                ends_in: value.until.duration_since(now).ok(),
            })
        };
        ready(keys.iter().map(&mut counted).collect())
    }
}
