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
//! 6. Roles and scopes of several claims add up ([`IdentityPaths`]).
//! 7. The first present claim of a list is the subject. A list for users and a list for clients
//!    keep the two apart ([`Subject`]).

pub(crate) mod date;
mod paths;
mod read;

pub(crate) use paths::{IdentityPaths, Subject, SubjectError};
pub(crate) use read::{WrongType, is_confirmation, is_for, present, text};
#[cfg(feature = "jwt")]
pub(crate) use read::{is_bound_to, type_of};
