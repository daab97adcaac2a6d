//! The names and texts that the files in `sql/` are compiled with for SQLite.

pub(super) type Connection = sqlx::SqliteConnection;
pub(super) type Row = sqlx::sqlite::SqliteRow;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../sql/migrations/sqlite/0001_tables.sql"),
    include_str!("../sql/migrations/sqlite/0002_beginnings.sql"),
];
pub(super) const IS_MIGRATED: &str =
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
pub(super) use {now_millis, skip_locked};

/// SQLite keeps any text.
pub(super) fn fits<const N: usize>(_: [&str; N]) -> bool {
    true
}

/// Does nothing: a transaction that writes has locked the whole file.
pub(super) async fn lock(_: &mut Connection, _: i64) -> sqlx::Result<()> {
    Ok(())
}
