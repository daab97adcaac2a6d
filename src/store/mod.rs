//! Stores: where accounts, API keys and tokens outlive a request.
//!
//! Four small traits, each for one thing that is kept, and implementations of them:
//!
//! | | accounts, API keys, tokens | short-lived state |
//! |---|---|---|
//! | [`MemoryStore`]: tests and small tools | yes | yes, bounded |
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
mod short_lived;
mod token;

pub use account::{Account, AccountStore};
pub use api_key::{ApiKeyRecord, ApiKeyStore};
pub use memory::MemoryStore;
pub use short_lived::{Read, ShortLived};
pub use token::{Family, Names, Revocation, Revoked, Rotation, TokenStore};
