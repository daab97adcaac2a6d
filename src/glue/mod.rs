//! Thin glue to frameworks: extractors, and rejections in their terms.

#[cfg(feature = "axum")]
pub(crate) mod axum;
#[cfg(feature = "tonic")]
pub(crate) mod tonic;
