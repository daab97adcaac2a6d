//! Secrets do not leave the crate, and every decision is logged once, in the documented fields.

#[path = "../common/mod.rs"]
mod common;

mod claims;
mod decisions;
mod inner_requests;
mod secrets;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of the verifier"
)]
#[path = "../jwt/support.rs"]
mod support;
