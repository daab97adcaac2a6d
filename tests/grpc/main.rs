//! gRPC: tonic's server and client over real connections, and the generated code of the example.

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, unused_qualifications)]
#[path = "../../examples/tonic/shop.rs"]
mod shop;

mod calls;
mod generated;
