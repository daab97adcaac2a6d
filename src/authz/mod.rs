//! Requirements on identities: policies, and rules for paths.
//!
//! Authentication says who is calling (401), a requirement whether they may (403). A
//! requirement stands on one route ([`RequireLayer::new`](crate::RequireLayer::new)) or on a table of paths and methods
//! ([`AccessRules`]), and it is made of policies:
//!
//! ```
//! use tower_auth::{Policy, any_role, role, scope};
//!
//! let policy = role("admin").or(any_role(["editor", "author"]).and(scope("posts:write")));
//! # let _ = policy;
//! ```

mod closure;
mod combine;
mod enforce;
mod path;
mod policies;
mod policy;
mod recent;
mod request;
mod rules;

pub use closure::{PolicyFn, policy_fn};
pub(crate) use enforce::{explained, missing, with_needed_scopes};
pub use policies::{
    BuiltInPolicy, all_scopes, any_role, authenticated, claim, fresh, role, scope, subject,
};
pub use policy::{Combined, Not, Policy, all, any};
pub use recent::{AuthenticatedWithin, authenticated_within};
pub use request::PolicyRequest;
pub use rules::{AccessRules, RoutePattern};
pub(crate) use rules::{Rule, RuleIndex};
