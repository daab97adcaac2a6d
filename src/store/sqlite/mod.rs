//! [`SqliteStore`]: everything in one file.

mod writer;

#[path = "../sql/accounts.rs"]
mod accounts;
#[path = "../sql/api_keys.rs"]
mod api_keys;
#[path = "../sql/migrate.rs"]
mod migrate;
#[path = "../sql/short_lived.rs"]
mod short_lived;
#[path = "../sql/tokens.rs"]
mod tokens;
#[path = "../sql/traits.rs"]
mod traits;

use super::sql::{Answer, Limits, Pool, SWEEP_EVERY};
use crate::{ConfigError, Rejection, Verdict};
use sqlx::{
    ConnectOptions as _, Connection as _,
    error::DatabaseError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
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
use writer::Writer;

// What the files in `sql/` are compiled with here.
type Connection = sqlx::SqliteConnection;
type Row = SqliteRow;
type Store = SqliteStore;

const MIGRATIONS: &[&str] = &[
    include_str!("../sql/migrations/sqlite/0001_tables.sql"),
    include_str!("../sql/migrations/sqlite/0002_beginnings.sql"),
];
const IS_MIGRATED: &str =
    "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'auth_migrations')";

macro_rules! now_millis {
    () => {
        "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)"
    };
}
macro_rules! skip_locked {
    () => {
        ""
    };
}
use {now_millis, skip_locked};

/// SQLite keeps any text.
fn fits<const N: usize>(_: [&str; N]) -> bool {
    true
}

/// Whoever writes has locked the whole file.
async fn lock(_: &mut Connection, _: i64) -> sqlx::Result<()> {
    Ok(())
}

/// How long another process may hold the file before an answer is
/// [`Unavailable`](crate::RejectionKind::Unavailable).
const BUSY: Duration = Duration::from_secs(2);

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Between two tries to open a file that others are opening.
const PAUSE: Duration = Duration::from_millis(10);

/// How many read at once.
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
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            ConfigError::new("the SQLite file cannot be opened").with_source(error)
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
            // Where `fsync` alone leaves it in the cache of the drive; elsewhere it says nothing.
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
    fn read<T, F>(&self, ask: F) -> Verdict<T>
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
    fn write<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        let writer = Arc::clone(&self.0.writer);
        within_deadline(async move { writer.run(ask).await })
    }

    /// Answers by several statements, of which all count or none. Every write is one of these.
    fn transact<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        self.write(ask)
    }

    fn sweeps(&self) -> bool {
        self.0
            .writes
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SWEEP_EVERY)
    }
}

fn within_deadline<T: Send + 'static>(
    answer: impl Future<Output = Result<T, Rejection>> + Send + 'static,
) -> Verdict<T> {
    Verdict::pending(super::within(DEADLINE, answer))
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
mod tests {
    use super::*;
    use crate::store::{Account, AccountStore, EphemeralStore};
    use std::time::{Instant, UNIX_EPOCH};

    struct File(std::path::PathBuf);

    impl File {
        fn new(name: &str) -> Self {
            let name = format!("tower-auth-unit-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder.join("auth.db"))
        }

        /// A connection that is not of the store.
        async fn other(&self) -> Connection {
            let options = SqliteConnectOptions::new().filename(&self.0);
            options.connect().await.unwrap()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    fn account(name: &str) -> Account {
        Account {
            issuer: "i".to_owned(),
            subject: name.to_owned(),
            name: name.to_owned(),
            password_hash: None,
            roles: Vec::new(),
            enabled: true,
            created_at: UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn what_is_committed_is_on_the_disk() {
        let file = File::new("disk");
        let store = SqliteStore::open(&file.0).await.unwrap();
        let pragma = store.write(|connection| {
            Box::pin(async move {
                let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
                    .fetch_one(&mut *connection)
                    .await?;
                let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
                    .fetch_one(connection)
                    .await?;
                Ok((mode, synchronous))
            })
        });
        assert_eq!(pragma.await.unwrap(), ("wal".to_owned(), 2));
    }

    #[tokio::test]
    async fn a_file_of_a_newer_version_is_refused() {
        let file = File::new("newer");
        drop(SqliteStore::open(&file.0).await.unwrap());
        let mut other = file.other().await;
        sqlx::query("INSERT INTO auth_migrations VALUES (1000, 0)")
            .execute(&mut other)
            .await
            .unwrap();
        let error = SqliteStore::open(&file.0).await.unwrap_err().to_string();
        assert!(error.contains("newer version"), "{error}");
    }

    #[tokio::test]
    async fn a_file_of_the_first_version_is_migrated_with_what_is_in_it() {
        use crate::store::TokenStore as _;
        let file = File::new("first version");
        std::fs::write(&file.0, b"").unwrap();
        let mut other = file.other().await;
        sqlx::raw_sql(MIGRATIONS[0])
            .execute(&mut other)
            .await
            .unwrap();
        sqlx::raw_sql(
            "INSERT INTO auth_migrations VALUES (1, 0); \
             INSERT INTO auth_families VALUES ('f', 'i', 's', '{}', \
             x'0101010101010101010101010101010101010101010101010101010101010101', \
             1000, 4000000000, 4000000000, false)",
        )
        .execute(&mut other)
        .await
        .unwrap();
        let store = SqliteStore::open(&file.0).await.unwrap();
        assert_eq!(store.family("f").await.unwrap().unwrap().begun, 0);
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let ended = store.end_families_of("i", "s", at(2), at(4_000_000_000));
        assert_eq!(ended.await.unwrap(), 2_000);
        assert!(store.family("f").await.unwrap().unwrap().ended);
    }

    #[tokio::test]
    async fn while_another_process_writes_reads_go_on_and_writes_are_unavailable() {
        let file = File::new("locked");
        let store = SqliteStore::open(&file.0).await.unwrap();
        assert!(store.add_account(&account("ada")).await.unwrap());
        let mut other = file.other().await;
        let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let asked = Instant::now();
        let (one, two) = (account("one"), account("two"));
        let (first, second) = tokio::join!(store.add_account(&one), store.add_account(&two));
        for refused in [first, second] {
            let kind = refused.unwrap_err().kind();
            assert_eq!(kind, crate::RejectionKind::Unavailable);
        }
        assert!(asked.elapsed() < Duration::from_millis(3_500));
        let asked = Instant::now();
        assert!(store.account("i", "ada").await.unwrap().is_some());
        assert!(asked.elapsed() < Duration::from_secs(1));
        lock.rollback().await.unwrap();
        assert!(store.add_account(&one).await.unwrap());
        assert_eq!(store.account("i", "two").await.unwrap(), None);
    }

    #[tokio::test]
    async fn short_lived_values_that_are_over_are_deleted_by_later_ones() {
        let store = SqliteStore::in_memory().await.unwrap();
        for number in 0..200 {
            let put = store.put(&format!("over/{number}"), b"", Duration::from_millis(1));
            put.await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        for _ in 0..SWEEP_EVERY {
            store.count("k", Duration::from_secs(60)).await.unwrap();
        }
        let rows: Verdict<i64> = store.write(|connection| {
            Box::pin(async move {
                sqlx::query_scalar("SELECT count(*) FROM auth_short_lived")
                    .fetch_one(connection)
                    .await
            })
        });
        assert_eq!(rows.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn if_one_of_a_group_fails_none_of_it_counts() {
        let store = SqliteStore::in_memory().await.unwrap();
        let ada = account("ada");
        let fails = store.write(|connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO auth_accounts (issuer) VALUES ('i')")
                    .execute(connection)
                    .await
                    .map(drop)
            })
        });
        // Both are in the queue before the first task has the connection.
        let (added, failed) = tokio::join!(store.add_account(&ada), fails);
        assert!(added.is_err() && failed.is_err());
        assert_eq!(store.account("i", "ada").await.unwrap(), None);
        assert!(store.add_account(&ada).await.unwrap());
    }
}
