//! What is told to the log; silent without the feature `tracing`. No argument is secret.

use http::StatusCode;
use std::time::Duration;

/// This service's own credentials are wrong: somebody has to repair that.
pub(super) fn own_credentials_refused(host: &str, status: StatusCode) {
    #[cfg(feature = "tracing")]
    tracing::error!(
        target: "tower_auth",
        host,
        status = status.as_u16(),
        "the introspection endpoint does not accept this service's own credentials: no opaque token can be verified"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (host, status);
}

/// The breaker has opened.
pub(super) fn left_alone(host: &str, delay: Duration) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: "tower_auth",
        host,
        seconds = delay.as_secs_f32(),
        "the introspection endpoint keeps failing and is left alone for a while"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (host, delay);
}
