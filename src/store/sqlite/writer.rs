//! The one connection that writes, and what waits for it.

use super::Connection;
use crate::{Rejection, store::sql::Answer};
use sqlx::Executor as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The largest number of answers that are committed together.
const TOGETHER: usize = 256;

/// The largest number of writes that wait. The callers of any further ones would give up first.
const WAITING: usize = 65_536;

/// Writes in groups.
///
/// 1. Who wants to write puts a job into the queue, and starts a task for it.
/// 2. The task waits for the connection, takes whatever is in the queue by then, and runs that in
///    one transaction. It finds nothing if an earlier one has taken its job along.
/// 3. Answers are given after the commit. If anything fails, none of the group counts.
///
/// Since a task runs the group, it does not matter that a caller goes away.
///
/// A group fails as a whole. That is accepted: values are bound, so that no input of a client makes
/// a statement fail. The faults that do make one fail (a full disk, a locked file) affect all jobs.
/// A savepoint for each job would be two more statements for each.
pub(super) struct Writer {
    connection: tokio::sync::Mutex<Transacting>,
    queue: Mutex<Vec<Job>>,
}

/// The connection, and whether a transaction may be open on it.
///
/// Transactions are plain statements. On some errors, such as a full disk, SQLite rolls back by
/// itself. sqlx counts transactions and does not notice such a rollback, so it begins no
/// transaction afterwards.
struct Transacting {
    connection: Connection,
    is_open: bool,
}

impl Transacting {
    async fn run(&mut self, statement: &'static str) -> sqlx::Result<()> {
        self.connection.execute(statement).await.map(drop)
    }

    /// Rolls back a transaction that has failed, or whose task ended with its runtime.
    async fn roll_back(&mut self) {
        if self.is_open {
            // The statement fails if SQLite has rolled back already. If the transaction is still
            // open, the next one cannot begin, and the rollback is tried again.
            let _ = self.run("ROLLBACK").await;
            self.is_open = false;
        }
    }
}

type Job = Box<dyn for<'c> FnOnce(&'c mut Connection) -> Answer<'c, Done> + Send>;

/// Tells the caller, once the answer counts.
type Done = Box<dyn FnOnce() + Send>;

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection: tokio::sync::Mutex::new(Transacting {
                connection,
                is_open: false,
            }),
            queue: Mutex::default(),
        }
    }

    pub(super) async fn run<T, F>(self: Arc<Self>, ask: F) -> Result<T, Rejection>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        let (told, answer) = oneshot::channel();
        let job: Job = Box::new(|connection| {
            Box::pin(async move {
                // A caller that gave up before the write began got `Unavailable`, so nothing may be
                // written.
                if told.is_closed() {
                    return Ok(Box::new(|| ()) as Done);
                }
                let value = ask(connection).await?;
                Ok(Box::new(|| drop(told.send(value))) as Done)
            })
        });
        if !self.put(job) {
            return Err(Rejection::unavailable("too many writes wait"));
        }
        let task = tokio::spawn(async move { self.work().await });
        match answer.await {
            Ok(value) => Ok(value),
            // The job was dropped with its group, whose error the task knows if it was its own.
            Err(_) => Err(match task.await {
                Ok(Err(error)) => Rejection::unavailable(error),
                _ => Rejection::unavailable("the write was not committed"),
            }),
        }
    }

    async fn work(&self) -> sqlx::Result<()> {
        let mut connection = self.connection.lock().await;
        let jobs = self.take();
        if jobs.is_empty() {
            return Ok(());
        }
        connection.roll_back().await;
        let done = together(&mut connection, jobs).await;
        connection.roll_back().await;
        done?.into_iter().for_each(|tell| tell());
        Ok(())
    }

    fn put(&self, job: Job) -> bool {
        let mut queue = self.queue();
        let fits = queue.len() < WAITING;
        if fits {
            queue.push(job);
        }
        fits
    }

    /// The oldest jobs. Each that stays has a task of its own, which waits behind this one.
    fn take(&self) -> Vec<Job> {
        let mut queue = self.queue();
        let some = queue.len().min(TOGETHER);
        queue.drain(..some).collect()
    }

    fn queue(&self) -> MutexGuard<'_, Vec<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs all of these jobs in one transaction, or none of them.
async fn together(connection: &mut Transacting, jobs: Vec<Job>) -> sqlx::Result<Vec<Done>> {
    connection.is_open = true;
    connection.run("BEGIN IMMEDIATE").await?;
    let mut done = Vec::with_capacity(jobs.len());
    for job in jobs {
        done.push(job(&mut connection.connection).await?);
    }
    connection.run("COMMIT").await?;
    connection.is_open = false;
    Ok(done)
}
