//! API keys: in a header field, a query parameter, a cookie, or behind a scheme's name.
//!
//! 1. A key is looked for in the configured [locations](ApiKey::new). Two explicit ones filled
//!    at once, or one filled twice, are 400, before anything else is done.
//! 2. It has to be one to 512 bytes of visible ASCII without space; anything else is 400.
//! 3. The key is verified by a [`Verify<PresentedKey>`](crate::Verify). An invalid key is rejected
//!    with 401 and the challenge `ApiKey realm="…"`. (The scheme is not registered, but RFC 9110
//!    section 11.6.1 requires a challenge.)
//!
//! [`ApiKeys`] is a verifier with the keys in memory, which may come and go at run time. It
//! keeps SHA-256 digests, no keys. A plain digest is enough because what it digests cannot be
//! guessed: generated keys hold 256 random bits, and others are refused below 22 characters.
//!
//! ```
//! use tower_auth::{ConfigError, Identity, api_key::{ApiKey, ApiKeys}};
//!
//! let keys = ApiKeys::new();
//! let new = keys.create("acme_live", Identity::new("42").with_scope("orders:read"))?;
//! println!("your key, shown this once: {}", new.expose());
//!
//! let scheme = ApiKey::header("x-api-key", keys.clone());
//! // Later, while the scheme serves requests:
//! assert!(keys.revoke(new.id()));
//! # let _ = scheme;
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! # Keys for clients that know Basic or Bearer only
//!
//! ```
//! use tower_auth::{Scheme, api_key::{ApiKey, ApiKeys}};
//!
//! let keys = ApiKeys::new();
//! let scheme = ApiKey::header("x-api-key", keys.clone())
//!     .or(ApiKey::basic(keys.clone())) // git, docker, npm: the password, or the user name
//!     .or(ApiKey::bearer(keys)); // curl --oauth2-bearer KEY
//! # let _ = scheme;
//! ```
//!
//! The challenge of each names the scheme that it takes. Beside JSON Web Tokens, use
//! [`KeysAsTokens`].
//!
//! # Keys in a database
//!
//! Store the digest and look it up; a [`GeneratedKey`] has one, too.
//!
//! ```
//! use tower_auth::{Identity, Rejection, api_key::{ApiKey, PresentedKey}, verify_fn};
//!
//! # #[derive(Clone)] struct Db;
//! # struct Owner { id: u64 }
//! # impl Db {
//! #     async fn owner_of(&self, _: [u8; 32]) -> Result<Option<Owner>, std::io::Error> { Ok(None) }
//! # }
//! # let db = Db;
//! let keys = verify_fn(move |key: PresentedKey| {
//!     let db = db.clone();
//!     async move {
//!         let owner = db
//!             .owner_of(key.digest())
//!             .await
//!             .map_err(Rejection::unavailable)?
//!             .ok_or_else(Rejection::invalid)?;
//!         Ok(Identity::new(owner.id.to_string()).with_data(owner))
//!     }
//! });
//! let scheme = ApiKey::header("x-api-key", keys);
//! # let _ = scheme;
//! ```
//!
//! # Generated keys
//!
//! ```text
//! acme_live_q9Zr4TbX01Lm_6yH…43 characters…c0Rd2fV71p
//! prefix    id           secret            checksum
//! ```
//!
//! * The prefix says whose key it is and, if you like, for what: `[a-z]`, then up to 15 of
//!   `[a-z0-9_]`, not ending in `_`.
//! * The id, 12 characters, names the key where the key itself must not be: in logs, lists and
//!   [`Identity::token_id`](crate::Identity::token_id).
//! * The secret is 43 characters drawn uniformly from `0-9A-Za-z` by the operating system's
//!   generator: 256 bits.
//! * The checksum, 6 characters, is the CRC-32 of all before it, to the base 62. A mistyped or
//!   invented key is told from a real one without a lookup ([`PresentedKey::parse`]).
//!
//! Secret scanners recognise them by this regular expression; with your own prefix in place of
//! the first part, and the checksum, there are next to no false alarms:
//!
//! ```text
//! \b[a-z](?:[a-z0-9_]{0,14}[a-z0-9])?_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\b
//! ```

mod as_tokens;
mod form;
mod key;
mod new_key;
mod scheme;
mod store;
#[cfg(feature = "store")]
mod stored;
mod table;

pub use as_tokens::KeysAsTokens;
pub use form::ParsedKey;
pub use key::PresentedKey;
pub use new_key::GeneratedKey;
pub use scheme::ApiKey;
pub use store::ApiKeys;
#[cfg(feature = "store")]
pub use stored::{CreateError, KeyError, KeyOptions, StoredKeys};
pub use table::KeyInfo;
