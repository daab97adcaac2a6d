//! Layers in front of a service: [`AuthLayer`] authenticates, [`RequireLayer`] authorizes.

mod auth;
pub(crate) mod middleware;
mod require;

pub use auth::{AuthLayer, AuthService};
pub use middleware::{ResponseBody, ResponseFuture};
#[allow(unused_imports, reason = "only some features reject elsewhere")]
pub(crate) use require::refusal;
pub use require::{RequireLayer, RequireService};
