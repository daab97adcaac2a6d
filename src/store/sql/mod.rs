//! The code that the SQL stores share.
//!
//! 1. The statements are written once, in a dialect that SQLite and PostgreSQL both speak. The
//!    two drivers have different types, so their files (`accounts.rs`, `api_keys.rs`, `tokens.rs`,
//!    `short_lived.rs`, `migrate.rs`, and `traits.rs` above them) are compiled once in each store,
//!    which says what `Connection`, `Row` and `Store` are, and what the dialects differ in.
//! 2. `read` gives a connection that nothing is changed with, `write` one for a single statement,
//!    and `transact` one within a transaction.
//! 3. Times are whole seconds since 1970; where milliseconds count, the column says so. What lies
//!    beyond the year 9999 is kept as its end. A time until which something is remembered is
//!    rounded up, all others down.

mod pool;
mod values;

pub(super) use pool::{Limits, Pool};
pub(super) use values::{
    Answer, BATCH, Kind, PAGE, SWEEP_EVERY, decode, from_digest, from_list, from_millis,
    from_number, from_seconds, from_text, lifetime_millis, revocation_digest, to_list, to_millis,
    to_number, to_seconds, to_seconds_up,
};
