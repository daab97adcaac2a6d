//! Fetching documents over HTTP: key sets, metadata, introspection.
//!
//! Documents are fetched by a [`Fetch`]: the [`HttpClient`] of the feature `reqwest`, or an
//! application's own client by [`fetch_fn`]. This crate enforces the following rules itself,
//! whatever the client does:
//!
//! 1. The URL is `https`, names a host and no user. `http`, loopback included, takes a method
//!    that names the danger, such as `RemoteKeys::dangerous_allow_http`.
//! 2. The whole exchange takes [`TIME_OUT`] at most.
//! 3. A body is [`MAX_BODY`] bytes at most.
//! 4. Only the URL that was configured or discovered is asked. Nothing out of a token is ever
//!    part of it.
//!
//! A client must not follow redirects to other hosts. [`HttpClient`] follows none at all, and
//! sends no cookies. Fetching needs a Tokio runtime with its timer enabled. Tokio reports a missing
//! timer by a panic, and the response is then 503. With `panic = "abort"` the process ends.

mod client;
mod error;
#[cfg(any(feature = "introspection", feature = "jwks"))]
mod guard;
#[cfg(feature = "reqwest")]
mod http_client;
mod limits;
#[cfg(feature = "jwks")]
pub(crate) mod on_demand;

pub use client::{Fetch, FetchFn, Fetching, fetch_fn};
pub use error::{FetchError, FetchErrorKind};
#[cfg(any(feature = "introspection", feature = "jwks"))]
pub(crate) use guard::Guard;
#[cfg(feature = "reqwest")]
pub use http_client::HttpClient;
#[cfg(feature = "introspection")]
pub(crate) use limits::timer;
pub use limits::{MAX_BODY, TIME_OUT};
