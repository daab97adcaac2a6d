//! Accounts in memory.

use super::store::{MemoryStore, ready, within};
use crate::{
    Verdict,
    store::{Account, AccountStore},
};

impl AccountStore for MemoryStore {
    fn add_account(&self, account: &Account) -> Verdict<bool> {
        let mut tables = self.tables();
        let name = within(&account.issuer, &account.name);
        let key = within(&account.issuer, &account.subject);
        if tables.names.contains_key(&name) || tables.accounts.contains_key(&key) {
            return ready(false);
        }
        tables.names.insert(name, account.subject.clone());
        tables.accounts.insert(key, account.clone());
        ready(true)
    }

    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>> {
        let tables = self.tables();
        let subject = tables.names.get(&within(issuer, name));
        ready(subject.and_then(|subject| tables.accounts.get(&within(issuer, subject)).cloned()))
    }

    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>> {
        ready(
            self.tables()
                .accounts
                .get(&within(issuer, subject))
                .cloned(),
        )
    }

    fn set_password_hash(
        &self,
        issuer: &str,
        subject: &str,
        old: Option<&str>,
        new: &str,
    ) -> Verdict<bool> {
        let mut tables = self.tables();
        let account = tables.accounts.get_mut(&within(issuer, subject));
        let account = account.filter(|account| account.password_hash.as_deref() == old);
        ready(
            account
                .map(|account| account.password_hash = Some(new.to_owned()))
                .is_some(),
        )
    }

    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool> {
        let mut tables = self.tables();
        let account = tables.accounts.get_mut(&within(issuer, subject));
        ready(
            account
                .map(|account| account.roles = roles.to_vec())
                .is_some(),
        )
    }

    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool> {
        let mut tables = self.tables();
        let account = tables.accounts.get_mut(&within(issuer, subject));
        ready(account.map(|account| account.enabled = enabled).is_some())
    }

    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool> {
        let mut tables = self.tables();
        let Some(account) = tables.accounts.remove(&within(issuer, subject)) else {
            return ready(false);
        };
        tables.names.remove(&within(issuer, &account.name));
        ready(true)
    }
}
