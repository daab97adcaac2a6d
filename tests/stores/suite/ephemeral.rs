//! The suite for ephemeral stores.

use super::at_once;
use std::{sync::Arc, time::Duration};
use tower_auth::store::{EphemeralStore, Raise};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(1_500);

/// Passes time on the clock of the store.
pub(crate) trait Wait {
    fn wait(&self, time: Duration) -> impl Future<Output = ()>;
}

/// Passes time by sleeping, for a store with a clock of its own.
pub(crate) struct Sleep;

impl Wait for Sleep {
    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

async fn value(store: &Arc<impl EphemeralStore>, key: &str) -> Option<Vec<u8>> {
    let mut read = store.read(&[key]).await.unwrap();
    assert_eq!(read.values.len(), 1);
    read.values.remove(0)
}

/// Runs every case for an ephemeral store.
pub(crate) async fn all(store: &Arc<impl EphemeralStore>, time: &impl Wait) {
    a_value_is_added_once(store).await;
    a_value_is_taken_once(store).await;
    several_values_are_read_in_order(store).await;
    a_counter_counts_each(store).await;
    reading_a_counter_does_not_increment_it(store, time).await;
    values_and_counters_end(store, time).await;
    any_lifetime_is_taken(store).await;
    numbers_and_their_expiries_are_only_raised(store, time).await;
    has_one_history(store).await;
}

async fn a_value_is_added_once(store: &Arc<impl EphemeralStore>) {
    assert!(store.add("added/1", b"one", LONG).await.unwrap());
    assert!(!store.add("added/1", b"two", LONG).await.unwrap());
    assert_eq!(value(store, "added/1").await.as_deref(), Some(&b"one"[..]));
    store.put("added/1", b"three", LONG).await.unwrap();
    assert_eq!(
        value(store, "added/1").await.as_deref(),
        Some(&b"three"[..])
    );
    assert!(store.add("added/2", b"", LONG).await.unwrap());
    assert_eq!(value(store, "added/2").await.as_deref(), Some(&b""[..]));
    let added = at_once(store, |store, number| {
        store.add("added/race", &[number as u8], LONG)
    });
    let added = added.await;
    assert_eq!(added.iter().filter(|added| **added).count(), 1);
    let winner = added.iter().position(|added| *added).unwrap();
    assert_eq!(value(store, "added/race").await, Some(vec![winner as u8]));
}

async fn a_value_is_taken_once(store: &Arc<impl EphemeralStore>) {
    let bytes: Vec<u8> = (0..4096).map(|byte| byte as u8).collect();
    assert!(store.add("taken/1", &bytes, LONG).await.unwrap());
    assert_eq!(store.take("taken/1").await.unwrap(), Some(bytes));
    assert_eq!(store.take("taken/1").await.unwrap(), None);
    assert_eq!(value(store, "taken/1").await, None);
    assert!(store.add("taken/1", b"again", LONG).await.unwrap());
    let taken = at_once(store, |store, _| store.take("taken/1"));
    assert_eq!(taken.await.into_iter().flatten().count(), 1);
}

async fn several_values_are_read_in_order(store: &Arc<impl EphemeralStore>) {
    store.put("read/a", b"1", LONG).await.unwrap();
    store.put("read/A", b"2", LONG).await.unwrap();
    let keys = ["read/A", "read/none", "read/a", "read/A", "read/%"];
    let read = store.read(&keys).await.unwrap();
    let wanted = [Some("2"), None, Some("1"), Some("2"), None];
    let wanted: Vec<_> = wanted
        .map(|value| value.map(|v| v.as_bytes().to_vec()))
        .into();
    assert_eq!(read.values, wanted);
    assert!(store.read(&[]).await.unwrap().values.is_empty());
    let long = format!("read/{}", "k".repeat(500));
    store.put(&long, b"long", LONG).await.unwrap();
    assert_eq!(value(store, &long).await.as_deref(), Some(&b"long"[..]));
}

async fn a_counter_counts_each(store: &Arc<impl EphemeralStore>) {
    for wanted in 1..=3 {
        assert_eq!(store.count("counted/1", LONG).await.unwrap(), wanted);
    }
    assert_eq!(store.count("counted/2", LONG).await.unwrap(), 1);
    let mut counts = at_once(store, |store, _| store.count("counted/race", LONG)).await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=100).collect::<Vec<_>>());
}

/// A counter knows its end, in a store that implements `EphemeralStore::counted`. The default of that
/// method cannot tell the end, so `all` does not include this case.
pub(crate) async fn a_counter_knows_its_end(store: &Arc<impl EphemeralStore>) {
    store.count("end/short", SHORT).await.unwrap();
    store.count("end/long", LONG).await.unwrap();
    for _ in 0..2 {
        let counted = store.counted(&["end/short", "end/long"]).await.unwrap();
        let ends = |n: usize| counted[n].unwrap().ends_in.unwrap();
        assert!(ends(0) <= SHORT && ends(0) > Duration::ZERO);
        assert!(
            ends(1) <= LONG && ends(1) > LONG - LONG / 10,
            "{:?}",
            ends(1)
        );
    }
}

async fn reading_a_counter_does_not_increment_it(
    store: &Arc<impl EphemeralStore>,
    time: &impl Wait,
) {
    store.put("tally/value", b"12", LONG).await.unwrap();
    for _ in 0..12 {
        store.count("tally/a", LONG).await.unwrap();
    }
    store.count("tally/b", SHORT).await.unwrap();
    let keys = ["tally/b", "tally/none", "tally/a"];
    for _ in 0..2 {
        let counted = store.counted(&keys).await.unwrap();
        let counts: Vec<_> = counted.iter().map(|c| c.map(|c| c.count)).collect();
        assert_eq!(counts, [Some(1), None, Some(12)]);
    }
    // What the default of the method relies on.
    assert_eq!(value(store, "tally/a").await.as_deref(), Some(&b"12"[..]));
    time.wait(SHORT).await;
    let counted = store.counted(&keys).await.unwrap();
    assert_eq!(counted[0], None, "its window is over");
    assert!(store.take("tally/a").await.unwrap().is_some());
    assert_eq!(store.counted(&keys).await.unwrap(), [None; 3]);
    assert_eq!(store.count("tally/a", LONG).await.unwrap(), 1);
    assert!(store.counted(&[]).await.unwrap().is_empty());
}

async fn values_and_counters_end(store: &Arc<impl EphemeralStore>, time: &impl Wait) {
    store.put("ended/put", b"x", SHORT).await.unwrap();
    assert!(store.add("ended/add", b"x", SHORT).await.unwrap());
    assert!(store.add("ended/take", b"x", SHORT).await.unwrap());
    store.put("ended/longer", b"x", SHORT).await.unwrap();
    store.put("ended/longer", b"y", LONG).await.unwrap();
    assert_eq!(store.count("ended/count", SHORT).await.unwrap(), 1);
    time.wait(SHORT / 3).await;
    // The window is that of the first count.
    assert_eq!(store.count("ended/count", LONG).await.unwrap(), 2);
    assert!(value(store, "ended/put").await.is_some());
    assert!(!store.add("ended/add", b"y", LONG).await.unwrap());
    time.wait(SHORT).await;
    assert_eq!(value(store, "ended/put").await, None);
    assert_eq!(store.take("ended/take").await.unwrap(), None);
    assert_eq!(
        value(store, "ended/longer").await.as_deref(),
        Some(&b"y"[..])
    );
    assert_eq!(store.count("ended/count", SHORT).await.unwrap(), 1);
    assert_eq!(store.count("ended/count", SHORT).await.unwrap(), 2);
    let added = at_once(store, |store, _| store.add("ended/add", b"z", LONG));
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
}

async fn any_lifetime_is_taken(store: &Arc<impl EphemeralStore>) {
    let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    assert!(store.add("lifetime/long", b"x", century).await.unwrap());
    assert!(value(store, "lifetime/long").await.is_some());
    assert!(
        store
            .add("lifetime/none", b"x", Duration::ZERO)
            .await
            .unwrap()
    );
    // However long: kept, or refused, and no panic.
    let _ = store.add("lifetime/longest", b"x", Duration::MAX).await;
    let _ = store.count("lifetime/longest count", Duration::MAX).await;
}

fn raise(key: &str, number: u64, lifetime: Duration) -> Raise<'_> {
    Raise {
        key,
        number,
        lifetime,
    }
}

async fn numbers_and_their_expiries_are_only_raised(
    store: &Arc<impl EphemeralStore>,
    time: &impl Wait,
) {
    let number = async |key: &str| {
        let value = value(store, key).await?;
        assert_eq!(value.len(), 20);
        Some(String::from_utf8(value).unwrap().parse::<u64>().unwrap())
    };
    store.raise(&[]).await.unwrap();
    let both = [
        raise("raised/a", 9, LONG),
        raise("raised/b", u64::MAX, LONG),
    ];
    store.raise(&both).await.unwrap();
    let both = [raise("raised/b", 9, LONG), raise("raised/a", 10, LONG)];
    store.raise(&both).await.unwrap();
    assert_eq!(number("raised/a").await, Some(10));
    assert_eq!(number("raised/b").await, Some(u64::MAX));
    // A key twice, and a smaller number after a larger one.
    let twice = [raise("raised/a", 7, LONG), raise("raised/a", 11, LONG)];
    store.raise(&twice).await.unwrap();
    store.raise(&[raise("raised/a", 3, LONG)]).await.unwrap();
    assert_eq!(number("raised/a").await, Some(11));
    let raced = at_once(store, |store, number| {
        store.raise(&[raise("raised/race", number as u64, LONG)])
    });
    raced.await;
    assert_eq!(number("raised/race").await, Some(99));
    let batches = at_once(store, |store, number| {
        let keys: Vec<_> = (0..50).map(|key| format!("raised/batch {key}")).collect();
        let mut batch: Vec<_> = keys
            .iter()
            .map(|key| raise(key, number as u64, LONG))
            .collect();
        if number % 2 == 0 {
            batch.reverse();
        }
        store.raise(&batch)
    });
    batches.await;
    assert_eq!(number("raised/batch 0").await, Some(99));
    assert_eq!(number("raised/batch 49").await, Some(99));

    for (key, lifetimes) in [
        ("raised/ends", [SHORT, SHORT / 2]),
        ("raised/lasts", [LONG, SHORT]),
        ("raised/longer", [SHORT, LONG]),
    ] {
        for lifetime in lifetimes {
            store.raise(&[raise(key, 5, lifetime)]).await.unwrap();
        }
    }
    time.wait(SHORT + SHORT / 3).await;
    assert_eq!(number("raised/ends").await, None);
    assert_eq!(number("raised/lasts").await, Some(5));
    assert_eq!(number("raised/longer").await, Some(5));
    // A number that is over is forgotten.
    store.raise(&[raise("raised/ends", 4, LONG)]).await.unwrap();
    assert_eq!(number("raised/ends").await, Some(4));
    let ten_years = Duration::from_secs(10 * 366 * 24 * 3600);
    store
        .raise(&[raise("raised/years", 1, ten_years)])
        .await
        .unwrap();
    assert_eq!(number("raised/years").await, Some(1));
}

/// A store that has lost nothing has one history.
pub(crate) async fn has_one_history(store: &Arc<impl EphemeralStore>) {
    let history = store.read(&["x"]).await.unwrap().history;
    store.put("history/1", b"x", LONG).await.unwrap();
    let read = store.read(&["history/1", "history/2"]).await.unwrap();
    assert_eq!(read.values, [Some(b"x".to_vec()), None]);
    assert_eq!(read.history, history);
    assert_eq!(store.read(&[]).await.unwrap().history, history);
}
