//! The suite that a store has to pass: four modules, one per trait of `tower_auth::store`.
//!
//! This folder depends only on `tower_auth` (feature `store`) and `tokio` (features `macros`,
//! `rt-multi-thread` and `time`), and needs edition 2024, so that a store outside of this crate can use it. Copy the folder
//! into the `tests` folder of your crate and call `all` of each module whose trait the store
//! implements:
//!
//! ```ignore
//! mod suite;
//!
//! #[tokio::test(flavor = "multi_thread")]
//! async fn my_store_passes_the_suite() {
//!     let store = std::sync::Arc::new(MyStore::connect("…").await);
//!     suite::accounts::all(&store).await;
//!     suite::api_keys::all(&store).await;
//!     suite::tokens::all(&store).await;
//!     suite::ephemeral::all(&store, &suite::ephemeral::Sleep).await;
//! }
//! ```
//!
//! The store must be empty at the start. The cases of one module share the store; each uses an issuer
//! or keys of its own. The cases check by asserting, so the first failure names the case that failed.
//! A store with a clock that a test can set implements `ephemeral::Wait` instead of sleeping.

#![allow(dead_code, reason = "a store implements some of the traits")]

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod ephemeral;
pub(crate) mod tokens;

use std::{
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Handle;
use tower_auth::Verdict;

pub(crate) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Calls the store on a hundred threads, awaits the verdicts in concurrent tasks, and returns their
/// answers in order. A store that answers at once is called concurrently, too.
pub(crate) async fn at_once<S, T>(
    store: &Arc<S>,
    ask: impl Fn(&S, usize) -> Verdict<T> + Sync,
) -> Vec<T>
where
    S: Send + Sync,
    T: Send + 'static,
{
    let (ask, runtime) = (&ask, Handle::current());
    let ask_on_thread = |number| {
        let _runtime = runtime.enter();
        ask(store, number)
    };
    let asked: Vec<_> = thread::scope(|scope| {
        let ask_on_thread = &ask_on_thread;
        let calls: Vec<_> = (0..100)
            .map(|number| scope.spawn(move || ask_on_thread(number)))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let tasks: Vec<_> = asked.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap().unwrap());
    }
    answers
}
