//! [`AuthLayer`]: says who is calling, to everything behind it.
//!
//! For every request, in this order:
//!
//! 1. What an outer layer said is removed; the innermost layer decides.
//! 2. A CORS preflight goes inward as [`Anonymous`](crate::Anonymous), where that is allowed,
//!    whatever it carries and whatever the rules say.
//! 3. With [rules](AuthLayer::rules): an ambiguous path is refused, and the path's rule found.
//! 4. More than one `Authorization` field, or more than one credential, is 400.
//! 5. No credentials: a visitor goes inward as `Anonymous` where visitors are welcome, else 401;
//!    so does an `Authorization` that no scheme claims.
//! 6. What a browser may have sent on behalf of another site passes the cross-site check, or 403.
//! 7. The one scheme whose credentials they are judges.
//! 8. The application's own user is [loaded](AuthLayer::load).
//! 9. The path's rule is applied.
//! 10. The [`Identity`](crate::Identity) goes into the request's extensions and the request
//!     inward, its credentials hidden from `Debug` and stripped from the query.
//!
//! And for every response: a [`Rejection`](crate::Rejection) from inside that nobody has
//! completed gets the schemes' challenges; what a shared cache must not mix up is marked.

mod finish;
mod judge;
mod layer;
mod load;

pub use layer::{AuthLayer, AuthService};
