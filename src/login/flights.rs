//! [`Flights`]: work that is done once for all requests that need its result at the same time.
//!
//! 1. Each piece of work has a name. Requests that need the same work wait for one flight together.
//!    The flight is a task of its own: a request that is dropped does not end the flight, and its
//!    result is not lost.
//! 2. The result is kept for a while, for requests that come late. The task of the flight removes
//!    it.
//! 3. The number of flights under way is bounded. Beyond the bound, further flights are rejected.
//!    Results have a separate bound, and the oldest result is removed first.

use crate::util::digest::{Digest, DigestMap};
use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// The largest number of flights under way, and of results that are kept.
const CAPACITY: usize = 10_000;

/// The flights under way, and the results of the last ones.
pub(super) struct Flights<T>(Arc<Mutex<Table<T>>>);

struct Table<T> {
    flights: DigestMap<Flight<T>>,
    under_way: usize,
    /// The flights with a result, oldest first. The number distinguishes flights of one name.
    finished: VecDeque<(Digest, u64)>,
    next: u64,
}

struct Flight<T> {
    number: u64,
    result: watch::Receiver<Option<T>>,
    /// The time until which the result is kept; `None` while the flight is under way.
    until: Option<Instant>,
}

/// The error if there are too many flights under way.
#[derive(Debug)]
pub(super) struct Full;

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Table {
            flights: DigestMap::default(),
            under_way: 0,
            finished: VecDeque::new(),
            next: 0,
        })))
    }
}

fn lock<T>(table: &Mutex<Table<T>>) -> MutexGuard<'_, Table<T>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Flight<T> {
    fn is_over(&self) -> bool {
        match self.until {
            Some(until) => Instant::now() >= until,
            // The task has ended without a result, together with its runtime.
            None => self.result.has_changed().is_err(),
        }
    }
}

impl<T> Table<T> {
    /// Removes this flight, unless another flight has taken its name.
    fn remove(&mut self, name: &Digest, number: u64) {
        if self
            .flights
            .get(name)
            .is_some_and(|flight| flight.number == number)
        {
            self.flights.remove(name);
        }
        while let Some((name, number)) = self.finished.front()
            && self
                .flights
                .get(name)
                .is_none_or(|flight| flight.number != *number)
        {
            self.finished.pop_front();
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Returns the result that is kept under this name.
    pub(super) fn finished(&self, name: &Digest) -> Option<T> {
        let table = lock(&self.0);
        let flight = table.flights.get(name).filter(|flight| !flight.is_over())?;
        flight.result.borrow().clone()
    }

    /// Removes the result that is kept under this name. A flight under way stays.
    pub(super) fn forget(&self, name: &Digest) {
        let mut table = lock(&self.0);
        if let Some(flight) = table.flights.get(name)
            && flight.until.is_some()
        {
            let number = flight.number;
            table.remove(name, number);
        }
    }

    /// Returns the flight of this name. A new flight is started if there is none, or if the last
    /// result has expired or does not serve. Needs a Tokio runtime.
    pub(super) fn join(
        &self,
        name: Digest,
        serves: impl FnOnce(&T) -> bool,
        kept: impl FnOnce(&T) -> Duration + Send + 'static,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<watch::Receiver<Option<T>>, Full> {
        let mut table = lock(&self.0);
        if let Some(flight) = table.flights.get(&name).filter(|flight| !flight.is_over())
            && flight.result.borrow().as_ref().is_none_or(serves)
        {
            return Ok(flight.result.clone());
        }
        if table.under_way >= CAPACITY {
            return Err(Full);
        }
        let number = table.next;
        table.next = number.wrapping_add(1);
        table.under_way = table.under_way.saturating_add(1);
        let (sender, result) = watch::channel(None);
        let flight = Flight {
            number,
            result: result.clone(),
            until: None,
        };
        table.flights.insert(name, flight);
        let table = Arc::clone(&self.0);
        let under_way = UnderWay(Arc::clone(&self.0));
        tokio::spawn(async move {
            let value = work.await;
            drop(under_way);
            let kept = kept(&value);
            land(&table, name, number, kept);
            sender.send_replace(Some(value));
            // The sender holds the result, which may be removed before its time.
            drop(sender);
            sleep(kept).await;
            lock(&table).remove(&name, number);
        });
        Ok(result)
    }
}

fn land<T>(table: &Mutex<Table<T>>, name: Digest, number: u64, kept: Duration) {
    let mut table = lock(table);
    if let Some(flight) = table.flights.get_mut(&name)
        && flight.number == number
    {
        flight.until = Instant::now().checked_add(kept);
    }
    table.finished.push_back((name, number));
    if table.finished.len() > CAPACITY
        && let Some((oldest, number)) = table.finished.pop_front()
    {
        table.remove(&oldest, number);
    }
}

/// A guard of a flight under way, which also works if the task ends without a result.
struct UnderWay<T>(Arc<Mutex<Table<T>>>);

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        let mut table = lock(&self.0);
        table.under_way = table.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const MINUTE: Duration = Duration::from_secs(60);

    fn name(i: usize) -> Digest {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&i.to_be_bytes());
        Digest(name)
    }

    async fn result(mut flight: watch::Receiver<Option<usize>>) -> Option<usize> {
        flight.wait_for(Option::is_some).await.ok()?.to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn work_of_one_name_is_done_once_and_its_result_is_removed_in_time() {
        let (flights, count) = (Flights::default(), Arc::new(AtomicUsize::new(0)));
        let join = |serves: fn(&usize) -> bool| {
            let count = Arc::clone(&count);
            let work = async move { count.fetch_add(1, Ordering::SeqCst) };
            flights.join(name(0), serves, |_| MINUTE, work).unwrap()
        };
        let (a, b) = (join(|_| true), join(|_| false));
        assert_eq!((result(a).await, result(b).await), (Some(0), Some(0)));
        assert_eq!(result(join(|_| true)).await, Some(0));
        assert_eq!(flights.finished(&name(0)), Some(0));
        assert_eq!(result(join(|_| false)).await, Some(1));
        flights.forget(&name(0));
        assert_eq!(flights.finished(&name(0)), None);
        assert_eq!(result(join(|_| true)).await, Some(2));
        sleep(MINUTE + Duration::from_secs(1)).await;
        let table = lock(&flights.0);
        assert!(table.flights.is_empty() && table.finished.is_empty());
        assert_eq!(table.under_way, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn kept_results_leave_room_for_flights_and_the_oldest_goes_first() {
        let flights = Flights::default();
        let fly = |i| flights.join(name(i), |_| true, |_| MINUTE, async move { i });
        for i in 0..=CAPACITY {
            assert_eq!(result(fly(i).unwrap()).await, Some(i));
        }
        assert_eq!(flights.finished(&name(0)), None);
        assert_eq!(flights.finished(&name(1)), Some(1));
        assert_eq!(lock(&flights.0).flights.len(), CAPACITY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_is_removed_is_dropped() {
        let flights = Flights::default();
        let fly = |i| {
            let work = async move { Arc::new(i) };
            flights.join(name(i), |_| true, |_| MINUTE, work).unwrap()
        };
        let mut flight = fly(0);
        let result = flight.wait_for(Option::is_some).await.unwrap().clone();
        drop(flight);
        let first = Arc::downgrade(&result.unwrap());
        assert!(first.upgrade().is_some());
        for i in 1..=CAPACITY {
            fly(i).wait_for(Option::is_some).await.unwrap();
        }
        assert!(first.upgrade().is_none());
        let mut flight = fly(0);
        let result = flight.wait_for(Option::is_some).await.unwrap().clone();
        drop(flight);
        let first = Arc::downgrade(&result.unwrap());
        flights.forget(&name(0));
        assert!(first.upgrade().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn flights_under_way_are_bounded_also_where_they_panic() {
        let flights = Flights::<usize>::default();
        for i in 0..CAPACITY {
            let work = std::future::pending();
            flights.join(name(i), |_| true, |_| MINUTE, work).unwrap();
        }
        let full = || flights.join(name(CAPACITY), |_| true, |_| MINUTE, async { 1 });
        assert!(full().is_err());
        let flights = Flights::<usize>::default();
        let work = async { panic!("on purpose") };
        let flight = flights.join(name(0), |_| true, |_| MINUTE, work).unwrap();
        assert_eq!(result(flight).await, None);
        let flight = flights.join(name(0), |_| true, |_| MINUTE, async { 1 });
        assert_eq!(result(flight.unwrap()).await, Some(1));
        assert_eq!(lock(&flights.0).under_way, 0);
    }
}
