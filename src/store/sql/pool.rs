//! Connections that are used again.

use super::values::Answer;
use sqlx::{ConnectOptions as _, Connection};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

/// A connection that was not used for so long is asked whether it is alive first.
const ASKED_AFTER: Duration = Duration::from_secs(1);

/// The longest time that this check may take.
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);

/// The time after which a connection is closed. A server that was replaced is found by then, and no
/// connection stays open because load had a peak once.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Connections to one database, of which so many are used at once.
///
/// sqlx's own pool waits without a limit for the answer to a ping when a connection is given back,
/// so that a server that hangs would use the pool up. Here a connection is used again only after
/// all of its answers. In every other case (an error, a time-out) it is closed.
///
/// A separate task queries the database. If the caller goes away, the task keeps the connection
/// until the answer or its time-out: the server continues to work on the abandoned statement.
/// Otherwise clients that give up and try again would use up its connections.
pub(in crate::store) struct Pool<C: Connection> {
    options: C::Options,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Open<C>>>,
    limits: Limits,
}

/// The time limits for one use of a connection.
#[derive(Clone, Copy)]
pub(in crate::store) struct Limits {
    /// The longest time until the answer, and the longest time until a connection is made.
    pub(in crate::store) answer: Duration,
    /// The longest time that the database continues after the connection was closed.
    pub(in crate::store) afterwards: Duration,
}

struct Open<C> {
    connection: C,
    until: Instant,
    used: Instant,
}

impl<C> Open<C> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl<C: Connection + Send + 'static> Pool<C> {
    pub(in crate::store) fn new(options: C::Options, most: usize, limits: Limits) -> Self {
        Self {
            options,
            permits: Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))),
            idle: Mutex::default(),
            limits,
        }
    }

    #[cfg(feature = "postgres")]
    pub(in crate::store) fn options(&self) -> &C::Options {
        &self.options
    }

    /// Runs a query as soon as a connection is available. The caller sets the limit for waiting,
    /// and has to be within a Tokio runtime.
    pub(in crate::store) async fn run<T, F>(self: &Arc<Self>, ask: F) -> sqlx::Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut C) -> Answer<'c, T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let pool = Arc::clone(self);
        let task = tokio::spawn(async move {
            let answer = pool.answer(ask).await;
            drop(permit);
            answer
        });
        // The task ends early only if its runtime ends.
        task.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }

    async fn answer<T, F>(&self, ask: F) -> sqlx::Result<T>
    where
        F: for<'c> FnOnce(&'c mut C) -> Answer<'c, T>,
    {
        let Limits { answer, afterwards } = self.limits;
        let open = timeout(answer, self.open()).await;
        let mut open = open.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        match timeout(answer, ask(&mut open.connection)).await {
            Ok(answer) => {
                let answer = answer?;
                open.used = Instant::now();
                self.give_back(open);
                Ok(answer)
            }
            Err(_) => {
                drop(open);
                sleep(afterwards).await;
                Err(sqlx::Error::PoolTimedOut)
            }
        }
    }

    /// Returns a connection that was used before and is alive, or a new one.
    async fn open(&self) -> sqlx::Result<Open<C>> {
        while let Some(mut open) = self.pop() {
            if open.is_over() {
                continue;
            }
            if open.used.elapsed() < ASKED_AFTER || lives(&mut open.connection).await {
                return Ok(open);
            }
        }
        let now = Instant::now();
        Ok(Open {
            connection: self.options.connect().await?,
            until: now.checked_add(LIFETIME).unwrap_or(now),
            used: now,
        })
    }

    /// Keeps a connection for the next use. The connection that was used last is used first, so the
    /// others are closed here once their lifetime has ended.
    fn give_back(&self, open: Open<C>) {
        let over: Vec<_> = {
            let mut idle = self.idle();
            idle.push(open);
            idle.extract_if(.., |open| open.is_over()).collect()
        };
        drop(over); // The connections are closed without the lock.
    }

    fn pop(&self) -> Option<Open<C>> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Open<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn lives<C: Connection>(connection: &mut C) -> bool {
    let ping = timeout(ANSWERED_WITHIN, connection.ping());
    matches!(ping.await, Ok(Ok(())))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use sqlx::{SqliteConnection, sqlite::SqliteConnectOptions};
    use tokio::sync::Barrier;

    #[tokio::test]
    async fn idle_connections_are_closed_while_another_one_is_used_again() {
        let options = SqliteConnectOptions::new().in_memory(true);
        let limits = Limits {
            answer: Duration::from_secs(30),
            afterwards: Duration::ZERO,
        };
        let pool = Arc::new(Pool::<SqliteConnection>::new(options, 3, limits));
        let together = Arc::new(Barrier::new(3));
        let uses: Vec<_> = (0..3)
            .map(|_| {
                let (pool, together) = (Arc::clone(&pool), Arc::clone(&together));
                tokio::spawn(async move {
                    pool.run(|_| {
                        Box::pin(async move {
                            together.wait().await;
                            Ok(())
                        })
                    })
                    .await
                })
            })
            .collect();
        for one in uses {
            one.await.unwrap().unwrap();
        }
        assert_eq!(pool.idle().len(), 3);
        for open in pool.idle().iter_mut().take(2) {
            open.until = Instant::now();
        }
        pool.run(|_| Box::pin(async { Ok(()) })).await.unwrap();
        assert_eq!(pool.idle().len(), 1);
    }
}
