//! What the fuzz targets check: one property per file, each about any input at all.
//!
//! A target is a line around `check` of the file with its name. `tests/fuzz_seeds.rs` of the
//! crate runs the same files over `seeds/`, so that seeds are regression tests on stable Rust.
//! `check` says whether the input got through to what the property is about, so that the tests
//! can tell seeds that reach it from those that do not.
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir fuzz TARGET fuzz/corpus/TARGET fuzz/seeds/TARGET
//! ```
//!
//! A finding goes to `seeds/`, and what it found is fixed.

pub mod api_key;
pub mod authorization;
pub mod basic;
pub mod challenge;
pub mod discovery;
pub mod introspection;
pub mod jwks;
pub mod jwt;
pub mod login;
pub mod password_hash;
pub mod places;
pub mod rules;
pub mod through;
