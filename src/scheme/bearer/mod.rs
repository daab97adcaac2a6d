//! Bearer tokens (RFC 6750).
//!
//! 1. A token is looked for in `Authorization: Bearer`, or in the configured
//!    [`locations`](Bearer::locations). Two of them filled at once are 400
//!    (RFC 6750 section 2), before anything else is done.
//! 2. It is bounded (16 KiB unless [set otherwise](Bearer::max_token_bytes)) and has to be a
//!    `b64token` (section 2.1); anything else is 400, `error="invalid_request"`.
//! 3. The token is verified by a [`Verify<Token>`](crate::Verify). An invalid token is rejected with
//!    401, `error="invalid_token"`.
//! 4. A rejection has a challenge (section 3, RFC 9470 section 3). If no token was sent, or another
//!    scheme rejected the request, the challenge has no error code (section 3.1). `scope` lists the
//!    scopes that the request needs, if they are known, and `resource_metadata` is the URL of
//!    [`crate::well_known`].
//!
//! [`FixedTokens`] is a verifier of a few opaque tokens, known by their digests.
//!
//! A token in the body of a form (section 2.2) is not looked for: an authentication scheme sees
//! the head of a request only.
//!
//! ```
//! use tower_auth::{Identity, Location, Rejection, bearer::{Bearer, Token}, verify_fn};
//!
//! # async fn owner_of(_: &str) -> Result<Option<String>, std::io::Error> { Ok(None) }
//! let sessions = verify_fn(|token: Token| async move {
//!     let owner = owner_of(token.as_str())
//!         .await
//!         .map_err(Rejection::unavailable)?
//!         .ok_or_else(Rejection::invalid)?;
//!     Ok(Identity::new(owner))
//! });
//! let bearer = Bearer::new(sessions).locations([
//!     Location::authorization("Bearer"),
//!     Location::cookie("__Host-session"),
//! ]);
//! # let _ = bearer;
//! ```

mod bound_token;
mod challenge;
mod fixed;
mod scheme;
mod syntax;
mod token;

pub use bound_token::BoundToken;
pub use fixed::FixedTokens;
pub use scheme::Bearer;
#[cfg(feature = "introspection")]
pub(crate) use syntax::is_b64token;
pub use token::Token;

/// In bytes; access tokens with many claims reach a few KiB.
pub(crate) const MAX_TOKEN_SIZE: usize = 16 * 1024;
