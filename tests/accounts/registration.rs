//! Registration and login: checks of names and passwords, password changes, and limits.

use crate::common::passwords;
use std::{error::Error, future::Future, sync::Arc, time::Duration};
use tower_auth::{
    RejectionKind, Verify,
    account::{Accounts, ChangeError, RegisterError},
    basic::Credentials,
    password::{HashPool, PasswordHash},
    store::{Account, AccountStore, MemoryStore},
};

const ISSUER: &str = "https://api.example.com/";
const GOOD: &str = "a quiet harbour at dusk";
const OTHER: &str = "seven blue lanterns sway";

fn accounts() -> (Accounts, MemoryStore) {
    let store = MemoryStore::new();
    (Accounts::new(ISSUER, store.clone()).unwrap(), store)
}

#[tokio::test]
async fn a_registered_account_can_log_in() {
    let (accounts, _) = accounts();
    let account = accounts.register("Ada", GOOD).await.unwrap();
    assert_eq!(account.name, "ada");
    assert_eq!(account.subject.len(), 32);
    let hash = account.password_hash.as_deref().unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!format!("{account:?}").contains(hash));
    for name in ["ada", "ADA", "Ada"] {
        let identity = accounts.log_in(name, GOOD).await.unwrap();
        assert_eq!(identity.subject(), account.subject);
        assert_eq!(identity.issuer(), Some(ISSUER));
        assert!(identity.authenticated_at().is_some());
        assert_eq!(identity.data::<Account>().unwrap().name, "ada");
    }
    for (name, password) in [
        ("ada", OTHER),
        ("ada", ""),
        ("bob", GOOD),
        ("", GOOD),
        ("a:b", GOOD),
        ("ada", &"x".repeat(100_000)),
        (&"y".repeat(100_000), GOOD),
    ] {
        let rejection = accounts.log_in(name, password).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::Invalid);
        assert_eq!(rejection.detail(), "the name or the password is wrong");
    }
}

#[tokio::test]
async fn names_and_passwords_are_checked_at_registration() {
    let (accounts, _) = accounts();
    let mut texts = Vec::new();
    for (name, password) in [
        ("", GOOD),
        ("a:b", GOOD),
        ("ada", ""),
        ("ada", "short"),
        ("ada", "passwordpassword"),
        ("ada", "aaaaaaaaaaaaaaaaaaaa"),
        ("ada", &"long ".repeat(300)),
    ] {
        let error = accounts.register(name, password).await.unwrap_err();
        assert!(
            matches!(error, RegisterError::Name(_) | RegisterError::Password(_)),
            "{name} {error}"
        );
        texts.push(error.to_string());
    }
    assert!(
        texts
            .iter()
            .all(|text| !text.is_empty() && !text.contains("aaaa"))
    );
    assert!(accounts.named("ada").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_unique() {
    let (accounts, _) = accounts();
    let accounts = accounts.pool(HashPool::new().unwrap().with_waiting(100));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move { accounts.register("ada", GOOD).await })
        })
        .collect();
    let mut registered = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => registered += 1,
            Err(error) => assert!(matches!(error, RegisterError::Taken), "{error:?}"),
        }
    }
    assert_eq!(registered, 1);
    let error = accounts.register("ADA", OTHER).await.unwrap_err();
    assert_eq!(error.to_string(), "the name is taken");
}

#[tokio::test]
async fn a_hash_made_elsewhere_is_replaced_at_login() {
    let (accounts, store) = accounts();
    let mut account = accounts.register("ada", GOOD).await.unwrap();
    // `U*U` under bcrypt, of the test vectors of crypt_blowfish.
    let old = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    account.subject = "42".to_owned();
    account.name = "old".to_owned();
    account.password_hash = Some(old.to_owned());
    assert!(store.add_account(&account).await.unwrap());
    assert!(PasswordHash::parse(old).unwrap().needs_rehash());
    let stored = || async {
        let account = accounts.named("old").await.unwrap();
        account.unwrap().password_hash.unwrap()
    };
    assert!(accounts.log_in("old", "U*U*").await.is_err());
    assert_eq!(stored().await, old);
    accounts.log_in("old", "U*U").await.unwrap();
    let new = stored().await;
    assert!(new.starts_with("$argon2id$"));
    accounts.log_in("old", "U*U").await.unwrap();
    assert_eq!(stored().await, new, "once is enough");
}

#[tokio::test]
async fn disabled_and_removed_accounts_cannot_log_in() {
    let (accounts, _) = accounts();
    let account = accounts.register("ada", GOOD).await.unwrap();
    let subject = account.subject.as_str();
    assert!(
        accounts
            .set_roles(subject, &["admin".to_owned()])
            .await
            .unwrap()
    );
    let identity = accounts.log_in("ada", GOOD).await.unwrap();
    assert!(identity.has_role("admin"));
    assert!(
        accounts
            .find(subject)
            .await
            .unwrap()
            .unwrap()
            .has_role("admin")
    );
    assert!(accounts.set_enabled(subject, false).await.unwrap());
    assert!(accounts.log_in("ada", GOOD).await.is_err());
    assert!(accounts.find(subject).await.unwrap().is_none());
    assert!(accounts.set_enabled(subject, true).await.unwrap());
    accounts.log_in("ada", GOOD).await.unwrap();
    assert!(accounts.remove(subject).await.unwrap());
    assert!(accounts.log_in("ada", GOOD).await.is_err());
    assert!(!accounts.remove(subject).await.unwrap());
    accounts.register("ada", OTHER).await.unwrap();
}

#[tokio::test]
async fn a_password_change_requires_the_current_password() {
    let (accounts, _) = accounts();
    let account = accounts.register("ada", GOOD).await.unwrap();
    let subject = account.subject.as_str();
    let wrong = accounts.change_password(subject, OTHER, OTHER).await;
    assert!(matches!(wrong, Err(ChangeError::Refused(_))));
    let weak = accounts.change_password(subject, GOOD, "password").await;
    assert!(matches!(weak, Err(ChangeError::Password(_))));
    accounts
        .change_password(subject, GOOD, OTHER)
        .await
        .unwrap();
    assert!(accounts.log_in("ada", GOOD).await.is_err());
    accounts.log_in("ada", OTHER).await.unwrap();
    let nobody = accounts.change_password("nobody", GOOD, OTHER).await;
    assert!(matches!(nobody, Err(ChangeError::Refused(_))));
}

#[tokio::test]
async fn failed_logins_are_limited() {
    let (accounts, store) = accounts();
    let accounts = accounts
        .with_attempt_store(store)
        .max_attempts(3, Duration::from_secs(60));
    accounts.register("ada", GOOD).await.unwrap();
    for _ in 0..5 {
        accounts.log_in("ada", GOOD).await.unwrap();
    }
    for name in ["ada", "nobody"] {
        for _ in 0..3 {
            let rejection = accounts.log_in(name, OTHER).await.unwrap_err();
            assert_eq!(rejection.kind(), RejectionKind::Invalid);
        }
        let rejection = accounts.log_in(name, GOOD).await.unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::TooMany);
        assert_eq!(rejection.retry_after(), Some(Duration::from_secs(60)));
    }
}

#[tokio::test]
async fn accounts_verify_basic_credentials() {
    let (accounts, _) = accounts();
    let account = accounts.register("ada", GOOD).await.unwrap();
    let verify = |user: &str, password: &str| {
        let accounts = accounts.clone();
        let credentials = Credentials::new(user, password);
        async move { accounts.verify(credentials.unwrap()).await }
    };
    for _ in 0..3 {
        let identity = verify("Ada", GOOD).await.unwrap();
        assert_eq!(identity.subject(), account.subject);
        assert!(
            identity.authenticated_at().is_some(),
            "the password was shown now, remembered or not"
        );
    }
    assert!(verify("ada", OTHER).await.is_err());
    assert!(verify("bob", GOOD).await.is_err());
    accounts.set_enabled(&account.subject, false).await.unwrap();
    assert!(verify("ada", GOOD).await.is_err(), "remembered or not");
    accounts.set_enabled(&account.subject, true).await.unwrap();
    accounts
        .change_password(&account.subject, GOOD, OTHER)
        .await
        .unwrap();
    assert!(verify("ada", GOOD).await.is_err(), "remembered or not");
    assert!(verify("ada", OTHER).await.is_ok());
}

#[test]
fn new_passwords_are_checked_outside_of_the_blocking_pool_and_of_any_runtime() {
    let (accounts, _) = accounts();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        // The only thread for blocking work has other work.
        tokio::task::spawn_blocking(move || released.recv());
        accounts.register("ada", GOOD).await.unwrap();
        release.send(()).unwrap();
    });
    drop(runtime);
    let registered = std::pin::pin!(accounts.register("bob", GOOD));
    assert!(block_on(registered).is_ok());
}

fn block_on<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> T {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn checks_of_new_passwords_are_bounded_by_the_pool() {
    let (accounts, store) = accounts();
    let ada = accounts.register("ada", GOOD).await.unwrap();
    let pool = HashPool::new().unwrap().with_threads(1).with_waiting(0);
    let accounts = accounts.pool(pool.clone());
    // Keeps the one thread busy for some tenths of a second.
    let mut busy = pool.verify("u", "p", Some(&passwords::costly()));
    assert!(
        polled(&mut busy).is_pending(),
        "the hash takes longer than this"
    );
    for number in 0..20 {
        let error = accounts.register(&format!("x{number}"), GOOD).await;
        let Err(RegisterError::Unavailable(rejection)) = error else {
            panic!("{error:?}");
        };
        assert!(rejection.retry_after().is_some());
        let error = accounts.set_password(&ada.subject, OTHER).await;
        let Err(ChangeError::Refused(rejection)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    }
    busy.await.unwrap();
    assert!(store.account_named(ISSUER, "x0").await.unwrap().is_none());
    accounts.register("bob", GOOD).await.unwrap();
}

fn polled<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut cx)
}

#[tokio::test]
async fn a_long_password_may_be_typed_decomposed() {
    let (accounts, _) = accounts();
    let word = "\u{e9}\u{e8}\u{e7}\u{f1}\u{f6}\u{fc}\u{e0}\u{f4} quiet harbour at dusk ";
    let composed: String = word.chars().cycle().take(800).collect();
    let decomposed: String = composed
        .chars()
        .flat_map(|c| match c {
            '\u{e9}' => vec!['e', '\u{301}'],
            '\u{e8}' => vec!['e', '\u{300}'],
            '\u{e7}' => vec!['c', '\u{327}'],
            '\u{f1}' => vec!['n', '\u{303}'],
            '\u{f6}' => vec!['o', '\u{308}'],
            '\u{fc}' => vec!['u', '\u{308}'],
            '\u{e0}' => vec!['a', '\u{300}'],
            '\u{f4}' => vec!['o', '\u{302}'],
            c => vec![c],
        })
        .collect();
    assert!(composed.len() <= 1024 && decomposed.len() > 1024);
    accounts.register("ada", &composed).await.unwrap();
    accounts.log_in("ada", &decomposed).await.unwrap();
    accounts.log_in("ada", &composed).await.unwrap();
}

#[test]
fn the_errors_have_fixed_texts() {
    let error: Arc<dyn Error> = Arc::new(RegisterError::Taken);
    assert_eq!(error.to_string(), "the name is taken");
    assert!(Accounts::new("", MemoryStore::new()).is_err());
}
