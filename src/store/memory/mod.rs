//! [`MemoryStore`]: everything in memory, for tests and small tools.

mod accounts;
mod api_keys;
mod short_lived;
mod store;
mod tokens;

pub use store::MemoryStore;
