//! Refusing credentials before they expire: one token, one session, or all that a subject has.
//!
//! A token that verifies by itself stays good until it expires, whatever happens meanwhile. What
//! ends it earlier is a list that is asked about every identity:
//!
//! 1. A verifier is wrapped by [`with_revocation`](crate::revocation::VerifyExt::with_revocation). What it
//!    accepts, freshly or out of a cache, is then shown to a [`RevocationCheck`], on every request.
//! 2. An identity is revoked by its [`token_id`](crate::Identity::token_id) (`jti`), by its
//!    [`session_id`](crate::Identity::session_id) (`sid`), or by its subject with a cut-off: if
//!    it was issued at or before it, or does not say when it was
//!    ([`issued_at`](crate::Identity::issued_at)).
//! 3. All three are names that one issuer gave (RFC 7519 sections 4.1.2 and 4.1.7), so each
//!    counts within that issuer only.
//! 4. A revoked identity is [`Rejection::invalid`](crate::Rejection::invalid) (401,
//!    `invalid_token`), with a [`RevokedBy`] as its source. A list that cannot be asked is
//!    [`Rejection::unavailable`](crate::Rejection::unavailable) (503).
//!
//! An issuer is the identity's own. Where a verifier names none, as with API keys and fixed
//! tokens, the realm that a layer puts in its place does not count here: such identities are
//! revoked [within no issuer](IssuerScope::NO_ISSUER), or [within that of the identity](IssuerScope)
//! itself. A list of its own for each such verifier keeps their names apart.
//!
//! [`Revocations`] is a list in memory, for one process. A list that several share implements
//! [`RevocationCheck`].
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tower_auth::{AuthLayer, Identity, verify_fn, revocation::VerifyExt};
//! use tower_auth::revocation::{Revocations, RevokeError};
//!
//! # struct Ticket;
//! # let tickets = verify_fn(|_: Ticket| Ok(Identity::new("42")));
//! let revocations = Revocations::new();
//! let verifier = tickets.with_revocation(revocations.clone());
//! # let _ = verifier;
//!
//! // A handler that logs out:
//! fn log_out(identity: Identity, revocations: &Revocations) -> Result<(), RevokeError> {
//!     revocations.revoke(&identity)
//! }
//!
//! // Somebody else learned of a password: whatever was issued until now ends. Tokens live for an
//! // hour here.
//! let now = SystemTime::now();
//! let last_expiry = now + Duration::from_secs(3600);
//! revocations.revoke_subject("https://login.example.com/", "42", now, last_expiry)?;
//! # Ok::<(), RevokeError>(())
//! ```

mod fingerprint;
#[cfg(feature = "store")]
mod lookup;
mod memory;
mod revoked;
#[cfg(feature = "store")]
mod shared;
mod table;
#[cfg(any(feature = "introspection", feature = "jwks", feature = "store"))]
mod until_ended;
mod with_revocation;
mod within;

pub use memory::{Revocations, RevokeError};
pub use revoked::{RevocationCheck, RevokedBy};
#[cfg(feature = "issue")]
pub(crate) use shared::SESSION_BEGUN;
#[cfg(feature = "store")]
pub use shared::SharedRevocations;
#[cfg(any(feature = "introspection", feature = "jwks", feature = "store"))]
pub use until_ended::UntilEnded;
pub use with_revocation::{VerifyExt, WithRevocation};
pub use within::IssuerScope;
