//! Fault tests per store: a server or a file that is killed, hangs, is slow, is cut off, returns with
//! old data or with none, while clients log in, refresh, log out and revoke; and requests that are
//! dropped at every await. `docs/faults.md` has the table of results.
//!
//! `FAULT_ROUNDS` sets how often each fault is repeated; default: once. With `--nocapture`, each test
//! prints its row of the table.

mod dropped;
mod harness;
mod load;
mod polls;
#[path = "../common/ports.rs"]
mod ports;
mod postgres;
mod proxy;
mod redis;
mod renewals;
#[path = "../common/servers.rs"]
mod servers;
mod sqlite;
mod stepped;
