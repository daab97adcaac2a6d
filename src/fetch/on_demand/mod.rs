//! [`OnDemand`]: a document of another server that is fetched when it is used.
//!
//! 1. There is neither a task nor a timer that keeps the document up to date. The first use after
//!    it is due starts a fetch in a task of its own. That use continues with the current document,
//!    for at most one further lifetime. Later uses wait for the fetch. While fetches fail, uses do
//!    not wait for each of them, and the owner's limit decides for how long the document may be
//!    used.
//! 2. There is one fetch at a time. It continues if the caller that started it is dropped.
//! 3. Every caller that waits has a time-out of its own. After that, or as soon as the runtime of
//!    the fetch has ended, the next caller starts another fetch. The outcome of the first fetch is
//!    then ignored.
//! 4. A failed fetch is repeated by the next use after a pause. The pauses double.
//! 5. A fetch that anybody could cause is started once per cooldown.
//!
//! The pure [`state`] machine makes the decisions. A [`Document`] fetches, and stores the result.

mod engine;
mod span;
mod state;

pub(crate) use engine::{Document, Ended, NO_RUNTIME, OnDemand};
pub(crate) use state::{Answer, Missing, Outcome};
