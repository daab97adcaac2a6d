//! Accounts: registration and login.
//!
//! 1. A [`UserName`] is in the one spelling under which it is stored and looked up; what a
//!    password has to be says [`PasswordPolicy`](crate::password::PasswordPolicy).
//! 2. [`Accounts::register`] adds an account. Of any number of calls for one name, one is
//!    successful. Its subject is random, and never given to another.
//! 3. [`Accounts::log_in`] takes as long for a name that is unknown as for a wrong password, and
//!    answers both alike. Passwords are hashed on the threads of a
//!    [`HashPool`](crate::password::HashPool), never on a runtime's.
//! 4. A stored hash that is not as strong as those made today, such as one that another system
//!    made, is replaced at the next login.
//! 5. Failed logins are [limited](Accounts::with_attempt_store): 100 per name and hour. They are
//!    counted in memory, or in a store that several servers share.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use tower_auth::account::Accounts;
//! use tower_auth::store::MemoryStore;
//!
//! let store = MemoryStore::new();
//! let accounts = Accounts::new("https://api.example.com/", store.clone())?
//!     .with_attempt_store(store);
//!
//! accounts.register("Ada", "a quiet harbour at dusk").await?;
//! let ada = accounts.log_in("ada", "a quiet harbour at dusk").await?;
//! assert!(accounts.log_in("ada", "a guess").await.is_err());
//! # let _ = ada;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! To keep a user logged in, pass the identity to a `TokenIssuer`, or keep it in a session of the
//! application's own.

mod accounts;
mod attempts;
#[cfg(feature = "basic")]
mod basic;
mod name;

pub use accounts::{Accounts, ChangeError, RegisterError};
pub use name::{NameError, UserName};
