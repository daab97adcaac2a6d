//! Telling clients where to get a token: the metadata of a protected resource (RFC 9728).
//!
//! 1. A [`ResourceMetadata`] is the document: which resource this is, which authorization servers
//!    give tokens for it, with which scopes (section 2).
//! 2. Its [layer](ResourceMetadata::layer) serves it where section 3.1 puts it, to everybody:
//!    outside of the [`AuthLayer`](crate::AuthLayer), since whoever asks has no token yet.
//! 3. [`AuthLayer::resource`](crate::AuthLayer::resource) puts its URL into the challenges of
//!    bearer tokens, as `resource_metadata` (section 5.1). That is what an MCP client begins with.
//!
//! | resource | document |
//! |---|---|
//! | `https://api.example.com` | `https://api.example.com/.well-known/oauth-protected-resource` |
//! | `https://api.example.com/` | the same |
//! | `https://api.example.com/mcp` | `https://api.example.com/.well-known/oauth-protected-resource/mcp` |
//! | `https://api.example.com/mcp/` | `https://api.example.com/.well-known/oauth-protected-resource/mcp/` |
//! | `https://api.example.com/?tenant=1` | `https://api.example.com/.well-known/oauth-protected-resource?tenant=1` |
//!
//! Everything comes from the configuration; what a request says in `Host`, `Forwarded` or
//! `X-Forwarded-Host` changes nothing.
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
//! use axum::{Router, routing::post};
//! use tower_auth::{AuthLayer, bearer::Bearer, well_known::ResourceMetadata};
//!
//! # fn app(jwt: impl tower_auth::Verify<tower_auth::bearer::Token>) -> Result<Router, tower_auth::ConfigError> {
//! let metadata = ResourceMetadata::of("https://api.example.com/mcp")
//!     .authorization_server("https://login.example.com/")
//!     .scopes(["tools:call"])
//!     .build()?;
//!
//! let app = Router::new()
//!     .route("/mcp", post(|| async { "…" }))
//!     .layer(AuthLayer::new(Bearer::new(jwt)).resource(&metadata))
//!     .layer(metadata.layer()); // outside: the document takes no token
//! # Ok(app)
//! # }
//! ```
//!
//! The resource has to be what clients call: one that finds the document through a challenge
//! compares the two, and uses nothing of the document where they differ (section 3.3). It is
//! also what tokens should be made for: their audience (RFC 8707 section 2).
//!
//! Behind a CORS layer, expose `WWW-Authenticate`, or pages cannot read it.

mod builder;
mod document;
mod identifier;
mod layer;

pub use builder::ResourceMetadataBuilder;
pub use document::ResourceMetadata;
pub use layer::{ResourceMetadataLayer, ResourceMetadataService};
