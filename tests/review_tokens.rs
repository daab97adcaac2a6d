//! What an adversarial review found, mended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_auth::{
    Clock, Identity, Rejection, RejectionKind, Verdict, Verify,
    account::Accounts,
    api_key::{KeyOptions, PresentedKey, StoredKeys},
    bearer::Token,
    issue::{
        Cookies, RenewLayer, Signer, SigningKeys, TokenIssuer, TokenIssuerBuilder, TokenSubject,
    },
    jwt::Algorithm,
    revocation::{RevocationCheck, SharedRevocations},
    store::{Account, AccountStore, BatchRead, EphemeralStore, MemoryStore, Raise, Revocation},
};

const ISSUER: &str = "https://api.example.com/";
const START: u64 = 1_800_000_000_000;

#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(START)))
    }
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, SeqCst);
    }
    fn back(&self, seconds: u64) {
        self.0.fetch_sub(seconds * 1000, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(SeqCst))
    }
}

fn builder(hand: &Hand) -> TokenIssuerBuilder {
    let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap());
    TokenIssuer::issuer(ISSUER, keys)
        .audience(ISSUER)
        .store(MemoryStore::new().with_clock(hand.clone()), [7; 32])
        .clock(hand.clone())
}

/// A server whose clock is three minutes behind takes a token that was spent long ago for a retry.
#[tokio::test]
async fn a_clock_that_is_behind_does_not_make_the_time_for_a_retry_longer() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(180);
    tokens.refresh(first.refresh_token()).await.unwrap();
    hand.back(180);
    assert!(tokens.refresh(first.refresh_token()).await.is_err());
}

/// A login that was checked before a log-out everywhere, and asks for a session after it.
#[tokio::test]
async fn a_login_that_was_checked_before_a_log_out_everywhere_begins_no_session() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let accounts = Accounts::new(ISSUER, MemoryStore::new())
        .unwrap()
        .clock(hand.clone());
    let ada = accounts.register("ada", OLD).await.unwrap();
    let checked = accounts.log_in("ada", OLD).await.unwrap();
    hand.pass(60);
    tokens.end_all_sessions(&ada.subject).await.unwrap();
    hand.pass(60);
    let late = tokens.start_session(&checked).await.unwrap_err();
    assert_eq!(late.kind(), RejectionKind::Invalid);
    // What is checked after it, and what others have checked, is not compared.
    let anew = accounts.log_in("ada", OLD).await.unwrap();
    tokens.start_session(&anew).await.unwrap();
    let foreign = Identity::new(ada.subject.as_str()).with_authenticated_at(UNIX_EPOCH);
    tokens.start_session(&foreign).await.unwrap();
    // Nor with the time of a clock that was wrong.
    hand.pass(365 * 86_400);
    tokens.end_all_sessions(&ada.subject).await.unwrap();
    hand.back(365 * 86_400);
    hand.pass(1);
    let anew = accounts.log_in("ada", OLD).await.unwrap();
    tokens.start_session(&anew).await.unwrap();
}

/// What is revoked for a day does not end because somebody revokes it for a minute as well.
#[tokio::test]
async fn a_revocation_is_not_shortened_where_it_is_looked_up() {
    let hand = Hand::new();
    let durable = MemoryStore::new().with_clock(hand.clone());
    let quick = MemoryStore::new().with_clock(hand.clone());
    let list = SharedRevocations::new(durable)
        .with_lookup_store(quick)
        .with_clock(hand.clone());
    list.fill().await.unwrap();
    for seconds in [86_400, 60] {
        let session = Revocation::Session {
            issuer: ISSUER.into(),
            id: "s".into(),
            until: hand.now() + Duration::from_secs(seconds),
        };
        list.revoke(session).await.unwrap();
    }
    let identity = Identity::new("42").with_issuer(ISSUER).with_session_id("s");
    assert!(list.check(&identity).await.is_err());
    hand.pass(120);
    assert!(list.check(&identity).await.is_err());
}

/// `TokenIssuer::revocations` is "for verifiers of other credentials of the same subjects".
#[tokio::test]
async fn an_api_key_that_was_revoked_with_its_subject_stays_so() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let keys = StoredKeys::new(MemoryStore::new()).with_clock(hand.clone());
    let new = keys
        .create("acme", KeyOptions::new(ISSUER, "42"))
        .await
        .unwrap();
    let verifier = keys.clone().with_revocation(tokens.revocations().clone());
    let key = || PresentedKey::new(new.expose());
    assert!(verifier.verify(key()).await.is_ok());
    hand.pass(1);
    tokens.end_all_sessions("42").await.unwrap();
    assert!(verifier.verify(key()).await.is_err());
    hand.pass(26 * 3600);
    tokens.purge_expired().await.unwrap();
    assert!(verifier.verify(key()).await.is_err());
}

/// A handler that logs out by the refresh token of the cookie, behind a `RenewLayer`.
#[tokio::test]
async fn a_handler_behind_a_renewal_sees_a_refresh_token() {
    let hand = Hand::new();
    let tokens = builder(&hand).build().unwrap();
    let cookies = Cookies::new();
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    hand.pass(14 * 60);
    let seen = Arc::new(AtomicBool::new(false));
    let service = RenewLayer::new(tokens, cookies.clone()).layer(service_fn({
        let seen = Arc::clone(&seen);
        move |request: http::Request<()>| {
            let (head, ()) = request.into_parts();
            seen.store(matches!(cookies.refresh_token(&head), Ok(Some(_))), SeqCst);
            async { Ok::<_, std::convert::Infallible>(http::Response::new(())) }
        }
    }));
    let cookie = format!(
        "__Host-access={}; __Host-refresh={}",
        issued.access_token().expose(),
        issued.refresh_token()
    );
    let request = http::Request::post("/logout")
        .header("cookie", cookie)
        .body(())
        .unwrap();
    service.oneshot(request).await.unwrap();
    assert!(seen.load(SeqCst));
}

/// A store that cannot be written to while this is set.
#[derive(Clone)]
struct Flaky(MemoryStore, Arc<AtomicBool>);

impl EphemeralStore for Flaky {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        self.0.add(key, value, lifetime)
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        match self.1.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("down"))),
            false => self.0.put(key, value, lifetime),
        }
    }
    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.0.read(keys)
    }
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.0.take(key)
    }
    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.0.count(key, window)
    }
    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        match self.1.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("down"))),
            false => self.0.raise(raised),
        }
    }
}

/// The answer to reuse was 503, so it is tried again: then its access tokens are revoked.
#[tokio::test]
async fn reuse_that_could_not_be_told_to_the_quick_store_is_told_at_the_next_try() {
    let hand = Hand::new();
    let down = Arc::new(AtomicBool::new(false));
    let quick = Flaky(
        MemoryStore::new().with_clock(hand.clone()),
        Arc::clone(&down),
    );
    let tokens = builder(&hand).with_lookup_store(quick).build().unwrap();
    let first = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let second = tokens.refresh(first.refresh_token()).await.unwrap();
    let verifier = tokens.verifier().unwrap();
    let token = || Token::new(second.access_token().expose());
    assert!(verifier.verify(token()).await.is_ok());
    hand.pass(180);
    down.store(true, SeqCst);
    assert!(tokens.refresh(first.refresh_token()).await.is_err());
    down.store(false, SeqCst);
    assert!(tokens.refresh(first.refresh_token()).await.is_err());
    assert!(verifier.verify(token()).await.is_err());
}

/// Changes the password once its old hash was read by a login.
#[derive(Clone)]
struct Meanwhile(MemoryStore, Arc<std::sync::Mutex<Option<String>>>);

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

const OLD: &str = "a quiet harbour at dusk";

async fn changing() -> (Accounts, Account, Meanwhile) {
    let store = Meanwhile(MemoryStore::new(), Arc::default());
    let accounts = Accounts::new(ISSUER, store.clone()).unwrap();
    let ada = accounts.register("ada", OLD).await.unwrap();
    let new = tower_auth::password::PasswordHash::new("cushion walnut ferry").unwrap();
    *store.1.lock().unwrap() = Some(new.as_str().to_owned());
    (accounts, ada, store)
}

/// The owner changes the password while an attacker's login with the old one is being checked.
#[tokio::test]
async fn a_password_that_is_changed_while_it_is_checked_logs_nobody_in() {
    let (accounts, ..) = changing().await;
    assert!(accounts.log_in("ada", OLD).await.is_err());
}

/// The same with a change by the attacker, which must not undo the owner's.
#[tokio::test]
async fn a_change_does_not_undo_one_that_came_before_it() {
    let (accounts, ada, _) = changing().await;
    let change = accounts.change_password(&ada.subject, OLD, "the attacker has chosen it");
    assert!(change.await.is_err());
}
