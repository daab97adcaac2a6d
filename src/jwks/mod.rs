//! Keys from the issuer over the network: found, refreshed, and never given up for one bad answer.
//!
//! `Jwt::issuer("https://login.example.com/")` without keys is enough; [`RemoteKeys`] has the
//! settings. What happens, and when:
//!
//! 1. Nothing happens before the first token (or
//!    [`JwtBuilder::connect`](crate::jwt::JwtBuilder::connect)). Fetches and timers run on the
//!    Tokio runtime that this token is judged on, and end with the verifier.
//! 2. The issuer's metadata is looked for by OpenID Connect Discovery, then by RFC 8414. Its
//!    `issuer` has to be the configured one, letter by letter, and its `jwks_uri` `https`.
//! 3. Every usable key of the set is taken. One that is for another purpose, unknown, weak,
//!    secret, or cannot be told from another is left out with a warning, and the rest serves. An
//!    empty set withdraws every key. What is no set is a failed fetch, and changes nothing.
//! 4. The set is fetched again, a random bit before its lifetime ends: `Cache-Control: max-age`
//!    within bounds, or an hour. `ETag` is sent back, and 304 renews the set.
//! 5. A token whose `kid` is unknown has the set fetched once: it waits, and everybody with it.
//!    Further unknown keys start no fetch for a cooldown of 30 seconds, and the same one not for
//!    ten of them. A token that is expired, of another issuer, or malformed starts none at all.
//! 6. In a cooldown an unknown key is 401 if the last fetch succeeded, and 503 if it failed.
//! 7. A failed fetch is repeated after a second, then after twice as long each time, up to a
//!    minute, with jitter. The keys stay good for [`RemoteKeys::stale_limit`] after the last
//!    success; then, and before the first success, tokens are 503.
//! 8. A key that was withdrawn or replaced, by its material and not only its name, stops
//!    verifying with the fetch that misses it.
//!
//! ```
//! use std::time::Duration;
//! use tower_auth::{jwks::RemoteKeys, jwt::{Algorithm, Jwt}};
//!
//! # use tower_auth::fetch::fetch_fn;
//! # let client = fetch_fn(|_| async { Err::<http::Response<bytes::Bytes>, _>("down") });
//! let jwt = Jwt::issuer("https://login.example.com/")
//!     .audience("https://api.example.com")
//!     .keys(
//!         RemoteKeys::discover()
//!             .client(client) // default: the client of the feature `reqwest`
//!             .algorithms([Algorithm::RS256, Algorithm::ES256])
//!             .stale_limit(Duration::from_secs(3600)),
//!     )
//!     .build()?;
//! assert!(!jwt.health().is_ready); // nothing has been fetched yet
//! # Ok::<(), tower_auth::ConfigError>(())
//! ```

mod document;
mod engine;
mod failure;
mod flight;
mod log;
mod remembered;
mod remote;
mod remote_keys;
mod shelf;
mod state;

/// Of `shelf`, which a model checker has another for (`tests/model.rs`).
mod sync {
    pub(super) use std::sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    };
}

#[allow(unused_imports, reason = "only a login looks for other metadata")]
pub(crate) use document::metadata_urls;
pub use remote_keys::RemoteKeys;
