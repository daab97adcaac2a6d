//! Values that are removed from the in-memory stores are dropped outside of the lock, so that their
//! destructors may use the store.

use std::{
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::Duration,
};
use tower_auth::{
    Identity,
    api_key::ApiKeys,
    basic::{User, Users},
    password::PasswordHash,
};

/// Runs this in a thread of its own; it has to come to its end.
#[track_caller]
fn ends(f: impl FnOnce() + Send + 'static) {
    let (done, end) = mpsc::channel();
    thread::spawn(move || {
        f();
        done.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(10))
        .expect("it hangs, or has panicked");
}

/// Data of the application's that looks into the store when it goes.
struct Looks<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Drop for Looks<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn removed_values_are_dropped_outside_the_lock() {
    ends(|| {
        let keys = ApiKeys::new();
        let store = keys.clone();
        let looks = move || drop(store.list());
        let new = keys.create("acme", Identity::new("ci").with_data(Looks(looks.clone())));
        assert!(keys.remove(new.unwrap().id()));
        let key = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
        keys.register(key, Identity::new("a")).unwrap();
        let again = Identity::new("b").with_data(Looks(looks));
        assert!(keys.register(key, again).is_err());
    });
    ends(|| {
        let users = Users::new([]).unwrap();
        let store: Arc<OnceLock<Users>> = Arc::default();
        store.set(users.clone()).ok().unwrap();
        let hash = PasswordHash::parse(
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        )
        .unwrap();
        let user = || {
            let store = store.clone();
            User::new("a", hash.clone()).with_data(Looks(move || {
                assert!(store.get().unwrap().len() < 2);
            }))
        };
        users.insert(user()).unwrap();
        users.insert(user()).unwrap();
        assert!(users.remove("a"));
    });
}
