//! Accounts and their passwords: registration, login, the limit of failed logins, hash formats,
//! and the policy for new passwords.

#[path = "../common/mod.rs"]
mod common;

mod concurrent_changes;
mod login_limits;
mod password_formats;
mod password_policy;
mod registration;
