use super::{super::dialect::MIGRATIONS, *};
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
