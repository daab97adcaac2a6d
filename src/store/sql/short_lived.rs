//! Short-lived values in SQL. They end by the clock of the database.

use super::{Connection, Row, now_millis, skip_locked};
use crate::store::{BatchRead, Counted, sql::BATCH};
use sqlx::{QueryBuilder, Row as _};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

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

pub(super) async fn read(connection: &mut Connection, keys: &[String]) -> sqlx::Result<BatchRead> {
    if keys.is_empty() {
        return Ok(BatchRead {
            values: Vec::new(),
            history: Arc::default(),
        });
    }
    let mut query =
        QueryBuilder::new("SELECT name, value, hits FROM auth_short_lived WHERE until > ");
    query.push(now_millis!()).push(" AND name IN (");
    let mut names = query.separated(", ");
    for key in keys {
        names.push_bind(key.as_bytes());
    }
    query.push(")");
    let rows = query.build().fetch_all(connection).await?;
    let mut found = HashMap::<Vec<u8>, Vec<u8>>::new();
    for row in &rows {
        found.insert(row.try_get(0)?, value(row, 1)?);
    }
    Ok(BatchRead {
        values: keys
            .iter()
            .map(|key| found.get(key.as_bytes()).cloned())
            .collect(),
        history: Arc::default(),
    })
}

/// Returns the value in this column. The next column has the number, if the value is a counter.
fn value(row: &Row, column: usize) -> sqlx::Result<Vec<u8>> {
    match row.try_get::<i64, _>(column.saturating_add(1))? {
        0 => row.try_get(column),
        hits => Ok(hits.to_string().into_bytes()),
    }
}

pub(super) async fn counted(
    connection: &mut Connection,
    keys: &[String],
) -> sqlx::Result<Vec<Option<Counted>>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::new("SELECT name, hits, until - ");
    query.push(now_millis!());
    query.push(" FROM auth_short_lived WHERE hits > 0 AND until > ");
    query.push(now_millis!()).push(" AND name IN (");
    let mut names = query.separated(", ");
    for key in keys {
        names.push_bind(key.as_bytes());
    }
    query.push(")");
    let rows = query.build().fetch_all(connection).await?;
    let mut found = HashMap::<Vec<u8>, Counted>::new();
    for row in &rows {
        let (hits, left): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
        let counted = Counted {
            count: u64::try_from(hits).unwrap_or(0),
            ends_in: u64::try_from(left).ok().map(Duration::from_millis),
        };
        found.insert(row.try_get(0)?, counted);
    }
    let found = keys.iter().map(|key| found.get(key.as_bytes()).copied());
    Ok(found.collect())
}

pub(super) async fn take(connection: &mut Connection, key: &str) -> sqlx::Result<Option<Vec<u8>>> {
    let taken = sqlx::query(concat!(
        "DELETE FROM auth_short_lived WHERE name = $1 AND until > ",
        now_millis!(),
        " RETURNING value, hits",
    ))
    .bind(key.as_bytes())
    .fetch_optional(connection)
    .await?;
    taken.map(|row| value(&row, 0)).transpose()
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

/// Raises the values and lifetimes of these keys. The keys are in order, so that two statements
/// that raise the same keys do not lock each other out.
pub(super) async fn raise(
    connection: &mut Connection,
    raised: &BTreeMap<String, (String, i64)>,
) -> sqlx::Result<()> {
    if raised.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<<Connection as sqlx::Connection>::Database>::new(
        "INSERT INTO auth_short_lived (name, value, hits, until) ",
    );
    query.push_values(raised, |mut row, (key, (value, lifetime))| {
        row.push_bind(key.as_bytes())
            .push_bind(value.as_bytes())
            .push("0")
            .push_bind(*lifetime)
            .push_unseparated(" + ")
            .push_unseparated(now_millis!());
    });
    query.push(concat!(
        " ON CONFLICT (name) DO UPDATE SET value = CASE WHEN auth_short_lived.until > ",
        now_millis!(),
        " AND auth_short_lived.value > excluded.value \
         THEN auth_short_lived.value ELSE excluded.value END, \
         until = CASE WHEN auth_short_lived.until > excluded.until \
         THEN auth_short_lived.until ELSE excluded.until END",
    ));
    query.build().execute(connection).await?;
    Ok(())
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
