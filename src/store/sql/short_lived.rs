//! Short-lived values in SQL. They end by the clock of the database.

use super::{Connection, now_millis, skip_locked};
use crate::store::{
    Read,
    sql::{BATCH, random_mark},
};
use sqlx::{QueryBuilder, Row as _};
use std::collections::HashMap;

/// Names of our own begin with a space, which those of others do not.
const COMPLETE: &str = " complete";

pub(super) async fn add(
    connection: &mut Connection,
    key: &str,
    value: &[u8],
    lifetime: i64,
) -> sqlx::Result<bool> {
    let added = sqlx::query(concat!(
        "INSERT INTO auth_short_lived (name, value, hits, until) VALUES ($1, $2, 0, $3 + ",
        now_millis!(),
        ") ON CONFLICT (name) DO UPDATE \
         SET value = excluded.value, hits = 0, until = excluded.until \
         WHERE auth_short_lived.until <= ",
        now_millis!(),
    ))
    .bind(key.as_bytes())
    .bind(value)
    .bind(lifetime)
    .execute(connection)
    .await?;
    Ok(added.rows_affected() == 1)
}

pub(super) async fn put(
    connection: &mut Connection,
    key: &str,
    value: &[u8],
    lifetime: i64,
) -> sqlx::Result<()> {
    sqlx::query(concat!(
        "INSERT INTO auth_short_lived (name, value, hits, until) VALUES ($1, $2, 0, $3 + ",
        now_millis!(),
        ") ON CONFLICT (name) DO UPDATE \
         SET value = excluded.value, hits = 0, until = excluded.until",
    ))
    .bind(key.as_bytes())
    .bind(value)
    .bind(lifetime)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn read(connection: &mut Connection, keys: &[String]) -> sqlx::Result<Read> {
    let mut query = QueryBuilder::new("SELECT name, value FROM auth_short_lived WHERE until > ");
    query.push(now_millis!()).push(" AND name IN (");
    query.push_bind(COMPLETE.as_bytes());
    for key in keys {
        query.push(", ").push_bind(key.as_bytes());
    }
    query.push(")");
    let rows = query.build().fetch_all(connection).await?;
    let mut found = HashMap::<Vec<u8>, Vec<u8>>::new();
    for row in &rows {
        found.insert(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(Read {
        values: keys
            .iter()
            .map(|key| found.get(key.as_bytes()).cloned())
            .collect(),
        complete: found.contains_key(COMPLETE.as_bytes()),
    })
}

pub(super) async fn take(connection: &mut Connection, key: &str) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar(concat!(
        "DELETE FROM auth_short_lived WHERE name = $1 AND until > ",
        now_millis!(),
        " RETURNING value",
    ))
    .bind(key.as_bytes())
    .fetch_optional(connection)
    .await
}

pub(super) async fn count(
    connection: &mut Connection,
    key: &str,
    window: i64,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(concat!(
        "INSERT INTO auth_short_lived (name, value, hits, until) VALUES ($1, $2, 1, $3 + ",
        now_millis!(),
        ") ON CONFLICT (name) DO UPDATE SET hits = CASE WHEN auth_short_lived.until > ",
        now_millis!(),
        " THEN auth_short_lived.hits + 1 ELSE 1 END, \
         until = CASE WHEN auth_short_lived.until > ",
        now_millis!(),
        " THEN auth_short_lived.until ELSE excluded.until END, \
         value = CASE WHEN auth_short_lived.until > ",
        now_millis!(),
        " THEN auth_short_lived.value ELSE excluded.value END RETURNING hits",
    ))
    .bind(key.as_bytes())
    .bind(b"".as_slice())
    .bind(window)
    .fetch_one(connection)
    .await
}

pub(super) async fn begin_filling(connection: &mut Connection) -> sqlx::Result<String> {
    let mark = random_mark()?;
    put(connection, &filling(&mark), b"", 10 * 60 * 1000).await?;
    Ok(mark)
}

/// The mark is there unless the table was emptied, or the filling took too long.
pub(super) async fn complete(connection: &mut Connection, mark: &str) -> sqlx::Result<bool> {
    let completed = sqlx::query(concat!(
        "INSERT INTO auth_short_lived (name, value, hits, until) \
         SELECT $1, value, 0, $3 FROM auth_short_lived WHERE name = $2 AND until > ",
        now_millis!(),
        " ON CONFLICT (name) DO UPDATE SET until = excluded.until",
    ))
    .bind(COMPLETE.as_bytes())
    .bind(filling(mark).as_bytes())
    .bind(i64::MAX)
    .execute(connection)
    .await?;
    Ok(completed.rows_affected() == 1)
}

fn filling(mark: &str) -> String {
    format!(" filling {mark}")
}

/// Deletes a batch of values that are over.
pub(super) async fn sweep(connection: &mut Connection) -> sqlx::Result<()> {
    sqlx::query(concat!(
        "WITH due AS (SELECT name FROM auth_short_lived WHERE until <= ",
        now_millis!(),
        " LIMIT $1",
        skip_locked!(),
        ") DELETE FROM auth_short_lived WHERE name IN (SELECT name FROM due)",
    ))
    .bind(BATCH as i64)
    .execute(connection)
    .await?;
    Ok(())
}
