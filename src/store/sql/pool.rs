//! Connections that are used again.

use sqlx::{ConnectOptions as _, Connection};
use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A connection that was not used for so long is asked whether it is alive first.
const ASKED_AFTER: Duration = Duration::from_secs(1);

/// How long that may take.
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);

/// A connection is not used for longer than this, so that a server that was replaced is found.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// Connections to one database, of which so many are used at once.
///
/// sqlx's own pool waits without a limit for the answer to a ping when a connection is given back,
/// on which a server that hangs would use it up. Here a connection is given back only by whoever
/// has got its answers; in every other case (an error, a time-out, a caller that went away) it is
/// closed.
pub(in crate::store) struct Pool<C: Connection> {
    options: C::Options,
    permits: Semaphore,
    idle: Mutex<Vec<Open<C>>>,
}

struct Open<C> {
    connection: C,
    since: Instant,
    used: Instant,
}

impl<C: Connection> Pool<C> {
    pub(in crate::store) fn new(options: C::Options, most: usize) -> Self {
        Self {
            options,
            permits: Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)),
            idle: Mutex::default(),
        }
    }

    #[cfg(feature = "postgres")]
    pub(in crate::store) fn options(&self) -> &C::Options {
        &self.options
    }

    /// A connection, as soon as one may be had. Whoever waits for it sets the limit.
    pub(in crate::store) async fn lease(&self) -> sqlx::Result<Lease<'_, C>> {
        let permit = self.permits.acquire().await;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(mut open) = self.pop() {
            if open.since.elapsed() > LIFETIME {
                continue;
            }
            if open.used.elapsed() < ASKED_AFTER || lives(&mut open.connection).await {
                return Ok(Lease {
                    pool: self,
                    open,
                    _permit: permit,
                });
            }
        }
        let since = Instant::now();
        let open = Open {
            connection: self.options.connect().await?,
            since,
            used: since,
        };
        Ok(Lease {
            pool: self,
            open,
            _permit: permit,
        })
    }

    fn pop(&self) -> Option<Open<C>> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Open<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn lives<C: Connection>(connection: &mut C) -> bool {
    let ping = tokio::time::timeout(ANSWERED_WITHIN, connection.ping());
    matches!(ping.await, Ok(Ok(())))
}

/// A connection for one caller. Dropped, it is closed; see [`give_back`](Self::give_back).
pub(in crate::store) struct Lease<'a, C: Connection> {
    pool: &'a Pool<C>,
    open: Open<C>,
    _permit: SemaphorePermit<'a>,
}

impl<C: Connection> Lease<'_, C> {
    /// Lets others use the connection. Only for one that no answer is owed by.
    pub(in crate::store) fn give_back(mut self) {
        self.open.used = Instant::now();
        self.pool.idle().push(self.open);
    }
}

impl<C: Connection> Deref for Lease<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.open.connection
    }
}

impl<C: Connection> DerefMut for Lease<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.open.connection
    }
}
