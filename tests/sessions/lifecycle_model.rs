//! A model of sessions: no sequence of logins, refreshes, reuse, log-out and clock changes makes two
//! live sessions of one, or keeps a token valid after its end.

use proptest::prelude::*;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tower_auth::{
    Rejection, RejectionKind, Verdict, Verify,
    bearer::Token,
    clock::Clock,
    issue::{IssuedTokens, Signer, SigningKeys, TokenIssuer, TokenSubject},
    jwt::Algorithm,
    store::{BatchRead, EphemeralStore, MemoryStore, Raise, Revocation},
};

#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(SeqCst))
    }
}

#[derive(Clone, Debug)]
enum Step {
    LogIn(u8),
    /// Uses one of the refresh tokens seen so far, whichever.
    Refresh(usize),
    LogOut(usize),
    LogOutByRefreshToken(usize),
    Everywhere(u8),
    /// By the public list.
    RevokeSubject(u8),
    RevokeSession(usize),
    Pass(u64),
    /// The lookup store forgets everything.
    Flush,
    /// The lookup store is filled again.
    Fill,
    Purge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3u8).prop_map(Step::LogIn),
        8 => any::<usize>().prop_map(Step::Refresh),
        1 => any::<usize>().prop_map(Step::LogOut),
        1 => any::<usize>().prop_map(Step::LogOutByRefreshToken),
        1 => (0..3u8).prop_map(Step::Everywhere),
        1 => (0..3u8).prop_map(Step::RevokeSubject),
        1 => any::<usize>().prop_map(Step::RevokeSession),
        4 => prop_oneof![0..2_000u64, 0..200_000u64, 0..1_000_000u64, 0..40 * 86_400_000u64].prop_map(Step::Pass),
        1 => Just(Step::Flush),
        2 => Just(Step::Fill),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a family is, as far as anybody can tell from outside.
#[derive(Default)]
struct RefreshTokenFamily {
    subject: u8,
    /// Refresh tokens in the order in which they were handed out, each once.
    tokens: Vec<String>,
    /// When the last one took the place of the one before it.
    rotated: u64,
    expires: u64,
    ends: u64,
    ended: bool,
}

struct World {
    tokens: TokenIssuer,
    hand: Hand,
    quick: MemoryStore,
    families: HashMap<String, RefreshTokenFamily>,
    issued: Vec<IssuedTokens>,
    /// Until when each access token is good, at the latest.
    lives: Vec<u64>,
}

const ISSUER: &str = "https://a.example/";
const DAY: u64 = 86_400_000;

impl World {
    fn new(with_quick: bool) -> Self {
        let hand = Hand(Arc::new(AtomicU64::new(1_800_000_000_000)));
        let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap());
        let quick = MemoryStore::new().with_clock(hand.clone());
        let mut builder = TokenIssuer::issuer(ISSUER, keys)
            .audience("a")
            .store(MemoryStore::new().with_clock(hand.clone()), [7; 32])
            .clock(hand.clone());
        if with_quick {
            builder = builder.with_lookup_store(quick.clone());
        }
        Self {
            tokens: builder.build().unwrap(),
            hand,
            quick,
            families: HashMap::new(),
            issued: Vec::new(),
            lives: Vec::new(),
        }
    }

    fn now(&self) -> u64 {
        self.hand.0.load(SeqCst)
    }

    fn keep(&mut self, issued: IssuedTokens) {
        let life = issued.access_token().expires_in().as_millis() as u64;
        let dated = self.now() / 1000 * 1000;
        // Leeway included.
        self.lives.push(dated + life + 60_000);
        self.issued.push(issued);
    }

    async fn step(&mut self, step: Step) {
        let now = self.now();
        match step {
            Step::LogIn(subject) => {
                let issued = self
                    .tokens
                    .start_session(TokenSubject::new(subject.to_string()))
                    .await
                    .unwrap();
                let family = RefreshTokenFamily {
                    subject,
                    tokens: vec![issued.refresh_token().to_owned()],
                    rotated: now,
                    expires: now / 1000 * 1000 + 30 * DAY,
                    ends: now / 1000 * 1000 + 90 * DAY,
                    ended: false,
                };
                assert!(
                    self.families
                        .insert(issued.session_id().to_owned(), family)
                        .is_none()
                );
                self.keep(issued);
            }
            Step::Refresh(which) if !self.issued.is_empty() => {
                let used = self.issued[which % self.issued.len()].clone();
                let result = self.tokens.refresh(used.refresh_token()).await;
                let family = self.families.get_mut(used.session_id()).unwrap();
                let last = family.tokens.len() - 1;
                let place = family
                    .tokens
                    .iter()
                    .position(|t| t == used.refresh_token())
                    .unwrap();
                let is_alive = !family.ended && now < family.ends;
                match result {
                    Ok(issued) if place == last => {
                        assert!(is_alive && now < family.expires);
                        assert!(!family.tokens.contains(&issued.refresh_token().to_owned()));
                        family.tokens.push(issued.refresh_token().to_owned());
                        family.rotated = now;
                        family.expires = (now / 1000 * 1000 + 30 * DAY).min(family.ends);
                        self.keep(issued);
                    }
                    Ok(issued) => {
                        assert!(is_alive);
                        assert_eq!(place + 1, last, "only the last one is given again");
                        assert!(now - family.rotated <= 120_000);
                        assert_eq!(&family.tokens[last], issued.refresh_token());
                        self.keep(issued);
                    }
                    Err(_) => {
                        let is_expired = place == last && now >= family.expires;
                        let is_late = place != last;
                        assert!(
                            !is_alive || is_expired || is_late,
                            "refused without a reason"
                        );
                        if is_alive && is_late {
                            family.ended = true;
                        }
                    }
                }
            }
            Step::LogOut(which) if !self.issued.is_empty() => {
                let used = self.issued[which % self.issued.len()].clone();
                let verifier = self.tokens.verifier().unwrap();
                let token = Token::new(used.access_token().expose());
                if let Ok(identity) = verifier.verify(token).await {
                    self.tokens.end_session(&identity).await.unwrap();
                    self.families.get_mut(used.session_id()).unwrap().ended = true;
                }
            }
            Step::LogOutByRefreshToken(which) if !self.issued.is_empty() => {
                let used = self.issued[which % self.issued.len()].clone();
                self.tokens
                    .log_out_by_refresh_token(used.refresh_token())
                    .await
                    .unwrap();
                self.families.get_mut(used.session_id()).unwrap().ended = true;
            }
            Step::Everywhere(subject) => {
                self.tokens
                    .end_all_sessions(&subject.to_string())
                    .await
                    .unwrap();
                for family in self.families.values_mut() {
                    family.ended |= family.subject == subject;
                }
            }
            Step::RevokeSubject(subject) => {
                let revocation = Revocation::Subject {
                    issuer: ISSUER.to_owned(),
                    subject: subject.to_string(),
                    cut_off: self.hand.now(),
                    until: self.hand.now() + Duration::from_secs(3600),
                };
                self.tokens.revocations().revoke(revocation).await.unwrap();
                for family in self.families.values_mut() {
                    family.ended |= family.subject == subject;
                }
            }
            Step::RevokeSession(which) if !self.issued.is_empty() => {
                let used = &self.issued[which % self.issued.len()];
                let revocation = Revocation::Session {
                    issuer: ISSUER.to_owned(),
                    id: used.session_id().to_owned(),
                    // Longer than any token lives; shorter than sessions.
                    until: self.hand.now() + Duration::from_secs(25 * 3600),
                };
                self.tokens.revocations().revoke(revocation).await.unwrap();
                let family = self.families.get_mut(used.session_id()).unwrap();
                // A session that nobody uses while it is remembered would live on.
                family.ended = true;
                let used = used.clone();
                assert!(self.tokens.refresh(used.refresh_token()).await.is_err());
            }
            Step::Pass(time) => {
                self.hand.0.fetch_add(time, SeqCst);
            }
            Step::Flush => self.quick.clear(),
            Step::Fill => self.tokens.revocations().fill().await.unwrap(),
            Step::Purge => {
                self.tokens.purge_expired().await.unwrap();
            }
            _ => {}
        }
    }

    /// Every access token is good or not as its session is, and none after its time.
    async fn check(&self) {
        let verifier = self.tokens.verifier().unwrap();
        for (issued, life) in self.issued.iter().zip(&self.lives) {
            let family = &self.families[issued.session_id()];
            let token = Token::new(issued.access_token().expose());
            let passed = verifier.verify(token).await.is_ok();
            let good = !family.ended && self.now() < *life;
            assert_eq!(passed, good, "ended: {}", family.ended);
        }
    }
}

/// Seldom tried by chance: a login in the millisecond of a log-out everywhere, and the end of its
/// token.
#[tokio::test]
async fn a_session_that_begins_in_the_moment_of_a_log_out_everywhere_begins_after_it() {
    let mut world = World::new(false);
    for step in [
        Step::LogIn(0),
        Step::Everywhere(0),
        Step::LogIn(0),
        Step::Refresh(1),
        Step::Everywhere(0),
        Step::LogIn(0),
        Step::RevokeSubject(0),
        Step::LogIn(0),
        Step::Pass(960_000),
        Step::Pass(1_000),
    ] {
        world.step(step).await;
        world.check().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_never_fork_and_never_live_after_their_end(steps in steps(), with_quick: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(with_quick);
            for step in steps {
                world.step(step).await;
                world.check().await;
            }
        });
    }
}

/// A short-lived store that can be taken down.
#[derive(Clone)]
struct Breakable(MemoryStore, Arc<AtomicBool>);

impl Breakable {
    fn up<T>(&self, answer: Verdict<T>) -> Verdict<T> {
        match self.1.load(SeqCst) {
            true => Verdict::ready(Err(Rejection::unavailable("down"))),
            false => answer,
        }
    }
}

impl EphemeralStore for Breakable {
    fn add(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<bool> {
        self.up(self.0.add(key, value, lifetime))
    }
    fn put(&self, key: &str, value: &[u8], lifetime: Duration) -> Verdict<()> {
        self.up(self.0.put(key, value, lifetime))
    }
    fn read(&self, keys: &[&str]) -> Verdict<BatchRead> {
        self.up(self.0.read(keys))
    }
    fn take(&self, key: &str) -> Verdict<Option<Vec<u8>>> {
        self.up(self.0.take(key))
    }
    fn count(&self, key: &str, window: Duration) -> Verdict<u64> {
        self.up(self.0.count(key, window))
    }
    fn raise(&self, raised: &[Raise<'_>]) -> Verdict<()> {
        self.up(self.0.raise(raised))
    }
}

/// A log-out is 503 unless it is certain, and is done when it is tried again. Tokens are verified
/// meanwhile: the durable store knows.
#[tokio::test]
async fn an_uncertain_log_out_is_503_and_tokens_are_verified_meanwhile() {
    let down = Arc::new(AtomicBool::new(false));
    let keys = SigningKeys::new(Signer::from_secret(Algorithm::HS256, [7; 32]).unwrap());
    let tokens = TokenIssuer::issuer("https://a.example/", keys)
        .audience("a")
        .with_lookup_store(Breakable(MemoryStore::new(), Arc::clone(&down)))
        .build()
        .unwrap();
    tokens.revocations().fill().await.unwrap();
    let verifier = tokens.verifier().unwrap();
    let issued = tokens.start_session(TokenSubject::new("42")).await.unwrap();
    let token = || Token::new(issued.access_token().expose());
    let identity = verifier.verify(token()).await.unwrap();
    down.store(true, SeqCst);
    let unavailable = |rejection: Rejection| {
        assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    };
    verifier.verify(token()).await.unwrap();
    unavailable(tokens.end_session(&identity).await.unwrap_err());
    let refused = verifier.verify(token()).await.unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::Invalid);
    unavailable(tokens.end_all_sessions("42").await.unwrap_err());
    down.store(false, SeqCst);
    tokens.end_all_sessions("42").await.unwrap();
    let refused = verifier.verify(token()).await.unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::Invalid);
}
