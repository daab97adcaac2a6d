//! Claims, wherever they come from: in a token, or in an answer about one.
//!
//! Every reader follows the same rules:
//!
//! 1. A claim that is `null` is absent. It is accepted if the claim is optional, and rejected if
//!    the claim is required.
//! 2. If the absence of a claim weakens a token, `null` has the wrong type. This applies to `cnf`,
//!    to the `active` of an introspection endpoint, and to every parameter of a JOSE header.
//! 3. If a check depends on a claim, the claim must have its type. Otherwise the token is rejected.
//!    Such claims are the issuer, the audience, the dates, the subject, roles and scopes, and the
//!    names that revocations are looked up by (`jti`, `sid`).
//! 4. The application decides about the type of any other claim.
//! 5. A number is a subject only if the application names the claim.

pub(crate) mod date;
mod read;

#[cfg(feature = "login")]
pub(crate) use read::digits;
pub(crate) use read::{
    WrongType, chosen_subject, is_confirmation, is_for, present, roles, scopes, subject, text,
};
#[cfg(feature = "jwt")]
pub(crate) use read::{is_bound_to, type_of};
