//! What an identity must be allowed to do: policies, path rules and the layer that asks.
//!
//! Authentication says who is calling (401), a requirement whether they may (403). A
//! requirement stands on one route ([`RequireLayer::new`]) or on a table of paths and methods
//! ([`AccessRules`]), and it is made of policies:
//!
//! ```
//! use tower_auth::{Policy, any_role, role, scope};
//!
//! let policy = role("admin").or(any_role(["editor", "author"]).and(scope("posts:write")));
//! # let _ = policy;
//! ```

mod combine;
mod layer;
mod path;
mod policies;
mod recent;
mod rules;

pub use combine::{All, Any, Not, all, any};
#[allow(unused_imports, reason = "only some features refuse elsewhere")]
pub(crate) use layer::refusal;
pub use layer::{Require, RequireLayer};
pub use policies::{
    Authenticated, Claim, Roles, Scopes, Subject, all_scopes, any_role, authenticated, claim, role,
    scope, subject,
};
pub use recent::{AuthenticatedWithin, Fresh, authenticated_within, fresh};
pub(crate) use rules::Rule;
pub use rules::{AccessRules, Endpoint};
