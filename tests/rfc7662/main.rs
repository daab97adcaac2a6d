//! Token introspection (RFC 7662), against a server on loopback that answers as it is told.

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
