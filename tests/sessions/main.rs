//! Sessions that this server issues: tokens, refresh, cookies, signing keys, revocation.

#[path = "../common/mod.rs"]
mod common;

mod cookies;
mod issuing;
mod lifecycle_model;
mod log_out;
mod refresh;
mod renew_layer;
mod revocation;
mod session_list;
mod signing_keys;
mod streams;
mod support;
