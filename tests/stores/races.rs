//! The suite itself: it fails for a store whose steps are not atomic.

use crate::suite::ephemeral::{self, Wait};
use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};
use tower_auth::{
    Verdict,
    store::{BatchRead, EphemeralStore, MemoryStore, Raise},
};

/// A store that reads and then writes, if it is told to.
struct TwoSteps {
    store: MemoryStore,
    adds_in_two: bool,
    takes_in_two: bool,
}

/// Returns the result of a verdict of the store in memory.
fn ready<T>(verdict: Verdict<T>) -> T {
    verdict.now().ok().unwrap().unwrap()
}

impl TwoSteps {
    fn has(&self, key: &str) -> bool {
        let has = ready(self.store.read(&[key])).values[0].is_some();
        thread::sleep(Duration::from_millis(1));
        has
    }
}

impl EphemeralStore for TwoSteps {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        if !self.adds_in_two {
            return self.store.add(key, value, lifetime);
        }
        let is_new = !self.has(key);
        if is_new {
            ready(self.store.put(key, value, lifetime));
        }
        Verdict::ready(Ok(is_new))
    }

    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        self.store.put(key, value, lifetime)
    }

    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.store.read(keys)
    }

    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        if !self.takes_in_two {
            return self.store.take(key);
        }
        let value = ready(self.store.read(&[key])).values.remove(0);
        thread::sleep(Duration::from_millis(1));
        ready(self.store.take(key));
        Verdict::ready(Ok(value))
    }

    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.store.count(key, window)
    }

    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        self.store.raise(raised)
    }
}

struct Moved(Arc<Mutex<SystemTime>>);

impl Wait for Moved {
    async fn wait(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

/// Returns whether the store passes the suite.
async fn passes(adds_in_two: bool, takes_in_two: bool) -> bool {
    let now = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
    let clock = Arc::clone(&now);
    let store = Arc::new(TwoSteps {
        store: MemoryStore::new().with_clock(move || *clock.lock().unwrap()),
        adds_in_two,
        takes_in_two,
    });
    let suite = async move { ephemeral::all(&store, &Moved(now)).await };
    tokio::spawn(suite).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_steps_are_not_atomic_fails_the_suite() {
    assert!(passes(false, false).await);
    assert!(!passes(true, false).await);
    assert!(!passes(false, true).await);
}
