//! Signing keys over time: under every sequence of rotations, withdrawals, restarts and clock changes,
//! tokens are accepted until they expire unless their key is withdrawn.

use proptest::prelude::*;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Verify,
    bearer::Token,
    clock::Clock,
    issue::{Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::{Algorithm, JwtVerifier, TokenError},
};

const ISSUER: &str = "https://api.example.com/";
const HOUR: u64 = 3600;
const OVERLAP: u64 = 25 * HOUR;
const LEEWAY: u64 = 60;

/// A clock that a test sets, in seconds.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000)))
    }

    fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, SeqCst);
    }

    fn seconds(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        at(self.seconds())
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// HS256; the first secret has no name.
    Hs256,
    Es256,
    EdDsa,
}

impl Kind {
    /// Key pairs are made once, since that takes a while.
    fn signer(self, n: usize) -> Signer {
        static MADE: OnceLock<Vec<[Signer; 2]>> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let make = |algorithm| Signer::generate(algorithm).unwrap();
            let pair = |_| [make(Algorithm::ES256), make(Algorithm::EdDSA)];
            (0..KEYS).map(pair).collect()
        });
        let name = format!("key-{n}");
        match self {
            Self::Hs256 => {
                let secret = Signer::from_secret(Algorithm::HS256, [n as u8 + 1; 32]).unwrap();
                match n {
                    0 => secret,
                    _ => secret.with_key_id(name),
                }
            }
            Self::Es256 => made[n][0].clone().with_key_id(name),
            Self::EdDsa => made[n][1].clone().with_key_id(name),
        }
    }
}

const KEYS: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Issue(u64),
    Rotate,
    /// So many hours from now, or before.
    Schedule(i64),
    Withdraw(usize),
    Pass(u64),
    /// The next start has what was scheduled in its configuration.
    Restart,
    Publish,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..25 * HOUR).prop_map(Step::Issue),
        2 => Just(Step::Rotate),
        2 => (-60..60_i64).prop_map(Step::Schedule),
        1 => (0..KEYS).prop_map(Step::Withdraw),
        6 => prop_oneof![0..2 * HOUR, 0..40 * HOUR].prop_map(Step::Pass),
        1 => Just(Step::Restart),
        1 => Just(Step::Publish),
    ];
    prop::collection::vec(step, 1..40)
}

/// A key as its operator has written it down.
#[derive(Clone)]
struct Planned {
    n: usize,
    from: u64,
    /// Until when the key before it may have signed.
    replaces_at: u64,
}

struct IssuedTokens {
    token: String,
    n: usize,
    expires: u64,
}

struct World {
    kind: Kind,
    hand: Hand,
    keys: SigningKeys,
    tokens: TokenIssuer,
    verifier: JwtVerifier,
    planned: Vec<Planned>,
    next: usize,
    issued: Vec<IssuedTokens>,
    withdrawn: Vec<usize>,
}

impl World {
    fn new(kind: Kind) -> Self {
        let hand = Hand::new();
        let planned = vec![Planned {
            n: 0,
            from: 0,
            replaces_at: 0,
        }];
        let (keys, tokens, verifier) = start(kind, &hand, &planned);
        Self {
            kind,
            hand,
            keys,
            tokens,
            verifier,
            planned,
            next: 1,
            issued: Vec::new(),
            withdrawn: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        let now = self.hand.seconds();
        match *step {
            Step::Issue(lifetime) => {
                let grant = TokenSubject::new("ann").with_lifetime(Duration::from_secs(lifetime));
                let issued = self.tokens.access_token(grant).unwrap();
                self.issued.push(IssuedTokens {
                    token: issued.expose().to_owned(),
                    n: self.signing(now),
                    expires: now + issued.expires_in().as_secs(),
                });
            }
            Step::Rotate if self.next < KEYS => {
                self.keys.rotate(self.kind.signer(self.next)).unwrap();
                self.plan(now + HOUR, now);
            }
            Step::Schedule(hours) if self.next < KEYS => {
                let from = now.checked_add_signed(hours * HOUR as i64).unwrap();
                let signer = self.kind.signer(self.next);
                self.keys.schedule(signer, at(from)).unwrap();
                self.plan(from, now);
            }
            Step::Withdraw(n) => {
                let withdrawn = self.keys.withdraw(&format!("key-{n}"));
                let is_there = self.planned.iter().any(|key| key.n == n);
                let is_named = self.kind != Kind::Hs256 || n > 0;
                let mut others = self.planned.iter().filter(|key| key.n != n);
                let another_signs = others.any(|key| key.from <= now);
                let is_possible = is_there && is_named && another_signs;
                assert_eq!(withdrawn.is_ok(), is_possible, "{n}: {withdrawn:?}");
                if is_possible {
                    self.planned.retain(|key| key.n != n);
                    self.withdrawn.push(n);
                }
            }
            Step::Pass(seconds) => self.hand.pass(seconds),
            Step::Restart => {
                // The operator has written down when each key really began.
                for key in &mut self.planned {
                    key.from = key.replaces_at;
                }
                self.planned.sort_by_key(|key| key.from);
                self.planned[0].from = 0;
                (self.keys, self.tokens, self.verifier) =
                    start(self.kind, &self.hand, &self.planned);
            }
            Step::Publish => {
                let jwks = self.keys.jwks();
                for n in 0..KEYS {
                    let is_published = jwks.contains(&format!("\"key-{n}\""));
                    let is_planned = self.planned.iter().any(|key| key.n == n);
                    let expected = is_planned && self.kind != Kind::Hs256;
                    assert_eq!(is_published, expected, "{n}: {jwks}");
                }
            }
            _ => {}
        }
        self.forget();
    }

    fn plan(&mut self, from: u64, now: u64) {
        self.planned.push(Planned {
            n: self.next,
            from,
            replaces_at: from.max(now),
        });
        self.planned.sort_by_key(|key| key.from);
        self.next += 1;
    }

    /// Keys that are over are in no configuration any more.
    fn forget(&mut self) {
        let now = self.hand.seconds();
        while let [_, second, ..] = &*self.planned
            && second.replaces_at + OVERLAP <= now
        {
            self.planned.remove(0);
        }
    }

    fn signing(&self, now: u64) -> usize {
        let begun = self.planned.iter().rev().find(|key| key.from <= now);
        begun.unwrap_or(&self.planned[0]).n
    }

    async fn check(&self) {
        let now = self.hand.seconds();
        for issued in &self.issued {
            let token = Token::new(issued.token.as_str());
            let result = self.verifier.verify(token).await;
            let good = now < issued.expires + LEEWAY && !self.withdrawn.contains(&issued.n);
            assert_eq!(
                result.is_ok(),
                good,
                "{:?} key {}: {result:?}",
                self.kind,
                issued.n
            );
        }
        // What is signed now is always good.
        let new = self.tokens.access_token(TokenSubject::new("ann")).unwrap();
        let result = self.verifier.verify(Token::new(new.expose())).await;
        assert!(result.is_ok(), "{:?}: {result:?}", self.kind);
        let name = jsonwebtoken::decode_header(new.expose()).unwrap().kid;
        let expected = self.kind.signer(self.signing(now));
        assert_eq!(name.as_deref(), expected.key_id());
    }
}

fn start(kind: Kind, hand: &Hand, planned: &[Planned]) -> (SigningKeys, TokenIssuer, JwtVerifier) {
    let keys = SigningKeys::new(kind.signer(planned[0].n)).with_clock(hand.clone());
    for key in &planned[1..] {
        keys.schedule(kind.signer(key.n), at(key.from)).unwrap();
    }
    let (tokens, verifier) = with(&keys, hand);
    (keys, tokens, verifier)
}

fn with(keys: &SigningKeys, hand: &Hand) -> (TokenIssuer, JwtVerifier) {
    let tokens = TokenIssuer::issuer(ISSUER, keys.clone())
        .audience(ISSUER)
        .clock(hand.clone())
        .build()
        .unwrap();
    let verifier = tokens.jwt().build().unwrap();
    (tokens, verifier)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_token_is_accepted_until_it_expires_unless_its_key_is_withdrawn(
        steps in steps(),
        kind in prop_oneof![Just(Kind::Hs256), Just(Kind::Es256), Just(Kind::EdDsa)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(kind);
            // From here on the keys are in use: what is scheduled counts from then.
            world.check().await;
            for step in &steps {
                world.step(step);
                world.check().await;
            }
        });
    }
}

#[track_caller]
fn refused_as(result: Result<tower_auth::Identity, tower_auth::Rejection>, error: &str) {
    let rejection = result.unwrap_err();
    let source = std::error::Error::source(&rejection).unwrap();
    let source = source.downcast_ref::<TokenError>();
    assert_eq!(source.map(TokenError::as_str), Some(error));
}

#[tokio::test]
async fn rotating_shared_secrets_rejects_no_token() {
    let mut world = World::new(Kind::Hs256);
    world.step(&Step::Rotate);
    for hours in [0, 1, 24, 1, 1, 24, 240] {
        world.step(&Step::Pass(hours * HOUR));
        world.step(&Step::Issue(24 * HOUR));
        world.check().await;
    }
}

#[tokio::test]
async fn shared_secrets_scheduled_from_the_configuration_accept_tokens_from_the_start() {
    let hand = Hand::new();
    let now = hand.seconds();
    let keys = SigningKeys::new(Kind::Hs256.signer(0)).with_clock(hand.clone());
    keys.schedule(Kind::Hs256.signer(1), at(now - 90 * 24 * HOUR))
        .unwrap();
    let (tokens, verifier) = with(&keys, &hand);
    let token = tokens.access_token(TokenSubject::new("ann")).unwrap();
    let result = verifier.verify(Token::new(token.expose())).await;
    assert!(result.is_ok(), "{result:?}");
    // The first secret has been over for months.
    assert_eq!(verifier.health().keys, 1);
}

#[tokio::test]
async fn an_expired_key_verifies_nothing_even_if_the_key_set_was_never_requested() {
    let hand = Hand::new();
    let keys = SigningKeys::new(Kind::EdDsa.signer(0)).with_clock(hand.clone());
    let thief = TokenIssuer::issuer(ISSUER, SigningKeys::new(Kind::EdDsa.signer(0)))
        .audience(ISSUER)
        .clock(hand.clone())
        .build()
        .unwrap();
    let (_, verifier) = with(&keys, &hand);
    let stolen = || thief.access_token(TokenSubject::new("ann")).unwrap();
    keys.rotate(Kind::EdDsa.signer(1)).unwrap();
    hand.pass(26 * HOUR - 1);
    let cached = stolen();
    assert!(verifier.verify(Token::new(cached.expose())).await.is_ok());
    hand.pass(1);
    for token in [cached, stolen()] {
        let result = verifier.verify(Token::new(token.expose())).await;
        refused_as(result, "unknown_key");
    }
    // Neither does it sign again.
    assert!(keys.withdraw("key-1").is_err());
}

#[tokio::test]
async fn a_key_scheduled_for_the_past_at_run_time_keeps_the_tokens_of_the_one_before() {
    let hand = Hand::new();
    let keys = SigningKeys::new(Kind::Es256.signer(0)).with_clock(hand.clone());
    let (tokens, verifier) = with(&keys, &hand);
    let old = tokens.access_token(TokenSubject::new("ann")).unwrap();
    keys.schedule(Kind::Es256.signer(1), UNIX_EPOCH).unwrap();
    let new = tokens.access_token(TokenSubject::new("ann")).unwrap();
    for token in [&old, &new] {
        let result = verifier.verify(Token::new(token.expose())).await;
        assert!(result.is_ok(), "{result:?}");
    }
    assert!(keys.jwks().contains("key-0"));
    hand.pass(OVERLAP);
    assert!(!keys.jwks().contains("key-0"));
}

#[test]
fn withdrawing_an_unknown_key_is_an_error() {
    let keys = SigningKeys::new(Kind::EdDsa.signer(0));
    assert!(keys.jwks().contains("key-0"));
    keys.schedule(Kind::EdDsa.signer(1), UNIX_EPOCH).unwrap();
    let error = keys.withdraw("key-7").unwrap_err().to_string();
    assert_eq!(error, "invalid key id: no signing key is called \"key-7\"");
    keys.withdraw("key-0").unwrap();
    assert!(keys.withdraw("key-0").is_err(), "withdrawn already");
}

#[test]
fn a_second_secret_without_a_name_is_rejected() {
    let keys = SigningKeys::new(Kind::Hs256.signer(0));
    let nameless = Signer::from_secret(Algorithm::HS256, [9; 32]).unwrap();
    let error = keys.rotate(nameless).unwrap_err().to_string();
    assert!(error.contains("with_key_id"), "{error}");
}

#[tokio::test]
async fn the_served_key_set_follows_every_change() {
    use tower::{Layer, ServiceExt, service_fn};
    let hand = Hand::new();
    let keys = SigningKeys::new(Kind::EdDsa.signer(0)).with_clock(hand.clone());
    let inner = service_fn(|_: http::Request<()>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    });
    let layer = tower_auth::well_known::JwksLayer::new(keys.clone());
    let served = || {
        let request = http::Request::get("/.well-known/jwks.json")
            .body(())
            .unwrap();
        let response = layer.layer(inner).oneshot(request);
        async {
            let body = response.await.unwrap().into_body();
            let body = http_body_util::BodyExt::collect(body).await.unwrap();
            String::from_utf8(body.to_bytes().into()).unwrap()
        }
    };
    assert_eq!(served().await, keys.jwks());
    keys.rotate(Kind::EdDsa.signer(1)).unwrap();
    assert!(served().await.contains("key-1"));
    hand.pass(26 * HOUR);
    assert!(!served().await.contains("key-0"));
    keys.schedule(Kind::EdDsa.signer(2), hand.now()).unwrap();
    keys.withdraw("key-1").unwrap();
    assert_eq!(served().await, keys.jwks());
    assert!(served().await.contains("key-2"));
}
