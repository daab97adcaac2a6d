//! Passwords: hashed at rest with Argon2id (RFC 9106), checked where they stall nobody, and hard to
//! guess from the beginning.
//!
//! Checking a password is slow on purpose: some 15 ms and 19 MiB at the recommended cost. So it
//! has rules of its own, and [`HashPool`] is where they are kept:
//!
//! 1. It never runs on a runtime's thread. The pool has its own, at most one per core, started
//!    when they are needed and ended when they are idle. It works in any runtime, and without.
//! 2. A thread is busy for as long as its hash takes. That the request was dropped frees nothing.
//! 3. At most 64 attempts wait for a thread, and none for longer than a second. One more, or one
//!    second more, is [`Unavailable`](crate::RejectionKind::Unavailable): 503, never a denial.
//!    Credentials of the Basic scheme that were verified within the last hour have a queue of their
//!    own, which goes first. Clients with invented passwords can fill the queue of all others. A
//!    server that untrusted clients can reach should therefore have a limit per client address in
//!    front. A full queue is logged at `WARN`, at most once a minute; the rejections are logged at
//!    `INFO`.
//! 4. An attempt whose request is gone before its turn is skipped.
//! 5. The same attempt made twice at once is computed once.
//! 6. An unknown user costs as much as a wrong password, or response times would tell who exists:
//!    as much as the costliest hash seen within the last half an hour to an hour. Kinds are
//!    compared by [an estimate of their time](PasswordHash::estimated_time). With several kinds, or
//!    several costs, times still differ between users, and a hash that was not used for an hour
//!    may be costlier than what an unknown user costs, until its user is asked for once.
//!    [Replacing](PasswordHash::needs_rehash) the old ones ends that.
//! 7. New hashes are made by the same rules ([`HashPool::hash`]), each for itself. With the feature
//!    `accounts`, so is the estimate of how many guesses a new password takes.
//!
//! [`basic::Users`](crate::basic::Users) does all this by itself. An application whose users are
//! in its own database does it in a closure:
//!
//! ```
//! use tower_auth::basic::{Basic, Credentials};
//! use tower_auth::password::{HashPool, PasswordHash};
//! use tower_auth::{Identity, Rejection, verify_fn};
//!
//! # struct Row { id: u64, password_hash: String }
//! # async fn row_of(_: &str) -> Result<Option<Row>, std::io::Error> { Ok(None) }
//! let pool = HashPool::new()?;
//! let users = verify_fn(move |credentials: Credentials| {
//!     let pool = pool.clone();
//!     async move {
//!         let row = row_of(credentials.user()).await.map_err(Rejection::unavailable)?;
//!         let stored = row
//!             .as_ref()
//!             .map(|row| PasswordHash::parse(&row.password_hash))
//!             .transpose()
//!             .map_err(Rejection::unavailable)?;
//!         // Asked for an unknown user too: that costs the same.
//!         let right = pool
//!             .verify(credentials.user(), credentials.password(), stored.as_ref())
//!             .await?;
//!         match row {
//!             Some(row) if right => Ok(Identity::new(row.id.to_string())),
//!             _ => Err(Rejection::invalid()),
//!         }
//!     }
//! });
//! let basic = Basic::new("internal", users);
//! # let _ = basic;
//! # Ok::<(), tower_auth::ConfigError>(())
//! ```
//!
//! # Hashes made elsewhere
//!
//! With the feature `password-import`, [`PasswordHash::parse`] also reads bcrypt, scrypt, PBKDF2
//! and SHA-crypt, in the forms of crypt(3), PHC strings, passlib, Django and Werkzeug. Its table
//! has the forms and their bounds. For `htpasswd` files there is `basic::Htpasswd`. The crate makes
//! only Argon2id hashes: at the next login, replace an imported hash as [`HashPool::hash`] shows.
//!
//! Some passwords cannot be told apart by a format: those of more than 72 bytes or with a NUL in
//! bcrypt, and those of more than 511 bytes in SHA-crypt. Such a password does not match, and takes
//! as long as one that does.
//!
//! **Unknown formats.** If a hash has another format (such as `$1$`, `$apr1$`, `{SSHA}`,
//! `$argon2i$` or a format of your own), or costs more than the bounds allow, `parse` returns an
//! error. The caller decides what follows. The closure above answers with 503. `Accounts` logs an
//! error, and treats the account as one without a password. `Htpasswd` rejects the file. To keep
//! the passwords of such users with a closure of your own, hash each stored digest again, once, and
//! mark its row. A login then computes the old digest first, which must be fast, because it does
//! not run on a thread of the pool:
//!
//! ```
//! use tower_auth::{Rejection, password::{HashPool, PasswordHash}};
//!
//! # fn old_digest(_salt: &[u8], _password: &str) -> [u8; 20] { [0; 20] }
//! # async fn replace(_: &str, _: PasswordHash) {}
//! /// At import, without the password. It blocks.
//! fn import(stored: [u8; 20]) -> Result<PasswordHash, tower_auth::ConfigError> {
//!     PasswordHash::new(stored)
//! }
//!
//! /// At login.
//! async fn log_in(pool: &HashPool, user: &str, salt: &[u8], imported: &PasswordHash, password: &str)
//! -> Result<bool, Rejection> {
//!     let matches = pool.verify(user, old_digest(salt, password), Some(imported)).await?;
//!     if matches {
//!         // The user may log in, even if the pool is busy.
//!         if let Ok(new) = pool.hash(password).await {
//!             replace(user, new).await; // and removes the mark of the row
//!         }
//!     }
//!     Ok(matches)
//! }
//! ```
//!
//! **Unknown users.** `None` in [`HashPool::verify`] stands for an unknown user, or for one without
//! a password, and costs what rule 6 says. A new pool begins with the cost of a new Argon2id hash,
//! but the first hash that is verified replaces it. Cheap imported hashes therefore show in
//! response times:
//!
//! - If only cheap hashes were verified within the last half an hour to an hour, unknown users are
//!   rejected as fast as those. The first attempt for a user with a costlier hash takes longer, and
//!   so shows that the user exists.
//! - If costlier hashes were verified, too, a user with a cheap hash is rejected faster than an
//!   unknown user.
//!
//! To prevent both, give all users hashes of one cost before they are used. Compare
//! [`PasswordHash::estimated_time`] with that of a new hash. If it is much less, hash the stored
//! digest again as above, or store no hash and let the user set a new password. Until then, limit
//! the attempts of each client address.
//!
//! # New passwords
//!
//! With the feature `accounts`, `PasswordPolicy` says whether a password may be set (NIST SP
//! 800-63B-4), and `normalize` brings what is typed at login to the form that was hashed then.

mod cost;
mod formats;
mod hash;
mod nobody;
#[cfg(feature = "accounts")]
mod policy;
mod pool;
mod queue;
#[cfg(feature = "basic")]
mod remembered;

pub(crate) use cost::Cost;
pub use hash::PasswordHash;
#[cfg(feature = "accounts")]
pub use policy::{NormalizedPassword, PasswordPolicy, PolicyError, normalize};
pub use pool::HashPool;
#[cfg(any(feature = "accounts", feature = "basic"))]
pub(crate) use queue::Lane;
#[cfg(feature = "basic")]
pub(crate) use remembered::Remembered;
