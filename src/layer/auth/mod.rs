//! [`AuthLayer`] establishes the caller of each request.
//!
//! For each request, in this order:
//!
//! 1. Remove any caller that an outer `AuthLayer` has established, so the innermost layer wins.
//! 2. A CORS preflight continues as [`Anonymous`](crate::Anonymous), if that is
//!    [allowed](AuthLayer::allow_preflight), whatever credentials it carries and whatever the
//!    rules are.
//! 3. With [rules](AuthLayer::rules): reject an ambiguous path with 400, and find the rule of the
//!    path.
//! 4. Reject more than one `Authorization` field with 400.
//! 5. Ask every scheme for its credential. If there is none, the request continues as `Anonymous`
//!    if the path is open: the rule [allows](crate::AccessRules::allow) it, or there are no rules
//!    and the layer is [`optional`](AuthLayer::optional). Otherwise the request is rejected with
//!    401. An `Authorization` field that no scheme recognizes is always rejected with 401.
//! 6. If another site may have made a browser send the credential, the request has to pass the
//!    cross-site check; otherwise it is rejected with 403.
//! 7. Reject more than one credential, or a malformed one, with 400. Otherwise the one scheme
//!    whose credential is used has it verified.
//! 8. If an ambient credential is invalid, continue at step 6 with the next ambient one. If none is
//!    left, and the credential is a cookie that is invalid, malformed or ambiguous, the request
//!    continues as `Anonymous` if the path is open. Every other rejection ends the request.
//! 9. [Change](AuthLayer::map_identity) the identity, and [load](AuthLayer::load) the application's
//!    own user. If there is none, continue at step 8.
//! 10. Apply the rule of the path.
//! 11. Call the inner service. The [`Identity`](crate::Identity) is in the request's extensions.
//!     Credentials are hidden from `Debug` and removed from the query.
//!
//! | on an open path, a cookie that | outcome |
//! |---|---|
//! | fails the cross-site check | 403, before it is verified |
//! | is invalid, malformed or ambiguous | `Anonymous`, with the [rejection](crate::Anonymous::rejection) |
//! | cannot be verified now | 503 |
//! | is limited | 429 |
//! | is of a user that has to authenticate again | 401 |
//! | is not allowed by its verifier | 403 |
//!
//! For each response: a [`Rejection`](crate::Rejection) from the inner service that no other layer
//! has completed gets the challenges of the schemes. Responses that a shared cache could give to
//! another caller are marked.

mod authentication;
mod browser;
mod choice;
mod config;
mod decision;
mod layer;
mod load;
mod response;

pub use decision::{Decision, Outcome};
pub use layer::{AuthLayer, AuthService};
