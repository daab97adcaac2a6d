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
//!
//! # A store of your own
//!
//! Implement the traits that your application needs; each feature requires only one or two of them.
//! The folder `tests/stores/suite` of this crate checks a store against the rules above. It needs only
//! this crate and `tokio`: copy it into your `tests` folder, and call `all` of each module whose trait
//! the store implements. Its `mod.rs` shows the test.

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
mod run;
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
pub(crate) use run::to_its_end;
pub use short_lived::{BatchRead, Counted, EphemeralStore, Raise};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use token::{
    CUT_OFF_RETENTION, FamilyQuery, RefreshRotation, RefreshTokenFamily, Revocation,
    RevocationPage, RevocationQuery, RevocationStatus, TokenStore,
};
