//! The schemes and their verifiers: Basic (RFC 7617), bearer tokens (RFC 6750), API keys.

#[path = "../common/mod.rs"]
mod common;

mod api_keys;
mod basic_users;
mod fixed_tokens;
mod removed_values;
mod rfc6750;
mod rfc7617;
mod stored_api_keys;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of the verifier"
)]
#[path = "../jwt/support.rs"]
mod support;
