//! Who is calling? Composable [tower](https://docs.rs/tower) layers that answer it for axum,
//! tonic and hyper servers.
//!
//! An [`AuthLayer`] in front of a service finds credentials in a request, has them judged, and
//! puts one [`Identity`] into the request's extensions; a [`RequireLayer`] or [`AccessRules`]
//! say what it takes. Whatever does not pass is a [`Rejection`].
//!
#![cfg_attr(all(feature = "axum", feature = "api-key"), doc = "```")]
#![cfg_attr(not(all(feature = "axum", feature = "api-key")), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use tower_auth::{AuthLayer, Identity, RequireLayer, scope};
//! use tower_auth::api_key::{ApiKey, ApiKeys};
//!
//! let keys = ApiKeys::new();
//! let key = keys.create("shop", Identity::new("ci").with_scope("reports:read"))?;
//! println!("shown once: {}", key.expose());
//!
//! let app: Router = Router::new()
//!     .route("/me", get(|identity: Identity| async move { identity.subject().to_owned() }))
//!     .route(
//!         "/reports",
//!         get(|| async { "…" }).route_layer(RequireLayer::new(scope("reports:read"))),
//!     )
//!     .layer(AuthLayer::new(ApiKey::header("x-api-key", keys)));
//! # let _ = app;
//! # Ok::<(), tower_auth::ConfigError>(())
//! ```
//!
//! # The words
//!
//! They are the field's own (RFC 9110 section 11, OAuth, OpenAPI).
//!
//! | | |
//! |---|---|
//! | [`Scheme`] | finds its credentials in the head of a request and has them judged; several are one by [`or`](Scheme::or) |
//! | [`Location`], [`Place`] | where credentials are looked for, and where they were found |
//! | [`Verify`] | judges credentials: users, keys, tokens; usually a closure, [`verify_fn`] |
//! | [`Verdict`] | its answer, now or after I/O |
//! | [`Identity`], [`Anonymous`] | who is calling; exactly one of the two is behind an `AuthLayer` |
//! | [`Policy`] | a requirement on an identity: [`role`], [`scope`], [`claim`], [`subject`], [`policy_fn`] |
//! | [`AccessRules`] | policies over paths and methods, deny by default |
//! | [`Rejection`] | why a request was refused, and what the client is told |
//!
//! # The rooms
//!
//! | module | what |
//! |---|---|
#![cfg_attr(
    feature = "basic",
    doc = "| [`basic`] | the Basic scheme, and users in memory or in a file |"
)]
#![cfg_attr(
    feature = "password",
    doc = "| [`password`] | hashes, the bounded pool that checks and makes them, and what a new password has to be |"
)]
#![cfg_attr(
    feature = "accounts",
    doc = "| [`account`] | accounts: names of users |"
)]
#![cfg_attr(feature = "bearer", doc = "| [`bearer`] | bearer tokens |")]
#![cfg_attr(
    feature = "bearer",
    doc = "| [`well_known`] | telling clients where to get a token (RFC 9728) |"
)]
#![cfg_attr(
    feature = "jwt",
    doc = "| [`jwt`] | JSON Web Tokens as bearer tokens |"
)]
#![cfg_attr(
    feature = "jwks",
    doc = "| [`jwt::remote`] | keys from the issuer, found and refreshed |"
)]
#![cfg_attr(
    any(feature = "introspection", feature = "jwks", feature = "reqwest"),
    doc = "| [`fetch`] | fetching documents over HTTP |"
)]
#![cfg_attr(
    feature = "api-key",
    doc = "| [`api_key`] | API keys: the scheme, generated keys, and keys in memory |"
)]
#![cfg_attr(
    feature = "introspection",
    doc = "| [`introspection`] | opaque tokens, by asking who issued them |"
)]
#![cfg_attr(
    feature = "oauth2",
    doc = "| [`login`] | signing in with an identity provider |"
)]
#![cfg_attr(
    feature = "store",
    doc = "| [`store`] | where accounts, API keys and tokens are kept |"
)]
#![cfg_attr(
    feature = "issue",
    doc = "| [`issue`] | issuing tokens: access tokens, refresh tokens, log-out |"
)]
//! | [`revocation`] | refusing credentials before they expire |
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `basic`, `bearer`, `api-key`, `jwt` | yes | the schemes |
//! | `aws-lc-rs` | yes | verifies signatures of JWTs |
//! | `rust-crypto` | no | the same in pure Rust; with both, the application chooses by value |
//! | `password-import` | no | password hashes made elsewhere (bcrypt, scrypt, PBKDF2, SHA-crypt), and `htpasswd` files |
//! | `accounts` | no | registration and login; what a new password and a user's name have to be |
//! | `issue` | no | issuing, renewing and revoking tokens; cookies; rotation of keys |
//! | `store` | with the two above | the traits of stores, and one in memory |
//! | `sqlite`, `postgres`, `redis` | no | stores |
//! | `jwks` | no | keys from the issuer: discovery, refreshing, several issuers |
//! | `introspection` | no | opaque tokens, by asking who issued them (RFC 7662) |
//! | `oauth2` | no | signing in with an identity provider: OAuth 2.0, OpenID Connect |
//! | `reqwest` | no | the HTTP client for all of them, over rustls |
//! | `axum` | yes | extractors, and [`Rejection`] as a response |
//! | `tonic` | no | the identity in `tonic::Request`, and [`Rejection`] as a `Status` |
//! | `openapi` | no | schemes in OpenAPI documents, by utoipa: `OpenApiSecurity` |
//! | `tracing` | yes | one event per decision, target `tower_auth` |
//! | `full` | no | everything |
//!
//! # Events
//!
//! Every decision is one event: passes are `DEBUG`, refusals `INFO`, and what somebody has to
//! repair (a store that cannot be reached, a missing `AuthLayer`) `ERROR`. If a 503 is sent
//! because clients request more password hashes than can be computed, it is `INFO`, and a `WARN`
//! once a minute. Fields: `outcome`
//! (`allowed`, `anonymous`, `rejected`), `scheme`, `place`, `kind`, `detail`, `issuer`,
//! `subject`, `policy`, `error`; never a secret. Sessions tell of themselves, too (`issuer`,
//! `subject`, `session`): that they began or ended is `INFO`, and a refresh token that is used
//! again `WARN`. A failed login of an account is `INFO` with its `issuer` and `subject`. The name
//! that was typed is not logged, because people type passwords there.

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

mod authz;
#[cfg(any(feature = "introspection", feature = "jwt"))]
mod claims;
mod clock;
mod credential;
mod csrf;
mod error;
mod frameworks;
mod identity;
mod json;
mod layer;
mod observe;
mod realm;
mod rejection;
pub mod revocation;
mod scheme;
mod util;
mod verdict;
mod verify;

#[cfg(feature = "accounts")]
pub mod account;
#[cfg(any(feature = "introspection", feature = "jwks", feature = "reqwest"))]
pub mod fetch;
#[cfg(feature = "introspection")]
pub mod introspection;
#[cfg(feature = "issue")]
pub mod issue;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "oauth2")]
pub mod login;
#[cfg(feature = "password")]
pub mod password;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "bearer")]
pub mod well_known;

pub use authz::{
    AccessRules, All, Any, Authenticated, AuthenticatedWithin, Claim, Fresh, Not, Roles,
    RoutePattern, Scopes, Subject, all, all_scopes, any, any_role, authenticated,
    authenticated_within, claim, fresh, role, scope, subject,
};
pub use authz::{Policy, PolicyFn, policy_fn};
pub use clock::{Clock, SystemClock};
pub use credential::{Credential, Found, Location, Place};
pub use error::ConfigError;
#[cfg(feature = "axum")]
pub use frameworks::axum::Claims;
#[cfg(feature = "jsonwebtoken-12")]
pub use frameworks::jsonwebtoken;
#[cfg(feature = "openapi")]
pub use frameworks::openapi::OpenApiSecurity;
#[cfg(feature = "tonic")]
pub use frameworks::tonic::RequestExt;
pub use identity::{Anonymous, ClaimPath, Hierarchy, Identity};
pub use layer::{
    AuthLayer, AuthService, RequireLayer, RequireService, ResponseBody, ResponseFuture,
};
pub use rejection::{Challenge, Challenges, Format, Rejection, RejectionKind, Scope};
#[cfg(feature = "api-key")]
pub use scheme::api_key;
#[cfg(feature = "basic")]
pub use scheme::basic;
#[cfg(feature = "bearer")]
pub use scheme::bearer;
pub use scheme::{AnyOf, Attempt, Scheme};
pub use verdict::{IntoVerdict, Later, Now, Verdict};
pub use verify::{Verify, VerifyFn, verify_fn};

/// Compiles every snippet of the README.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "basic",
    feature = "jwt",
    feature = "api-key",
    feature = "introspection",
    feature = "tonic",
    feature = "accounts",
    feature = "issue",
    feature = "sqlite",
    feature = "oauth2",
    feature = "reqwest"
))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles every snippet of the page about providers.
#[cfg(all(doctest, feature = "jwks", feature = "reqwest"))]
#[doc = include_str!("../docs/providers.md")]
struct Providers;

/// Compiles every snippet of the page for users of `jsonwebtoken`.
#[cfg(all(doctest, feature = "issue", feature = "jsonwebtoken-12"))]
#[doc = include_str!("../docs/from-jsonwebtoken.md")]
struct FromJsonwebtoken;

/// Compiles the snippet of the page for who comes from Flask-JWT-Extended.
#[cfg(all(doctest, feature = "issue"))]
#[doc = include_str!("../docs/flask-jwt-extended.md")]
struct FlaskJwtExtended;
