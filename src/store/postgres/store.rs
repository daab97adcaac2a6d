//! [`PostgresStore`]: one database for many servers.

use super::{dialect::Connection, migrate};
use crate::store::{
    run::within,
    sql::{Answer, Limits, Pool, SWEEP_EVERY},
};
use crate::{ConfigError, Rejection, Verdict};
use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use std::{
    fmt,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How many connections there are at most.
const CONNECTIONS: usize = 10;

/// How long an answer may take, with waiting for a connection.
const DEADLINE: Duration = Duration::from_millis(2_500);

/// The longest time that the server works on a statement.
const STATEMENT: Duration = Duration::from_secs(2);

/// How long making the tables may take, behind other servers that do.
const MIGRATED_WITHIN: Duration = Duration::from_secs(60);

const LIMITS: Limits = Limits {
    answer: DEADLINE,
    afterwards: STATEMENT,
};

/// Keeps everything in a PostgreSQL database (12 or later), for any number of servers. Clones
/// share it.
///
/// 1. The tables, whose names begin with `auth_`, are made where the database's `search_path`
///    points. Servers that start at once do not disturb each other; one that may not make tables
///    can start where another has made them.
/// 2. It has at most ten connections, even if requests are dropped while the server works on their
///    statements. An operation that takes longer than two and a half seconds, including the wait
///    for a connection, is [`Unavailable`](crate::RejectionKind::Unavailable): a server that hangs
///    never makes a request hang. The server is configured to cancel a statement earlier than that
///    (`statement_timeout`).
/// 3. Short-lived values end by the clock of the database.
/// 4. A name that holds a NUL character, which PostgreSQL cannot keep, is one that nobody has. To
///    add one is [`Unavailable`](crate::RejectionKind::Unavailable), as is a name of more than
///    some two thousand bytes, for which it has no index. Revocations may be of any name.
/// 5. PgBouncer has to pool sessions (`pool_mode = session`), since statements are prepared. It
///    rejects the start-up parameters `options` and `extra_float_digits` unless they are in its
///    `ignore_startup_parameters`. The limits of rule 2 on the server are in `options`. If
///    PgBouncer ignores that parameter, set them by `ALTER ROLE … SET statement_timeout = '2s'` and
///    `SET idle_in_transaction_session_timeout = '10s'`. `READ COMMITTED` has to be the default
///    isolation, as it is in PostgreSQL.
/// 6. A server with an older version of this crate cannot start once a newer version has made its
///    tables. An older server that is already running goes on. A new version with a migration can
///    therefore not be rolled back by starting the old version. The changelog lists the versions
///    that have a migration.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: Arc<Pool<Connection>>,
    writes: AtomicU64,
}

impl PostgresStore {
    /// Connects to the database of a URL (`postgres://user:password@host/database`), and makes
    /// the tables if they are not there.
    ///
    /// `sslmode=verify-full` in its query asks for TLS with a certificate that is checked, against
    /// the roots in `sslrootcert` if given; what is not said is as `libpq` has it.
    ///
    /// # Errors
    ///
    /// If the URL cannot be read, the database cannot be reached or is not in UTF-8, or was used
    /// by a newer version of this crate.
    pub async fn connect(url: &str) -> Result<Self, ConfigError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| {
                ConfigError::new("the URL of the PostgreSQL database cannot be read")
                    .with_source(error)
            })?
            .options([
                ("statement_timeout", &*STATEMENT.as_millis().to_string()),
                ("idle_in_transaction_session_timeout", "10000"),
                ("default_transaction_isolation", "read\\ committed"),
            ])
            .disable_statement_logging();
        let ready = tokio::time::timeout(MIGRATED_WITHIN, migrated(&options)).await;
        ready.unwrap_or_else(|elapsed| Err(unreachable(elapsed)))?;
        Ok(Self::of(options, CONNECTIONS))
    }

    /// Sets how many connections there are at most; 10 by default, at least one.
    #[must_use]
    pub fn with_max_connections(self, most: usize) -> Self {
        Self::of(self.0.pool.options().clone(), most)
    }

    fn of(options: PgConnectOptions, connections: usize) -> Self {
        Self(Arc::new(Inner {
            pool: Arc::new(Pool::new(options, connections, LIMITS)),
            writes: AtomicU64::new(0),
        }))
    }

    /// Answers by what nothing is changed with.
    pub(super) fn read<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        self.write(ask)
    }

    /// Answers by one statement.
    pub(super) fn write<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        within_deadline(async move { inner.pool.run(ask).await })
    }

    /// Answers by several statements, of which all count or none.
    pub(super) fn transact<T, F>(&self, ask: F) -> Verdict<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Answer<'c, T> + Send + 'static,
    {
        self.write(|connection| {
            Box::pin(async move {
                let mut transaction = connection.begin().await?;
                let answer = ask(&mut transaction).await?;
                transaction.commit().await?;
                Ok(answer)
            })
        })
    }

    pub(super) fn sweeps(&self) -> bool {
        self.0
            .writes
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SWEEP_EVERY)
    }
}

fn within_deadline<T: Send + 'static>(
    answer: impl Future<Output = sqlx::Result<T>> + Send + 'static,
) -> Verdict<T> {
    Verdict::pending(within(DEADLINE, async {
        answer.await.map_err(Rejection::unavailable)
    }))
}

async fn migrated(options: &PgConnectOptions) -> Result<(), ConfigError> {
    let mut connection = options.connect().await.map_err(unreachable)?;
    let encoding: String = sqlx::query_scalar("SHOW server_encoding")
        .fetch_one(&mut connection)
        .await
        .map_err(unreachable)?;
    if encoding != "UTF8" {
        return Err(ConfigError::new(format!(
            "the encoding of the PostgreSQL database has to be UTF8, and is {encoding}"
        )));
    }
    let mut transaction = connection.begin().await.map_err(unreachable)?;
    sqlx::query("SET LOCAL statement_timeout = 0")
        .execute(&mut *transaction)
        .await
        .map_err(unreachable)?;
    migrate::migrate(&mut transaction).await?;
    transaction.commit().await.map_err(unreachable)?;
    connection.close().await.map_err(unreachable)
}

fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConfigError {
    ConfigError::new("the PostgreSQL database cannot be used").with_source(error)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresStore")
    }
}
