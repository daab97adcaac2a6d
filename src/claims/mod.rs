//! Claims, wherever they come from: in a token, or in an answer about one.
//!
//! One rule for every reader:
//!
//! 1. `null` is absence: accepted where a claim is optional, refused where it is required.
//! 2. Where absence weakens a token, `null` is of the wrong type: `cnf`, the `active` of an
//!    introspection endpoint, and every parameter of a JOSE header.
//! 3. A claim that a check depends on has its type, or the token is refused. These are the issuer,
//!    the audience, the dates, the subject, roles and scopes, and what a revocation is asked by
//!    (`jti`, `sid`).
//! 4. The type of any other claim is the application's matter.
//! 5. A number is a subject only where the application names the claim.

pub(crate) mod date;
mod read;

#[allow(unused_imports, reason = "only JSON Web Tokens ask")]
pub(crate) use read::is_name;
#[allow(unused_imports, reason = "only logs show it")]
pub(crate) use read::shown;
pub(crate) use read::{
    WrongType, chosen_subject, is_confirmation, is_for, named, present, roles, scopes, subject,
    text,
};
