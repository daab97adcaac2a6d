//! Fetching documents over HTTP: key sets, metadata, introspection.
//!
//! Whatever needs a document asks a [`Fetch`]: the [`HttpClient`] that comes with the feature
//! `reqwest`, or an application's own client by [`fetch_fn`]. Between the two stands a guard that
//! no client is trusted with:
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
mod guard;
#[cfg(feature = "reqwest")]
mod http_client;
#[cfg(feature = "jwks")]
pub(crate) mod on_demand;

pub use client::{Fetch, FetchFn, Fetching, fetch_fn};
pub use error::{FetchError, FetchErrorKind};
#[allow(unused_imports, reason = "only some features fetch")]
pub(crate) use guard::Guard;
#[cfg(feature = "reqwest")]
pub use http_client::HttpClient;

#[cfg(any(feature = "introspection", feature = "jwks"))]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How long one exchange may take, from the first byte of the connection to the last of the body.
pub const TIME_OUT: Duration = Duration::from_secs(5);

/// The longest body that is read, in bytes: 1 MiB.
pub const MAX_BODY: usize = 1024 * 1024;

/// Returns a timer of the current runtime; `None` without a runtime, or without its timer.
///
/// A request that waits for a task of another runtime needs a timer of its own. If the other
/// runtime is no longer driven, the timers of the task never end.
#[cfg(any(feature = "introspection", feature = "jwks"))]
#[allow(dead_code, reason = "only some features wait")]
pub(crate) fn timer(limit: Duration) -> Option<tokio::time::Sleep> {
    tokio::runtime::Handle::try_current().ok()?;
    // Tokio reports a missing timer only by a panic.
    catch_unwind(AssertUnwindSafe(|| tokio::time::sleep(limit))).ok()
}
