//! Passwords that users choose: their one spelling, and what they have to be.

mod common;
mod guess;
mod normalize;
mod password_policy;

pub use normalize::{NormalizedPassword, normalize};
pub use password_policy::{PasswordPolicy, PolicyError};
