//! API keys in a store: created, listed, rotated, revoked, and accepted by every server within seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Identity, Rejection, RejectionKind, Verdict, Verify,
    api_key::{GeneratedKey, KeyError, KeyOptions, PresentedKey, StoredKeys},
    clock::Clock,
    store::{ApiKeyRecord, ApiKeyStore, MemoryStore},
};

#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(SeqCst))
    }
}

/// Counts what is asked of a store, which may be down.
#[derive(Clone, Default)]
struct Counted {
    store: MemoryStore,
    read: Arc<AtomicUsize>,
    noted: Arc<AtomicUsize>,
    down: Arc<std::sync::atomic::AtomicBool>,
}

impl ApiKeyStore for Counted {
    fn add_api_key(&self, key: &ApiKeyRecord) -> Verdict<bool> {
        self.store.add_api_key(key)
    }
    fn api_key(&self, digest: &[u8; 32]) -> Verdict<Option<ApiKeyRecord>> {
        self.read.fetch_add(1, SeqCst);
        if self.down.load(SeqCst) {
            return Verdict::ready(Err(Rejection::unavailable("down")));
        }
        self.store.api_key(digest)
    }
    fn api_keys_of(&self, issuer: &str, subject: &str) -> Verdict<Vec<ApiKeyRecord>> {
        self.store.api_keys_of(issuer, subject)
    }
    fn expire_api_key(&self, i: &str, s: &str, id: &str, at: SystemTime) -> Verdict<bool> {
        self.store.expire_api_key(i, s, id, at)
    }
    fn revoke_api_key(&self, i: &str, s: &str, id: &str, at: SystemTime) -> Verdict<bool> {
        self.store.revoke_api_key(i, s, id, at)
    }
    fn used_api_key(&self, id: &str, at: SystemTime) -> Verdict<()> {
        self.noted.fetch_add(1, SeqCst);
        self.store.used_api_key(id, at)
    }
}

const ISSUER: &str = "https://api.example.com/";

fn setup() -> (StoredKeys, StoredKeys, Counted, Hand) {
    let hand = Hand(Arc::new(AtomicU64::new(1_800_000_000)));
    let store = Counted::default();
    let server = || StoredKeys::new(store.clone()).with_clock(hand.clone());
    (server(), server(), store.clone(), hand)
}

async fn ask(keys: &StoredKeys, key: &GeneratedKey) -> Result<Identity, Rejection> {
    keys.verify(PresentedKey::new(key.expose())).await
}

#[track_caller]
fn refused(result: Result<Identity, Rejection>, error: KeyError) {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    let source = std::error::Error::source(&rejection).unwrap();
    assert_eq!(source.downcast_ref(), Some(&error));
}

fn request() -> KeyOptions {
    KeyOptions::new(ISSUER, "42")
        .with_label("ci")
        .with_scope("a")
        .with_role("bot")
}

#[tokio::test]
async fn a_key_carries_its_roles_and_scopes() {
    let (keys, _, store, hand) = setup();
    let key = keys.create("acme", request()).await.unwrap();
    let identity = ask(&keys, &key).await.unwrap();
    assert_eq!(
        (identity.issuer(), identity.subject()),
        (Some(ISSUER), "42")
    );
    assert!(identity.has_scope("a") && identity.has_role("bot"));
    assert_eq!(identity.token_id(), Some(key.id()));
    assert_eq!(identity.issued_at(), Some(hand.now()));
    assert_eq!(identity.data::<ApiKeyRecord>().unwrap().label, "ci");
    let list = keys.list(ISSUER, "42").await.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].last_used_at, Some(hand.now()));
    assert!(!format!("{list:?}").contains(key.expose()));
    assert!(keys.list(ISSUER, "43").await.unwrap().is_empty());
    assert_eq!(store.read.load(SeqCst), 1);
}

#[tokio::test]
async fn strings_that_are_not_generated_keys_are_not_looked_up() {
    let (keys, _, store, _) = setup();
    let key = keys.create("acme", request()).await.unwrap();
    let mut mistyped = key.expose().to_owned();
    mistyped.replace_range(30..31, if &mistyped[30..31] == "a" { "b" } else { "a" });
    for text in [mistyped.as_str(), "", "hunter2", &"x".repeat(500)] {
        refused(keys.verify(PresentedKey::new(text)).await, KeyError::Form);
    }
    assert_eq!(store.read.load(SeqCst), 0);
    let other = GeneratedKey::generate("acme").unwrap();
    refused(ask(&keys, &other).await, KeyError::Unknown);
}

#[tokio::test]
async fn a_change_is_honoured_here_at_once_and_elsewhere_within_five_seconds() {
    let (here, there, store, hand) = setup();
    let key = here.create("acme", request()).await.unwrap();
    for _ in 0..100 {
        ask(&here, &key).await.unwrap();
        ask(&there, &key).await.unwrap();
    }
    assert_eq!(store.read.load(SeqCst), 2, "remembered by each server");
    assert!(
        !here.revoke(ISSUER, "43", key.id()).await.unwrap(),
        "somebody else's"
    );
    assert!(here.revoke(ISSUER, "42", key.id()).await.unwrap());
    refused(ask(&here, &key).await, KeyError::Revoked);
    ask(&there, &key).await.unwrap();
    hand.pass(5);
    refused(ask(&there, &key).await, KeyError::Revoked);
    assert_eq!(
        here.list(ISSUER, "42").await.unwrap()[0].revoked_at,
        Some(hand.now() - Duration::from_secs(5))
    );
    let strict = there.clone().cache_time_to_live(Duration::ZERO);
    let key = here.create("acme", request()).await.unwrap();
    ask(&strict, &key).await.unwrap();
    here.revoke(ISSUER, "42", key.id()).await.unwrap();
    refused(ask(&strict, &key).await, KeyError::Revoked);
}

#[tokio::test]
async fn an_expiry_applies_to_the_second_cached_or_not() {
    let (keys, _, _, hand) = setup();
    let end = hand.now() + Duration::from_secs(3);
    let key = keys
        .create("acme", request().with_expiry(end))
        .await
        .unwrap();
    hand.pass(2);
    assert_eq!(ask(&keys, &key).await.unwrap().expires_at(), Some(end));
    hand.pass(1);
    refused(ask(&keys, &key).await, KeyError::Expired);
}

#[tokio::test]
async fn a_rotated_key_stays_valid_for_the_overlap() {
    let (keys, _, _, hand) = setup();
    let old = keys.create("acme", request()).await.unwrap();
    ask(&keys, &old).await.unwrap();
    let hour = Duration::from_secs(3600);
    let new = keys
        .rotate(ISSUER, "42", old.id(), hour)
        .await
        .unwrap()
        .unwrap();
    for key in [&old, &new] {
        let identity = ask(&keys, key).await.unwrap();
        assert!(identity.has_scope("a") && identity.has_role("bot"));
    }
    hand.pass(3600);
    refused(ask(&keys, &old).await, KeyError::Expired);
    ask(&keys, &new).await.unwrap();
    assert!(
        keys.rotate(ISSUER, "42", old.id(), hour)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        keys.rotate(ISSUER, "43", new.id(), hour)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_once_a_minute() {
    let (keys, there, store, hand) = setup();
    let key = keys.create("acme", request()).await.unwrap();
    for _ in 0..59 {
        ask(&keys, &key).await.unwrap();
        ask(&there, &key).await.unwrap();
        hand.pass(1);
    }
    assert_eq!(store.noted.load(SeqCst), 1);
    hand.pass(6);
    ask(&keys, &key).await.unwrap();
    ask(&there, &key).await.unwrap();
    assert_eq!(store.noted.load(SeqCst), 2);
}

#[tokio::test]
async fn an_outage_is_not_a_denial() {
    let (keys, _, store, hand) = setup();
    let key = keys.create("acme", request()).await.unwrap();
    ask(&keys, &key).await.unwrap();
    store.down.store(true, SeqCst);
    ask(&keys, &key).await.unwrap();
    hand.pass(5);
    assert_eq!(
        ask(&keys, &key).await.unwrap_err().kind(),
        RejectionKind::Unavailable
    );
}

#[tokio::test]
async fn a_key_ends_with_its_owner() {
    let (keys, ..) = setup();
    let gone = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asked = Arc::clone(&gone);
    let keys =
        keys.cache_time_to_live(Duration::ZERO)
            .with_owner_check(move |key: &ApiKeyRecord| {
                let there = key.subject == "42" && !asked.load(SeqCst);
                async move { Ok(there) }
            });
    let key = keys.create("acme", request()).await.unwrap();
    ask(&keys, &key).await.unwrap();
    gone.store(true, SeqCst);
    refused(ask(&keys, &key).await, KeyError::OwnerGone);
}
