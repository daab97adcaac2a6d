//! Brings the tables to the version that this crate knows.

use super::{Connection, IS_MIGRATED, MIGRATIONS, lock};
use crate::ConfigError;
use crate::store::sql::to_seconds;
use sqlx::Executor as _;
use std::time::SystemTime;

/// "towrauth": whoever migrates holds this lock, where locks have numbers.
const LOCK: i64 = 0x746f_7772_6175_7468;

/// Runs the migrations that are missing. Within a transaction; of several servers that start at
/// once, one does it and the others wait.
pub(super) async fn migrate(connection: &mut Connection) -> Result<(), ConfigError> {
    let failed = |error: sqlx::Error| {
        ConfigError::new("the tables of the store could not be made").with_source(error)
    };
    lock(connection, LOCK).await.map_err(failed)?;
    let version = version(connection).await.map_err(failed)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(ConfigError::new(format!(
            "the database was migrated by a newer version of this crate: its tables are version {version}, and {known} is the last one known here",
        )));
    }
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(n, _)| *n > version) {
        run(connection, number, migration).await.map_err(failed)?;
    }
    Ok(())
}

/// The last migration that was run, 0 on an empty database. Makes no table, since a server may
/// not be allowed to where somebody else has migrated.
async fn version(connection: &mut Connection) -> sqlx::Result<i64> {
    let is_migrated: bool = sqlx::query_scalar(IS_MIGRATED)
        .fetch_one(&mut *connection)
        .await?;
    if !is_migrated {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM auth_migrations")
        .fetch_one(connection)
        .await
}

async fn run(connection: &mut Connection, number: i64, migration: &str) -> sqlx::Result<()> {
    connection.execute(sqlx::raw_sql(migration)).await?;
    sqlx::query("INSERT INTO auth_migrations (version, run_at) VALUES ($1, $2)")
        .bind(number)
        .bind(to_seconds(SystemTime::now()))
        .execute(connection)
        .await?;
    Ok(())
}
