//! [`PostgresStore`]: one database for many servers.

use super::{dialect::Connection, migrate};
use crate::store::{
    run::within,
    sql::{Answer, Limits, Pool, SWEEP_EVERY},
};
use crate::{ConfigError, Rejection, Verdict};
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, Row as _,
    postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode},
};
use std::{
    fmt,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The largest number of connections.
const CONNECTIONS: usize = 10;

/// The longest time that an answer may take, including the wait for a connection.
const DEADLINE: Duration = Duration::from_millis(2_500);

/// The longest time that the server works on a statement.
const STATEMENT: Duration = Duration::from_secs(2);

/// The longest time that the migration of the tables may take, including the wait for other servers
/// that migrate.
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
/// 5. PgBouncer has to pool sessions (`pool_mode = session`), since statements are prepared. Any other
///    mode is an error at [`connect`](Self::connect). PgBouncer rejects the start-up parameters `options` and `extra_float_digits` unless they are in its
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
    /// The TLS of `sqlx` is a feature that the application turns on in its own `Cargo.toml`, such as
    /// `sqlx = { version = "0.8", default-features = false, features = ["tls-rustls-aws-lc-rs"] }`.
    ///
    /// # Errors
    ///
    /// If the URL cannot be read or asks for TLS that is not there, if the database cannot be reached or
    /// is not in UTF-8, if a pooler shares connections between sessions, or if the database was used by
    /// a newer version of this crate.
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
        check_tls(&options, sqlx_core::net::tls::available())?;
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

/// Rejects a URL that asks for TLS, as the default `sslmode=prefer` does, if there is none. With
/// `prefer`, `sqlx` would otherwise continue without encryption.
fn check_tls(options: &PgConnectOptions, is_available: bool) -> Result<(), ConfigError> {
    let is_local = options.get_socket().is_some() || options.get_host().starts_with('/');
    let needs_tls = match options.get_ssl_mode() {
        PgSslMode::Disable | PgSslMode::Allow => false,
        PgSslMode::Prefer => !is_local,
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => true,
    };
    if is_available || !needs_tls {
        return Ok(());
    }
    Err(ConfigError::new(
        "the URL of the PostgreSQL database asks for TLS, for which sqlx needs a feature such as \
         `tls-rustls-aws-lc-rs`: turn it on in the application's Cargo.toml, or say \
         `sslmode=disable` in the URL",
    ))
}

async fn migrated(options: &PgConnectOptions) -> Result<(), ConfigError> {
    let mut connection = options.connect().await.map_err(unreachable)?;
    if is_shared(&mut connection, options)
        .await
        .map_err(unreachable)?
    {
        return Err(ConfigError::new(
            "the URL of the PostgreSQL database leads to a pooler that lends its connections for one \
             transaction at a time: set `pool_mode = session` for this database",
        ));
    }
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

/// Returns whether another session uses the same process of the server while this one is open. This
/// query is not prepared, because prepared statements fail in this case.
async fn is_shared(
    connection: &mut PgConnection,
    options: &PgConnectOptions,
) -> sqlx::Result<bool> {
    const PROCESS: &str = "SELECT pg_backend_pid()::text";
    let process = |row: PgRow| row.try_get::<String, _>(0);
    let own = connection.fetch_one(PROCESS).await?;
    let mut other = options.connect().await?;
    // A transaction keeps the process that it begins on.
    other.execute("BEGIN").await?;
    let others = other.fetch_one(PROCESS).await?;
    other.close().await?;
    Ok(process(own)? == process(others)?)
}

fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConfigError {
    ConfigError::new("the PostgreSQL database cannot be used").with_source(error)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresStore")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_asks_for_tls_is_rejected_if_there_is_none() {
        let check = |url: &str, is_available| {
            let options = PgConnectOptions::from_str(url).unwrap();
            check_tls(&options, is_available).map_err(|error| error.to_string())
        };
        let (plain, socket) = ("postgres://a@db.example/b", "postgres://a@%2Frun%2Fpg/b");
        for url in [
            plain.to_owned(),
            format!("{plain}?sslmode=prefer"),
            format!("{plain}?sslmode=require"),
            format!("{plain}?sslmode=verify-full"),
            format!("{socket}?sslmode=require"),
        ] {
            assert!(
                check(&url, false).unwrap_err().contains("sslmode=disable"),
                "{url}"
            );
            assert_eq!(check(&url, true), Ok(()), "{url}");
        }
        for url in [
            format!("{plain}?sslmode=disable"),
            format!("{plain}?sslmode=allow"),
            socket.to_owned(),
        ] {
            assert_eq!(check(&url, false), Ok(()), "{url}");
        }
    }
}
