//! Thin glue to frameworks: extractors, rejections and descriptions in their terms.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "jsonwebtoken-12")]
pub mod jsonwebtoken;
#[cfg(feature = "openapi")]
pub mod openapi;
#[cfg(feature = "tonic")]
pub mod tonic;
