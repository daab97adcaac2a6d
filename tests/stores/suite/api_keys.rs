//! The suite for stores of API keys.

use super::{at, at_once};
use std::sync::Arc;
use tower_auth::store::{ApiKeyRecord, ApiKeyStore};

pub(crate) fn key(issuer: &str, subject: &str, id: &str, digest: u8) -> ApiKeyRecord {
    let mut bytes = [digest; 32];
    for (to, from) in bytes.iter_mut().zip(issuer.bytes()) {
        *to ^= from;
    }
    ApiKeyRecord {
        id: format!("{issuer}/{id}"),
        digest: bytes,
        prefix: "acme_live".to_owned(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        label: "Ada's \"key\" 🔑".to_owned(),
        roles: vec!["clerk".to_owned()],
        scopes: vec!["read".to_owned(), "write".to_owned()],
        created_at: at(1_700_000_000),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

/// Runs every case for a store of API keys.
pub(crate) async fn all(store: &Arc<impl ApiKeyStore>) {
    a_key_is_found_by_its_digest(store).await;
    an_id_and_a_digest_are_taken_once(store).await;
    the_keys_of_an_owner_come_oldest_first(store).await;
    an_expiry_only_moves_closer(store).await;
    a_revocation_keeps_its_first_time(store).await;
    the_last_use_only_moves_forward(store).await;
    only_the_owner_ends_a_key(store).await;
}

async fn a_key_is_found_by_its_digest(store: &Arc<impl ApiKeyStore>) {
    let mut one = key("digest", "s1", "k1", 1);
    one.expires_at = Some(at(1_800_000_000));
    assert!(store.add_api_key(&one).await.unwrap());
    assert_eq!(store.api_key(&one.digest).await.unwrap(), Some(one));
    assert_eq!(store.api_key(&[99; 32]).await.unwrap(), None);
    let mut bare = key("digest", "s1", "k2", 2);
    (bare.label, bare.roles, bare.scopes) = (String::new(), Vec::new(), Vec::new());
    bare.revoked_at = Some(at(1_750_000_000));
    bare.last_used_at = Some(at(1_740_000_000));
    assert!(store.add_api_key(&bare).await.unwrap());
    assert_eq!(store.api_key(&bare.digest).await.unwrap(), Some(bare));
}

async fn an_id_and_a_digest_are_taken_once(store: &Arc<impl ApiKeyStore>) {
    assert!(
        store
            .add_api_key(&key("taken", "s1", "k1", 1))
            .await
            .unwrap()
    );
    assert!(
        !store
            .add_api_key(&key("taken", "s1", "k1", 2))
            .await
            .unwrap()
    );
    assert!(
        !store
            .add_api_key(&key("taken", "s2", "k2", 1))
            .await
            .unwrap()
    );
    let mut elsewhere = key("taken, too", "s1", "k1", 7);
    elsewhere.id = "taken/k1".to_owned();
    assert!(!store.add_api_key(&elsewhere).await.unwrap());
    let added = at_once(store, |store, number| {
        store.add_api_key(&key("taken", "s3", "race", number as u8))
    });
    assert_eq!(added.await.into_iter().filter(|added| *added).count(), 1);
}

async fn the_keys_of_an_owner_come_oldest_first(store: &Arc<impl ApiKeyStore>) {
    for (number, age) in [(1, 30), (2, 10), (3, 20), (4, 20)] {
        let mut key = key("listed", "s1", &format!("k{number}"), number);
        key.created_at = at(1_700_000_000 - age);
        assert!(store.add_api_key(&key).await.unwrap());
    }
    assert!(
        store
            .add_api_key(&key("listed", "s2", "other", 5))
            .await
            .unwrap()
    );
    assert!(
        store
            .add_api_key(&key("listed, too", "s1", "other", 6))
            .await
            .unwrap()
    );
    let keys = store.api_keys_of("listed", "s1").await.unwrap();
    let ids: Vec<_> = keys.iter().map(|key| key.id.as_str()).collect();
    assert_eq!(ids, ["listed/k1", "listed/k3", "listed/k4", "listed/k2"]);
    for nobody in ["nobody", "S1", "s\x001", "s_"] {
        assert!(
            store
                .api_keys_of("listed", nobody)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

async fn an_expiry_only_moves_closer(store: &Arc<impl ApiKeyStore>) {
    let key = key("end", "s1", "k1", 1);
    assert!(store.add_api_key(&key).await.unwrap());
    for (asked, kept) in [(300, 300), (200, 200), (250, 200), (200, 200), (0, 0)] {
        let expired = store.expire_api_key("end", "s1", &key.id, at(asked));
        assert!(expired.await.unwrap());
        let found = store.api_key(&key.digest).await.unwrap().unwrap();
        assert_eq!(found.expires_at, Some(at(kept)));
    }
}

async fn a_revocation_keeps_its_first_time(store: &Arc<impl ApiKeyStore>) {
    let key = key("revoked", "s1", "k1", 1);
    assert!(store.add_api_key(&key).await.unwrap());
    for time in [200, 100, 300] {
        let revoked = store.revoke_api_key("revoked", "s1", &key.id, at(time));
        assert!(revoked.await.unwrap());
        let found = store.api_key(&key.digest).await.unwrap().unwrap();
        assert_eq!(found.revoked_at, Some(at(200)));
    }
}

async fn the_last_use_only_moves_forward(store: &Arc<impl ApiKeyStore>) {
    let key = key("used", "s1", "k1", 1);
    assert!(store.add_api_key(&key).await.unwrap());
    for (used, kept) in [(100, 100), (50, 100), (150, 150)] {
        store.used_api_key(&key.id, at(used)).await.unwrap();
        let found = store.api_key(&key.digest).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(at(kept)));
    }
    store.used_api_key("nobody's", at(1)).await.unwrap();
    store.used_api_key("no\0body's", at(1)).await.unwrap();
}

async fn only_the_owner_ends_a_key(store: &Arc<impl ApiKeyStore>) {
    let key = key("mine", "s1", "k1", 1);
    assert!(store.add_api_key(&key).await.unwrap());
    for (issuer, subject, id) in [
        ("mine", "s2", &*key.id),
        ("other", "s1", &*key.id),
        ("mine", "s1", "mine/k2"),
        ("mine", "s1", "mine/k1\0"),
    ] {
        assert!(
            !store
                .expire_api_key(issuer, subject, id, at(1))
                .await
                .unwrap()
        );
        assert!(
            !store
                .revoke_api_key(issuer, subject, id, at(1))
                .await
                .unwrap()
        );
    }
    assert_eq!(store.api_key(&key.digest).await.unwrap(), Some(key));
}
