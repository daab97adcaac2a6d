//! Who is calling: the one [`Identity`] that every scheme produces and everything else reads.

mod anonymous;
mod claim_path;
mod claims_error;
mod facts;
mod hierarchy;
#[allow(clippy::module_inception, reason = "the module of the type `Identity`")]
mod identity;
mod names;
mod realm;

pub use anonymous::Anonymous;
pub use claim_path::ClaimPath;
pub use claims_error::ClaimsError;
pub use hierarchy::Hierarchy;
pub(crate) use hierarchy::Implied;
pub use identity::Identity;
pub(crate) use identity::revocable_client;
pub(crate) use realm::Realm;
#[allow(unused_imports, reason = "only token verifiers read claims")]
pub(crate) use {facts::Facts, names::Names};
