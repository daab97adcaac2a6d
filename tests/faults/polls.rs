//! Futures that are dropped in the middle.

use std::{future::poll_fn, pin::pin, task::Poll};

/// Polls a future at most so many times, whenever it is woken, and drops it if it is not ready by
/// then.
pub(crate) async fn dropped_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs a future, and the tasks that it has spawned on this runtime, for so many turns of the
/// scheduler.
pub(crate) async fn stopped_after<T>(ticks: usize, future: impl Future<Output = T>) -> Option<T> {
    let turns = async {
        for _ in 0..ticks {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        answer = future => Some(answer),
        () = turns => None,
    }
}
