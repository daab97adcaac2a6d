//! Revocations in a durable store with a separate lookup store.

use crate::{Redis, at};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::Semaphore;
use tower_auth::{
    Identity, Rejection, RejectionKind, Verdict, Verify,
    api_key::{KeyOptions, PresentedKey, StoredKeys},
    bearer::Token,
    clock::Clock,
    issue::{IssuedTokens, Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::Algorithm,
    revocation::{SharedRevocations, VerifyExt},
    store::{
        BatchRead, EphemeralStore, MemoryStore, Raise, RedisStore, RefreshTokenFamily, Revocation,
        SqliteStore, TokenStore,
    },
};

const ISSUER: &str = "https://api.example.com/";
const HOUR: u64 = 3600;

/// A clock in seconds that a test moves.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        at(self.0.load(SeqCst))
    }
}

/// A server over these stores.
fn server(durable: impl TokenStore, lookup: impl EphemeralStore, hand: &Hand) -> TokenIssuer {
    let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap());
    TokenIssuer::issuer(ISSUER, keys)
        .audience(ISSUER)
        .store(durable, [7; 32])
        .with_lookup_store(lookup)
        .clock(hand.clone())
        .build()
        .unwrap()
}

fn server_without_lookup(durable: impl TokenStore, hand: &Hand) -> TokenIssuer {
    let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap());
    let tokens = TokenIssuer::issuer(ISSUER, keys).audience(ISSUER);
    let tokens = tokens.store(durable, [7; 32]).clock(hand.clone());
    tokens.build().unwrap()
}

async fn identity(tokens: &TokenIssuer, issued: &IssuedTokens) -> Result<Identity, Rejection> {
    let token = Token::new(issued.access_token().expose());
    tokens.verifier().unwrap().verify(token).await
}

async fn passes(tokens: &TokenIssuer, issued: &IssuedTokens) -> bool {
    let result = identity(tokens, issued).await;
    if let Err(rejection) = &result {
        assert_eq!(rejection.kind(), RejectionKind::Invalid, "{rejection:?}");
    }
    result.is_ok()
}

/// Asks until it is so.
async fn becomes(what: &str, is_so: impl AsyncFn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < until, "not so: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_everywhere_survives_a_restart_of_redis_from_a_snapshot() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let (hand, durable) = (Hand::new(), MemoryStore::new());
    let store = RedisStore::connect(&redis.url).await.unwrap();
    let tokens = server(durable.clone(), store.clone(), &hand);
    tokens.revocations().fill().await.unwrap();
    tokens.end_all_sessions("42").await.unwrap();
    hand.pass(HOUR);
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let sessionless = tokens.access_token(TokenSubject::new("42")).unwrap();
    let keys = StoredKeys::new(MemoryStore::new()).with_clock(hand.clone());
    let key = keys.create("k", KeyOptions::new(ISSUER, "42")).await;
    let key = key.unwrap();
    assert!(passes(&tokens, &issued).await);
    // The snapshot has the first cut-off, and not the second.
    redis.command("SAVE");
    hand.pass(600);
    tokens.end_all_sessions("42").await.unwrap();
    assert!(!passes(&tokens, &issued).await);
    redis.kill();
    redis.restart();

    let restarted = server(durable, store, &hand);
    for tokens in [&tokens, &restarted] {
        let keys = keys.clone().with_revocation(tokens.revocations().clone());
        let are_refused = async || {
            let token = Token::new(sessionless.expose());
            let token = tokens.verifier().unwrap().verify(token).await;
            let key = keys.verify(PresentedKey::new(key.expose())).await;
            assert!(!passes(tokens, &issued).await);
            assert_eq!(token.unwrap_err().kind(), RejectionKind::Invalid);
            assert_eq!(key.unwrap_err().kind(), RejectionKind::Invalid);
        };
        // While it cannot be reached, is read again, is filled, and after that.
        for _ in 0..25 {
            are_refused().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        becomes("filled", async || tokens.revocations().fill().await.is_ok()).await;
        are_refused().await;
    }
}

/// A lookup store whose writes wait, fail, or are counted.
#[derive(Clone)]
struct Gate {
    store: MemoryStore,
    /// A permit for each `raise`; closed for none that waits.
    open: Arc<Semaphore>,
    fails: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    entered: Arc<AtomicUsize>,
}

impl Gate {
    fn new(hand: &Hand) -> Self {
        Self {
            store: MemoryStore::new().with_clock(hand.clone()),
            open: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            fails: Arc::default(),
            reads: Arc::default(),
            entered: Arc::default(),
        }
    }

    fn close(&self) {
        self.open.forget_permits(Semaphore::MAX_PERMITS);
    }

    fn open(&self) {
        self.open.add_permits(1_000);
    }
}

impl EphemeralStore for Gate {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        self.store.add(key, value, lifetime)
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        self.store.put(key, value, lifetime)
    }
    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.reads.fetch_add(1, SeqCst);
        match self.fails.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("down"))),
            false => self.store.read(keys),
        }
    }
    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        let gate = self.clone();
        let raised: Vec<_> = raised
            .iter()
            .map(|one| (one.key.to_owned(), one.number, one.lifetime))
            .collect();
        Verdict::pending(async move {
            gate.entered.fetch_add(1, SeqCst);
            gate.open.acquire().await.unwrap().forget();
            if gate.fails.load(SeqCst) {
                return Err(Rejection::unavailable("down"));
            }
            for (key, number, lifetime) in &raised {
                let one = Raise {
                    key,
                    number: *number,
                    lifetime: *lifetime,
                };
                gate.store.raise(&[one]).await?;
            }
            Ok(())
        })
    }
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.store.take(key)
    }
    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.store.count(key, window)
    }
}

#[tokio::test]
async fn while_the_lookup_store_is_filled_the_durable_one_answers() {
    let (hand, durable) = (Hand::new(), MemoryStore::new());
    let gate = Gate::new(&hand);
    let tokens = server(durable, gate.clone(), &hand);
    let (one, two) = (
        tokens.start_session(TokenSubject::new("1")),
        tokens.start_session(TokenSubject::new("2")),
    );
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    tokens.end_all_sessions("2").await.unwrap();
    let entered = gate.entered.load(SeqCst);
    gate.close();
    for _ in 0..20 {
        assert!(passes(&tokens, &one).await);
        assert!(!passes(&tokens, &two).await);
    }
    becomes("being filled", async || {
        gate.entered.load(SeqCst) == entered + 1
    })
    .await;
    assert!(
        passes(&tokens, &one).await,
        "a filling that hangs holds up no request"
    );
    gate.open();
    let reads = gate.reads.load(SeqCst);
    becomes("filled", async || {
        assert!(passes(&tokens, &one).await);
        assert!(!passes(&tokens, &two).await);
        gate.reads.load(SeqCst) > reads + 10
    })
    .await;
    assert_eq!(gate.entered.load(SeqCst), entered + 1, "filled once");
}

#[tokio::test]
async fn a_log_out_whose_client_goes_away_is_finished() {
    let (hand, durable) = (Hand::new(), MemoryStore::new());
    let gate = Gate::new(&hand);
    let tokens = server(durable, gate.clone(), &hand);
    tokens.revocations().fill().await.unwrap();
    let mut issued = Vec::new();
    for _ in 0..4 {
        issued.push(tokens.start_session(TokenSubject::new("42")).await.unwrap());
    }
    let identity = identity(&tokens, &issued[0]).await.unwrap();
    hand.pass(300);
    let stolen = issued[2].refresh_token();
    let renewed = tokens.refresh(stolen).await.unwrap();
    tokens.refresh(renewed.refresh_token()).await.unwrap();
    let token = Revocation::Token {
        issuer: ISSUER.into(),
        id: issued[3].access_token().id().into(),
        until: at(1_900_000_000),
    };
    gate.close();
    let patience = Duration::from_millis(20);
    let gone = [
        tokio::time::timeout(patience, tokens.end_session(&identity)).await,
        tokio::time::timeout(
            patience,
            tokens.log_out_by_refresh_token(issued[1].refresh_token()),
        )
        .await,
        tokio::time::timeout(patience, async { tokens.refresh(stolen).await.map(drop) }).await,
        tokio::time::timeout(patience, tokens.revocations().revoke(token)).await,
    ];
    assert!(gone.iter().all(Result::is_err));
    gate.open();
    for issued in &issued {
        becomes("refused", async || !passes(&tokens, issued).await).await;
    }

    let issued = tokens.start_session(TokenSubject::new("43")).await.unwrap();
    gate.open.forget_permits(Semaphore::MAX_PERMITS);
    let gone = tokio::time::timeout(patience, tokens.end_all_sessions("43")).await;
    assert!(gone.is_err() && passes(&tokens, &issued).await);
    gate.open();
    becomes("refused", async || !passes(&tokens, &issued).await).await;
}

#[tokio::test]
async fn a_revocation_that_could_not_be_written_is_written_by_the_next_filling() {
    let (hand, durable) = (Hand::new(), MemoryStore::new());
    let gate = Gate::new(&hand);
    let one = server(durable.clone(), gate.clone(), &hand);
    let two = server(durable, gate.clone(), &hand);
    for tokens in [&one, &two] {
        tokens.revocations().fill().await.unwrap();
    }
    let issued = one.start_session(TokenSubject::new("42")).await.unwrap();
    gate.fails.store(true, SeqCst);
    let failed = one.log_out_by_refresh_token(issued.refresh_token()).await;
    assert_eq!(failed.unwrap_err().kind(), RejectionKind::Unavailable);
    gate.fails.store(false, SeqCst);
    // The other cannot know yet.
    assert!(passes(&two, &issued).await && !passes(&one, &issued).await);
    becomes("refused by the other", async || {
        assert!(!passes(&one, &issued).await);
        !passes(&two, &issued).await
    })
    .await;
}

/// It may take a second to fail.
#[tokio::test]
async fn a_lookup_store_that_fails_is_tried_once_a_second() {
    let (hand, durable) = (Hand::new(), MemoryStore::new());
    let gate = Gate::new(&hand);
    let tokens = server(durable, gate.clone(), &hand);
    tokens.revocations().fill().await.unwrap();
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    gate.fails.store(true, SeqCst);
    let (begun, before) = (Instant::now(), gate.reads.load(SeqCst));
    for _ in 0..200 {
        assert!(passes(&tokens, &issued).await);
    }
    let tried = gate.reads.load(SeqCst) - before;
    assert!(tried as u64 <= 1 + begun.elapsed().as_secs(), "{tried}");
    gate.fails.store(false, SeqCst);
    becomes("used again", async || {
        let before = gate.reads.load(SeqCst);
        for _ in 0..10 {
            assert!(passes(&tokens, &issued).await);
        }
        gate.reads.load(SeqCst) == before + 10
    })
    .await;
}

/// However far the clock of the lookup store jumps.
#[tokio::test]
async fn a_clock_that_jumps_does_not_undo_a_revocation() {
    for jump in [1, 2, 20, 23, 24, 25, 26, 48, 50, 1_000].map(|hours| hours * HOUR) {
        let (hand, durable) = (Hand::new(), MemoryStore::new());
        let other = Hand::new();
        let lookup = MemoryStore::new().with_clock(other.clone());
        let tokens = server(durable, lookup, &hand);
        let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
        tokens.revocations().fill().await.unwrap();
        let token = Revocation::Token {
            issuer: ISSUER.into(),
            id: issued.access_token().id().into(),
            until: hand.now() + issued.access_token().expires_in(),
        };
        tokens.revocations().revoke(token).await.unwrap();
        other.pass(jump);
        assert!(!passes(&tokens, &issued).await, "{jump} seconds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_store_that_was_emptied_or_killed_is_not_trusted() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let hand = Hand::new();
    let durable = SqliteStore::in_memory().await.unwrap();
    let store = RedisStore::connect(&redis.url).await.unwrap();
    let tokens = server(durable, store, &hand);
    tokens.revocations().fill().await.unwrap();
    let (one, two) = (
        tokens.start_session(TokenSubject::new("1")),
        tokens.start_session(TokenSubject::new("2")),
    );
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    tokens
        .log_out_by_refresh_token(two.refresh_token())
        .await
        .unwrap();
    redis.command("FLUSHALL");
    assert!(passes(&tokens, &one).await && !passes(&tokens, &two).await);
    // It is filled in the background.
    becomes("filled", async || {
        assert!(passes(&tokens, &one).await && !passes(&tokens, &two).await);
        redis.command("DBSIZE").trim_end() == ":2"
    })
    .await;
    redis.kill();
    for _ in 0..5 {
        assert!(passes(&tokens, &one).await && !passes(&tokens, &two).await);
    }
    redis.restart();
    becomes("filled", async || {
        assert!(passes(&tokens, &one).await && !passes(&tokens, &two).await);
        redis.command("DBSIZE").trim_end() == ":2"
    })
    .await;
    assert!(passes(&tokens, &one).await && !passes(&tokens, &two).await);
}

/// More than one page, and more than one batch.
#[tokio::test(flavor = "multi_thread")]
async fn every_revocation_is_written_by_a_filling() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let hand = Hand::new();
    let durable = SqliteStore::in_memory().await.unwrap();
    for number in 0..2_100 {
        let revocation = Revocation::Session {
            issuer: ISSUER.into(),
            id: number.to_string(),
            until: at(1_900_000_000),
        };
        durable.revoke(&revocation).await.unwrap();
    }
    let store = RedisStore::connect(&redis.url).await.unwrap();
    let tokens = server(durable, store, &hand);
    tokens.revocations().fill().await.unwrap();
    assert_eq!(redis.command("DBSIZE").trim_end(), ":2101");
}

/// As in a resource server, which only verifies tokens.
#[tokio::test]
async fn a_log_out_everywhere_by_a_clock_that_is_behind_ends_every_session_for_any_list() {
    let (hand, ahead, durable) = (Hand::new(), Hand::new(), MemoryStore::new());
    ahead.pass(5);
    let lookup = MemoryStore::new().with_clock(hand.clone());
    let one = server(durable.clone(), lookup.clone(), &hand);
    let two = server(durable.clone(), lookup.clone(), &ahead);
    let issued = two.start_session(TokenSubject::new("42")).await.unwrap();
    let plain = SharedRevocations::new(durable).with_clock(hand.clone());
    let looked_up = plain.clone().with_lookup_store(lookup);
    looked_up.fill().await.unwrap();
    let pass = async |list: &SharedRevocations| {
        let now = ahead.clone();
        let jwt = one.jwt().clock(move || now.now()).build().unwrap();
        let token = Token::new(issued.access_token().expose());
        jwt.with_revocation(list.clone())
            .verify(token)
            .await
            .is_ok()
    };
    assert!(pass(&plain).await && pass(&looked_up).await);
    one.end_all_sessions("42").await.unwrap();
    assert!(!pass(&plain).await && !pass(&looked_up).await);
}

/// An earlier build has written a cut-off, and does not say when sessions began.
#[tokio::test]
async fn a_log_out_everywhere_by_an_earlier_build_ends_sessions() {
    let (hand, durable) = (Hand::new(), MemoryStore::new());
    let lookup = MemoryStore::new().with_clock(hand.clone());
    let tokens = server(durable.clone(), lookup, &hand);
    let alone = server_without_lookup(durable.clone(), &hand);
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let cut_off = Revocation::Subject {
        issuer: ISSUER.into(),
        subject: "42".into(),
        cut_off: hand.now(),
        until: at(1_900_000_000),
    };
    durable.revoke(&cut_off).await.unwrap();
    tokens.revocations().fill().await.unwrap();
    assert!(!passes(&tokens, &issued).await && !passes(&alone, &issued).await);
    hand.pass(1);
    // A later session, and one that an earlier build has begun.
    let later = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let earlier = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let id = identity(&tokens, &earlier).await.unwrap();
    let id = id.session_id().unwrap();
    let family = durable.family(id).await.unwrap().unwrap();
    let family = RefreshTokenFamily { begun: 0, ..family };
    durable.begin_family(&family).await.unwrap();
    let renewed = tokens.refresh(earlier.refresh_token()).await.unwrap();
    for issued in [&later, &renewed] {
        assert!(passes(&tokens, issued).await && passes(&alone, issued).await);
    }
    tokens.end_all_sessions("42").await.unwrap();
    for issued in [&later, &renewed] {
        assert!(!passes(&tokens, issued).await && !passes(&alone, issued).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_written_by_an_earlier_version_do_not_block_logins() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let (hand, durable) = (Hand::new(), MemoryStore::new());
    let store = RedisStore::connect(&redis.url).await.unwrap();
    let tokens = server(durable, store, &hand);
    tokens.end_all_sessions("42").await.unwrap();
    let keys = redis.command("KEYS *revoked/a/*");
    let (_, digest) = keys.trim_end().rsplit_once('/').unwrap();
    // Cut-off and end, in seconds.
    let old = format!("SET tower-auth:revoked/u/{digest} \"1800000000 2115000000\"");
    assert_eq!(redis.command(&old).trim_end(), "+OK");
    hand.pass(60);
    tokens.revocations().fill().await.unwrap();
    let token = tokens.access_token(TokenSubject::new("42")).unwrap();
    let verified = tokens
        .verifier()
        .unwrap()
        .verify(Token::new(token.expose()));
    assert_eq!(verified.await.unwrap().subject(), "42");
}
