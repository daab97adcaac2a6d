//! Accounts, and what keeps them.

use crate::Verdict;
use std::{fmt, sync::Arc, time::SystemTime};

/// Somebody who has registered.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Within what the subject and the name are unique: the issuer of tokens, or a realm.
    pub issuer: String,
    /// The permanent id of the account. It is random, and is never given to another account.
    pub subject: String,
    /// The name that the owner chose, in normal form.
    pub name: String,
    /// The hash of the password ([`PasswordHash`](crate::password) as text); none where the owner
    /// logs in elsewhere.
    pub password_hash: Option<String>,
    /// The roles of the owner.
    pub roles: Vec<String>,
    /// Whether the owner may log in.
    pub enabled: bool,
    /// When it was registered; whole seconds count.
    pub created_at: SystemTime,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("roles", &self.roles)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// Keeps accounts.
pub trait AccountStore: Send + Sync + 'static {
    /// Adds an account; `false` if its issuer knows the name or the subject already.
    fn add_account(&self, account: &Account) -> Verdict<bool>;

    /// The account of this name.
    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>>;

    /// The account of this subject.
    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>>;

    /// Replaces the hash of the password, if it still is `old`; says whether it was.
    fn set_password_hash(
        &self,
        issuer: &str,
        subject: &str,
        old: Option<&str>,
        new: &str,
    ) -> Verdict<bool>;

    /// Replaces the roles; `false` if there is no such account.
    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool>;

    /// Lets the owner log in, or no longer; `false` if there is no such account.
    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool>;

    /// Removes an account; `false` if there was none.
    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool>;
}

impl<S: AccountStore + ?Sized> AccountStore for Arc<S> {
    fn add_account(&self, account: &Account) -> Verdict<bool> {
        (**self).add_account(account)
    }

    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>> {
        (**self).account_named(issuer, name)
    }

    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>> {
        (**self).account(issuer, subject)
    }

    fn set_password_hash(
        &self,
        issuer: &str,
        subject: &str,
        old: Option<&str>,
        new: &str,
    ) -> Verdict<bool> {
        (**self).set_password_hash(issuer, subject, old, new)
    }

    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool> {
        (**self).set_roles(issuer, subject, roles)
    }

    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool> {
        (**self).set_enabled(issuer, subject, enabled)
    }

    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool> {
        (**self).remove_account(issuer, subject)
    }
}
