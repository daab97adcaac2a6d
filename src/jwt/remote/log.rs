//! Log events. Without the feature `tracing`, nothing is logged.

#[cfg(feature = "tracing")]
use crate::error::Chain;
use crate::{jwt::KeySet, observe::outage::Outage};
use std::error::Error;

/// Logs that a set could not be fetched: at `WARN` for the first time, then at `DEBUG`.
pub(super) fn failed(
    issuer: &str,
    reason: &'static str,
    cause: Option<&(dyn Error + 'static)>,
    outage: &Outage,
) {
    let begins = outage.begins();
    #[cfg(feature = "tracing")]
    {
        const TEXT: &str = "the keys of an issuer cannot be fetched";
        let cause = cause.map(Chain).map(tracing::field::display);
        match begins {
            true => tracing::warn!(target: "tower_auth", issuer, reason, cause, "{TEXT}"),
            false => tracing::debug!(target: "tower_auth", issuer, reason, cause, "{TEXT}"),
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (issuer, reason, cause, begins);
}

/// Logs that a set was fetched, if the fetch before has failed.
pub(super) fn fetched(issuer: &str, outage: &Outage) {
    if outage.ends() {
        #[cfg(feature = "tracing")]
        tracing::info!(
            target: "tower_auth",
            issuer,
            "the keys of an issuer can be fetched again"
        );
    }
    #[cfg(not(feature = "tracing"))]
    let _ = issuer;
}

/// A set is another than before.
pub(super) fn changed(issuer: &str, keys: &KeySet) {
    #[cfg(feature = "tracing")]
    tracing::info!(
        target: "tower_auth",
        issuer,
        keys = keys.keys().count(),
        "the keys of an issuer have changed"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = issuer;
    crate::jwt::log::keys_left_out(keys.skipped_keys());
}
