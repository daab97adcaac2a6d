//! Several schemes in one layer, and this crate's layers between those of tower, tower-http and
//! tonic.

#[path = "../common/mod.rs"]
mod common;

mod schemes;
