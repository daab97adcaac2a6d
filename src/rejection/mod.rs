//! Why a request was refused, and how that is told to clients.
//!
//! A [`Rejection`] is one of nine [`RejectionKind`]s, each with its own status. It is rendered
//! once, by the layer or extractor that found it, as `application/problem+json` (RFC 9457) or,
//! behind a layer built with `.grpc()`, as a trailers-only gRPC reply. The outermost
//! [`AuthLayer`](crate::AuthLayer) that sees it adds the challenges.
//!
//! Clients get fixed texts only: the type of every text sent is `&'static str`. The cause goes
//! to [`Rejection::source`](std::error::Error::source) and from there to logs.

mod body;
mod challenge;
mod format;
mod grpc;
mod kind;
mod mismatch;
#[allow(
    clippy::module_inception,
    reason = "the module of the type `Rejection`"
)]
mod rejection;
mod render;
mod scope;
mod summary;

pub(crate) use body::{BodyError, OwnBody};
pub(crate) use challenge::is_token;
pub use challenge::{Challenge, Challenges};
pub use format::Format;
pub(crate) use grpc::{is_grpc, without_body};
pub use kind::RejectionKind;
pub use mismatch::Mismatch;
pub use rejection::Rejection;
pub(crate) use render::{Responder, render, render_custom, response};
pub use scope::Scope;
pub use summary::RequestSummary;
