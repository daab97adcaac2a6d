//! One call per token at a time, whoever waits for it.

use super::IntrospectionError;
use crate::{identity::Prepared, util::digest::Digest};
use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};
use tokio::{sync::watch, time::Sleep};

pub(super) type Answer = Result<Prepared, IntrospectionError>;

/// The calls that are under way.
pub(super) struct Flights {
    under_way: UnderWay,
    /// No more than so many.
    most: usize,
}

type UnderWay = Arc<Mutex<HashMap<Digest, watch::Receiver<Option<Answer>>>>>;

/// How a request gets to its answer.
pub(super) enum Waiter {
    /// With a call that is under way.
    Shared(Waiting),
    /// With a call that it has to begin.
    First(Flight, Waiting),
    /// Not at all: there are too many.
    None,
}

/// Where the answer of a call will be.
pub(super) struct Waiting {
    digest: Digest,
    under_way: UnderWay,
    answer: watch::Receiver<Option<Answer>>,
}

/// A call that is under way. However it ends, those who wait get to know.
pub(super) struct Flight {
    digest: Digest,
    under_way: UnderWay,
    answer: watch::Sender<Option<Answer>>,
}

impl Flights {
    pub(super) fn new(most: usize) -> Self {
        Self {
            under_way: Arc::default(),
            most,
        }
    }

    pub(super) fn join(&self, digest: Digest) -> Waiter {
        let waiting = |answer| Waiting {
            digest,
            under_way: Arc::clone(&self.under_way),
            answer,
        };
        let mut under_way = lock(&self.under_way);
        if let Some(answer) = under_way.get(&digest) {
            return Waiter::Shared(waiting(answer.clone()));
        }
        if under_way.len() >= self.most {
            return Waiter::None;
        }
        let (sender, answer) = watch::channel(None);
        under_way.insert(digest, answer.clone());
        let flight = Flight {
            digest,
            under_way: Arc::clone(&self.under_way),
            answer: sender,
        };
        Waiter::First(flight, waiting(answer))
    }
}

impl Flight {
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Tells everybody. Whoever comes from now on begins anew, or finds the answer in the cache,
    /// where it has to be already.
    pub(super) fn finish(self, answer: Answer) {
        self.answer.send_replace(Some(answer));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        remove(&self.under_way, &self.digest, &self.answer.subscribe());
    }
}

impl Waiting {
    /// Waits for the answer. Returns it if it comes before the timer ends.
    ///
    /// A call has a time-out of its own, by the timer of the runtime that it began on. If that
    /// runtime is no longer driven, the call does not end, and is not lost either. The next request
    /// then begins another call.
    pub(super) async fn answer(mut self, timer: Sleep) -> Answer {
        let mut timer = pin!(timer);
        let finished = {
            let mut finished = pin!(self.answer.wait_for(Option::is_some));
            poll_fn(|cx| match finished.as_mut().poll(cx) {
                Poll::Ready(Ok(answer)) => Poll::Ready(answer.clone()),
                Poll::Ready(Err(_)) => Poll::Ready(Some(Err(IntrospectionError::Lost))),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
            })
            .await
        };
        finished.unwrap_or_else(|| {
            remove(&self.under_way, &self.digest, &self.answer);
            Err(IntrospectionError::TimedOut)
        })
    }
}

/// Removes this call, unless another call with the same digest has replaced it.
fn remove(under_way: &UnderWay, digest: &Digest, call: &watch::Receiver<Option<Answer>>) {
    let mut under_way = lock(under_way);
    let current = under_way.get(digest);
    if current.is_some_and(|current| current.same_channel(call)) {
        under_way.remove(digest);
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, HashMap<Digest, watch::Receiver<Option<Answer>>>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use std::time::Duration;
    use tokio::time::sleep;

    const LONG: Duration = Duration::from_secs(60);

    fn first(flights: &Flights, byte: u8) -> (Flight, Waiting) {
        match flights.join(Digest([byte; 32])) {
            Waiter::First(flight, waiting) => (flight, waiting),
            _ => panic!("somebody was there first"),
        }
    }

    fn shared(flights: &Flights, byte: u8) -> Waiting {
        match flights.join(Digest([byte; 32])) {
            Waiter::Shared(waiting) => waiting,
            _ => panic!("nobody was there"),
        }
    }

    #[tokio::test]
    async fn all_who_wait_get_the_answer_of_the_one_call() {
        let flights = Flights::new(2);
        let (flight, mine) = first(&flights, 1);
        let other = shared(&flights, 1);
        drop(mine);
        let third = shared(&flights, 1);
        flight.finish(Ok(Identity::new("42").into()));
        for waiting in [other, third] {
            let prepared = waiting.answer(sleep(LONG)).await.unwrap();
            assert_eq!(prepared.identity().subject(), "42");
        }
        first(&flights, 1);
    }

    #[tokio::test]
    async fn a_call_that_is_lost_is_told_and_forgotten() {
        let flights = Flights::new(2);
        let (flight, waiting) = first(&flights, 1);
        drop(flight);
        let answer = waiting.answer(sleep(LONG)).await;
        assert!(matches!(answer, Err(IntrospectionError::Lost)));
        first(&flights, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_ends_is_waited_for_for_a_bounded_time_and_then_made_anew() {
        let flights = Flights::new(2);
        let (stuck, waiting) = first(&flights, 1);
        let answer = waiting.answer(sleep(LONG)).await;
        assert!(matches!(answer, Err(IntrospectionError::TimedOut)));
        let (next, waiting) = first(&flights, 1);
        // The end of the stuck call does not remove its successor.
        drop(stuck);
        let other = shared(&flights, 1);
        next.finish(Ok(Identity::new("42").into()));
        for waiting in [waiting, other] {
            assert!(waiting.answer(sleep(LONG)).await.is_ok());
        }
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let flights = Flights::new(2);
        let (one, _) = first(&flights, 1);
        let _two = first(&flights, 2);
        assert!(matches!(flights.join(Digest([3; 32])), Waiter::None));
        shared(&flights, 2);
        drop(one);
        first(&flights, 3);
    }
}
