//! JSON Web Tokens that a verifier accepts and rejects. The `jsonwebtoken` crate signs the tokens and
//! is the oracle for signatures.

#[path = "../common/mod.rs"]
mod common;

mod bound_tokens;
mod cache;
mod claims;
mod configuration;
mod header;
mod identity;
mod keys;
mod reasons;
mod rfc8725;
mod rfc9068;
mod server;
mod signatures;
mod sources;
mod support;
