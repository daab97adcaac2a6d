//! Runs work of stores: within a time limit, or to its end.

use crate::Rejection;

/// An answer, or that there was none in time. Outside of a runtime there is nothing to wait with.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
pub(super) async fn within<T>(
    limit: std::time::Duration,
    answer: impl Future<Output = Result<T, Rejection>>,
) -> Result<T, Rejection> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Rejection::unavailable(
            "this store can only be asked within a Tokio runtime",
        ));
    }
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(elapsed) => Err(Rejection::unavailable(elapsed)),
    }
}

/// Runs work to its end, even if the caller goes away. Outside of a runtime, only the caller can
/// run it.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Rejection>> + Send + 'static,
) -> Result<T, Rejection> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => match runtime.spawn(work).await {
            Ok(answer) => answer,
            Err(error) => Err(Rejection::unavailable(error)),
        },
        Err(_) => work.await,
    }
}
