use super::*;
use crate::RejectionKind;
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// Users of whom each hash computed is counted.
fn counted(users: impl IntoIterator<Item = User>) -> (Users, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let pool = HashPool::counting({
        let count = Arc::clone(&count);
        move |password, hash| {
            count.fetch_add(1, SeqCst);
            hash.matches(password).ok()
        }
    });
    (Users::new(users).unwrap().with_pool(pool), count)
}

fn user(name: &str) -> User {
    User::new(name, PasswordHash::cheap("right"))
}

fn ask(users: &Users, name: &str, password: &str) -> Verdict<Identity> {
    users.verify(Credentials::new(name, password).unwrap())
}

#[track_caller]
fn invalid(result: Result<Identity, Rejection>) {
    let rejection = result.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Invalid);
    assert_eq!(rejection.detail(), "the credentials are not valid");
    assert!(std::error::Error::source(&rejection).is_none());
}

#[tokio::test]
async fn what_was_right_is_answered_at_once_the_next_time() {
    let (users, count) = counted([user("a"), user("b")]);
    assert!(ask(&users, "a", "right").now().is_err(), "not known yet");
    let first = ask(&users, "a", "right").await.unwrap();
    let again = ask(&users, "a", "right").now().unwrap().unwrap();
    assert_eq!(first.subject(), "a");
    assert_eq!(again.subject(), "a");
    assert_eq!(count.load(SeqCst), 1);
    assert!(ask(&users, "b", "right").now().is_err());
    assert!(ask(&users, "a", "righ").now().is_err());
}

#[tokio::test]
async fn a_failure_is_never_remembered() {
    let (users, count) = counted([user("a"), user("off")]);
    users.set_enabled("off", false);
    for _ in 0..3 {
        invalid(ask(&users, "a", "wrong").await);
        invalid(ask(&users, "off", "right").await);
        invalid(ask(&users, "unknown", "right").await);
    }
    assert_eq!(count.load(SeqCst), 9, "each costs a hash");
    assert_eq!(users.cache.as_ref().unwrap().len(), 0);
}

#[tokio::test]
async fn whoever_is_removed_disabled_or_changed_is_out_at_once() {
    let (users, _) = counted([user("a")]);
    let known = || ask(&users, "a", "right").now().is_ok();
    ask(&users, "a", "right").await.unwrap();
    assert!(known());

    assert!(users.set_enabled("a", false));
    assert!(!known());
    invalid(ask(&users, "a", "right").await);
    assert!(users.set_enabled("a", true));
    ask(&users, "a", "right").await.unwrap();
    assert!(known());

    // The same password under another salt is another password.
    assert!(users.set_password("a", PasswordHash::cheap("right")));
    assert!(!known());
    ask(&users, "a", "right").await.unwrap();
    assert!(known());

    assert!(users.set_password("a", PasswordHash::cheap("new")));
    invalid(ask(&users, "a", "right").await);
    ask(&users, "a", "new").await.unwrap();

    assert!(users.remove("a"));
    invalid(ask(&users, "a", "new").await);
    users.insert(user("a")).unwrap();
    invalid(ask(&users, "a", "new").await);
    ask(&users, "a", "right").await.unwrap();
}

/// Verifies the correct password while these changes are made, one during each hash.
async fn ask_during(changes: Vec<fn(&Users) -> bool>) -> (Users, Result<Identity, Rejection>) {
    let slot: Arc<Mutex<Option<Users>>> = Arc::default();
    let changes = Mutex::new(changes.into_iter());
    let pool = HashPool::counting({
        let slot = Arc::clone(&slot);
        move |password, hash| {
            if let Some(change) = changes.lock().unwrap().next() {
                assert!(change(slot.lock().unwrap().as_ref().unwrap()));
            }
            hash.matches(password).ok()
        }
    });
    let users = Users::new([user("a")]).unwrap().with_pool(pool);
    *slot.lock().unwrap() = Some(users.clone());
    let answer = ask(&users, "a", "right").await;
    *slot.lock().unwrap() = None;
    (users, answer)
}

#[tokio::test]
async fn a_user_who_is_changed_while_the_hash_is_computed_is_verified_as_changed() {
    let remove: fn(&Users) -> bool = |users| users.remove("a");
    let disable: fn(&Users) -> bool = |users| users.set_enabled("a", false);
    let other: fn(&Users) -> bool = |users| users.set_password("a", PasswordHash::cheap("x"));
    let salt: fn(&Users) -> bool = |users| users.set_password("a", PasswordHash::cheap("right"));
    let insert: fn(&Users) -> bool = |users| users.insert(user("a")).is_ok();
    for changes in [
        vec![remove],
        vec![disable],
        vec![other],
        vec![salt, remove],
        vec![insert, other],
    ] {
        let (users, answer) = ask_during(changes).await;
        invalid(answer);
        assert_eq!(users.cache.as_ref().unwrap().len(), 0);
    }
    for changes in [vec![salt], vec![insert], vec![salt, insert]] {
        let (users, answer) = ask_during(changes).await;
        answer.unwrap();
        assert!(
            ask(&users, "a", "right").now().is_ok(),
            "cached by the hash of now"
        );
    }
    let (_, answer) = ask_during(vec![salt, salt, salt]).await;
    assert_eq!(answer.unwrap_err().kind(), RejectionKind::Unavailable);
}

#[tokio::test]
async fn a_user_who_was_right_not_long_ago_does_not_wait_behind_strangers() {
    let (start, started) = (Arc::new(AtomicUsize::new(0)), Arc::default());
    let order: Arc<Mutex<Vec<Vec<u8>>>> = started;
    let pool = HashPool::counting({
        let (start, order) = (Arc::clone(&start), Arc::clone(&order));
        move |password, hash| {
            order.lock().unwrap().push(password.to_vec());
            while start.load(SeqCst) == 0 {
                std::thread::yield_now();
            }
            hash.matches(password).ok()
        }
    })
    .with_threads(1)
    .with_waiting(2);
    let users = Users::new([user("a"), user("b")])
        .unwrap()
        .with_pool(pool)
        .with_cache_time_to_live(Duration::ZERO);
    start.store(1, SeqCst);
    ask(&users, "a", "right").await.unwrap();
    start.store(0, SeqCst);
    order.lock().unwrap().clear();

    let begin = |name: &str, password: &str| {
        let mut verdict = ask(&users, name, password);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let polled = std::pin::Pin::new(&mut verdict).poll(&mut cx);
        (verdict, polled)
    };
    let first = begin("x0", "guess 0");
    while order.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    let strangers = [begin("x1", "guess 1"), begin("b", "guess 2")];
    for name in ["x2", "b", "a"] {
        // The queue of credentials that were never verified is full.
        let (_, polled) = begin(name, "guess 3");
        let std::task::Poll::Ready(Err(rejection)) = polled else {
            panic!("{name} is lined up");
        };
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    }
    let known = begin("a", "right");
    start.store(1, SeqCst);
    assert_eq!(known.0.await.unwrap().subject(), "a");
    for (verdict, _) in [first].into_iter().chain(strangers) {
        invalid(verdict.await);
    }
    let order: Vec<_> = order
        .lock()
        .unwrap()
        .iter()
        .map(|password| String::from_utf8(password.clone()).unwrap())
        .collect();
    assert_eq!(order, ["guess 0", "right", "guess 1", "guess 2"]);
}

#[tokio::test]
async fn all_users_are_replaced_at_once_and_those_who_stay_are_still_known() {
    let (users, count) = counted([user("a"), user("b")]);
    let stays = PasswordHash::cheap("right");
    users.insert(User::new("c", stays.clone())).unwrap();
    for name in ["a", "c"] {
        ask(&users, name, "right").await.unwrap();
    }
    assert_eq!(count.load(SeqCst), 2);
    users.replace([user("d"), User::new("c", stays)]).unwrap();
    assert_eq!(users.len(), 2);
    assert!(ask(&users, "c", "right").now().unwrap().is_ok());
    invalid(ask(&users, "a", "right").await);
    invalid(ask(&users, "b", "right").await);
    ask(&users, "d", "right").await.unwrap();

    assert!(users.replace([user("e"), user("e")]).is_err());
    assert!(users.replace([user("e:")]).is_err());
    assert_eq!(users.len(), 2);
    users.replace([]).unwrap();
    assert!(users.is_empty());
    invalid(ask(&users, "c", "right").await);
}

#[tokio::test]
async fn new_roles_count_at_once_for_credentials_that_are_known() {
    let (users, count) = counted([user("a")]);
    let hash = PasswordHash::cheap("right");
    users.insert(User::new("a", hash.clone())).unwrap();
    assert!(!ask(&users, "a", "right").await.unwrap().has_role("admin"));
    users
        .insert(User::new("a", hash).with_role("admin"))
        .unwrap();
    let identity = ask(&users, "a", "right").now().unwrap().unwrap();
    assert!(identity.has_role("admin"));
    assert_eq!(count.load(SeqCst), 1);
}

#[tokio::test]
async fn without_a_cache_or_after_its_time_every_request_costs_a_hash() {
    let (users, count) = counted([user("a")]);
    let short = users
        .clone()
        .with_cache_time_to_live(Duration::from_millis(20));
    for _ in 0..2 {
        ask(&short, "a", "right").await.unwrap();
        std::thread::sleep(Duration::from_millis(25));
    }
    assert_eq!(count.load(SeqCst), 2);
    let none = users.without_cache();
    for _ in 0..2 {
        ask(&none, "a", "right").await.unwrap();
    }
    assert_eq!(count.load(SeqCst), 4);
}

#[tokio::test]
async fn an_unknown_name_is_compared_with_the_costliest_hash_there_is() {
    use crate::password::Cost;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let pool = HashPool::counting({
        let seen = Arc::clone(&seen);
        move |_, hash| {
            seen.lock().unwrap().push(hash.cost().memory());
            Some(true)
        }
    });
    let costly = |memory| PasswordHash::at_cost("x", Cost::argon2id(memory, 1, 1).unwrap());
    let users = Users::new([User::new("a", costly(16)), User::new("b", costly(8))])
        .unwrap()
        .with_pool(pool);
    // The comparison says yes to everything: nobody does not pass for that.
    invalid(ask(&users, "unknown", "x").await);
    users.set_enabled("b", false);
    invalid(ask(&users, "b", "x").await);
    users.insert(User::new("c", costly(24))).unwrap();
    invalid(ask(&users, "unknown", "x").await);
    users.remove("c");
    invalid(ask(&users, "unknown", "x").await);
    assert_eq!(*seen.lock().unwrap(), [16, 16, 24, 16]);
}
