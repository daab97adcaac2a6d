//! Accounts in SQL.

use super::{Connection, Row};
use crate::store::{
    Account,
    sql::{from_list, from_seconds, to_list, to_seconds},
};
use sqlx::Row as _;

pub(super) async fn add(connection: &mut Connection, account: &Account) -> sqlx::Result<bool> {
    let added = sqlx::query(
        "INSERT INTO auth_accounts \
         (issuer, subject, name, password_hash, roles, enabled, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(&account.issuer)
    .bind(&account.subject)
    .bind(&account.name)
    .bind(&account.password_hash)
    .bind(to_list(&account.roles)?)
    .bind(account.enabled)
    .bind(to_seconds(account.created_at))
    .execute(connection)
    .await?;
    Ok(added.rows_affected() == 1)
}

pub(super) async fn named(
    connection: &mut Connection,
    issuer: &str,
    name: &str,
) -> sqlx::Result<Option<Account>> {
    let found = sqlx::query(
        "SELECT issuer, subject, name, password_hash, roles, enabled, created_at \
         FROM auth_accounts WHERE issuer = $1 AND name = $2",
    )
    .bind(issuer)
    .bind(name)
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(account).transpose()
}

pub(super) async fn of_subject(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
) -> sqlx::Result<Option<Account>> {
    let found = sqlx::query(
        "SELECT issuer, subject, name, password_hash, roles, enabled, created_at \
         FROM auth_accounts WHERE issuer = $1 AND subject = $2",
    )
    .bind(issuer)
    .bind(subject)
    .fetch_optional(connection)
    .await?;
    found.as_ref().map(account).transpose()
}

fn account(row: &Row) -> sqlx::Result<Account> {
    Ok(Account {
        issuer: row.try_get(0)?,
        subject: row.try_get(1)?,
        name: row.try_get(2)?,
        password_hash: row.try_get(3)?,
        roles: from_list(row.try_get(4)?)?,
        enabled: row.try_get(5)?,
        created_at: from_seconds(row.try_get(6)?),
    })
}

pub(super) async fn set_password_hash(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    old: Option<&str>,
    new: &str,
) -> sqlx::Result<bool> {
    let set = sqlx::query(
        "UPDATE auth_accounts SET password_hash = $4 \
         WHERE issuer = $1 AND subject = $2 AND password_hash IS NOT DISTINCT FROM $3",
    )
    .bind(issuer)
    .bind(subject)
    .bind(old)
    .bind(new)
    .execute(connection)
    .await?;
    Ok(set.rows_affected() == 1)
}

pub(super) async fn set_roles(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    roles: &[String],
) -> sqlx::Result<bool> {
    let set = sqlx::query("UPDATE auth_accounts SET roles = $3 WHERE issuer = $1 AND subject = $2")
        .bind(issuer)
        .bind(subject)
        .bind(to_list(roles)?)
        .execute(connection)
        .await?;
    Ok(set.rows_affected() == 1)
}

pub(super) async fn set_enabled(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
    enabled: bool,
) -> sqlx::Result<bool> {
    let set =
        sqlx::query("UPDATE auth_accounts SET enabled = $3 WHERE issuer = $1 AND subject = $2")
            .bind(issuer)
            .bind(subject)
            .bind(enabled)
            .execute(connection)
            .await?;
    Ok(set.rows_affected() == 1)
}

pub(super) async fn remove(
    connection: &mut Connection,
    issuer: &str,
    subject: &str,
) -> sqlx::Result<bool> {
    let removed = sqlx::query("DELETE FROM auth_accounts WHERE issuer = $1 AND subject = $2")
        .bind(issuer)
        .bind(subject)
        .execute(connection)
        .await?;
    Ok(removed.rows_affected() == 1)
}
