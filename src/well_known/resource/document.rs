//! [`ResourceMetadata`]: the document, ready to be sent.

use crate::well_known::published::Published;
use std::{fmt, sync::Arc};

/// The metadata of a protected resource (RFC 9728 section 2). Cloning is cheap.
///
/// See the [module](crate::well_known) for how it is used.
#[derive(Clone)]
pub struct ResourceMetadata(pub(super) Arc<Document>);

/// A document, and how it is asked for.
pub(super) struct Document {
    pub(super) resource: String,
    pub(super) url: Arc<str>,
    /// Path and query of a request for it.
    pub(super) asked: String,
    pub(super) published: Published,
}

impl ResourceMetadata {
    /// The resource's identifier.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// Returns the address of the document (RFC 9728 section 3.1).
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The document itself, in JSON.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.0.published.text
    }

    pub(crate) fn shared_url(&self) -> Arc<str> {
        self.0.url.clone()
    }
}

impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceMetadata")
            .field("resource", &self.0.resource)
            .field("url", &self.0.url)
            .finish_non_exhaustive()
    }
}
