//! The middleware under all layers of this crate: tower's contract in one place.
//!
//! Each layer [decides](Decide) on requests. This module calls the inner service, or not:
//!
//! 1. A request that is accepted at once is passed to the service that was polled ready.
//! 2. A rejected request releases what that readiness reserved: the ready service is dropped, and
//!    a clone takes its place.
//! 3. A request whose decision is pending holds nothing either. Once it is accepted, a clone is
//!    polled ready and called.

mod body;
mod call;
mod decide;
mod future;

pub use body::ResponseBody;
pub(crate) use call::{call, release};
pub(crate) use decide::{Decide, OnResponse};
pub use future::ResponseFuture;
