//! What is told to the log; silent without the feature `tracing`.

use std::path::Path;

/// The file has changed, and the users with it.
pub(super) fn changed(path: &Path, users: usize) {
    #[cfg(feature = "tracing")]
    tracing::info!(
        target: "tower_auth",
        path = %path.display(),
        users,
        "the users of a file have changed"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (path, users);
}

/// The file has changed, and is of no use. The cause names a line, and nothing that is in it.
pub(super) fn useless(path: &Path, cause: &dyn std::error::Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        path = %path.display(),
        cause = %cause,
        source = cause.source().map(tracing::field::display),
        "a file of users cannot be used, and the users before stay"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (path, cause);
}
