//! Claims, wherever they come from: in a token, or in an answer about one.
//!
//! What is there has to be of its right type; a claim that reads one way here and another way
//! elsewhere is refused.

pub(crate) mod date;
mod read;

#[allow(unused_imports, reason = "only JSON Web Tokens ask")]
pub(crate) use read::is_name;
pub(crate) use read::{WrongType, is_for, roles, scopes, subject, text};
