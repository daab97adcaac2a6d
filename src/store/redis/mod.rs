//! [`RedisStore`]: what is short-lived, shared by many servers.

mod server;
mod store;

pub use store::RedisStore;
