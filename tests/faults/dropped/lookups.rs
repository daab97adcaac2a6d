//! Log-outs that are cut short between the durable store and the lookup store.

use super::pair::{Failed, Pair, SECOND, completed, same, wrong};
use crate::{
    harness::{Hand, Server, Stores},
    polls::{dropped_after, stopped_after},
};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tower_auth::{issue::TokenSubject, store::MemoryStore};

/// A log-out whose write to the lookup store fails, at any await of a filling of that store by the
/// same server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_that_fails_during_a_filling_is_done_or_not_done() {
    let stores = Stores::new(MemoryStore::new()).with_lookup(MemoryStore::new());
    let mut pair = Pair::new(&stores, &stores);
    pair.at_every_await("filling", during_a_filling).await;
    pair.report("log-out that fails during a filling, memory with a lookup store");
}

async fn during_a_filling(pair: &Pair, polls: usize, subject: &str) -> Result<bool, Failed> {
    let session = pair.session(subject).await?;
    let token = session.access_token().expose();
    let identity = pair.other.verify(token).await.unwrap();
    let mut filling = pin!(pair.dropping.tokens.revocations().fill());
    let filled = dropped_after(polls, filling.as_mut()).await;
    pair.broken.store(true, SeqCst);
    let answer = pair.dropping.tokens.end_session(&identity).await;
    pair.broken.store(false, SeqCst);
    if filled.is_none() {
        let _ = filling.await;
    }
    let settled = same(async || pair.ended(&session).await, None).await;
    if answer.is_ok() {
        return Err(wrong("answered although the lookup store is broken"));
    }
    pair.other.tokens.end_session(&identity).await?;
    pair.is_ended(&session).await?;
    settled.map(|()| filled.is_some())
}

/// A log-out during which the lookup store can no longer be written to, on a server that gets no
/// more requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_that_fails_on_an_idle_server_is_done_or_not_done() {
    let stores = Stores::new(MemoryStore::new()).with_lookup(MemoryStore::new());
    let broken = Arc::new(AtomicBool::new(false));
    let clock = Hand::fixed();
    let idle = Server::new(&stores.breakable(&broken), &clock);
    let other = Server::new(&stores, &clock);
    for everywhere in [false, true] {
        for ticks in 0.. {
            let subject = format!("{everywhere}-{ticks}");
            let issued = other
                .tokens
                .start_session(TokenSubject::new(&subject))
                .await
                .unwrap();
            clock.pass(300 * SECOND);
            let token = issued.access_token().expose();
            let identity = other.verify(token).await.unwrap();
            let breaks = async {
                for _ in 0..ticks {
                    tokio::task::yield_now().await;
                }
                broken.store(true, SeqCst);
            };
            let ending = async {
                match everywhere {
                    true => idle.tokens.end_all_sessions(&subject).await,
                    false => idle.tokens.end_session(&identity).await,
                }
            };
            let (answer, ()) = in_a_process(async { tokio::join!(ending, breaks) });
            broken.store(false, SeqCst);
            let seen = async || {
                if ticks == 0 {
                    // Nothing could be written. The server fills the lookup store at a request.
                    idle.passes(token).await;
                }
                vec![
                    other.has_ended(issued.session_id()).await,
                    !other.passes(token).await,
                ]
            };
            let settled = same(seen, answer.is_ok().then_some(true)).await;
            assert!(settled.is_ok(), "{subject}: {settled:?}");
            if answer.is_ok() {
                break;
            }
        }
    }
}

/// A process that ends in the middle of an operation, its tasks included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_out_whose_process_is_killed_is_done_or_not_done() {
    let stores = Stores::new(MemoryStore::new()).with_lookup(MemoryStore::new());
    let mut pair = Pair::new(&stores, &stores);
    pair.at_every_await("killed in a log-out", killed_in_a_log_out)
        .await;
    pair.at_every_await(
        "killed in a log-out everywhere",
        killed_in_a_log_out_everywhere,
    )
    .await;
    pair.report("process killed within a log-out, memory with a lookup store");
}

async fn killed_in_a_log_out(pair: &Pair, ticks: usize, subject: &str) -> Result<bool, Failed> {
    let session = pair.session(subject).await?;
    let token = session.access_token().expose();
    let identity = pair.other.verify(token).await.unwrap();
    let tokens = &pair.dropping.tokens;
    let done = in_a_process(stopped_after(ticks, tokens.end_session(&identity)));
    same(async || pair.ended(&session).await, None).await?;
    pair.other.tokens.end_session(&identity).await?;
    pair.is_ended(&session).await?;
    completed(done)
}

async fn killed_in_a_log_out_everywhere(
    pair: &Pair,
    ticks: usize,
    subject: &str,
) -> Result<bool, Failed> {
    let session = pair.session(subject).await?;
    pair.clock.pass(300 * SECOND);
    let late = pair.session(subject).await?;
    pair.clock.pass(2 * SECOND);
    let tokens = &pair.dropping.tokens;
    let done = in_a_process(stopped_after(ticks, tokens.end_all_sessions(subject)));
    same(async || pair.ended(&session).await, None).await?;
    same(async || pair.ended(&late).await, None).await?;
    pair.other.tokens.end_all_sessions(subject).await?;
    pair.is_ended(&session).await?;
    pair.is_ended(&late).await?;
    completed(done)
}

/// Runs a future in a runtime of its own, which ends with it, and with it all of its tasks.
fn in_a_process<T: Send>(future: impl Future<Output = T> + Send) -> T {
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let process = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(future)
            });
            process.join().unwrap()
        })
    })
}
