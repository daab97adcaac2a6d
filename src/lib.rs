//! Authentication and authorization middleware for [tower](https://docs.rs/tower) services: axum,
//! tonic and hyper servers.
//!
//! An [`AuthLayer`] in front of a service finds the credentials of a request, verifies them, and
//! puts one [`Identity`] into the request's extensions. A [`RequireLayer`] or [`AccessRules`]
//! authorize the request. A request that is not accepted is answered with a [`Rejection`].
//!
#![cfg_attr(feature = "axum", doc = "```")]
#![cfg_attr(not(feature = "axum"), doc = "```ignore")]
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
//! # Concepts
//!
//! | | |
//! |---|---|
//! | [`Scheme`] | finds a credential in the head of a request and has it verified; several schemes are a list, see [`or`](Scheme::or) |
//! | [`Location`] | where a scheme looks for its credential |
//! | [`Verify`] | verifies credentials: users, keys, tokens; usually a closure, [`verify_fn`] |
//! | [`Verdict`] | the result of a check, ready or pending on I/O |
//! | [`Identity`], [`Anonymous`] | the caller; exactly one of the two is in the extensions behind an `AuthLayer` |
//! | [`Policy`] | a requirement on an identity: [`role`], [`scope`], [`claim`], [`subject`], [`policy_fn`] |
//! | [`AccessRules`] | policies for paths and methods, deny by default |
//! | [`Rejection`] | the reason why a request is rejected, and the response that the client gets |
//!
//! # Modules
//!
//! The names at the root protect a route; everything else lives in a module.
//!
//! | module | contents |
//! |---|---|
//! | [`layer`] | the services and bodies of the layers |
//! | [`scheme`], [`credential`] | schemes of your own: [`Attempt`](scheme::Attempt), [`Found`](credential::Found), [`Credential`](credential::Credential) |
//! | [`verify`], [`verdict`] | types of verifiers and of closures |
//! | [`authz`] | policies and their combinators, [`RoutePattern`](authz::RoutePattern), recent authentication |
//! | [`identity`], [`rejection`], [`clock`] | parts of identities, challenges and formats of rejections, the time |
//! | [`bearer`] | bearer tokens |
//! | [`api_key`] | API keys: the scheme, generated keys, keys in memory and in a store |
#![cfg_attr(
    feature = "basic",
    doc = "| [`basic`] | the Basic scheme, and users in memory or in a file |"
)]
#![cfg_attr(
    feature = "basic",
    doc = "| [`password`] | password hashes, the bounded pool that computes them, rules for new passwords |"
)]
#![cfg_attr(
    feature = "jwt",
    doc = "| [`jwt`] | JSON Web Tokens as bearer tokens |"
)]
#![cfg_attr(
    feature = "jwks",
    doc = "| [`jwt::remote`] | keys from the issuer, fetched and refreshed |"
)]
#![cfg_attr(
    feature = "introspection",
    doc = "| [`introspection`] | opaque tokens, verified by their issuer |"
)]
//! | [`revocation`] | rejecting credentials before they expire |
#![cfg_attr(
    feature = "login",
    doc = "| [`login`] | signing in with an identity provider |"
)]
#![cfg_attr(
    feature = "accounts",
    doc = "| [`account`] | accounts: registration and login |"
)]
#![cfg_attr(
    feature = "issue",
    doc = "| [`issue`] | tokens of your own: access tokens, refresh tokens, log-out |"
)]
#![cfg_attr(
    feature = "store",
    doc = "| [`store`] | where accounts, API keys and tokens are stored |"
)]
//! | [`well_known`] | published documents: key sets, and where to get a token (RFC 9728) |
#![cfg_attr(
    any(feature = "introspection", feature = "jwks", feature = "reqwest"),
    doc = "| [`fetch`] | HTTP requests of this crate, by its client or one of your own |"
)]
#![cfg_attr(
    feature = "axum",
    doc = "| [`axum`] | the extractor [`Claims`](axum::Claims) |"
)]
#![cfg_attr(
    feature = "tonic",
    doc = "| [`tonic`] | the identity in `tonic::Request` |"
)]
#![cfg_attr(
    feature = "openapi",
    doc = "| [`openapi`] | schemes in OpenAPI documents |"
)]
#![cfg_attr(
    feature = "jsonwebtoken-12",
    doc = "| [`jsonwebtoken`] | conversions from and to the keys of `jsonwebtoken` |"
)]
//!
//! # Features
//!
//! | I want … | feature |
//! |---|---|
//! | the tokens of an identity provider: keys that are fetched and refreshed, introspection of opaque tokens, and the HTTP client for both | `provider` |
//! | users that sign in with an identity provider (OpenID Connect, OAuth 2.0), with the HTTP client | `login` |
//! | my own accounts and tokens: registration, passwords, access and refresh tokens; add a store | `app` |
//! | everything | `full` |
//! | Basic authentication and passwords: Argon2id on a bounded pool of threads | `basic`, by default |
//! | password hashes of other software (bcrypt, scrypt, PBKDF2, SHA-crypt), and `htpasswd` files | `password-import` |
//! | JSON Web Tokens as bearer tokens; add a cryptographic backend | `jwt`, by default |
//! | AWS-LC as the cryptographic backend: fast, needs a C compiler | `aws-lc-rs`, by default |
//! | RustCrypto as the cryptographic backend: nothing but Rust | `rust-crypto` |
//! | keys from the issuer, fetched by an HTTP client of my own | `jwks` |
//! | introspection of opaque tokens (RFC 7662), by an HTTP client of my own | `introspection` |
//! | the HTTP client alone, over rustls, with the certificates that the system trusts | `reqwest` |
//! | accounts without tokens: registration, login, rules for new passwords | `accounts` |
//! | tokens without accounts: access tokens, refresh tokens, cookies, log-out, rotation of keys | `issue` |
//! | the traits of stores, and a store in memory | `store` |
//! | a store in a SQLite file | `sqlite` |
//! | a store in PostgreSQL | `postgres` |
//! | a store in Redis | `redis` |
//! | extractors for axum handlers, and rejections as axum responses | `axum`, by default |
//! | the identity in `tonic::Request`, and rejections as `tonic::Status` | `tonic` |
//! | schemes in OpenAPI documents, by utoipa | `openapi` |
//! | conversions from and to the keys of `jsonwebtoken` 12, and a `CryptoProvider` for it | `jsonwebtoken-12` |
//! | a structured log event for each decision | `tracing`, by default |
//!
//! Bearer tokens, API keys, policies and rules need no feature.
//!
//! # Events
//!
//! Every decision is one event. Accepted requests are logged at `DEBUG`, and rejections at `INFO`, also
//! those that a handler returns. Bugs of the application (a missing `AuthLayer`, claims that do not fit
//! the type of a handler) are logged at `ERROR`. Claims that do not fit are an `ERROR` once a minute per
//! issuer and path, and `DEBUG` otherwise.
//!
//! If a store or server cannot be reached, the first rejection is logged at `ERROR`, the following ones
//! at `DEBUG`, and the end of the outage at `INFO`. If a 503 is sent because clients request more
//! password hashes than can be computed, it is `INFO`, and a `WARN` once a minute.
//!
//! The fields are `outcome` (`allowed`, `anonymous`, `rejected`), `scheme`, `place`, `kind`, `detail`,
//! `issuer`, `subject`, `policy` and `error`. No field is secret. `error` names both sides of the check
//! that failed.
//!
//! Begin and end of a session are logged at `INFO`, a renewal at `DEBUG`, and a refresh token that is
//! used again at `WARN`, with `issuer`, `subject` and `session`. A log-in to an account is `INFO`, and a
//! failed one, too, with its `issuer` and `subject`. The name
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

pub mod authz;
#[cfg(any(feature = "introspection", feature = "jwt"))]
mod claims;
pub mod clock;
pub mod credential;
mod csrf;
mod error;
mod frameworks;
pub mod identity;
#[cfg(any(feature = "introspection", feature = "jwt"))]
mod json;
pub mod layer;
mod observe;
pub mod rejection;
pub mod revocation;
pub mod scheme;
mod util;
pub mod verdict;
pub mod verify;

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
#[cfg(feature = "login")]
pub mod login;
#[cfg(feature = "basic")]
pub mod password;
#[cfg(feature = "store")]
pub mod store;
pub mod well_known;

pub use authz::{
    AccessRules, Policy, all_scopes, any_role, authenticated, claim, policy_fn, role, scope,
    subject,
};
pub use credential::Location;
pub use error::ConfigError;
pub use identity::{Anonymous, Identity};
pub use layer::{AuthLayer, RequireLayer};
pub use rejection::{Rejection, RejectionKind};
pub use scheme::Scheme;
pub use verdict::Verdict;
pub use verify::{Verify, verify_fn};

// Modules that lie in folders which group them.
#[cfg(feature = "axum")]
pub use frameworks::axum;
#[cfg(feature = "jsonwebtoken-12")]
pub use frameworks::jsonwebtoken;
#[cfg(feature = "openapi")]
pub use frameworks::openapi;
#[cfg(feature = "tonic")]
pub use frameworks::tonic;
#[cfg(feature = "basic")]
pub use scheme::basic;
pub use scheme::{api_key, bearer};

/// Compiles every snippet of the README.
#[cfg(all(
    doctest,
    feature = "app",
    feature = "axum",
    feature = "login",
    feature = "provider",
    feature = "sqlite",
    feature = "tonic"
))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles every snippet of the page about providers.
#[cfg(all(doctest, feature = "provider"))]
#[doc = include_str!("../docs/providers.md")]
struct Providers;

/// Compiles every snippet of the page about edges and workloads.
#[cfg(all(doctest, feature = "provider"))]
#[doc = include_str!("../docs/workloads.md")]
struct Workloads;

/// Compiles every snippet of the page about signing in.
#[cfg(all(doctest, feature = "login"))]
#[doc = include_str!("../docs/sign-in.md")]
struct SignIn;

/// Compiles every snippet of the page about proxies.
#[cfg(all(doctest, feature = "login"))]
#[doc = include_str!("../docs/behind-a-proxy.md")]
struct BehindAProxy;

/// Compiles every snippet of the page for users of `jsonwebtoken`.
#[cfg(all(doctest, feature = "issue", feature = "jsonwebtoken-12"))]
#[doc = include_str!("../docs/from-jsonwebtoken.md")]
struct FromJsonwebtoken;

/// Compiles the snippet of the page for who comes from Flask-JWT-Extended.
#[cfg(all(doctest, feature = "issue"))]
#[doc = include_str!("../docs/flask-jwt-extended.md")]
struct FlaskJwtExtended;
