//! The names and texts that the files in `sql/` are compiled with for PostgreSQL.

pub(super) type Connection = sqlx::PgConnection;
pub(super) type Row = sqlx::postgres::PgRow;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../sql/migrations/postgres/0001_tables.sql"),
    include_str!("../sql/migrations/postgres/0002_beginnings.sql"),
];
pub(super) const IS_MIGRATED: &str = "SELECT to_regclass('auth_migrations') IS NOT NULL";

macro_rules! now_millis {
    () => {
        "(extract(epoch FROM statement_timestamp()) * 1000)::bigint"
    };
}
macro_rules! skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}
pub(super) use {now_millis, skip_locked};

/// No text in PostgreSQL holds a NUL.
pub(super) fn fits<const N: usize>(texts: [&str; N]) -> bool {
    !texts.iter().any(|text| text.contains('\0'))
}

/// Takes a lock until the end of the transaction.
pub(super) async fn lock(connection: &mut Connection, number: i64) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(number)
        .execute(connection)
        .await
        .map(drop)
}
