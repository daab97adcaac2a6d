//! Issuing tokens: the whole life of a login, from the first token to log-out.
//!
//! [`TokenIssuer`] is the issuer. Who has shown who they are gets an access token, good for minutes,
//! and a refresh token, good for weeks:
//!
//! 1. An access token is a JWT by RFC 9068 (`typ` is `at+jwt`), signed by the key of
//!    [`SigningKeys`] that signs now. It says who, with which roles and scopes, until when, and
//!    to which session it belongs (`sid`). Any verifier with the [public keys](crate::well_known::JwksLayer)
//!    accepts it; [`TokenIssuer::verifier`] is the one at hand, and it asks what is revoked, too.
//! 2. A refresh token is opaque. It is good once: [`TokenIssuer::refresh`] gives a new pair. All that
//!    come of one login are a *family*, which ends after 90 days however often it is refreshed.
//! 3. A spent refresh token that is used again is in two hands. The family is ended, its access
//!    tokens are revoked, and an event says so (RFC 9700 section 4.14.2).
//! 4. If a client has lost the answer to a refresh, it uses a spent token again. If the token was
//!    spent within the last two minutes, and its successor is unspent, the client receives the same
//!    successor again. A family never forks. See [`TokenIssuerBuilder::retry_within`] for the cost of
//!    this window.
//! 5. Log-out ends the family and revokes its session; "log out everywhere" ends all families of
//!    a subject, and revokes all that the subject was issued so far. Each is 503 unless it is
//!    certain. A session or subject that is revoked by [`TokenIssuer::revocations`] is not renewed any
//!    more, either. Within a Tokio runtime, a log-out is finished even if the caller goes away.
//! 6. Only digests of refresh tokens are stored.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use tower_auth::{AuthLayer, bearer::Bearer, jwt::Algorithm};
//! use tower_auth::issue::{TokenSubject, Signer, SigningKeys, TokenIssuer};
//!
//! let keys = SigningKeys::new(Signer::generate(Algorithm::ES256)?);
//! let tokens = TokenIssuer::issuer("https://api.example.com/", keys)
//!     .audience("https://api.example.com/")
//!     .build()?;
//!
//! // One line of wiring: the verifier of what is issued here.
//! let layer = AuthLayer::new(Bearer::new(tokens.verifier()?));
//!
//! // Where a password has been checked, and where a pair is renewed:
//! let issued = tokens.start_session(TokenSubject::new("42").with_role("editor")).await?;
//! let renewed = tokens.refresh(issued.refresh_token()).await?;
//! # let _ = (layer, renewed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod access;
mod backend;
mod browser_sessions;
mod builder;
mod cookies;
mod csrf;
mod endpoint;
mod error;
mod grant;
mod issued;
mod issuer;
mod log;
mod refresh;
mod renew;
mod renewal;
mod sessions;
mod signer;
mod signing_keys;

pub use crate::util::return_path::return_path;
pub use browser_sessions::BrowserSessions;
pub use builder::TokenIssuerBuilder;
pub use cookies::{CookieBearer, Cookies, SameSite};
pub use csrf::Csrf;
pub use endpoint::{CredentialEndpointLayer, CredentialEndpointService};
pub use error::RefreshError;
pub use grant::TokenSubject;
pub use issued::{AccessToken, IssuedTokens};
pub use issuer::TokenIssuer;
pub use renew::{RenewLayer, RenewService};
pub use sessions::{Session, SessionPage};
pub use signer::Signer;
pub use signing_keys::SigningKeys;
