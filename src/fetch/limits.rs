//! The limits of one exchange, and a timer.

#[cfg(feature = "introspection")]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// The longest time that one exchange may take, from the first byte of the connection to the last
/// byte of the body.
pub const TIME_OUT: Duration = Duration::from_secs(5);

/// The longest body that is read, in bytes: 1 MiB.
pub const MAX_BODY: usize = 1024 * 1024;

/// Returns a timer of the current runtime; `None` without a runtime, or without its timer.
///
/// A request that waits for a task of another runtime needs a timer of its own. If the other
/// runtime is no longer driven, the timers of the task never end.
#[cfg(feature = "introspection")]
pub(crate) fn timer(limit: Duration) -> Option<tokio::time::Sleep> {
    tokio::runtime::Handle::try_current().ok()?;
    // Tokio reports a missing timer only by a panic.
    catch_unwind(AssertUnwindSafe(|| tokio::time::sleep(limit))).ok()
}
