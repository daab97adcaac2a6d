//! Thin glue to frameworks: extractors, rejections and descriptions in their terms.

#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "jsonwebtoken-12")]
pub mod jsonwebtoken;
#[cfg(feature = "openapi")]
pub(crate) mod openapi;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
