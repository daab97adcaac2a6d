//! Signing in with an identity provider: OAuth 2.0 and OpenID Connect.
//!
//! A [`Login`] is two things: a [`LoginLayer`] that answers `/login`, `/callback` and `/logout`
//! and passes everything else on, and a [`SessionScheme`] by which an
//! [`AuthLayer`](crate::AuthLayer) behind it knows who has logged in.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::get};
//! use tower_auth::{AuthLayer, ConfigError, Identity};
//! use tower_auth::login::{Login, Secret};
//!
//! # fn app(
//! #     client_secret: &str,
//! #     secret: &str,
//! #     client: impl tower_auth::fetch::Fetch,
//! # ) -> Result<Router, ConfigError> {
//! let login = Login::builder("https://login.example.com/")
//!     .client_basic("shop", client_secret)
//!     .redirect_uri("https://shop.example.com/callback")
//!     .secret(Secret::new(secret)?)
//!     .scope("profile offline_access")
//!     .roles_at("roles")
//! #   .fetch_with(tower_auth::fetch::fetch_fn(|_| async { Err::<http::Response<bytes::Bytes>, _>("") }))
//!     .build()?;
//!
//! let app = Router::new()
//!     .route("/me", get(|identity: Identity| async move { identity.subject().to_owned() }))
//!     .layer(AuthLayer::new(login.session())) // or login.session().or(Bearer::new(jwt))
//!     .layer(login.layer()); // the outermost
//! # Ok(app)
//! # }
//! # }
//! ```
//!
//! # A login
//!
//! 1. A browser that navigates and is refused with 401 is sent to `/login?return_to=…`; a call of
//!    an API keeps its 401. A link may lead there, too. `return_to` passes an allow-list: paths of
//!    this application, and [origins](LoginBuilder::allow_return_to) that are named. Anything else
//!    is 400.
//! 2. `/login` sends the browser to the provider: authorization code (RFC 6749 section 4.1) with
//!    `state`, PKCE by S256 (RFC 7636) and `nonce`, always all of them, and the redirect URI as it
//!    is configured. What it needs to remember is in a cookie of its own, for ten minutes, so that
//!    any server of a fleet takes the callback, and several tabs can sign in at once. There are at
//!    most five such cookies, with 6,000 bytes together, or less beside a session of more than 8
//!    KB. Beyond that, the oldest login is given up. A `return_to` of more than 2,048 bytes is not
//!    kept. If another site sends the browser here (`Sec-Fetch-Site`), the limit is 512 bytes. The
//!    user then lands [where logins end](LoginBuilder::after_login).
//! 3. `/callback` takes the answer: `state` by that cookie, `iss` (RFC 9207), then the code is
//!    exchanged with the verifier of PKCE and the client's own credentials. A response that comes
//!    again to a browser with a session leads to the page where logins end.
//! 4. The ID token is verified by this crate's own verifier: signature, `iss`, `aud`, `azp`,
//!    `nonce`, `exp`, `iat`, `at_hash`, and `auth_time` where an age was asked for (OpenID Connect
//!    Core section 3.1.3.7). The user-info endpoint is called if the application [asks for
//!    it](LoginBuilder::user_info), if the ID token lacks a configured claim, and without OpenID
//!    (section 5.3). Its `sub` must be that of the ID token, whose claims go first.
//! 5. There is a new session, whatever the browser had before, and the browser is sent on. Sessions of
//!    other schemes of the same [`AuthLayer`](crate::AuthLayer) end in this browser, because the last
//!    sign-in counts.
//! 6. Sessions are encrypted cookies that hold the tokens, or they are [in a
//!    store](LoginBuilder::sessions_in_store). A session takes up to four cookies with 14 KB
//!    together; many proxies accept only 8 KB in one field. Tokens are refreshed before they end,
//!    once, however many requests of a page come at a time. A refresh requests the resources of the
//!    login again.
//! 7. `/logout` ends the session, revokes the refresh token (RFC 7009) in the background and
//!    continues to the provider's own log-out. It takes a `POST`, or a `GET` by which a browser
//!    navigates from a page of the same origin. If the browser does not say where it comes from, it
//!    gets a page with a button. [`on_logout`](LoginBuilder::on_logout) also ends what the
//!    application keeps. In some browsers, a Content Security Policy of the
//!    application with `form-action 'self'` blocks the redirect to the provider. Allow the
//!    provider's origin there.
//!
//! [`nest`]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.nest
//!
//! # Below a path
//!
//! An application at `https://example.com/shop/` needs one setting,
//! [`public_url`](LoginBuilder::public_url). The redirect URI is then
//! `https://example.com/shop/callback`, and every address that a browser is sent to is below
//! `/shop`. It does not matter whether a proxy or a router removes `/shop` from the paths of
//! requests. The layer belongs outside of [`nest`], which passes only the routes of the inner router
//! on, and not `/shop/login`. A `return_to` that leads to
//! another application of the same host is refused. The cookies are for the whole host, so two
//! applications need cookies of [different names](LoginBuilder::cookie_name).
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! # use axum::{Router, routing::get};
//! # use tower_auth::{AuthLayer, ConfigError, login::{Login, Secret}};
//! # fn app(client_secret: &str, secret: Secret, client: impl tower_auth::fetch::Fetch) -> Result<Router, ConfigError> {
//! let login = Login::builder("https://login.example.com/")
//!     .client_basic("shop", client_secret)
//!     .public_url("https://example.com/shop")
//!     .secret(secret)
//! #   .fetch_with(client)
//!     .build()?;
//! let shop = Router::new()
//!     .route("/me", get(|| async { "me" }))
//!     .layer(AuthLayer::new(login.session()));
//! // A browser without a session is sent from `/shop/me` to `/shop/login?return_to=%2Fshop%2Fme`.
//! let app = Router::new().nest("/shop", shop).layer(login.layer());
//! # Ok(app)
//! # }
//! # }
//! ```
//!
//! # Cookies
//!
//! All are `__Host-`, `Secure`, `HttpOnly` and `SameSite=Lax`, encrypted by XChaCha20-Poly1305
//! under keys derived (HKDF-SHA-256) from the [`Secret`], bound to what they are for, their name
//! and their time. They expire at the time that is written inside of them. Some browsers also
//! accept `Secure` cookies from `http://localhost`. In a browser that does not, such as Safari, a
//! login ends with 400 at the callback. For development there, see
//! [`dangerous_insecure_cookies_on_loopback`](LoginBuilder::dangerous_insecure_cookies_on_loopback). A cookie that cannot be decrypted may belong to another application on the same
//! host, so it is rejected, and not cleared. Two logins for one host need
//! [names](LoginBuilder::cookie_name) and paths of their own. One cookie has no content. It marks
//! that a login has ended within the last ten seconds,
//! so that a user whom the application refuses is not sent round in circles.
//!
//! # What a store adds
//!
//! Without [`store`](LoginBuilder::store) servers share nothing but the secret. Then
//!
//! * that a code is used once is up to the provider. A callback that is sent again, with its
//!   cookie, gets as far as the token endpoint, and is refused there;
//! * a browser may try codes with one state for ten minutes, each at the token endpoint;
//! * a copy of a session's cookie lives on after log-out, until the session's end;
//! * after a refresh, a late response of another server can set the cookies of a session that has
//!   been logged out or replaced meanwhile;
//! * two servers may refresh at the same time, which a provider that rotates refresh tokens may
//!   take for a theft.
//!
//! With one a `state` comes back once, log-out is for every copy, one server refreshes, and the
//! provider can [log users out](LoginBuilder::backchannel_logout_path).
//! [`sessions_in_store`](LoginBuilder::sessions_in_store) is the safest: a refresh then sets no
//! cookies, so a late response cannot set them either. Marks of ended sessions are as durable as
//! the store. If a store loses data early, ended sessions in cookies are accepted again, and
//! sessions in the store end. If a store is restored from a snapshot, as Redis may be by a restart,
//! it accepts copies of cookies again whose sessions have ended since the snapshot.
//!
//! # Refusals
//!
//! The provider's own texts are not shown to users. Logs have an error code if it matches
//! `[a-z_]{1,40}`.
//!
//! | | |
//! |---|---|
//! | a strange, old, replayed or mixed-up callback | 400 |
//! | a code that the token endpoint rejects, by any error code; a wrong ID token; `login_required` and the like | 401 |
//! | a refresh token that the token endpoint rejects, by any error code; the session then ends | 401 |
//! | `access_denied` | 403 |
//! | the provider cannot be reached, or rejects this application's configuration (`invalid_client`, `invalid_scope` and the like) | 503 |
//! | a refresh that fails in one of these ways, after the access token has expired; the session is kept | 503 |
//!
//! If the refreshes of a session are answered with the same 4xx for five minutes, the session ends.
//!
//! A browser gets a small page, everybody else `application/problem+json`. The source of the
//! [`Rejection`](crate::Rejection) is a [`LoginError`].
//!
//! # What is not here
//!
//! Encrypted ID tokens are not supported. ID tokens that are signed with the client's secret
//! (HS256) need the secret as a key of at least 32 bytes by [`keys`](LoginBuilder::keys). The
//! provider's
//! metadata is not checked for PKCE support. If a provider ignores PKCE, public clients without
//! OpenID have no defence against stolen codes (RFC 9700 section 2.1.1).

mod base;
mod build;
mod builder;
mod callback;
mod client;
mod cookies;
mod displaced;
mod error;
mod fields;
mod form;
mod id_token;
mod layer;
mod log;
mod logout;
mod merge;
mod page;
mod path;
mod pending;
mod provider;
mod recent;
mod refresh;
mod request;
mod return_to;
mod scheme;
mod seal;
mod secret;
mod session;
mod sessions;
mod start;
mod state;
mod tenants;
mod tokens;
mod turns;
mod user_info;

pub use builder::LoginBuilder;
pub use error::LoginError;
pub use layer::{LoginFuture, LoginLayer, LoginService};
pub use request::AuthRequest;
#[cfg(feature = "axum")]
pub(crate) use scheme::NAME as SCHEME;
pub use scheme::SessionScheme;
pub use secret::Secret;
pub use state::{LoggedIn, LoggedOut, LoggingOut, Login};
pub use tokens::{ProviderToken, TokenSet};
