//! Stores: where accounts, API keys and tokens outlive a request.
//!
//! Four small traits, each for one thing that is kept, and implementations of them:
//!
//! | | accounts, API keys, tokens | short-lived state |
//! |---|---|---|
//! | [`MemoryStore`]: tests and small tools | yes | yes, bounded |
#![cfg_attr(
    feature = "sqlite",
    doc = "| [`SqliteStore`]: one file, one machine (feature `sqlite`) | yes | yes |"
)]
#![cfg_attr(
    feature = "postgres",
    doc = "| [`PostgresStore`]: any number of servers (feature `postgres`) | yes | yes |"
)]
#![cfg_attr(
    feature = "redis",
    doc = "| [`RedisStore`]: any number of servers, read quickly (feature `redis`) | no | yes |"
)]
//!
//! 1. A method answers with a [`Verdict`](crate::Verdict). Its only refusal is
//!    [`Rejection::unavailable`](crate::Rejection::unavailable): the store cannot be reached, or not in
//!    time. Everything else, such as a name that is taken, is an answer.
//! 2. Whatever has to be decided once is decided by the store, in one step that other servers see
//!    whole or not at all: a name is taken, a refresh token is spent, a value is added.
//! 3. Secrets come as digests or hashes. None can be read out of a store.
//! 4. An account is known by its issuer and its subject. Names may change; these do not.

mod account;
mod api_key;
mod memory;
#[cfg(feature = "postgres")]
#[allow(
    clippy::duplicate_mod,
    reason = "one text of the statements, two drivers"
)]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod short_lived;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
#[allow(
    clippy::duplicate_mod,
    reason = "one text of the statements, two drivers"
)]
mod sqlite;
mod token;

pub use account::{Account, AccountStore};
pub use api_key::{ApiKeyRecord, ApiKeyStore};
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "redis")]
pub use redis::RedisStore;
pub use short_lived::{BatchRead, Counted, EphemeralStore, Raise};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use token::{
    CUT_OFF_RETENTION, RefreshRotation, RefreshTokenFamily, Revocation, RevocationPage,
    RevocationQuery, RevocationStatus, TokenStore,
};

/// An answer, or that there was none in time. Outside of a runtime there is nothing to wait with.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
async fn within<T>(
    limit: std::time::Duration,
    answer: impl Future<Output = Result<T, crate::Rejection>>,
) -> Result<T, crate::Rejection> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(crate::Rejection::unavailable(
            "this store can only be asked within a Tokio runtime",
        ));
    }
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(elapsed) => Err(crate::Rejection::unavailable(elapsed)),
    }
}

/// Runs work to its end, even if the caller goes away. Outside of a runtime, only the caller can
/// run it.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, crate::Rejection>> + Send + 'static,
) -> Result<T, crate::Rejection> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => match runtime.spawn(work).await {
            Ok(answer) => answer,
            Err(error) => Err(crate::Rejection::unavailable(error)),
        },
        Err(_) => work.await,
    }
}

/// 128 bits that nobody can guess.
pub(crate) fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
