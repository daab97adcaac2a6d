//! Passwords that users choose: their one spelling, and what they have to be.

mod common;
mod guess;
mod normalize;
mod policy;

pub use normalize::{NormalizedPassword, normalize};
pub use policy::{PasswordPolicy, PolicyError};
