//! Sessions that this server issues: tokens, refresh, cookies, signing keys, revocation.

#[path = "../common/mod.rs"]
mod common;

mod cookies;
mod issuing;
mod lifecycle_model;
mod revocation;
mod signing_keys;
