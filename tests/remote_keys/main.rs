//! Key sets fetched from an issuer: discovery, refreshing, rotation, outages, several issuers, and
//! the HTTP client.

#[path = "../common/mod.rs"]
mod common;

mod certified_provider;
mod discovery;
mod fetching;
mod http_client;
mod issuers;
mod rotation_model;
mod runtimes;
