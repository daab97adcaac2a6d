//! Documents that everybody may read: key sets, metadata.
//!
//! | method | answer |
//! |---|---|
//! | `GET`, `HEAD` | 200 with `ETag`, or 304 where `If-None-Match` has it (RFC 9110 section 13.1.2) |
//! | `OPTIONS` | 204: pages of any origin may read it (Fetch standard, section 3.2) |
//! | any other | 405 |

mod future;
#[cfg(feature = "issue")]
mod jwks;
mod published;
mod resource;

pub use future::PublishedFuture;
#[cfg(feature = "issue")]
pub use jwks::{JwksLayer, JwksService};
pub use resource::{
    ResourceMetadata, ResourceMetadataBuilder, ResourceMetadataLayer, ResourceMetadataService,
};
