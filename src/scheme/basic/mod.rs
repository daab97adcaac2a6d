//! HTTP Basic authentication (RFC 7617): a user name and a password with every request.
//!
//! 1. The credentials are what follows `Basic` and its spaces in the `Authorization` field; the
//!    scheme's name is case-insensitive (RFC 7617 section 2, RFC 9110 section 11.4). A repeated
//!    field is 400.
//! 2. At most 4096 bytes of canonical base64 (RFC 4648 sections 3.2 and 3.5), UTF-8 inside
//!    (RFC 7617 section 2.1), the user up to the first colon, the password behind it, no control
//!    characters (section 2). Everything else is 400, and reaches no verifier.
//! 3. The verifier judges: [`Users`], the users of an `htpasswd` file (`Htpasswd`, with the
//!    feature `password-import`), or an application's own ([`verify_fn`](crate::verify_fn)).
//! 4. Names and passwords are compared as they were sent, byte for byte. Who wants
//!    `e` + accent and `é` to be the same normalises both in a verifier (RFC 8265).
//! 5. A 401 says `Basic realm="…", charset="UTF-8"` (section 2.1).
//!
//! Browsers send these credentials again by themselves, so that requests pass the cross-site
//! check of the layer as those with a cookie do.
//!
//! ```
//! use tower_auth::basic::{Basic, User, Users};
//! use tower_auth::password::PasswordHash;
//!
//! let users = Users::new([
//!     User::new("Aladdin", PasswordHash::new("open sesame")?).with_role("hero"),
//!     User::new("Jafar", PasswordHash::new("prince ali")?),
//! ])?;
//! let basic = Basic::new("internal", users.clone());
//!
//! // While the server runs:
//! users.set_enabled("Jafar", false);
//! # let _ = basic;
//! # Ok::<(), tower_auth::ConfigError>(())
//! ```
//!
//! The password is checked by [`password::HashPool`](crate::password::HashPool).

mod credentials;
#[cfg(feature = "password-import")]
mod htpasswd;
mod parse;
mod scheme;
mod table;
mod user;
mod users;

pub use credentials::Credentials;
#[cfg(feature = "password-import")]
pub use htpasswd::Htpasswd;
pub use scheme::Basic;
pub use user::User;
pub use users::Users;
