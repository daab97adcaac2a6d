//! Accounts: who registers, and under which name.
//!
//! [`UserName`] is a name in the one spelling under which it is stored and looked up; what a
//! password has to be says [`PasswordPolicy`](crate::password::PasswordPolicy).

mod name;

pub use name::{NameError, UserName};
