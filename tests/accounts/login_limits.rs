//! The limit of failed logins: which failures are counted, per account, for how long, and that an
//! attacker cannot lock out an account with it.

use crate::common::passwords;
use std::{
    collections::BTreeSet,
    error::Error,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Notify;
use tower_auth::{
    Identity, Rejection, RejectionKind, Verdict, Verify,
    account::Accounts,
    basic::Credentials,
    password::HashPool,
    store::{Account, AccountStore, BatchRead, Counted, EphemeralStore, MemoryStore, Raise},
};

const ISSUER: &str = "https://api.example.com/";
const RIGHT: &str = "a quiet harbour at dusk";
const OTHER: &str = "seven blue lanterns sway";
const HOUR: Duration = Duration::from_secs(3600);
/// The time-out of a store that does not answer.
const HANGS: Duration = Duration::from_secs(2);

/// Accounts and counters in memory, behind what can break, with every key that is written.
#[derive(Clone, Default)]
struct Store {
    memory: MemoryStore,
    accounts_are_down: Arc<AtomicBool>,
    counters_are_down: Arc<AtomicBool>,
    counters_hang: Arc<AtomicBool>,
    /// Nothing can be counted, as in a database that became read-only.
    counting_fails: Arc<AtomicBool>,
    /// Counting begins, and goes on once this is notified.
    counting_waits: Option<Arc<(AtomicBool, Notify)>>,
    written: Arc<Mutex<BTreeSet<String>>>,
}

impl Store {
    fn up<T>(&self, down: &AtomicBool, answer: impl FnOnce() -> Verdict<T>) -> Verdict<T> {
        match down.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("down"))),
            false => answer(),
        }
    }

    fn writes(&self, key: &str) {
        self.written.lock().unwrap().insert(key.to_owned());
    }

    /// The keys of counters that were written.
    fn counters(&self) -> Vec<String> {
        let written = self.written.lock().unwrap();
        let counters = written.iter().filter(|key| *key != "login/key");
        counters.cloned().collect()
    }
}

impl AccountStore for Store {
    fn add_account(&self, account: &Account) -> Verdict<bool> {
        self.memory.add_account(account)
    }
    fn account_named(&self, issuer: &str, name: &str) -> Verdict<Option<Account>> {
        self.up(&self.accounts_are_down, || {
            self.memory.account_named(issuer, name)
        })
    }
    fn account(&self, issuer: &str, subject: &str) -> Verdict<Option<Account>> {
        self.memory.account(issuer, subject)
    }
    fn set_password_hash(
        &self,
        issuer: &str,
        subject: &str,
        old: Option<&str>,
        new: &str,
    ) -> Verdict<bool> {
        self.memory.set_password_hash(issuer, subject, old, new)
    }
    fn set_roles(&self, issuer: &str, subject: &str, roles: &[String]) -> Verdict<bool> {
        self.memory.set_roles(issuer, subject, roles)
    }
    fn set_enabled(&self, issuer: &str, subject: &str, enabled: bool) -> Verdict<bool> {
        self.memory.set_enabled(issuer, subject, enabled)
    }
    fn remove_account(&self, issuer: &str, subject: &str) -> Verdict<bool> {
        self.memory.remove_account(issuer, subject)
    }
}

/// As a store of somebody else's is: `counted` is the default of the trait.
impl EphemeralStore for Store {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        self.writes(key);
        if self.counters_hang.load(SeqCst) {
            return Verdict::pending(async {
                tokio::time::sleep(HANGS).await;
                Err(Rejection::unavailable("no answer in time"))
            });
        }
        self.memory.add(key, value, lifetime)
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        self.writes(key);
        self.memory.put(key, value, lifetime)
    }
    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.up(&self.counters_are_down, || self.memory.read(keys))
    }
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.memory.take(key)
    }
    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.writes(key);
        let Some(waits) = self.counting_waits.clone() else {
            return self.up(&self.counting_fails, || self.memory.count(key, window));
        };
        let (memory, key) = (self.memory.clone(), key.to_owned());
        Verdict::pending(async move {
            waits.0.store(true, SeqCst);
            waits.1.notified().await;
            memory.count(&key, window).await
        })
    }
    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        self.memory.raise(raised)
    }
}

fn account(name: &str) -> Account {
    Account {
        issuer: ISSUER.to_owned(),
        subject: format!("subject of {name}"),
        name: name.to_owned(),
        password_hash: Some(passwords::cheap(RIGHT).as_str().to_owned()),
        roles: Vec::new(),
        enabled: true,
        created_at: UNIX_EPOCH,
    }
}

/// Accounts with one of Ada, whose failures are counted in the store.
async fn with_ada(limit: u64) -> (Accounts, Store) {
    let store = Store::default();
    store.add_account(&account("ada")).await.unwrap();
    let accounts = Accounts::new(ISSUER, store.clone())
        .unwrap()
        .with_attempt_store(store.clone())
        .max_attempts(limit, HOUR);
    (accounts, store)
}

#[track_caller]
fn kind(result: Result<Identity, Rejection>) -> RejectionKind {
    result
        .map(|identity| identity.subject().to_owned())
        .unwrap_err()
        .kind()
}

fn poll<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
    Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()))
}

async fn fail(accounts: &Accounts, name: &str, times: usize) {
    for number in 0..times {
        let result = accounts.log_in(name, &format!("guess {number}")).await;
        assert_eq!(kind(result), RejectionKind::Invalid, "{name} {number}");
    }
}

async fn is_limited(accounts: &Accounts, name: &str) -> bool {
    match accounts.log_in(name, "one more guess").await.map(|_| ()) {
        Ok(()) => panic!("a guess passes"),
        Err(rejection) => rejection.kind() == RejectionKind::TooMany,
    }
}

#[tokio::test]
async fn an_outage_is_never_counted_as_a_failed_login() {
    let (accounts, store) = with_ada(3).await;
    store.accounts_are_down.store(true, SeqCst);
    for _ in 0..10 {
        let result = accounts.log_in("ada", RIGHT).await;
        assert_eq!(kind(result), RejectionKind::Unavailable);
    }
    store.accounts_are_down.store(false, SeqCst);
    store.counters_are_down.store(true, SeqCst);
    for password in [RIGHT, OTHER] {
        let result = accounts.log_in("ada", password).await;
        assert_eq!(kind(result), RejectionKind::Unavailable, "never a denial");
    }
    store.counters_are_down.store(false, SeqCst);
    accounts.log_in("ada", RIGHT).await.unwrap();
    assert_eq!(store.counters(), [""; 0]);
}

#[tokio::test]
async fn a_full_pool_is_never_counted_as_a_failed_login() {
    let (accounts, store) = with_ada(3).await;
    let pool = HashPool::new().unwrap().with_threads(1).with_waiting(0);
    let costly = passwords::costly();
    // Keeps the one thread busy for some tenths of a second.
    let mut busy = pool.verify("u", "p", Some(&costly));
    assert!(poll(&mut busy).is_pending());
    let full = accounts.clone().pool(pool);
    for _ in 0..10 {
        let result = full.log_in("ada", RIGHT).await;
        assert_eq!(kind(result), RejectionKind::Unavailable);
    }
    assert!(!busy.await.unwrap());
    assert_eq!(store.counters(), [""; 0]);
    accounts.log_in("ada", RIGHT).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_dropped_before_its_answer_is_not_counted() {
    let (accounts, store) = with_ada(3).await;
    let pool = HashPool::new().unwrap().with_threads(1);
    let accounts = accounts.pool(pool.clone());
    // The key of the shared counters is written once.
    fail(&accounts, "nobody", 1).await;
    let before = store.counters();
    let mut busy = pool.verify("u", "p", Some(&passwords::costly()));
    assert!(poll(&mut busy).is_pending());
    for number in 0..100 {
        for name in [
            "ada",
            &format!("x{number}"),
            &format!("not a name {number}"),
        ] {
            let login = pin!(accounts.log_in(name, "guess"));
            assert!(poll(login).is_pending(), "waits for its turn");
        }
    }
    busy.await.unwrap();
    assert_eq!(store.counters(), before);
    accounts.log_in("ada", RIGHT).await.unwrap();
}

#[tokio::test]
async fn invented_names_share_a_bounded_number_of_counters() {
    let (accounts, store) = with_ada(3).await;
    fail(&accounts, "ada", 1).await;
    // The unknown cost what Ada's hash does.
    for number in 0..300 {
        let result = accounts.log_in(&format!("x{number}"), "guess").await;
        assert!(result.is_err());
    }
    let counters = store.counters();
    let (shared, own): (Vec<_>, Vec<_>) = counters
        .iter()
        .partition(|key| key.starts_with("login/shared/"));
    assert_eq!(own.len(), 1, "{own:?}");
    assert!(shared.len() > 250, "spread by a hash: {}", shared.len());
    for key in shared {
        let bucket = key.strip_prefix("login/shared/").unwrap();
        assert_eq!(bucket.len(), 4, "16 bits: {key}");
        assert!(u16::from_str_radix(bucket, 16).is_ok());
    }
}

#[tokio::test]
async fn servers_that_share_a_store_share_its_counters() {
    let (accounts, store) = with_ada(3).await;
    let another = Accounts::new(ISSUER, store.clone())
        .unwrap()
        .with_attempt_store(store)
        .max_attempts(3, HOUR);
    for name in ["ada", "nobody"] {
        fail(&accounts, name, 2).await;
        fail(&another, name, 1).await;
        assert!(is_limited(&accounts, name).await, "{name}");
        assert!(is_limited(&another, name).await, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_do_not_pass_the_limit_before_they_are_counted() {
    for name in ["ada", "nobody"] {
        let (accounts, _) = with_ada(3).await;
        let tasks: Vec<_> = (0..40)
            .map(|number| {
                let accounts = accounts.clone();
                tokio::spawn(async move { accounts.log_in(name, &format!("guess {number}")).await })
            })
            .collect();
        let mut checked = 0;
        for task in tasks {
            match kind(task.await.unwrap()) {
                RejectionKind::Invalid => checked += 1,
                // On a busy machine the pool may not come to some of them.
                RejectionKind::TooMany | RejectionKind::Unavailable => {}
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(checked <= 3, "{name}: {checked}");
        fail(&accounts, name, 3 - checked).await;
        assert!(is_limited(&accounts, name).await, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_logins_with_the_correct_password_are_not_limited() {
    let (accounts, _) = with_ada(3).await;
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.log_in("ada", RIGHT).await })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => passed += 1,
            // On a busy machine the pool may not come to some of them.
            Err(rejection) => assert_eq!(rejection.kind(), RejectionKind::Unavailable),
        }
    }
    assert!(passed > 3, "more than the limit: {passed}");
}

#[tokio::test]
async fn a_correct_password_does_not_reset_the_limit_for_a_guesser() {
    let (accounts, _) = with_ada(3).await;
    for _ in 0..3 {
        fail(&accounts, "ada", 1).await;
        // The owner's own script, every minute.
        let _ = accounts.log_in("ada", RIGHT).await;
    }
    assert!(is_limited(&accounts, "ada").await);
}

#[tokio::test]
async fn a_new_password_resets_the_limit() {
    let (accounts, _) = with_ada(3).await;
    fail(&accounts, "ada", 3).await;
    assert!(is_limited(&accounts, "ada").await);
    accounts
        .set_password("subject of ada", OTHER)
        .await
        .unwrap();
    accounts.log_in("ada", OTHER).await.unwrap();
    fail(&accounts, "ada", 2).await;
    accounts
        .change_password("subject of ada", OTHER, RIGHT)
        .await
        .unwrap();
    fail(&accounts, "ada", 3).await;
    assert!(is_limited(&accounts, "ada").await);
    let change = accounts.change_password("subject of ada", RIGHT, OTHER);
    assert!(change.await.is_err(), "it can be guessed by, too");
}

/// A clock that is moved by hand.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, SeqCst);
    }

    fn clock(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let seconds = Arc::clone(&self.0);
        move || UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds.load(SeqCst))
    }
}

#[tokio::test]
async fn retry_after_is_the_time_until_the_limit_ends() {
    let hand = Hand::default();
    let store = MemoryStore::new().with_clock(hand.clock());
    store.add_account(&account("ada")).await.unwrap();
    let accounts = Accounts::new(ISSUER, store.clone())
        .unwrap()
        .with_attempt_store(store)
        .max_attempts(3, HOUR);
    for name in ["ada", "nobody"] {
        fail(&accounts, name, 1).await;
        hand.pass(600);
        fail(&accounts, name, 2).await;
        hand.pass(1800);
        for _ in 0..2 {
            let rejection = accounts.log_in(name, RIGHT).await.unwrap_err();
            assert_eq!(rejection.kind(), RejectionKind::TooMany);
            assert_eq!(rejection.retry_after(), Some(Duration::from_secs(1200)));
            assert_eq!(
                rejection.detail(),
                "too many logins have failed for this name"
            );
        }
        hand.pass(1199);
        assert!(is_limited(&accounts, name).await);
        hand.pass(1);
        fail(&accounts, name, 1).await;
    }
}

#[tokio::test]
async fn failed_logins_are_limited_without_an_attempt_store() {
    let hand = Hand::default();
    let store = MemoryStore::new();
    store.add_account(&account("ada")).await.unwrap();
    let accounts = Accounts::new(ISSUER, store).unwrap().clock(hand.clock());
    fail(&accounts, "ada", 100).await;
    assert!(is_limited(&accounts, "ada").await);
    hand.pass(3600);
    accounts.log_in("ada", RIGHT).await.unwrap();
    let accounts = accounts.max_attempts(2, HOUR);
    for name in ["ada", "nobody"] {
        fail(&accounts, name, 2).await;
        assert!(is_limited(&accounts, name).await);
    }
}

#[tokio::test]
async fn guesses_through_basic_are_limited_and_do_not_block_the_owner() {
    let (accounts, _) = with_ada(3).await;
    let ask = |password: &str| accounts.verify(Credentials::new("ada", password).unwrap());
    ask(RIGHT).await.unwrap();
    for number in 0..3 {
        let result = ask(&format!("guess {number}")).await;
        assert_eq!(kind(result), RejectionKind::Invalid);
    }
    assert_eq!(kind(ask("guess 4").await), RejectionKind::TooMany);
    // Known on this server to be right.
    ask(RIGHT).await.unwrap();
    assert_eq!(
        kind(accounts.log_in("ada", RIGHT).await),
        RejectionKind::TooMany
    );

    // Those of before are a guess like any other.
    accounts
        .set_password("subject of ada", OTHER)
        .await
        .unwrap();
    for _ in 0..4 {
        assert_eq!(kind(ask(RIGHT).await), RejectionKind::Invalid);
    }
    assert_eq!(kind(ask(RIGHT).await), RejectionKind::TooMany);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correct_password_is_accepted_while_another_login_replaces_its_hash() {
    let (accounts, store) = with_ada(100).await;
    let mut replaced = 0;
    while replaced < 5 {
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                let accounts = accounts.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(3 * number)).await;
                    accounts.log_in("ada", RIGHT).await
                })
            })
            .collect();
        for task in tasks {
            // On a loaded machine a turn may come too late, which is no denial.
            if let Err(rejection) = task.await.unwrap() {
                assert_eq!(rejection.kind(), RejectionKind::Unavailable);
            }
        }
        let ada = store.account(ISSUER, "subject of ada").await.unwrap();
        let strong = ada.unwrap().password_hash.unwrap();
        if strong.contains("m=19456") {
            replaced += 1;
            let weak = passwords::cheap(RIGHT);
            let old = Some(strong.as_str());
            let set = store.set_password_hash(ISSUER, "subject of ada", old, weak.as_str());
            assert!(set.await.unwrap());
        }
    }
    assert_eq!(store.counters(), [""; 0]);
}

#[tokio::test]
async fn an_unreadable_counter_is_an_outage() {
    let (accounts, store) = with_ada(3).await;
    fail(&accounts, "ada", 1).await;
    let key = store.counters().remove(0);
    store.put(&key, b"many", HOUR).await.unwrap();
    let rejection = accounts.log_in("ada", RIGHT).await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    assert_eq!(
        rejection.source().unwrap().to_string(),
        "invalid counter: not a number in decimal digits"
    );
}

#[tokio::test(start_paused = true)]
async fn logins_do_not_wait_for_the_time_outs_of_other_logins() {
    let store = Store::default();
    store.counters_hang.store(true, SeqCst);
    let accounts = Accounts::new(ISSUER, store.clone()).unwrap();
    let accounts = accounts.with_attempt_store(store);
    let start = tokio::time::Instant::now();
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..20 {
        let accounts = accounts.clone();
        logins.spawn(async move { accounts.log_in(&format!("user{number}"), RIGHT).await });
    }
    while let Some(answer) = logins.join_next().await {
        assert_eq!(
            answer.unwrap().unwrap_err().kind(),
            RejectionKind::Unavailable
        );
    }
    assert!(start.elapsed() < 2 * HANGS, "{:?}", start.elapsed());
}

/// Whoever waits for less long than a wrong password takes to be counted learns that it is wrong.
#[tokio::test]
async fn a_wrong_password_is_counted_even_if_its_request_is_dropped() {
    let (_, store) = with_ada(3).await;
    let waits = Arc::new((AtomicBool::new(false), Notify::new()));
    let slow = Store {
        counting_waits: Some(Arc::clone(&waits)),
        ..store.clone()
    };
    let accounts = Accounts::new(ISSUER, slow.clone()).unwrap();
    let accounts = accounts.with_attempt_store(slow);
    let login = tokio::spawn(async move { accounts.log_in("ada", "guess").await });
    let start = std::time::Instant::now();
    while !waits.0.load(SeqCst) {
        assert!(start.elapsed() < Duration::from_secs(30), "never counted");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    login.abort();
    assert!(login.await.unwrap_err().is_cancelled());
    waits.1.notify_one();
    let counters = store.counters();
    let keys: Vec<_> = counters.iter().map(String::as_str).collect();
    while store.memory.counted(&keys).await.unwrap() == [None] {
        assert!(start.elapsed() < Duration::from_secs(30), "not counted");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn guesses_are_limited_while_no_failure_can_be_written() {
    let (accounts, store) = with_ada(3).await;
    store.counting_fails.store(true, SeqCst);
    for name in ["ada", "nobody"] {
        for _ in 0..3 {
            let answer = kind(accounts.log_in(name, "guess").await);
            assert_eq!(answer, RejectionKind::Unavailable);
        }
        assert!(is_limited(&accounts, name).await, "{name}");
    }
    store.counting_fails.store(false, SeqCst);
    assert_eq!(
        kind(accounts.log_in("ada", RIGHT).await),
        RejectionKind::TooMany
    );
    let ada = store.memory.account_named(ISSUER, "ada").await.unwrap();
    let subject = ada.unwrap().subject;
    accounts.set_password(&subject, OTHER).await.unwrap();
    accounts.log_in("ada", OTHER).await.unwrap();
}

#[tokio::test]
async fn invented_names_lock_no_account_and_end_no_later_than_its_own_limit() {
    let (accounts, store) = with_ada(4).await;
    let pool = HashPool::new().unwrap();
    // The unknown cost what Ada's hash does.
    fail(&accounts.pool(pool.clone()), "ada", 1).await;
    let time = Arc::new(AtomicU64::new(0));
    let clocked = {
        let time = Arc::clone(&time);
        MemoryStore::new().with_clock(move || UNIX_EPOCH + Duration::from_secs(time.load(SeqCst)))
    };
    let one = OneBucket(clocked);
    let accounts = Accounts::new(ISSUER, store).unwrap().pool(pool);
    let accounts = accounts.with_attempt_store(one).max_attempts(4, HOUR);
    fail(&accounts, "nobody", 4).await;
    assert!(is_limited(&accounts, "somebody else").await, "one bucket");
    // At most half of the limit is used up by others.
    time.fetch_add(600, SeqCst);
    fail(&accounts, "ada", 2).await;
    assert!(is_limited(&accounts, "ada").await);
    // The limit of an account ends with that of an invented name.
    time.fetch_add(3000, SeqCst);
    fail(&accounts, "nobody", 1).await;
    fail(&accounts, "ada", 3).await;
    assert!(is_limited(&accounts, "ada").await);
}

/// A store in which names without an account share one counter.
struct OneBucket(MemoryStore);

impl OneBucket {
    fn key(key: &str) -> &str {
        match key.starts_with("login/shared/") {
            true => "login/shared/0000",
            false => key,
        }
    }
}

impl EphemeralStore for OneBucket {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        self.0.add(key, value, lifetime)
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        self.0.put(key, value, lifetime)
    }
    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.0.read(keys)
    }
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.0.take(key)
    }
    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.0.count(Self::key(key), window)
    }
    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        self.0.raise(raised)
    }
    fn counted(&self, keys: &[&str]) -> Verdict<Vec<Option<Counted>>> {
        let keys: Vec<_> = keys.iter().map(|key| Self::key(key)).collect();
        self.0.counted(&keys)
    }
}

#[tokio::test]
async fn an_account_that_is_disabled_while_its_password_is_checked_cannot_log_in() {
    let (accounts, store) = with_ada(100).await;
    let pool = HashPool::new().unwrap().with_threads(1);
    let accounts = accounts.pool(pool.clone());
    for _ in 0..20 {
        let mut busy = pool.verify("u", "p", Some(&passwords::slow()));
        assert!(poll(&mut busy).is_pending());
        let mut login = Box::pin(accounts.log_in("ada", RIGHT));
        assert!(poll(&mut login).is_pending(), "waits for its turn");
        let enable = |enabled| store.set_enabled(ISSUER, "subject of ada", enabled);
        assert!(enable(false).await.unwrap());
        let _ = busy.await;
        match kind(login.await) {
            // On a loaded machine a turn may come too late.
            RejectionKind::Unavailable => assert!(enable(true).await.unwrap()),
            kind => return assert_eq!(kind, RejectionKind::Invalid),
        }
    }
    panic!("its turn never came");
}
