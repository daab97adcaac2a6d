//! Several schemes in one layer, and this crate's layers between those of tower, tower-http and
//! tonic.

#[path = "../common/mod.rs"]
mod common;

mod grpc;
mod schemes;
mod support;
mod tower_http_layers;
mod tower_layers;
