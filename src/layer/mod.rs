//! Layers in front of a service: [`AuthLayer`] authenticates, [`RequireLayer`] authorizes.

mod auth;
pub(crate) mod middleware;
mod require;

pub use auth::{AuthLayer, AuthService, Decision, Outcome};
pub use middleware::{ResponseBody, ResponseFuture};
pub use require::{RequireLayer, RequireService};
