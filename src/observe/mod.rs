//! Events: one structured record per decision.

pub(crate) mod event;
pub(crate) mod outage;
