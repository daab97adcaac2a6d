//! The promises of the layers: tower's contract, nesting, credential locations, rejections, caching
//! headers and bodies.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod challenges;
mod clients;
mod construction;
mod credential_locations;
mod custom_schemes;
mod decisions;
mod forward_auth;
mod nesting;
mod old_cookies;
mod readiness;
mod rejections;
mod responders;
mod shared_caches;
mod verdicts;
