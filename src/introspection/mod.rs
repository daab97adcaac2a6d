//! Opaque tokens, by asking the authorization server about them (RFC 7662).
//!
//! [`Introspection`] is the verifier. A token goes through this, and stops where it is answered:
//!
//! 1. It has to look like a token of this server: its length, the characters of a `b64token`, and
//!    what else [was configured](IntrospectionBuilder::token_prefix). Anything else is 401, and
//!    nobody is asked.
//! 2. An answer that is still fresh is taken from memory, by a digest of the token under a key of
//!    this process. Good ones are kept for a minute at most and never beyond their `exp`, others
//!    for ten seconds in a place of their own, so that no flood of bad tokens crowds out good ones.
//! 3. Requests with the same token wait for one call together. Whoever gives up waiting neither
//!    ends the call nor keeps it.
//! 4. The number of calls at a time is limited. Further calls wait for their turn, but only for a
//!    short time, and then the response is 503. Waiting for an answer ends with the
//!    [time-out](IntrospectionBuilder::time_out), also if the call is that of another request.
//! 5. The token is sent by POST, with this service's own credentials (section 2.1).
//! 6. The answer must be a JSON object with `active` as a boolean (section 2.2). Otherwise the
//!    response is 503. It is also 503 if the status is not 200, or if no answer comes in time. A
//!    `Retry-After` of a 429 or 503 is passed on. 401 and 403 mean that *this* service's
//!    credentials are wrong, and not the client's token. This is logged as an error, once a minute.
//! 7. Every member that is read must have its type. Otherwise the response is 503, too, and the
//!    token is asked about again. A member that is `null` is absent, except `active` and `cnf`.
//! 8. An inactive token is 401. So is an active one that is not for this service: a wrong or
//!    missing `iss` or `aud`, an `exp` that has passed, an `nbf` to come, another `token_type`, no
//!    subject, or one that is bound to a key (`cnf`), so that bearing it proves nothing.
//!
//! If the endpoint fails, it is asked again for the next token. There is no circuit breaker: an
//! endpoint may fail because of a token that a client made up, and then a few of those would block
//! it for all callers. If the endpoint is down, 32 requests at a time wait for five seconds, and
//! all others without a cached answer for one second
//! ([`max_calls`](IntrospectionBuilder::max_calls), [`time_out`](IntrospectionBuilder::time_out),
//! [`patience`](IntrospectionBuilder::patience)).
//!
//! A token that was revoked is accepted for as long as its answer is kept; how long that may be is
//! for [`max_age`](IntrospectionBuilder::max_age) to say, down to not at all. What ends tokens at
//! once is a list of [revocations](crate::revocation).
//!
//! The source of every [`Rejection`](crate::Rejection) is an [`IntrospectionError`], for logs.
//!
//! ```
//! use tower_auth::{AuthLayer, bearer::Bearer, introspection::Introspection};
//!
//! # fn layer(
//! #     secret: &str,
//! #     client: impl tower_auth::fetch::Fetch,
//! # ) -> Result<AuthLayer, tower_auth::ConfigError> {
//! let introspection = Introspection::endpoint("https://login.example.com/introspect")
//!     .client_basic("orders-api", secret)
//!     .issuer("https://login.example.com/")
//!     .audience("https://api.example.com")
//!     .roles_at("roles")
//! #   .fetch_with(client)
//!     .build()?;
//! Ok(AuthLayer::new(Bearer::new(introspection)))
//! # }
//! ```
//!
//! The feature `reqwest` brings a client that speaks HTTP; without it
//! [`fetch_with`](IntrospectionBuilder::fetch_with) takes the application's own. Either way a
//! Tokio runtime with its timer enabled is needed.
//!
//! If JWTs are sent in the same place, `jwt.or_opaque(introspection)` chooses by the shape of the
//! token.

mod answer;
mod builder;
mod cache;
mod call;
mod error;
mod log;
mod request;
mod shape;
mod verifier;

pub use builder::IntrospectionBuilder;
pub use error::IntrospectionError;
pub use verifier::Introspection;
