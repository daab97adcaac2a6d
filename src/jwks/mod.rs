//! Keys from the issuer over the network: found, refreshed, and never given up for one bad answer.
//!
//! `Jwt::issuer("https://login.example.com/")` without keys is enough; [`RemoteKeys`] has the
//! settings. What happens, and when:
//!
//! 1. Nothing is fetched before the first token (or
//!    [`JwtBuilder::connect`](crate::jwt::JwtBuilder::connect)), and nothing while no token comes.
//!    A fetch runs on the Tokio runtime of the token that started it, which needs its timer. If
//!    that runtime ends, or nobody drives it, the next token starts another fetch on its own.
//! 2. The issuer's metadata is looked for by OpenID Connect Discovery, then by RFC 8414. Its
//!    `issuer` has to be the configured one, letter by letter, and its `jwks_uri` `https`.
//! 3. Every usable key of the set is taken. One that is for another purpose, unknown, weak,
//!    secret, or cannot be told from another is left out with a warning, and the rest serves. An
//!    empty set withdraws every key, but a first set without a usable key is a failed fetch. What
//!    is no set is a failed fetch, and changes nothing.
//! 4. A set has a lifetime: `Cache-Control: max-age` within bounds, or an hour. The first use a
//!    random bit before its end starts a fetch, and goes on with the set at hand. `ETag` is sent
//!    back, and 304 renews the set. Tokens that are cached count as uses.
//! 5. If the set has not been used for a lifetime after that, the next use waits for the fetch. So
//!    a withdrawn key verifies nothing later than two lifetimes after it was withdrawn, unless
//!    fetches fail.
//! 6. A token whose `kid` is unknown has the set fetched: it waits, and so do others meanwhile. A
//!    token whose signature is bad has it fetched, too, since keys may be replaced under their
//!    name, or have none. Both start one fetch in a cooldown of 30 seconds, together. A token that
//!    is expired, of another issuer, from the future, or malformed starts none at all.
//! 7. In the cooldown a bad signature is 401, and so is an unknown key, with two exceptions, which
//!    are 503 with the time that is left in `Retry-After`: the last fetch has failed, or the token
//!    says (`iat`) that it is younger than the set.
//! 8. A failed fetch is repeated by the first use after a second, then after twice as long each
//!    time, up to a minute, with jitter. Nobody waits for these. The keys are used for
//!    [`RemoteKeys::stale_limit`] after the last success. Then, and before the first success,
//!    tokens are 503. Alarms go by [`Health::last_error`](crate::jwt::Health::last_error): the age
//!    of a set that nobody uses says nothing.
//! 9. A fetch takes ten seconds at most, and each request of it
//!    [`TIME_OUT`](crate::fetch::TIME_OUT). Longer ones would keep tokens waiting: an issuer that
//!    takes longer to wake up is asked again by the next token. A token that waits for one is 503 a second later, even if
//!    the runtime of the fetch stands still. Outside of a runtime, known keys are used up to the
//!    stale limit, and everything else is 503.
//! 10. A key that was withdrawn or replaced, by its material and not only its name, stops
//!     verifying with the fetch that misses it.
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
mod failure;
mod flight;
mod log;
mod published;
mod remote;
mod remote_keys;
mod shelf;

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
