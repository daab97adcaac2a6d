//! Who is calling? Composable tower layers that answer it for axum, tonic and hyper servers.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// No input may make this crate panic: what could is named, or not written.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unreachable
    )
)]

mod auth;
mod clock;
mod error;
mod event;
mod gate;
mod glue;
mod identity;
mod json;
mod place;
mod policy;
mod rejection;
mod require;
mod scheme;
mod verdict;
mod verify;

#[cfg(feature = "api-key")]
pub mod api_key;
#[cfg(feature = "basic")]
pub mod basic;
#[cfg(feature = "bearer")]
pub mod bearer;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "basic")]
pub mod password;

pub use auth::{Auth, AuthLayer};
pub use clock::{Clock, SystemClock};
pub use error::ConfigError;
pub use gate::{ResponseBody, ResponseFuture};
#[cfg(feature = "axum")]
pub use glue::axum::Claims;
#[cfg(feature = "tonic")]
pub use glue::tonic::RequestExt;
pub use identity::{Anonymous, ClaimPath, Hierarchy, Identity, Scope};
pub use place::{Credential, Found, Location, Place};
pub use policy::{Policy, PolicyFn, policy_fn};
pub use rejection::{Challenge, Challenges, Format, Rejection, RejectionKind};
pub use require::{
    AccessRules, All, Any, Authenticated, Claim, Endpoint, Not, Require, RequireLayer, Roles,
    Scopes, Subject, all, all_scopes, any, any_role, authenticated, claim, role, scope, subject,
};
pub use scheme::{AnyOf, Attempt, Scheme};
pub use verdict::{IntoVerdict, Later, Now, Verdict};
pub use verify::{Verify, VerifyFn, verify_fn};
