//! What a JWT verifier accepts and refuses: this project's own cases. Tokens are signed by the
//! `jsonwebtoken` crate, which is also the oracle for signatures.

mod claims;
mod configuration;
mod header;
mod identity;
mod keys;
mod signatures;
mod support;
