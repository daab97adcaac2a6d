//! JSON Web Tokens as bearer tokens: signature and claims.
//!
//! [`JwtVerifier`] is the verifier, and [`Issuers`] are several. With fixed keys nothing is ever waited
//! for; with remote ones (feature `jwks`) only a token is whose key is not at hand. A token passes in this order, and fails at the first step that it
//! does not pass:
//!
//! 1. It is no longer than [`JwtVerifierBuilder::max_token_bytes`], and has the compact form: three
//!    parts of base64url without padding and without stray bits (RFC 7515 section 7.1).
//! 2. Its header is a JSON object with a known `alg`, a string as `kid`, an accepted `typ`, no
//!    `crit`, and no `b64` other than `true`. Keys that a header brings along or points to
//!    (`jwk`, `jku`, `x5c`, `x5u`) are ignored, and nothing is ever fetched from there.
//! 3. A key of the [`KeySet`] is chosen by `kid`. Every [`Key`] is bound to one [`Algorithm`];
//!    the token's `alg` has to be that one, and cannot choose another (RFC 8725 section 3.1).
//!    If it is not at hand, the keys are remote, and the token may be good (its `iss` is the
//!    configured one, and `exp` has not passed), the issuer is asked for its keys first.
//! 4. The signature is verified. Only then is the payload read, but for that question.
//! 5. The payload is a JSON object in which no name occurs twice, as in the header.
//! 6. It is not another kind of token. It must not be bound to a key (`cnf`). It must not be an
//!    event (`events`, if that is an object).
//! 7. `iss` is the configured issuer, and `aud` is or holds a configured audience.
//! 8. `exp` is there and has not passed; `nbf` and `iat` have, where present; all within
//!    [`JwtVerifierBuilder::leeway`].
//! 9. The subject is a non-empty string, and every other claim that is read has its type. A claim
//!    that is `null` is absent, except `cnf`; `null` in the header is rejected. The types of claims
//!    that are not read do not matter.
//! 10. With [`JwtVerifierBuilder::access_token_profile`], everything that RFC 9068 requires is there.
//!
//! A token that has passed is remembered with its identity, for five minutes at most
//! ([`JwtVerifierBuilder::cache_time_to_live`]), so that the next request with it costs a look. It counts
//! only while the set of keys is the one it was verified with, and inside its dates by the clock of
//! that request; a [revocation](crate::revocation) is asked about every time.
//!
//! Whatever is wrong with a token, the answer is [`Rejection::invalid`](crate::Rejection::invalid)
//! (401, `invalid_token`); which step it was is its source, a [`TokenError`], for logs. If the
//! issuer's keys cannot be had, it is [`Rejection::unavailable`](crate::Rejection::unavailable)
//! (503), and its source is [`KeysUnavailable`].
//!
//! ```
//! use tower_auth::{Verify, bearer, jwt::{Algorithm, JwtVerifier, Key}};
//!
//! # let secret = [7; 32];
//! let jwt = JwtVerifier::issuer("https://login.example.com/")
//!     .audience("https://api.example.com")
//!     .keys(Key::from_secret(Algorithm::HS256, secret)?)
//!     .roles_at(["realm_access", "roles"])
//!     .build()?;
//!
//! let verdict = jwt.verify(bearer::Token::new("not.a.token"));
//! assert!(matches!(verdict.now(), Ok(Err(_))));
//! # Ok::<(), tower_auth::ConfigError>(())
//! ```

mod algorithm;
mod backend;
mod builder;
mod cache;
mod claims;
mod compact;
mod error;
mod header;
mod health;
mod issuers;
mod key;
mod key_set;
mod keys;
pub(crate) mod log;
mod or_else;
mod or_opaque;
mod peek;
#[cfg(feature = "jwks")]
pub(crate) mod published;
#[cfg(feature = "jwks")]
pub mod remote;
#[cfg(feature = "login")]
pub(crate) mod signed;
pub(crate) mod source;
mod tenants;
mod verifier;

#[cfg(test)]
mod signature_tests;

pub use algorithm::Algorithm;
pub use backend::Backend;
pub use builder::JwtVerifierBuilder;
pub use error::{KeysUnavailable, TokenError};
pub use health::Health;
pub use issuers::Issuers;
pub use key::{Key, SkippedKey};
pub use key_set::KeySet;
pub use keys::Keys;
pub use or_else::OrElse;
pub use or_opaque::OrOpaque;
pub use verifier::JwtVerifier;
