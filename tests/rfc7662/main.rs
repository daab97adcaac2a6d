//! Token introspection (RFC 7662), against a scripted server on loopback.

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod caching;
mod certified_provider;
mod configuration;
mod faults;
mod requests;
mod secrecy;
mod support;
