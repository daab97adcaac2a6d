//! [`SingleFlight`]: work that is done once for all requests that need its result at the same time.
//!
//! 1. Each piece of work has a name. Requests that need the same work wait for one call together.
//!    The call is a task of its own: a request that is dropped does not end it, and its result is
//!    not lost.
//! 2. The result is kept for as long as the caller says, for requests that come late. The task of
//!    the call removes it.
//! 3. The number of calls under way is bounded. Beyond the bound, further calls are rejected.
//!    Results have a separate bound of the same size, and the oldest result is removed first.
//! 4. A call that ends without a result, because it panicked or its runtime ended, is removed. The
//!    runtime of a call may also stop without ending. A request with a timer of its own then removes
//!    the call, and the next request starts another one.

use super::digest::{Digest, DigestMap};
use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
#[cfg(feature = "introspection")]
use std::{future::poll_fn, pin::pin, task::Poll};
#[cfg(feature = "introspection")]
use tokio::time::Sleep;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// The calls under way, and the results of the last ones.
pub(crate) struct SingleFlight<T> {
    table: Arc<Mutex<Table<T>>>,
    /// The largest number of calls under way, and of results that are kept.
    most: usize,
}

struct Table<T> {
    calls: DigestMap<Call<T>>,
    under_way: usize,
    /// The calls with a result, oldest first. The number distinguishes calls of one name.
    ended: VecDeque<(Digest, u64)>,
    next: u64,
}

struct Call<T> {
    number: u64,
    result: watch::Receiver<Option<T>>,
    /// The time until which the result is kept; `None` while the call is under way.
    until: Option<Instant>,
}

/// The error if there are too many calls under way.
#[derive(Debug)]
pub(crate) struct Full;

/// The reason for which a call has no result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoResult {
    /// The call ended without one.
    Lost,
    /// The timer of the request ended first.
    #[cfg(feature = "introspection")]
    TimedOut,
}

/// A call that a request waits for.
pub(crate) struct Waiter<T> {
    result: watch::Receiver<Option<T>>,
    #[cfg(feature = "introspection")]
    call: Ticket<T>,
}

/// One call in the table.
struct Ticket<T> {
    table: Arc<Mutex<Table<T>>>,
    name: Digest,
    number: u64,
}

fn lock<T>(table: &Mutex<Table<T>>) -> MutexGuard<'_, Table<T>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Call<T> {
    fn has_expired(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl<T> Table<T> {
    /// Returns this call, unless another call has taken its name.
    fn call(&mut self, name: &Digest, number: u64) -> Option<&mut Call<T>> {
        let call = self.calls.get_mut(name);
        call.filter(|call| call.number == number)
    }

    /// Removes this call, unless another call has taken its name.
    fn remove(&mut self, name: &Digest, number: u64) {
        if let Some(call) = self.call(name, number) {
            let was_under_way = call.until.is_none();
            self.under_way = self.under_way.saturating_sub(was_under_way.into());
            self.calls.remove(name);
        }
        while let Some(&(name, number)) = self.ended.front()
            && self.call(&name, number).is_none()
        {
            self.ended.pop_front();
        }
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            table: Arc::new(Mutex::new(Table {
                calls: DigestMap::default(),
                under_way: 0,
                ended: VecDeque::new(),
                next: 0,
            })),
            most,
        }
    }

    /// Returns the result that is kept under this name.
    #[cfg(feature = "login")]
    pub(crate) fn kept(&self, name: &Digest) -> Option<T> {
        let table = lock(&self.table);
        let call = table.calls.get(name).filter(|call| !call.has_expired())?;
        call.result.borrow().clone()
    }

    /// Removes the result that is kept under this name. A call under way stays.
    #[cfg(feature = "login")]
    pub(crate) fn forget(&self, name: &Digest) {
        let mut table = lock(&self.table);
        let call = table.calls.get(name).filter(|call| call.until.is_some());
        if let Some(number) = call.map(|call| call.number) {
            table.remove(name, number);
        }
    }

    /// Returns the call of this name. A new call is started if there is none, or if the last result
    /// has expired or does not serve. Needs a Tokio runtime.
    pub(crate) fn join(
        &self,
        name: Digest,
        serves: impl FnOnce(&T) -> bool,
        kept: impl FnOnce(&T) -> Duration + Send + 'static,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<Waiter<T>, Full> {
        let mut table = lock(&self.table);
        let ticket = |number| Ticket {
            table: Arc::clone(&self.table),
            name,
            number,
        };
        if let Some(call) = table.calls.get(&name).filter(|call| !call.has_expired())
            && call.result.borrow().as_ref().is_none_or(serves)
        {
            return Ok(Waiter {
                result: call.result.clone(),
                #[cfg(feature = "introspection")]
                call: ticket(call.number),
            });
        }
        if table.under_way >= self.most {
            return Err(Full);
        }
        let number = table.next;
        table.next = number.wrapping_add(1);
        table.under_way = table.under_way.saturating_add(1);
        let (sender, result) = watch::channel(None);
        let call = Call {
            number,
            result: result.clone(),
            until: None,
        };
        table.calls.insert(name, call);
        // A runtime that ends drops the task at once, and the task removes its call.
        drop(table);
        let (call, most) = (RemoveOnDrop(ticket(number)), self.most);
        tokio::spawn(async move {
            let value = work.await;
            let kept = kept(&value);
            call.0.end(kept, most);
            sender.send_replace(Some(value));
            // The sender holds the result, which may be removed before its time.
            drop(sender);
            if !kept.is_zero() {
                sleep(kept).await;
            }
            drop(call);
        });
        Ok(Waiter {
            result,
            #[cfg(feature = "introspection")]
            call: ticket(number),
        })
    }
}

impl<T> Ticket<T> {
    /// Marks the call as ended, with a result that is kept for so long.
    fn end(&self, kept: Duration, most: usize) {
        let mut table = lock(&self.table);
        let Some(call) = table.call(&self.name, self.number) else {
            return;
        };
        let now = Instant::now();
        call.until = Some(now.checked_add(kept).unwrap_or(now));
        table.under_way = table.under_way.saturating_sub(1);
        table.ended.push_back((self.name, self.number));
        if table.ended.len() > most
            && let Some((oldest, number)) = table.ended.pop_front()
        {
            table.remove(&oldest, number);
        }
    }
}

/// Removes a call when its task ends, however it ends.
struct RemoveOnDrop<T>(Ticket<T>);

impl<T> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        lock(&self.0.table).remove(&self.0.name, self.0.number);
    }
}

fn found<T: Clone, E>(result: Result<watch::Ref<'_, Option<T>>, E>) -> Result<T, NoResult> {
    let result = result.ok().and_then(|result| result.clone());
    result.ok_or(NoResult::Lost)
}

impl<T: Clone> Waiter<T> {
    /// Waits for the result.
    #[cfg(feature = "login")]
    pub(crate) async fn result(mut self) -> Result<T, NoResult> {
        found(self.result.wait_for(Option::is_some).await)
    }

    /// Waits for the result until the timer ends. If the timer ends first, the call is removed, so
    /// that the next request starts another one.
    #[cfg(feature = "introspection")]
    pub(crate) async fn result_before(mut self, timer: Sleep) -> Result<T, NoResult> {
        let result = {
            let result = self.result.wait_for(Option::is_some);
            let (mut result, mut timer) = (pin!(result), pin!(timer));
            poll_fn(|cx| match result.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(found(result)),
                Poll::Pending => timer.as_mut().poll(cx).map(|()| Err(NoResult::TimedOut)),
            })
            .await
        };
        if result.as_ref().err() == Some(&NoResult::TimedOut) {
            lock(&self.call.table).remove(&self.call.name, self.call.number);
        }
        result
    }
}

#[cfg(all(test, feature = "introspection", feature = "login"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const CAPACITY: usize = 1000;
    const MINUTE: Duration = Duration::from_secs(60);

    fn name(i: usize) -> Digest {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&i.to_be_bytes());
        Digest(name)
    }

    async fn result(call: Waiter<usize>) -> Option<usize> {
        call.result().await.ok()
    }

    fn new<T: Clone + Send + Sync + 'static>() -> SingleFlight<T> {
        SingleFlight::new(CAPACITY)
    }

    #[tokio::test(start_paused = true)]
    async fn work_of_one_name_is_done_once_and_its_result_is_removed_in_time() {
        let (calls, count) = (new(), Arc::new(AtomicUsize::new(0)));
        let join = |serves: fn(&usize) -> bool| {
            let count = Arc::clone(&count);
            let work = async move { count.fetch_add(1, Ordering::SeqCst) };
            calls.join(name(0), serves, |_| MINUTE, work).unwrap()
        };
        let (a, b) = (join(|_| true), join(|_| false));
        assert_eq!((result(a).await, result(b).await), (Some(0), Some(0)));
        assert_eq!(result(join(|_| true)).await, Some(0));
        assert_eq!(calls.kept(&name(0)), Some(0));
        assert_eq!(result(join(|_| false)).await, Some(1));
        calls.forget(&name(0));
        assert_eq!(calls.kept(&name(0)), None);
        assert_eq!(result(join(|_| true)).await, Some(2));
        sleep(MINUTE + Duration::from_secs(1)).await;
        let table = lock(&calls.table);
        assert!(table.calls.is_empty() && table.ended.is_empty());
        assert_eq!(table.under_way, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn kept_results_leave_room_for_calls_and_the_oldest_goes_first() {
        let calls = new();
        let call = |i| calls.join(name(i), |_| true, |_| MINUTE, async move { i });
        for i in 0..=CAPACITY {
            assert_eq!(result(call(i).unwrap()).await, Some(i));
        }
        assert_eq!(calls.kept(&name(0)), None);
        assert_eq!(calls.kept(&name(1)), Some(1));
        assert_eq!(lock(&calls.table).calls.len(), CAPACITY);
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_is_removed_is_dropped() {
        let calls = new();
        let call = |i| {
            let work = async move { Arc::new(i) };
            calls.join(name(i), |_| true, |_| MINUTE, work).unwrap()
        };
        let first = Arc::downgrade(&call(0).result().await.unwrap());
        assert!(first.upgrade().is_some());
        for i in 1..=CAPACITY {
            call(i).result().await.unwrap();
        }
        assert!(first.upgrade().is_none());
        let first = Arc::downgrade(&call(0).result().await.unwrap());
        calls.forget(&name(0));
        assert!(first.upgrade().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_under_way_are_bounded_also_where_they_panic() {
        let calls = new::<usize>();
        for i in 0..CAPACITY {
            let work = std::future::pending();
            calls.join(name(i), |_| true, |_| MINUTE, work).unwrap();
        }
        let full = || calls.join(name(CAPACITY), |_| true, |_| MINUTE, async { 1 });
        assert!(full().is_err());
        let calls = new::<usize>();
        let work = async { panic!("on purpose") };
        let call = calls.join(name(0), |_| true, |_| MINUTE, work).unwrap();
        assert_eq!(result(call).await, None);
        let call = calls.join(name(0), |_| true, |_| MINUTE, async { 1 });
        assert_eq!(result(call.unwrap()).await, Some(1));
        assert_eq!(lock(&calls.table).under_way, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_whose_runtime_stopped_is_waited_for_until_the_timer_ends_and_then_made_anew() {
        let calls = SingleFlight::new(1);
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let work = async move { ended.await.map_or(1, |()| 1) };
        let stuck = calls
            .join(name(0), |_| true, |_| Duration::ZERO, work)
            .unwrap();
        assert!(
            calls
                .join(name(1), |_| true, |_| Duration::ZERO, async { 1 })
                .is_err()
        );
        assert_eq!(
            stuck.result_before(sleep(MINUTE)).await,
            Err(NoResult::TimedOut)
        );
        assert_eq!(lock(&calls.table).under_way, 0);
        let pending = std::future::pending();
        let next = calls
            .join(name(0), |_| true, |_| Duration::ZERO, pending)
            .unwrap();
        // The end of the stuck call does not remove its successor.
        end.send(()).unwrap();
        sleep(MINUTE).await;
        assert_eq!(lock(&calls.table).under_way, 1);
        let other = calls
            .join(name(0), |_| true, |_| Duration::ZERO, async { 3 })
            .unwrap();
        drop(next);
        assert_eq!(
            other.result_before(sleep(MINUTE)).await,
            Err(NoResult::TimedOut)
        );
        let call = calls
            .join(name(0), |_| true, |_| Duration::ZERO, async { 4 })
            .unwrap();
        assert_eq!(call.result_before(sleep(MINUTE)).await, Ok(4));
        assert!(lock(&calls.table).calls.is_empty());
    }

    #[tokio::test]
    async fn a_call_that_panics_is_lost_and_removed() {
        let calls = SingleFlight::<usize>::new(1);
        let work = async { panic!("on purpose") };
        let call = calls.join(name(0), |_| true, |_| MINUTE, work).unwrap();
        assert_eq!(call.result_before(sleep(MINUTE)).await, Err(NoResult::Lost));
        assert!(lock(&calls.table).calls.is_empty());
    }
}
