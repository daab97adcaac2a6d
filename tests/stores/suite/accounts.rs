//! The suite for stores of accounts.

use super::{at, at_once};
use std::sync::Arc;
use tower_auth::store::{Account, AccountStore};

pub(crate) fn account(issuer: &str, subject: &str, name: &str) -> Account {
    Account {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        name: name.to_owned(),
        password_hash: Some("$argon2id$old".to_owned()),
        roles: vec!["clerk".to_owned(), "with \"quotes\", ünd 🦀".to_owned()],
        enabled: true,
        created_at: at(1_700_000_000),
    }
}

/// Runs every case for a store of accounts.
pub(crate) async fn all(store: &Arc<impl AccountStore>) {
    an_account_is_found_by_name_and_by_subject(store).await;
    a_name_and_a_subject_are_taken_once_within_an_issuer(store).await;
    names_are_compared_byte_by_byte(store).await;
    a_password_is_replaced_only_if_it_is_the_one_that_was_read(store).await;
    roles_and_whether_it_is_enabled_are_set(store).await;
    a_removed_account_leaves_its_name_to_others(store).await;
    one_of_a_hundred_concurrent_calls_gets_the_name(store).await;
    times_out_of_range_are_clamped(store).await;
}

async fn an_account_is_found_by_name_and_by_subject(store: &Arc<impl AccountStore>) {
    let ada = account("found", "s1", "ada");
    assert!(store.add_account(&ada).await.unwrap());
    assert_eq!(
        store.account_named("found", "ada").await.unwrap(),
        Some(ada.clone())
    );
    assert_eq!(store.account("found", "s1").await.unwrap(), Some(ada));
    assert_eq!(store.account_named("found", "s1").await.unwrap(), None);
    assert_eq!(store.account("found", "ada").await.unwrap(), None);
    let mut bare = account("found", "s2", "bob");
    (bare.password_hash, bare.roles, bare.enabled) = (None, Vec::new(), false);
    assert!(store.add_account(&bare).await.unwrap());
    assert_eq!(store.account("found", "s2").await.unwrap(), Some(bare));
}

async fn a_name_and_a_subject_are_taken_once_within_an_issuer(store: &Arc<impl AccountStore>) {
    assert!(
        store
            .add_account(&account("once", "s1", "ada"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .add_account(&account("once", "s2", "ada"))
            .await
            .unwrap()
    );
    assert!(
        !store
            .add_account(&account("once", "s1", "bob"))
            .await
            .unwrap()
    );
    assert_eq!(store.account_named("once", "bob").await.unwrap(), None);
    assert_eq!(store.account("once", "s2").await.unwrap(), None);
    // The same names of another issuer are others.
    assert!(
        store
            .add_account(&account("once, too", "s1", "ada"))
            .await
            .unwrap()
    );
    assert!(store.set_enabled("once, too", "s1", false).await.unwrap());
    assert!(store.account("once", "s1").await.unwrap().unwrap().enabled);
    assert!(store.remove_account("once, too", "s1").await.unwrap());
    assert!(store.account("once", "s1").await.unwrap().is_some());
}

async fn names_are_compared_byte_by_byte(store: &Arc<impl AccountStore>) {
    let names = [
        "name",
        "Name",
        "NAME",
        "name ",
        " name",
        "naïve",
        "nai\u{308}ve",
        "ß",
        "ss",
        "İ",
        "i",
        "日本語",
        "🦀",
        "'",
        "''",
        "\"",
        "\\",
        "%",
        "_",
        "$1",
        "?",
        "; DROP TABLE auth_accounts",
        "",
        "a\tb\nc",
        "\u{feff}",
    ];
    for (number, name) in names.iter().enumerate() {
        let account = account("bytes", &format!("s{number}"), name);
        assert!(store.add_account(&account).await.unwrap(), "{name:?}");
    }
    for (number, name) in names.iter().enumerate() {
        let found = store.account_named("bytes", name).await.unwrap();
        assert_eq!(found.unwrap().subject, format!("s{number}"), "{name:?}");
    }
    // What nobody has is no outage, whatever it is made of.
    for name in ["n\0ame", "\0", "%a%", &"x".repeat(100_000)] {
        assert_eq!(store.account_named("bytes", name).await.unwrap(), None);
        assert_eq!(store.account("bytes", name).await.unwrap(), None);
        assert_eq!(store.account(name, "s1").await.unwrap(), None);
        assert!(!store.set_enabled("bytes", name, false).await.unwrap());
        assert!(!store.set_roles("bytes", name, &[]).await.unwrap());
        assert!(!store.remove_account("bytes", name).await.unwrap());
        let set = store.set_password_hash("bytes", name, None, "new");
        assert!(!set.await.unwrap());
        let set = store.set_password_hash("bytes", "s1", Some(name), "new");
        assert!(!set.await.unwrap());
    }
}

async fn a_password_is_replaced_only_if_it_is_the_one_that_was_read(
    store: &Arc<impl AccountStore>,
) {
    let mut ada = account("password", "s1", "ada");
    assert!(store.add_account(&ada).await.unwrap());
    let set = |old, new| store.set_password_hash("password", "s1", old, new);
    assert!(!set(None, "x").await.unwrap());
    assert!(!set(Some("other"), "x").await.unwrap());
    assert!(set(Some("$argon2id$old"), "$argon2id$new").await.unwrap());
    assert!(!set(Some("$argon2id$old"), "x").await.unwrap());
    let found = store.account("password", "s1").await.unwrap().unwrap();
    assert_eq!(found.password_hash.as_deref(), Some("$argon2id$new"));

    (ada.subject, ada.name, ada.password_hash) = ("s2".to_owned(), "bob".to_owned(), None);
    assert!(store.add_account(&ada).await.unwrap());
    let set = |old, new| store.set_password_hash("password", "s2", old, new);
    assert!(!set(Some(""), "x").await.unwrap());
    assert!(set(None, "first").await.unwrap());
    assert!(!set(None, "x").await.unwrap());
}

async fn roles_and_whether_it_is_enabled_are_set(store: &Arc<impl AccountStore>) {
    let mut ada = account("set", "s1", "ada");
    assert!(store.add_account(&ada).await.unwrap());
    ada.roles = vec!["a\0b".to_owned(), String::new(), "c,d".to_owned()];
    assert!(store.set_roles("set", "s1", &ada.roles).await.unwrap());
    ada.enabled = false;
    assert!(store.set_enabled("set", "s1", false).await.unwrap());
    assert_eq!(store.account("set", "s1").await.unwrap(), Some(ada));
    // Setting what it is already succeeds too.
    assert!(store.set_enabled("set", "s1", false).await.unwrap());
    assert!(!store.set_enabled("set", "s2", true).await.unwrap());
    assert!(!store.set_roles("set", "s2", &[]).await.unwrap());
    assert!(
        !store
            .set_password_hash("set", "s2", None, "x")
            .await
            .unwrap()
    );
}

async fn a_removed_account_leaves_its_name_to_others(store: &Arc<impl AccountStore>) {
    assert!(
        store
            .add_account(&account("removed", "s1", "ada"))
            .await
            .unwrap()
    );
    assert!(store.remove_account("removed", "s1").await.unwrap());
    assert!(!store.remove_account("removed", "s1").await.unwrap());
    assert_eq!(store.account("removed", "s1").await.unwrap(), None);
    assert_eq!(store.account_named("removed", "ada").await.unwrap(), None);
    assert!(
        store
            .add_account(&account("removed", "s2", "ada"))
            .await
            .unwrap()
    );
}

async fn one_of_a_hundred_concurrent_calls_gets_the_name(store: &Arc<impl AccountStore>) {
    let added = at_once(store, |store, number| {
        store.add_account(&account("race", &format!("s{number}"), "ada"))
    });
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
    let added = at_once(store, |store, number| {
        store.add_account(&account("race", "one", &format!("name {number}")))
    });
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
    let set = at_once(store, |store, number| {
        let new = format!("new {number}");
        store.set_password_hash("race", "one", Some("$argon2id$old"), &new)
    });
    assert_eq!(set.await.into_iter().filter(|set| *set).count(), 1);
}

async fn times_out_of_range_are_clamped(store: &Arc<impl AccountStore>) {
    for (number, seconds) in [0, 253_402_300_799, i64::MAX as u64]
        .into_iter()
        .enumerate()
    {
        let mut ada = account("times", &format!("s{number}"), &format!("n{number}"));
        ada.created_at = at(seconds);
        assert!(store.add_account(&ada).await.unwrap());
        let found = store.account("times", &ada.subject).await.unwrap().unwrap();
        assert!(found.created_at >= at(seconds.min(253_402_300_799)));
        assert!(found.created_at <= ada.created_at);
    }
}
