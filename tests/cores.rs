//! Caches of lanes: a credential that is revoked, removed, replaced or expired is rejected on every
//! thread at once, whatever the thread's lane has cached.

mod common;

use common::{
    passwords::cheap,
    signer::{Client, ISSUER, JWKS, Signer, builder, claims, ok, set},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::{Builder, Runtime};
use tower_auth::{
    Identity, Verdict, Verify,
    api_key::{ApiKeys, KeyOptions, PresentedKey, StoredKeys},
    basic::{Credentials, User, Users},
    bearer::{FixedTokens, Token},
    clock::Clock,
    jwt::{Key, remote::RemoteKeys},
    revocation::{Revocations, VerifyExt},
    store::MemoryStore,
};

const NOW: u64 = 1_800_000_000;

/// The number of times that every thread is accepted before the change. One look-up in 64 is copied
/// into the cache of a lane.
const ACCEPTED: usize = 300;

/// The number of times that every thread is rejected after the change.
const REJECTED: usize = 300;

/// A clock that is set by hand.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW)))
    }

    fn set(&self, seconds: u64) {
        self.0.store(seconds, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(SeqCst))
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Whether the credentials are accepted without waiting.
fn is_accepted(verdict: Verdict<Identity>) -> bool {
    verdict.now().is_ok_and(|result| result.is_ok())
}

/// Has more threads than lanes verify the same credentials, makes a change meanwhile, and checks
/// that no thread that begins after the change accepts them.
#[track_caller]
fn rejected_on_every_thread(accepts: impl Fn() -> bool + Sync, change: impl FnOnce()) {
    let lanes = thread::available_parallelism().map_or(8, |n| n.get().clamp(8, 64));
    let threads = lanes * 3 / 2;
    let (accepted, rejected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (is_changed, is_wrong) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut times = 0;
                while times < ACCEPTED + REJECTED && !is_wrong.load(SeqCst) {
                    let is_after = is_changed.load(SeqCst);
                    let is_accepted = accepts();
                    match times {
                        // The change waits until all threads have been accepted so often.
                        0..ACCEPTED => {
                            is_wrong.fetch_or(!is_accepted, SeqCst);
                            times += 1;
                            if times == ACCEPTED {
                                accepted.fetch_add(1, SeqCst);
                            }
                        }
                        _ if is_after => {
                            is_wrong.fetch_or(is_accepted, SeqCst);
                            times += 1;
                            if times == ACCEPTED + REJECTED {
                                rejected.fetch_add(1, SeqCst);
                            }
                        }
                        // The change is under way, so either is right.
                        _ => {}
                    }
                }
            });
        }
        while accepted.load(SeqCst) < threads && !is_wrong.load(SeqCst) {
            thread::yield_now();
        }
        change();
        is_changed.store(true, SeqCst);
    });
    assert!(!is_wrong.load(SeqCst), "a thread saw another state");
    assert_eq!(rejected.load(SeqCst), threads);
}

#[test]
fn a_revoked_token_is_rejected_on_every_thread_at_once() {
    let signer = Signer::new("a");
    let key = Key::from_jwk(&signer.jwk().to_string()).unwrap();
    let jwt = builder(ISSUER).keys(key).build().unwrap();
    let list = Revocations::new();
    let mut claims = claims(ISSUER);
    claims["jti"] = "t1".into();
    let token = signer.sign(&claims);
    let jwt = jwt.with_revocation(list.clone());
    rejected_on_every_thread(
        || is_accepted(jwt.verify(Token::new(token.as_str()))),
        || {
            let later = SystemTime::now() + Duration::from_secs(3600);
            list.revoke_token(ISSUER, "t1", later).unwrap();
        },
    );
}

#[test]
fn an_expired_token_is_rejected_on_every_thread_at_once() {
    let (signer, hand) = (Signer::new("a"), Hand::new());
    let key = Key::from_jwk(&signer.jwk().to_string()).unwrap();
    let jwt = builder(ISSUER).keys(key).clock(hand.clone());
    let jwt = jwt.build().unwrap();
    let mut claims = claims(ISSUER);
    claims["iat"] = NOW.into();
    claims["exp"] = (NOW + 100).into();
    let token = signer.sign(&claims);
    rejected_on_every_thread(
        || is_accepted(jwt.verify(Token::new(token.as_str()))),
        // The longest leeway is an hour.
        || hand.set(NOW + 2 * 3600),
    );
}

#[test]
fn a_token_of_a_withdrawn_key_is_rejected_on_every_thread_at_once() {
    let runtime = runtime();
    let (old, new) = (Signer::new("a"), Signer::new("b"));
    let client = Client::of([&old]);
    let keys = RemoteKeys::discover().fetch_with(client.clone());
    let jwt = builder(ISSUER).keys(keys).build().unwrap();
    let (old, other) = (old.token(ISSUER), new.token(ISSUER));
    runtime
        .block_on(jwt.verify(Token::new(old.as_str())))
        .unwrap();
    rejected_on_every_thread(
        || is_accepted(jwt.verify(Token::new(old.as_str()))),
        || {
            client.answer(JWKS, ok(set([&new])));
            // The new key is unknown, so the set is fetched again.
            let verdict = jwt.verify(Token::new(other.as_str()));
            runtime.block_on(verdict).unwrap();
        },
    );
}

#[test]
fn a_revoked_or_removed_api_key_is_rejected_on_every_thread_at_once() {
    for change in [ApiKeys::revoke, ApiKeys::remove] {
        let keys = ApiKeys::new();
        let new = keys.create("acme", Identity::new("ci")).unwrap();
        keys.create("acme", Identity::new("another")).unwrap();
        let (secret, id) = (new.expose().to_owned(), new.id().to_owned());
        rejected_on_every_thread(
            || is_accepted(keys.verify(PresentedKey::new(secret.as_str()))),
            || assert!(change(&keys, &id)),
        );
    }
}

#[test]
fn an_expired_api_key_is_rejected_on_every_thread_at_once() {
    let hand = Hand::new();
    let keys = ApiKeys::new().with_clock(hand.clone());
    let owner = Identity::new("ci").with_expiry(at(NOW + 10));
    let new = keys.create("acme", owner).unwrap();
    let secret = new.expose().to_owned();
    rejected_on_every_thread(
        || is_accepted(keys.verify(PresentedKey::new(secret.as_str()))),
        || hand.set(NOW + 10),
    );
}

#[test]
fn the_data_of_a_removed_api_key_is_dropped_with_it() {
    let keys = ApiKeys::new();
    let data = Arc::new(());
    let owner = Identity::new("ci").with_data(Arc::clone(&data));
    let new = keys.create("acme", owner).unwrap();
    let (secret, id) = (new.expose().to_owned(), new.id().to_owned());
    rejected_on_every_thread(
        || is_accepted(keys.verify(PresentedKey::new(secret.as_str()))),
        || assert!(keys.remove(&id)),
    );
    assert_eq!(Arc::strong_count(&data), 1);
}

#[test]
fn a_revoked_key_of_a_store_is_rejected_on_every_thread_at_once() {
    let runtime = runtime();
    let keys = StoredKeys::new(MemoryStore::new()).cache_time_to_live(Duration::from_secs(3600));
    let options = KeyOptions::new("api", "42");
    let new = runtime.block_on(keys.create("acme", options)).unwrap();
    let (secret, id) = (new.expose().to_owned(), new.id().to_owned());
    let verdict = keys.verify(PresentedKey::new(secret.as_str()));
    runtime.block_on(verdict).unwrap();
    rejected_on_every_thread(
        || is_accepted(keys.verify(PresentedKey::new(secret.as_str()))),
        || assert!(runtime.block_on(keys.revoke("api", "42", &id)).unwrap()),
    );
}

#[test]
fn an_expired_fixed_token_is_rejected_on_every_thread_at_once() {
    let hand = Hand::new();
    let text = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";
    let owner = Identity::new("ci").with_expiry(at(NOW + 10));
    let tokens = FixedTokens::new([(text, owner)]).unwrap();
    let tokens = tokens.with_clock(hand.clone());
    rejected_on_every_thread(
        || is_accepted(tokens.verify(Token::new(text))),
        || hand.set(NOW + 10),
    );
}

#[test]
fn a_changed_user_is_rejected_on_every_thread_at_once() {
    let changes: [fn(&Users) -> bool; 4] = [
        |users| users.remove("ada"),
        |users| users.set_enabled("ada", false),
        |users| users.set_password("ada", cheap("another")),
        |users| users.replace([]).is_ok(),
    ];
    for change in changes {
        let users = Users::new([User::new("ada", cheap("right"))]).unwrap();
        let ask = || users.verify(Credentials::new("ada", "right").unwrap());
        runtime().block_on(ask()).unwrap();
        rejected_on_every_thread(|| is_accepted(ask()), || assert!(change(&users)));
    }
}
