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
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        clippy::unreachable
    )
)]

mod clock;
mod error;
mod identity;
mod json;
mod place;
mod rejection;
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

pub use clock::{Clock, SystemClock};
pub use error::ConfigError;
pub use identity::{Anonymous, ClaimPath, Hierarchy, Identity, Scope};
pub use place::{Credential, Found, Location, Place};
pub use rejection::{Challenge, Challenges, Format, Rejection, RejectionKind};
pub use scheme::{AnyOf, Attempt, Scheme};
pub use verdict::{IntoVerdict, Later, Now, Verdict};
pub use verify::{Verify, VerifyFn, verify_fn};
