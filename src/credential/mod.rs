//! Credentials in a request: where they are, and which of several is used.
//!
//! A scheme has [`Location`]s. A request has its credential in one [`Place`].
//!
//! One request, one credential. [`Found::and`] is the only implementation of these rules, within a
//! scheme and across schemes:
//!
//! 1. A location that is filled twice is ambiguous.
//! 2. Two explicit places that are filled at once are ambiguous. Such a request is rejected with
//!    400 before anything is verified.
//! 3. An ambient place (a cookie, a client certificate: sent without being asked) yields to an
//!    explicit one.
//! 4. Of several ambient ones the first in the configured order is used. The next one is tried
//!    only if the credential is invalid.
//!
//! Another site can make a browser send the credentials that browsers send by themselves. Such
//! credentials have to pass a cross-site check first, see
//! [`AuthLayer`](crate::AuthLayer#cross-site-requests).

mod authorization;
mod cookie;
#[allow(
    clippy::module_inception,
    reason = "the module of the type `Credential`"
)]
mod credential;
mod found;
mod items;
mod location;
mod place;
mod query;
mod strip;
mod unread;
mod websocket;

pub(crate) use cookie::{cookie_name, sets_cookie};
pub use credential::Credential;
pub use found::Found;
pub(crate) use items::is_repeated;
pub use location::Location;
pub(crate) use location::Locations;
pub use place::Place;
pub(crate) use strip::Strip;
pub use unread::UnreadAuthorization;
