//! API keys in SQL.

use super::{Connection, Row};
use crate::store::{
    ApiKeyRecord,
    sql::{from_digest, from_list, from_seconds, to_list, to_seconds},
};
use sqlx::Row as _;
use std::time::SystemTime;

pub(super) async fn add(connection: &mut Connection, key: &ApiKeyRecord) -> sqlx::Result<bool> {
    let added = sqlx::query(
        "INSERT INTO auth_api_keys \
         (id, digest, prefix, issuer, subject, label, roles, scopes, \
         created_at, expires_at, revoked_at, last_used_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
    )
    .bind(&key.id)
    .bind(key.digest.as_slice())
    .bind(&key.prefix)
    .bind(&key.issuer)
    .bind(&key.subject)
    .bind(&key.label)
    .bind(to_list(&key.roles)?)
    .bind(to_list(&key.scopes)?)
    .bind(to_seconds(key.created_at))
    .bind(key.expires_at.map(to_seconds))
    .bind(key.revoked_at.map(to_seconds))
    .bind(key.last_used_at.map(to_seconds))
    .execute(connection)
    .await?;
    Ok(added.rows_affected() == 1)
}

pub(super) async fn with_digest(
    connection: &mut Connection,
    digest: &[u8; 32],
) -> sqlx::Result<Option<ApiKeyRecord>> {
    let found = sqlx::query(
        "SELECT id, digest, prefix, issuer, subject, label, roles, scopes, \
         created_at, expires_at, revoked_at, last_used_at \
         FROM auth_api_keys WHERE digest = $1",
    )
    .bind(digest.as_slice())
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(record).transpose()
}

pub(super) async fn of_owner(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
) -> sqlx::Result<Vec<ApiKeyRecord>> {
    let found = sqlx::query(
        "SELECT id, digest, prefix, issuer, subject, label, roles, scopes, \
         created_at, expires_at, revoked_at, last_used_at \
         FROM auth_api_keys WHERE issuer = $1 AND subject = $2 ORDER BY created_at, id",
    )
    .bind(issuer)
    .bind(subject)
    .fetch_all(connection)
    .await?;
    found.iter().map(record).collect()
}

fn record(row: &Row) -> sqlx::Result<ApiKeyRecord> {
    let time = |index: usize| -> sqlx::Result<_> {
        let seconds: Option<i64> = row.try_get(index)?;
        Ok(seconds.map(from_seconds))
    };
    Ok(ApiKeyRecord {
        id: row.try_get(0)?,
        digest: from_digest(row.try_get(1)?)?,
        prefix: row.try_get(2)?,
        issuer: row.try_get(3)?,
        subject: row.try_get(4)?,
        label: row.try_get(5)?,
        roles: from_list(row.try_get(6)?)?,
        scopes: from_list(row.try_get(7)?)?,
        created_at: from_seconds(row.try_get(8)?),
        expires_at: time(9)?,
        revoked_at: time(10)?,
        last_used_at: time(11)?,
    })
}

pub(super) async fn expire(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    id: &str,
    at: SystemTime,
) -> sqlx::Result<bool> {
    let expired = sqlx::query(
        "UPDATE auth_api_keys \
         SET expires_at = CASE WHEN expires_at < $4 THEN expires_at ELSE $4 END \
         WHERE id = $3 AND issuer = $1 AND subject = $2",
    )
    .bind(issuer)
    .bind(subject)
    .bind(id)
    .bind(to_seconds(at))
    .execute(connection)
    .await?;
    Ok(expired.rows_affected() == 1)
}

pub(super) async fn revoke(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    id: &str,
    at: SystemTime,
) -> sqlx::Result<bool> {
    let revoked = sqlx::query(
        "UPDATE auth_api_keys SET revoked_at = coalesce(revoked_at, $4) \
         WHERE id = $3 AND issuer = $1 AND subject = $2",
    )
    .bind(issuer)
    .bind(subject)
    .bind(id)
    .bind(to_seconds(at))
    .execute(connection)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

pub(super) async fn used(
    connection: &mut Connection,
    id: &str,
    at: SystemTime,
) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE auth_api_keys SET last_used_at = $2 \
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
    )
    .bind(id)
    .bind(to_seconds(at))
    .execute(connection)
    .await?;
    Ok(())
}
