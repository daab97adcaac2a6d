//! [`SqliteStore`]: everything in one file.

use super::{dialect::Connection, migrate, writer::Writer};
use crate::store::{
    run::within,
    sql::{Answer, Limits, Pool, SWEEP_EVERY},
};
use crate::{ConfigError, Rejection, Verdict};
use sqlx::{
    ConnectOptions as _, Connection as _,
    error::DatabaseError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// The longest time for which another process may lock the file before an answer is
/// [`Unavailable`](crate::RejectionKind::Unavailable).
const BUSY: Duration = Duration::from_secs(2);

/// The longest time that an answer may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Between two tries to open a file that others are opening.
const PAUSE: Duration = Duration::from_millis(10);

/// The largest number of concurrent readers.
const READERS: usize = 4;

const LIMITS: Limits = Limits {
    answer: DEADLINE,
    afterwards: BUSY,
};

/// Keeps everything in one SQLite file, without a server: the embedded default. Clones share it.
///
/// 1. What was answered is on the disk (write-ahead log, `synchronous = FULL`): neither a crash of
///    the process nor one of the machine loses an account, or a revocation.
/// 2. There is one writer, and whatever waits for it is committed together: a thousand rotations
///    at once cost a few writes to the disk, not a thousand. Readers are not held up by it.
/// 3. Several processes on one machine may share the file. It must not lie on a network file
///    system, where SQLite's locks do not work.
/// 4. Whatever takes longer than three seconds is
///    [`Unavailable`](crate::RejectionKind::Unavailable); so is everything outside of a Tokio
///    runtime.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    writer: Arc<Writer>,
    /// None in memory, where the writer reads as well.
    readers: Option<Arc<Pool<Connection>>>,
    writes: AtomicU64,
}

impl SqliteStore {
    /// Opens a file, and makes it, readable by its owner only, if it is not there. Its folder has
    /// to be.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or is no database, or was used by a newer version of this
    /// crate.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let shown = path.as_ref().display().to_string();
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            ConfigError::new(format!("the SQLite file {shown:?} cannot be opened"))
                .with_source(error)
        };
        // Absolute, so that no name means something else to SQLite, such as `:memory:`.
        let path = std::path::absolute(path).map_err(|error| failed(error.into()))?;
        make(&path).map_err(|error| failed(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .disable_statement_logging();
        // The busy time-out has to hold before the first of several processes has the mode set.
        let writer = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // On macOS, `fsync` alone leaves data in the cache of the drive. On other systems this
            // has no effect.
            .pragma("fullfsync", "ON");
        let writer = opened(&writer).await;
        let writer = migrated(writer.map_err(|error| failed(error.into()))?).await?;
        let readers = options.pragma("query_only", "ON");
        Ok(Self::of(
            writer,
            Some(Arc::new(Pool::new(readers, READERS, LIMITS))),
        ))
    }

    /// Keeps everything in memory, and for as long as the store lives; for tests.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub async fn in_memory() -> Result<Self, ConfigError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true)
            .disable_statement_logging();
        let failed = |error| ConfigError::new("SQLite cannot be used").with_source(error);
        let writer = migrated(options.connect().await.map_err(failed)?).await?;
        Ok(Self::of(writer, None))
    }

    fn of(writer: Connection, readers: Option<Arc<Pool<Connection>>>) -> Self {
        Self(Arc::new(Inner {
            writer: Arc::new(Writer::new(writer)),
            readers,
            writes: AtomicU64::new(0),
        }))
    }

    /// Answers by what nothing is changed with.
    pub(super) fn read<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        within_deadline(async move {
            let Some(readers) = &inner.readers else {
                return Arc::clone(&inner.writer).run(ask).await;
            };
            readers.run(ask).await.map_err(Rejection::unavailable)
        })
    }

    /// Answers by one statement.
    pub(super) fn write<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        let writer = Arc::clone(&self.0.writer);
        within_deadline(async move { writer.run(ask).await })
    }

    /// Answers by several statements, of which all count or none. Every write is one of these.
    pub(super) fn transact<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        self.write(ask)
    }

    pub(super) fn sweeps(&self) -> bool {
        self.0
            .writes
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SWEEP_EVERY)
    }
}

fn within_deadline<T: Send + 'static>(
    answer: impl Future<Output = Result<T, Rejection>> + Send + 'static,
) -> Verdict<T> {
    Verdict::pending(within(DEADLINE, answer))
}

/// Connects, and sets the mode of the file. Where two do that to a new file at once, each may have
/// to wait for the other: then SQLite does not wait at all, and it has to be tried again.
async fn opened(options: &SqliteConnectOptions) -> sqlx::Result<Connection> {
    let until = Instant::now() + DEADLINE;
    loop {
        match options.connect().await {
            // Outside of a Tokio runtime nobody can wait.
            Err(error)
                if is_busy(&error) && Instant::now() < until && Handle::try_current().is_ok() =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Whether another connection has the file (`SQLITE_BUSY`, or one of its extended codes).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code: Option<u32> = code.and_then(|code| code.parse().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

async fn migrated(mut connection: Connection) -> Result<Connection, ConfigError> {
    let failed = |error: sqlx::Error| {
        ConfigError::new("the tables of the store could not be made").with_source(error)
    };
    let transaction = connection.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = transaction.map_err(failed)?;
    migrate::migrate(&mut transaction).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(connection)
}

/// SQLite gives its other files the permissions of this one.
fn make(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore")
    }
}

#[cfg(test)]
mod tests;
