//! A password that is changed while a login or another change verifies the old one.

use std::sync::{Arc, Mutex};
use tower_auth::{
    Verdict,
    account::Accounts,
    password::PasswordHash,
    store::{Account, AccountStore, MemoryStore},
};

const ISSUER: &str = "https://api.example.com/";
const OLD: &str = "a quiet harbour at dusk";

/// Changes the password once its old hash was read by a login.
#[derive(Clone)]
struct Meanwhile(MemoryStore, Arc<Mutex<Option<String>>>);

impl AccountStore for Meanwhile {
    fn add_account(&self, account: &Account) -> Verdict<bool> {
        self.0.add_account(account)
    }
    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>> {
        let store = self.0.clone();
        let new = self.1.lock().unwrap().take();
        let found = self.0.account_named(issuer, name);
        Verdict::pending(async move {
            let account = found.await?;
            if let (Some(account), Some(new)) = (&account, new) {
                let old = account.password_hash.as_deref();
                let set = store.set_password_hash(&account.issuer, &account.subject, old, &new);
                assert!(set.await?);
            }
            Ok(account)
        })
    }
    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>> {
        self.0.account(issuer, subject)
    }
    fn set_password_hash(&self, i: &str, s: &str, old: Option<&str>, new: &str) -> Verdict<bool> {
        self.0.set_password_hash(i, s, old, new)
    }
    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool> {
        self.0.set_roles(issuer, subject, roles)
    }
    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool> {
        self.0.set_enabled(issuer, subject, enabled)
    }
    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool> {
        self.0.remove_account(issuer, subject)
    }
}

async fn changing() -> (Accounts, Account, Meanwhile) {
    let store = Meanwhile(MemoryStore::new(), Arc::default());
    let accounts = Accounts::new(ISSUER, store.clone()).unwrap();
    let ada = accounts.register("ada", OLD).await.unwrap();
    let new = PasswordHash::new("cushion walnut ferry").unwrap();
    *store.1.lock().unwrap() = Some(new.as_str().to_owned());
    (accounts, ada, store)
}

/// The owner changes the password while an attacker's login with the old one is being checked.
#[tokio::test]
async fn a_password_changed_while_it_is_verified_does_not_log_in() {
    let (accounts, ..) = changing().await;
    assert!(accounts.log_in("ada", OLD).await.is_err());
}

/// The same with a change by the attacker, which must not undo the owner's.
#[tokio::test]
async fn a_password_change_does_not_overwrite_an_earlier_one() {
    let (accounts, ada, _) = changing().await;
    let change = accounts.change_password(&ada.subject, OLD, "the attacker has chosen it");
    assert!(change.await.is_err());
}
