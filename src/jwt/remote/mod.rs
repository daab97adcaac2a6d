//! Keys from the issuer over the network: found, refreshed, and never given up for one bad answer.
//!
//! `JwtVerifier::issuer("https://login.example.com/")` without keys is enough; [`RemoteKeys`] has the
//! settings. What happens, and when:
//!
//! 1. Nothing is fetched before the first token (or
//!    [`JwtVerifierBuilder::connect`](crate::jwt::JwtVerifierBuilder::connect)), and nothing while no token comes.
//!    A fetch runs on the Tokio runtime of the token that started it, and needs its timer. If that
//!    runtime ends or is no longer driven, the next token starts another fetch on its own runtime.
//! 2. The issuer's metadata is looked for by OpenID Connect Discovery, then by RFC 8414. Its
//!    `issuer` has to be the configured one, letter by letter, and its `jwks_uri` `https`.
//! 3. Every usable key of the set is taken. One that is for another purpose, unknown, weak,
//!    secret, or cannot be told from another is left out with a warning, and the rest serves. An
//!    empty set withdraws every key. But if the first set has no usable key, the fetch has failed.
//!    A document that is not a key set is a failed fetch, too, and does not change anything.
//! 4. A set has a lifetime: `Cache-Control: max-age` within bounds, or an hour. From a
//!    random time shortly before the end of the lifetime, the first use starts a fetch, and
//!    continues with the current set. `ETag` is sent back, and 304 renews the set. Tokens that are
//!    cached also use the set.
//! 5. If the set has not been used for a lifetime after that, the next use waits for the fetch. A
//!    withdrawn key therefore does not verify any token later than two lifetimes after it was
//!    withdrawn, unless fetches fail.
//! 6. A token with an unknown `kid` starts a fetch. The token waits for it, and so do others
//!    meanwhile. A token with an invalid signature starts a fetch, too, because a key may be
//!    replaced under the same name, or have no name. Both kinds together start one fetch in a
//!    cooldown of 30 seconds. A token that is expired, of another issuer, from the future, or
//!    malformed does not start a fetch.
//! 7. During the cooldown an invalid signature is 401, and so is an unknown key. There are two
//!    exceptions, which are 503 with the remaining time in `Retry-After`: the last fetch has
//!    failed, or the token is younger than the set according to its `iat`.
//! 8. A failed fetch is repeated by the first use after a second, then after twice as long each
//!    time, up to a minute, with jitter. No request waits for these fetches. The keys are used for
//!    [`RemoteKeys::stale_limit`] after the last success. After that, and before the first success,
//!    tokens are 503. Base alarms on [`Health::last_error`](crate::jwt::Health::last_error),
//!    because the age of an unused set does not show a failure.
//! 9. A fetch takes at most ten seconds, and each request of it at most
//!    [`TIME_OUT`](crate::fetch::TIME_OUT). Longer limits would keep tokens waiting. If an issuer
//!    takes longer to wake up, it is asked again by the next token. A token that waits for a fetch
//!    is 503 a second later, even if the runtime of the fetch is blocked. Outside of a runtime,
//!    known keys are used up to the stale limit, and everything else is 503.
//! 10. If a key is withdrawn or replaced, it stops verifying with the first fetch whose set lacks
//!     it. Keys are compared by their material, not only by their name.
//!
//! ```
//! use std::time::Duration;
//! use tower_auth::jwt::{Algorithm, JwtVerifier, remote::RemoteKeys};
//!
//! # use tower_auth::fetch::fetch_fn;
//! # let client = fetch_fn(|_| async { Err::<http::Response<bytes::Bytes>, _>("down") });
//! let jwt = JwtVerifier::issuer("https://login.example.com/")
//!     .audience("https://api.example.com")
//!     .keys(
//!         RemoteKeys::discover()
//!             .fetch_with(client) // default: the client of the feature `reqwest`
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
mod key_document;
mod log;
mod published;
mod remote_keys;
mod set;
mod sync;

#[cfg(feature = "login")]
pub(crate) use document::metadata_urls;
pub use remote_keys::RemoteKeys;
