//! What a JWT verifier accepts and refuses: this project's own cases. Tokens are signed by the
//! `jsonwebtoken` crate, which is also the oracle for signatures.

#[path = "../common/mod.rs"]
mod common;

mod cache;
mod claims;
mod configuration;
mod header;
mod identity;
mod keys;
mod rfc8725;
mod rfc9068;
mod server;
mod signatures;
mod support;
