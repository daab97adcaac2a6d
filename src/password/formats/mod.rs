//! The formats of password hashes: how each is written, bounded and computed.
//!
//! A format is a few numbers, a salt and an output. The numbers of a stored hash decide what
//! verifying the hash costs. Each file therefore bounds its numbers before anything is computed,
//! and accepts one spelling only.
//!
//! # Adding a format
//!
//! A file in `imported/` has a type for the numbers and four functions. `bcrypt.rs` is the
//! shortest.
//!
//! 1. `read(text)` returns `None` if the text has another format, by its prefix. It returns an
//!    error if the text has the prefix and is malformed, is spelled in another way than the format
//!    writes it, or is beyond the bounds. Bounds are chosen so that one hash takes at most some two
//!    seconds of one core and 256 MiB. [`Parsed::new`] bounds the salt and the output, `kind.rs`
//!    the text.
//! 2. `nanos` estimates the time from the numbers, by a rate that was measured. An unknown user
//!    costs as much as the costliest hash by this estimate.
//! 3. `output_len` returns the length of the output for a hash that no password matches.
//! 4. `compute` writes the whole output. If the format cannot tell the password from another one
//!    (by truncation, for example), it returns `false`, after the same time.
//!
//! `imported/kind.rs` gets a variant of its `Kind`, and one line in `read` and in each `match`.

mod argon2id;
#[cfg(feature = "password-import")]
mod imported;
mod kind;
mod parsed;
mod phc;
#[cfg(feature = "password-import")]
mod text;

pub(super) use argon2id::Argon2id;
pub(super) use kind::{Kind, read};
pub(super) use parsed::{Impossible, Parsed};
