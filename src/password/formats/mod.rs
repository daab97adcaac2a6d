//! The kinds of hashes: how each is written, bounded and computed.
//!
//! A kind is a few numbers, a salt and an output. What is read from a stored hash decides what
//! checking it costs, so each file bounds its own numbers before anything is computed, and takes
//! one spelling only.

mod argon2id;
#[cfg(feature = "password-import")]
mod imported;
#[cfg(not(feature = "password-import"))]
#[path = "not_imported.rs"]
mod imported;
mod kind;
mod parsed;
mod phc;
#[cfg(feature = "password-import")]
mod text;

pub(super) use argon2id::Argon2id;
pub(super) use kind::{Kind, read};
pub(super) use parsed::{Impossible, Parsed};
