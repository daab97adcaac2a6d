//! One call per token at a time, whoever waits for it.

use super::IntrospectionError;
use crate::{digest::Digest, identity::Prepared};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

pub(super) type Answer = Result<Prepared, IntrospectionError>;

/// The calls that are under way.
pub(super) struct Flights {
    under_way: UnderWay,
    /// No more than so many.
    most: usize,
}

type UnderWay = Arc<Mutex<HashMap<Digest, watch::Receiver<Option<Answer>>>>>;

/// How a request gets to its answer.
pub(super) enum Seat {
    /// With a call that is under way.
    Shared(Waiting),
    /// With a call that it has to begin.
    First(Flight, Waiting),
    /// Not at all: there are too many.
    None,
}

/// Where the answer of a call will be.
pub(super) struct Waiting(watch::Receiver<Option<Answer>>);

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

    pub(super) fn board(&self, digest: Digest) -> Seat {
        let mut under_way = lock(&self.under_way);
        if let Some(answer) = under_way.get(&digest) {
            return Seat::Shared(Waiting(answer.clone()));
        }
        if under_way.len() >= self.most {
            return Seat::None;
        }
        let (sender, answer) = watch::channel(None);
        under_way.insert(digest, answer.clone());
        let flight = Flight {
            digest,
            under_way: Arc::clone(&self.under_way),
            answer: sender,
        };
        Seat::First(flight, Waiting(answer))
    }
}

impl Flight {
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Tells everybody. Whoever comes from now on begins anew, or finds the answer in the cache,
    /// where it has to be already.
    pub(super) fn land(self, answer: Answer) {
        self.answer.send_replace(Some(answer));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // It is the only one with this digest until here.
        lock(&self.under_way).remove(&self.digest);
    }
}

impl Waiting {
    pub(super) async fn answer(mut self) -> Answer {
        match self.0.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(answer)) => answer.clone(),
            Ok(None) | Err(_) => Err(IntrospectionError::Lost),
        }
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, HashMap<Digest, watch::Receiver<Option<Answer>>>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    fn first(flights: &Flights, byte: u8) -> (Flight, Waiting) {
        match flights.board(Digest([byte; 32])) {
            Seat::First(flight, waiting) => (flight, waiting),
            _ => panic!("somebody was there first"),
        }
    }

    fn shared(flights: &Flights, byte: u8) -> Waiting {
        match flights.board(Digest([byte; 32])) {
            Seat::Shared(waiting) => waiting,
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
        flight.land(Ok(Identity::new("42").into()));
        for waiting in [other, third] {
            let prepared = waiting.answer().await.unwrap();
            assert_eq!(prepared.identity().subject(), "42");
        }
        first(&flights, 1);
    }

    #[tokio::test]
    async fn a_call_that_is_lost_is_told_and_forgotten() {
        let flights = Flights::new(2);
        let (flight, waiting) = first(&flights, 1);
        drop(flight);
        let answer = waiting.answer().await;
        assert!(matches!(answer, Err(IntrospectionError::Lost)));
        first(&flights, 1);
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let flights = Flights::new(2);
        let (one, _) = first(&flights, 1);
        let _two = first(&flights, 2);
        assert!(matches!(flights.board(Digest([3; 32])), Seat::None));
        shared(&flights, 2);
        drop(one);
        first(&flights, 3);
    }
}
