//! Documents that a server publishes about itself: protected-resource metadata (RFC 9728) and
//! OpenAPI security schemes.

#[path = "../common/mod.rs"]
mod common;

mod openapi;
mod rfc9728;
